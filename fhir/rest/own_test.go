package rest_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
)

// TestOwnReferences: a reference that is written with the address of this interface is kept relative, by every way in, so that what
// it is about is in the patient's record; every other byte stays.
func TestOwnReferences(t *testing.T) {
	for _, base := range []string{"", "https://kham.example.vn/fhir"} {
		t.Run("base "+base, func(t *testing.T) {
			s := start(t, func(o *rest.Options) { o.BaseURL = base })
			own := base
			if own == "" {
				own = s.url
			}
			populate(s)
			sent := func(id, subject string) string {
				return strings.Replace(observation(id, "pa"), "Patient/pa", subject, 1)
			}
			mine, theirs := own+"/Patient/pa", own+"/Patient/pb"
			s.put("Observation", "put", sent("put", mine))
			s.do(anybody, "POST", "/", bundleOf("batch", entryOf("", "PUT", "Observation/batch", sent("batch", mine)))).is(200)
			s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "PUT", "Observation/transaction", sent("transaction", mine)))).is(200)
			s.put("Observation", "version", sent("version", mine+"/_history/1"))
			posted := s.do(anybody, "POST", "/Observation", sent("x", mine), "If-None-Exist: subject="+url.QueryEscape(mine)+"&_id=none").is(201).id()
			for id, want := range map[string]string{"put": "Patient/pa", "batch": "Patient/pa", "transaction": "Patient/pa", "version": "Patient/pa/_history/1", posted: "Patient/pa"} {
				r := s.do(doctorA, "GET", "/Observation/"+id, "").is(200)
				_, got, _ := strings.Cut(string(r.body), `"status"`)
				_, sent, _ := strings.Cut(sent(id, want), `"status"`)
				if diff := cmp.Diff(sent, got); diff != "" {
					t.Errorf("%s: %s", id, diff)
				}
				s.do(doctorB, "GET", "/Observation/"+id, "").is(404)
			}
			all := sorted([]string{"Observation/oa", "Observation/put", "Observation/batch", "Observation/transaction", "Observation/version", "Observation/" + posted})
			for _, query := range []string{"patient=pa", "subject=Patient/pa", "subject=" + url.QueryEscape(mine), "subject=Patient/none," + url.QueryEscape(mine)} {
				if diff := cmp.Diff(all, sorted(s.do(doctorA, "GET", "/Observation?"+query, "").is(200).entries())); diff != "" {
					t.Errorf("%s: %s", query, diff)
				}
			}
			s.do(doctorA, "PUT", "/Observation/new", sent("new", mine)).is(201)
			s.do(doctorA, "PUT", "/Observation/new2", sent("new2", theirs)).is(403)
			s.put("Patient", "pc", patient("pc", "Chi", own+"/"+stationA))
			s.do(doctorA, "GET", "/Patient/pc", "").is(200)
			s.do(doctorB, "GET", "/Patient/pc", "").is(404)
			for _, other := range []string{"https://other.example/fhir/Patient/pa", own + "x/Patient/pa", own + "/Patient?identifier=1", own + "/metadata"} {
				s.put("Observation", "other", sent("other", other))
				if r := s.do(anybody, "GET", "/Observation/other", "").is(200); !r.root.Get("subject").Get("reference").IsString(other) {
					t.Errorf("%s was rewritten: %s", other, r.body)
				}
			}
		})
	}
}

// TestOwnReferencesInTransactions: an entry's address goes before the address of this interface.
func TestOwnReferencesInTransactions(t *testing.T) {
	s := start(t)
	r := s.do(anybody, "POST", "/", bundleOf("transaction",
		entryOf(s.url+"/Patient/77", "POST", "Patient", `{"resourceType":"Patient"}`),
		entryOf("", "POST", "Observation", observation("x", "x"), `"ifNoneExist":"_id=none"`),
		entryOf("", "POST", "Observation", strings.Replace(observation("y", "x"), "Patient/x", s.url+"/Patient/77", 1)),
		entryOf("", "POST", "Observation", strings.Replace(observation("z", "x"), "Patient/x", s.url+"/Patient/78", 1)),
	)).is(200)
	person := s.do(anybody, "GET", r.located(s, 0), "").is(200).id()
	for i, want := range map[int]string{1: "Patient/x", 2: "Patient/" + person, 3: "Patient/78"} {
		if got := s.do(anybody, "GET", r.located(s, i), "").is(200).root.Get("subject").Get("reference").String(); got != want {
			t.Errorf("entry %d: %q, want %q", i, got, want)
		}
	}
}
