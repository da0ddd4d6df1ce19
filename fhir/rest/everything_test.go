package rest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
)

// chart keeps a patient with a record of several types, and beside it what must not come with it.
func chart(s *service) {
	s.put("Organization", "region", `{"resourceType":"Organization","id":"region"}`)
	s.put("Organization", "tyt-00001", `{"resourceType":"Organization","id":"tyt-00001","partOf":{"reference":"Organization/region"}}`)
	s.put("Practitioner", "hoa", `{"resourceType":"Practitioner","id":"hoa"}`)
	s.put("Practitioner", "idle", `{"resourceType":"Practitioner","id":"idle"}`)
	s.put("Medication", "m", `{"resourceType":"Medication","id":"m"}`)
	s.put("Observation", "old", `{"resourceType":"Observation","id":"old","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/pa"},"effectiveDateTime":"2025-05-01"}`)
	s.put("Patient", "pa", patient("pa", "An", stationA))
	s.put("Encounter", "visit", `{"resourceType":"Encounter","id":"visit","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/pa"},"participant":[{"individual":{"reference":"Practitioner/hoa/_history/1"}}],"period":{"start":"2026-03-01"}}`)
	s.put("Observation", "bp", `{"resourceType":"Observation","id":"bp","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/pa"},"encounter":{"reference":"Encounter/visit"},"effectiveDateTime":"2026-03-01","performer":[{"reference":"Practitioner/none"},{"reference":"#c"},{"display":"x"}]}`)
	s.put("MedicationRequest", "rx", `{"resourceType":"MedicationRequest","id":"rx","status":"active","intent":"order","medicationReference":{"reference":"Medication/m"},"subject":{"reference":"Patient/pa"},"authoredOn":"2026-03-02"}`)
	s.put("AllergyIntolerance", "a", `{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/pa"}}`)
	s.put("AuditEvent", "ev", `{"resourceType":"AuditEvent","id":"ev","recorded":"2026-03-01T00:00:00Z","entity":[{"what":{"reference":"Patient/pa"}}]}`)
	s.put("Patient", "pb", patient("pb", "Binh", stationB))
	s.put("Observation", "ob", `{"resourceType":"Observation","id":"ob","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/pb"},"encounter":{"reference":"Encounter/visit"},"focus":[{"reference":"Patient/pa"}]}`)
	s.put("Observation", "gone", observation("gone", "pa"))
	s.do(anybody, "DELETE", "/Observation/gone", "").is(204)
}

// modes lists a Bundle's entries with their search mode: "Patient/pa match".
func (r *reply) modes() (list []string) {
	refs := r.entries()
	for i, e := range r.root.Get("entry").Items() {
		list = append(list, refs[i]+" "+e.Get("search").Get("mode").String())
	}
	return list
}

var wholeChart = []string{
	"Patient/pa match", "Observation/old match", "Encounter/visit match", "Observation/bp match", "MedicationRequest/rx match", "AllergyIntolerance/a match",
	"Organization/tyt-00001 include", "Practitioner/hoa include", "Medication/m include", "Organization/region include",
}

