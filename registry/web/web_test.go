package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/validate/validatetest"
	"khamxa/internal/audit"
	"khamxa/internal/page"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/place"
	"khamxa/registry/seed"
	"khamxa/registry/web"
)

var now = time.Date(2026, 11, 23, 9, 30, 0, 0, place.Zone())

const haiThinh = "14221"

// shellOnce builds the pages once for all tests: bundling and compressing take most of a second.
var shellOnce = sync.OnceValues(func() (*page.Shell, error) {
	return page.New(page.Options{
		Sources: web.Sources(),
		Viewer: func(*http.Request) page.Viewer {
			return page.Viewer{Name: "BS. Trần Văn Nam", Roles: []string{"doctor"}}
		},
		Nav: []page.NavItem{
			{Key: "patients", Title: "registry.nav.patients", URL: "/patients", Icon: "people"},
			{Key: "screenings", Title: "registry.nav.screenings", URL: "/screenings/new", Icon: "heart"},
			{Key: "reports", Title: "registry.nav.reports", URL: "/reports", Icon: "chart"},
		},
	})
})

// actors by the name in the header X-Test-Actor.
var (
	doctor   = web.Actor{Reference: "Practitioner/d1", Within: []string{"Organization/tyt-" + haiThinh}, Communes: []string{haiThinh}, MayList: true, MayRecord: true, MayOpen: true}
	neighbor = web.Actor{Reference: "Practitioner/d2", Within: []string{"Organization/tyt-14308"}, Communes: []string{"14308"}, MayList: true, MayRecord: true, MayOpen: true}
	manager  = web.Actor{Reference: "Practitioner/m1", Within: []string{"Organization/none"}}
	province = web.Actor{Reference: "Practitioner/s1", MayList: true, MayRecord: true, MayOpen: true}
	two      = web.Actor{Reference: "Practitioner/d3", Within: []string{"Organization/tyt-" + haiThinh}, Communes: []string{haiThinh, "14308"}, MayList: true}
)

// world is the pages over a real store and a real follower.
type world struct {
	t       testing.TB
	db      *sqlite.DB
	book    *cohort.Follower
	service *registry.Service
	handler http.Handler
	routes  chi.Router
	actor   web.Actor
	nobody  bool
	audit   audit.Memory
	opened  []string
	demo    string // the demonstration patient
}

type opener struct{ w *world }

func (o opener) Open(_ context.Context, patientID string) (string, error) {
	o.w.opened = append(o.w.opened, patientID)
	return "/consults/c1", nil
}

// newWorld makes a store with people, as many as asked for, and the demonstration patient.
func newWorld(t testing.TB, people int) *world {
	t.Helper()
	w := &world{t: t, actor: province}
	clock := func() time.Time { return now }
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	w.db = db
	if people > 0 {
		_, err = seed.Into(t.Context(), db, seed.Options{Patients: people, Months: 24, Seed: 7, Now: now})
	} else {
		_, err = registry.InstallPlaces(t.Context(), db)
	}
	if err != nil {
		t.Fatal(err)
	}
	var tx store.Transaction
	tx, w.demo = seed.Demo(now)
	if _, err := db.Commit(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	w.follow()
	w.serve(clock)
	return w
}

// follow runs the follower until the test ends, and closes the store after it.
func (w *world) follow() {
	w.t.Helper()
	w.book = cohort.NewFollower(cohort.Options{Log: w.db, Records: w.db, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.book.Run(ctx) }() // nil by its contract
	<-w.book.Ready()
	w.t.Cleanup(func() {
		stop()
		<-done
		validatetest.Log(w.t, w.db)
		if err := w.db.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) serve(clock func() time.Time) {
	w.t.Helper()
	shell, err := shellOnce()
	if err != nil {
		w.t.Fatalf("page.New: %v", err)
	}
	w.service = registry.NewService(registry.Options{Store: w.db, Clock: clock})
	pages, err := web.New(web.Options{
		Shell: shell, Service: w.service, Book: w.book, Clock: clock, Consults: opener{w}, Target: 0.5,
		Caller: func(*http.Request) (web.Actor, bool) { return w.actor, !w.nobody },
		Audit:  func(r *http.Request, e audit.Event) error { return w.audit.Record(r.Context(), e) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r := chi.NewRouter()
	pages.Routes(r)
	w.routes = chi.NewRouter()
	pages.Routes(w.routes)
	r.Handle("/assets/*", shell.Assets())
	w.handler = page.Secure(r, page.SecureOptions{})
}

func (w *world) do(method, path string, form url.Values) (int, string, http.Header) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	raw, err := io.ReadAll(rec.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Code, string(raw), rec.Header()
}

// get gives a page and fails if it is not there.
func (w *world) get(path string) string {
	w.t.Helper()
	code, body, _ := w.do(http.MethodGet, path, nil)
	if code != http.StatusOK {
		w.t.Fatalf("GET %s: %d\n%s", path, code, body)
	}
	return body
}

func (w *world) post(path string, pairs ...string) (int, string, http.Header) {
	w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return w.do(http.MethodPost, path, v)
}

func wants(t testing.TB, body string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(body, p) {
			t.Errorf("the page does not hold %q", p)
		}
	}
}
