package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/fault"
)

// shows is one way to each page that may show a person's data. A route that is in neither list below fails the test: whoever adds a page
// decides whether it shows people.
func shows(w *world) map[string][]string {
	reading := "patient=" + w.demo + "&arm=left&position=sitting"
	return map[string][]string{
		"GET /patients":                    {"/patients", "/patients?q=mau"},
		"POST /patients":                   {"/patients name=Nguyễn Thị Mẫu&gender=female&birth=1957&commune=14221"},
		"GET /patients/{id}":               {"/patients/" + w.demo},
		"POST /patients/{id}/enrol":        {"/patients/" + w.demo + "/enrol basis=measured"},
		"GET /screenings/new":              {"/screenings/new?q=mau", "/screenings/new?patient=" + w.demo, "/screenings/new?patient=" + w.demo + "&saved=demo-pressure-1"},
		"POST /screenings":                 {"/screenings " + reading, "/screenings " + reading + "&readings.0.systolic=230&readings.0.diastolic=100"},
		"GET /reports/hypertension/people": {"/reports/hypertension/people?month=2026-11&state=all"},
	}
}

// showNobody are the routes that show no person.
var showNobody = []string{"GET /patients/new", "POST /patients/{id}/consult", "GET /reports", "GET /reports/hypertension"}

// TestNothingIsShownWithoutAudit: every page with people tells the audit trail, and shows nobody when the trail cannot be written.
func TestNothingIsShownWithoutAudit(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	pages := shows(w)
	err := chi.Walk(w.routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if name := method + " " + route; pages[name] == nil && !slices.Contains(showNobody, name) {
			t.Errorf("nobody has decided whether %s shows people", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, ways := range pages {
		method, _, _ := strings.Cut(name, " ")
		for _, way := range ways {
			t.Run(method+" "+way, func(t *testing.T) {
				path, text, _ := strings.Cut(way, " ")
				form, err := url.ParseQuery(text)
				if err != nil {
					t.Fatal(err)
				}
				w.audit.Fail = nil
				before := len(w.audit.Events())
				if code, body, _ := w.do(method, path, form); code >= 500 || !strings.Contains(body, "Nguyễn Thị Mẫu") {
					t.Fatalf("%d, and the person is not on the page: the test tests nothing", code)
				}
				if len(w.audit.Events()) == before {
					t.Error("the audit trail was told nothing")
				}
				w.audit.Fail = fault.New(fault.Unavailable, "test", "The trail cannot be written.")
				if code, body, _ := w.do(method, path, form); code != http.StatusServiceUnavailable || strings.Contains(body, "Nguyễn Thị Mẫu") {
					t.Errorf("without a trail: %d", code)
				}
			})
		}
	}
}