func TestEverything(t *testing.T) {
	s := start(t)
	chart(s)
	for _, tt := range []struct {
		name, method, path, body string
		want                     []string
	}{
		{"of a patient", "GET", "/Patient/pa/$everything", "", wholeChart},
		{"by POST", "POST", "/Patient/pa/$everything", "", wholeChart},
		{
			"of types", "GET", "/Patient/pa/$everything?_type=Patient,Medication&_type=MedicationRequest", "",
			[]string{"Patient/pa match", "MedicationRequest/rx match", "Medication/m include"},
		},
		{"of types by POST", "POST", "/Patient/pa/$everything", given(`{"name":"_type","valueCode":"Encounter"}`), []string{"Encounter/visit match"}},
		{"the audit trail when it is asked for", "GET", "/Patient/pa/$everything?_type=AuditEvent", "", []string{"AuditEvent/ev match"}},
		{
			"of a time of care", "GET", "/Patient/pa/$everything?start=2026-01-01&end=2026-03-01", "",
			[]string{
				"Patient/pa match", "Encounter/visit match", "Observation/bp match", "AllergyIntolerance/a match",
				"Organization/tyt-00001 include", "Practitioner/hoa include", "Organization/region include",
			},
		},
		{"until a day", "GET", "/Patient/pa/$everything?end=2025-12-31&_type=Observation,MedicationRequest,Encounter", "", []string{"Observation/old match"}},
		{
			"of an encounter", "GET", "/Encounter/visit/$everything", "",
			[]string{"Encounter/visit match", "Observation/bp match", "Patient/pa include", "Practitioner/hoa include", "Organization/tyt-00001 include", "Organization/region include"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			r := s.do(anybody, tt.method, tt.path, tt.body).is(200)
			if diff := cmp.Diff(tt.want, r.modes()); diff != "" {
				t.Error(diff)
			}
			matches := 0
			for _, m := range tt.want {
				if strings.HasSuffix(m, "match") {
					matches++
				}
			}
			if got := r.root.Get("total").String(); got != fmt.Sprint(matches) {
				t.Errorf("total %s, want %d", got, matches)
			}
			if !r.root.Get("type").IsString("searchset") {
				t.Errorf("%.100s", r.body)
			}
		})
	}
	t.Run("since", func(t *testing.T) {
		s.in(t)
		changed := s.put("Observation", "bp", observation("bp", "pa"))
		since := changed.root.Get("meta").Get("lastUpdated").String()
		r := s.do(anybody, "GET", "/Patient/pa/$everything?_since="+strings.ReplaceAll(since, "+", "%2B"), "").is(200)
		if !slices.Contains(r.modes(), "Observation/bp match") {
			t.Error(r.modes())
		}
		for _, e := range r.root.Get("entry").Items() {
			if updated := e.Get("resource").Get("meta").Get("lastUpdated").String(); updated < since {
				t.Errorf("of %s, before %s", updated, since)
			}
		}
		r = s.do(anybody, "GET", "/Patient/pa/$everything?_since=2999-01-01T00:00:00Z", "").is(200)
		if r.modes() != nil {
			t.Error(r.modes())
		}
	})
	t.Run("of an encounter of nobody", func(t *testing.T) {
		s.in(t)
		s.put("Encounter", "free", `{"resourceType":"Encounter","id":"free","status":"planned","class":{"code":"AMB"},"participant":[{"individual":{"reference":"Practitioner/hoa"}}]}`)
		r := s.do(anybody, "GET", "/Encounter/free/$everything", "").is(200)
		if diff := cmp.Diff([]string{"Encounter/free match", "Practitioner/hoa include"}, r.modes()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestEverythingPages: all pages together are the whole, at the position of the first one, and the links are the caller's own.
func TestEverythingPages(t *testing.T) {
	s := start(t)
	chart(s)
	for count := 1; count <= 7; count++ {
		var got []string
		r := s.do(doctorA, "GET", fmt.Sprintf("/Patient/pa/$everything?_count=%d", count), "").is(200)
		for changed := false; ; {
			n := 0
			for _, m := range r.modes() {
				if strings.HasSuffix(m, "match") {
					n++
					got = append(got, m)
				}
			}
			if n > count {
				t.Errorf("%d matches on a page of %d", n, count)
			}
			next := r.link("next")
			if next == "" {
				break
			}
			if r.root.Get("total") != nil {
				t.Error("a page tells a total that nobody has counted")
			}
			if !changed {
				changed = true
				s.put("Observation", fmt.Sprintf("new%d", count), observation(fmt.Sprintf("new%d", count), "pa"))
				s.put("AllergyIntolerance", "a", `{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/pa"},"note":[{"text":"`+fmt.Sprint(count)+`"}]}`)
			}
			s.do(doctorB, "GET", next, "").refused(404, "not-found", "_page")
			s.do(doctorA, "GET", next+"&_type=Patient", "").refused(400, "invalid", "_page")
			s.do(doctorA, "GET", strings.Replace(next, "/Patient/pa/", "/Patient/pb/", 1), "").refused(404, "not-found", "_page")
			r = s.do(doctorA, "GET", next, "").is(200)
		}
		want := 6 + count - 1 // one more was added in each round before
		if len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
			t.Errorf("pages of %d: %d matches, want %d: %v", count, len(got), want, got)
		}
	}
	s.seen()
	s.do(doctorA, "GET", "/Patient/pa/$everything?_count=2", "").is(200)
	events := s.seen()
	if len(events) != 1 || events[0].Interaction != "$everything" || events[0].ID != "pa" || !slices.Contains(events[0].Resources, "Organization/tyt-00001") {
		t.Errorf("told the audit trail: %+v", events)
	}
}

// TestEverythingConfined: nothing of a record out of reach, and nothing that may not be read alone.
func TestEverythingConfined(t *testing.T) {
	s := start(t)
	chart(s)
	if diff := cmp.Diff(wholeChart, s.do(doctorA, "GET", "/Patient/pa/$everything", "").is(200).modes()); diff != "" {
		t.Error(diff)
	}
	for hidden, absent := range map[string]string{
		"/Patient/pb/$everything": "/Patient/none/$everything",
	} {
		a, b := s.do(doctorA, "GET", hidden, "").is(404), s.do(doctorA, "GET", absent, "").is(404)
		if diff := cmp.Diff(string(b.body), string(a.body)); diff != "" {
			t.Error(diff)
		}
	}
	s.do(doctorB, "GET", "/Encounter/visit/$everything", "").refused(404, "not-found", "")
	// Who may read patients only gets the patient.
	if diff := cmp.Diff([]string{"Patient/pa match"}, s.do(reader, "GET", "/Patient/pa/$everything", "").is(200).modes()); diff != "" {
		t.Error(diff)
	}
	// What is in the records of both is there for both; the other's is not.
	s.put("Appointment", "both", `{"resourceType":"Appointment","id":"both","status":"booked","participant":[{"actor":{"reference":"Patient/pa"},"status":"accepted"},{"actor":{"reference":"Patient/pb"},"status":"accepted"}]}`)
	r := s.do(doctorB, "GET", "/Patient/pb/$everything", "").is(200)
	if diff := cmp.Diff([]string{"Patient/pb match", "Observation/ob match", "Appointment/both match"}, r.modes()); diff != "" {
		t.Error(diff)
	}
	s.put("Patient", "left", patient("left", "Chi", stationA))
	s.do(anybody, "DELETE", "/Patient/left", "").is(204)
	s.do(doctorA, "GET", "/Patient/left/$everything", "").refused(410, "deleted", "")
}

func TestEverythingRefused(t *testing.T) {
	s := start(t)
	chart(s)
	for query, expression := range map[string]string{
		"_since=yesterday": "_since", "_count=0": "_count", "_count=x": "_count", "_type=Dog": "_type", "start=soon": "start",
		"end=ge2026": "end", "code=x": "code", "_page=x&_count=2": "_page",
	} {
		s.do(anybody, "GET", "/Patient/pa/$everything?"+query, "").refused(400, "invalid", expression)
	}
	s.do(anybody, "GET", "/Encounter/visit/$everything?start=2026-01-01", "").refused(400, "invalid", "start")
	s.do(anybody, "GET", "/Patient/$everything", "").is(404)
	o := start(t, func(o *rest.Options) { o.Store = struct{ storeOnly }{storeOnly{o.Store}} })
	o.put("Patient", "pa", patient("pa", "An", stationA))
	o.do(anybody, "GET", "/Patient/pa/$everything", "").refused(400, "not-supported", "")
}

// BenchmarkEverything is the whole record of a patient with 200 resources among others, over HTTP.
func BenchmarkEverything(b *testing.B) {
	s := start(b, func(o *rest.Options) { o.Audit = nil })
	for p := range 20 {
		id := fmt.Sprintf("p%d", p)
		s.put("Patient", id, patient(id, "An", stationA))
		var entries []string
		for i := range 199 {
			o := fmt.Sprintf("o%d-%d", p, i)
			entries = append(entries, entryOf("", "PUT", "Observation/"+o, observation(o, id)))
		}
		s.do(anybody, "POST", "/", bundleOf("transaction", entries...)).is(200)
	}
	for b.Loop() {
		if n := len(s.do(doctorA, "GET", "/Patient/p7/$everything", "").is(200).body); n < 200*200 {
			b.Fatal(n)
		}
	}
}
