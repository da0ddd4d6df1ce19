package rest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/store"
)

// storeOnly is a store that is nothing more.
type storeOnly struct{ store.Store }

// measured is an observation with codings "system|code" (or a text) on a day.
func measured(id, patientID, day string, codes ...string) string {
	var list []string
	text := ""
	for _, c := range codes {
		if system, code, ok := strings.Cut(c, "|"); ok {
			list = append(list, fmt.Sprintf(`{"system":%q,"code":%q}`, system, code))
		} else {
			text = fmt.Sprintf(`,"text":%q`, c)
		}
	}
	coding := ""
	if list != nil {
		coding = `,"coding":[` + strings.Join(list, ",") + `]`
	}
	when := ""
	if day != "" {
		when = `,"effectiveDateTime":"` + day + `"`
	}
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","category":[{"coding":[{"code":"vital-signs"}]}],"code":{"id":"x"%s%s},"subject":{"reference":"Patient/%s"}%s}`, id, coding, text, patientID, when)
}

func TestLastn(t *testing.T) {
	s := start(t)
	s.put("Patient", "pa", patient("pa", "An", stationA))
	for id, body := range map[string][]string{
		"a1": {"2026-01-01", "u|a"}, "a2": {"2026-01-02", "u|a"}, "a3": {"2026-01-03", "u|a"}, "a3b": {"2026-01-03", "u|a"},
		"b1": {"2026-02-01", "u|b"}, "b2": {"2026-02-02T10:00:00+07:00", "u|b"},
		"t1": {"2026-03-01", "Text"}, "t2": {"2026-03-02", "Text"}, "t3": {"2026-03-03", "text"},
		"x1": {"2026-04-01", "u|x"}, "xy": {"2026-04-02", "u|x", "v|y"}, "y1": {"2026-04-03", "v|y"},
		"n1": {"", "u|n"}, "n2": {"", "u|n"},
	} {
		s.put("Observation", id, measured(id, "pa", body[0], body[1:]...))
	}
	for _, tt := range []struct{ name, query, want string }{
		{"the last of each code", "patient=pa&category=vital-signs", "y1 t3 t2 b2 a3 a3b n"},
		{"by subject", "subject=Patient/pa&code=u|b", "b2"},
		{"two of each, and what is equal to the second", "max=2&patient=pa&code=u|a,u|b", "b2 b1 a3 a3b"},
		{"three of each", "max=3&patient=pa&code=u|a", "a3 a3b a2"},
		{"codes that a third one joins", "max=9&patient=pa&code=u|x,v|y", "y1 xy x1"},
		{"of a period", "patient=pa&code=u|a&date=le2026-01-02", "a2"},
		{"of nobody", "patient=none&code=u|a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			r := s.do(doctorA, "GET", "/Observation/$lastn?"+url.PathEscape(tt.query), "").is(200)
			var got []string
			for _, ref := range r.entries() {
				id := strings.TrimPrefix(ref, "Observation/")
				if strings.HasPrefix(id, "n") {
					id = "n" // without a time one is as good as another
				}
				got = append(got, id)
			}
			// a3 and a3b have one time.
			list := strings.ReplaceAll(strings.Join(got, " "), "a3b a3", "a3 a3b")
			if list != tt.want {
				t.Errorf("got %s, want %s", list, tt.want)
			}
			if r.root.Get("total").String() != fmt.Sprint(len(got)) || r.link("next") != "" {
				t.Errorf("%.300s", r.body)
			}
		})
	}
	body := given(`{"name":"patient","valueString":"pa"}`, `{"name":"code","valueString":"u|a"}`, `{"name":"max","valuePositiveInt":1}`)
	if diff := cmp.Diff([]string{"Observation/a3", "Observation/a3b"}, sorted(s.do(doctorA, "POST", "/Observation/$lastn", body).is(200).entries())); diff != "" {
		t.Error(diff)
	}
	for query, expression := range map[string]string{
		"code=u|a": "patient", "patient=pa": "category", "patient=pa&code=a&max=0": "max", "patient=pa&code=a&max=x": "max", "patient=pa&code=a&max=1&max=2": "max",
		"patient=pa&code=a&_sort=date": "_sort", "patient=pa&code=a&_count=2": "_count", "patient=pa&code=a&dog=2": "dog",
	} {
		s.do(doctorA, "GET", "/Observation/$lastn?"+url.PathEscape(query), "").refused(400, "invalid", expression)
	}
}

// TestLastnConfined: of a patient out of reach there is nothing, as of one who is not there, and the audit trail is told what was shown.
func TestLastnConfined(t *testing.T) {
	s := start(t)
	populate(s)
	s.seen()
	if diff := cmp.Diff([]string{"Observation/oa"}, s.do(doctorA, "GET", "/Observation/$lastn?patient=pa&code=85354-9", "").is(200).entries()); diff != "" {
		t.Error(diff)
	}
	events := s.seen()
	if len(events) != 1 || events[0].Interaction != "$lastn" || !strings.Contains(events[0].Query, "patient=pa") || len(events[0].Resources) != 1 {
		t.Errorf("told the audit trail: %+v", events)
	}
	if got := s.do(doctorA, "GET", "/Observation/$lastn?patient=pb&code=85354-9", "").is(200).entries(); got != nil {
		t.Errorf("%v", got)
	}
	s.do(reader, "GET", "/Observation/$lastn?patient=pa&code=85354-9", "").refused(403, "forbidden", "")
}
