package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"khamxa/fhir/rest"
)

// TestLinkedSearch: chains and reverse chains over HTTP, whatever writes the address.
func TestLinkedSearch(t *testing.T) {
	s := start(t)
	populate(s)
	for query, want := range map[string]string{
		"/Observation?patient.name=an":                                    "Observation/oa",
		"/Observation?subject:Patient.name=binh&code=85354-9":             "Observation/ob",
		"/Observation?subject.name=binh":                                  "Observation/ob",
		"/Patient?_has:Observation:patient:code=85354-9&name=an":          "Patient/pa",
		"/Patient?_has:Observation:patient:code=none":                     "",
		"/Patient?_has:Observation:patient:subject:Patient.name=binh":     "Patient/pb",
		"/Observation?patient.name=an&_include=*":                         "Observation/oa Patient/pa",
		"/Patient?_id=pa&_revinclude=Observation:*":                       "Patient/pa Observation/oa",
		"/Patient?_id=pa&_has:Observation:patient:date=2026-03-01&_sort=": "400",
	} {
		r := s.do(anybody, "GET", query, "")
		got := strings.Join(r.entries(), " ")
		if r.status != 200 {
			got = fmt.Sprint(r.status)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	s.do(anybody, "GET", "/Observation?patient.nmae=x", "").refused(400, "invalid", "patient.nmae", "Patient")
	s.do(anybody, "GET", "/Observation?patient.link.link.link.link.name=x", "").refused(400, "too-costly", "patient.link.link.link.link.name", "at most 4 links")
	s.do(anybody, "GET", "/Patient?_filter=name+eq+x", "").is(http.StatusBadRequest)
	self := s.do(anybody, "GET", "/Observation?subject:Patient.name=binh", "").is(200).link("self")
	if !strings.HasSuffix(self, "/Observation?subject%3APatient.name=binh") {
		t.Errorf("self is %s", self)
	}
}

// TestLinksAskForRights: a search does not tell what is in resources of a type that the caller may not search.
func TestLinksAskForRights(t *testing.T) {
	s := start(t, func(o *rest.Options) {
		o.Authorize = func(*http.Request) (rest.Access, error) {
			return rest.Access{Author: "Device/x", Allows: func(typ string, v rest.Verb) bool {
				return typ == "Observation" && (v == rest.Read || v == rest.Search || v == rest.Create) || v == rest.Update
			}}, nil
		}
	})
	populate0(s)
	for _, query := range []string{
		"/Observation?patient.name=an", "/Observation?subject:Patient.name=an", "/Observation?subject.gender=male",
		"/Observation?_has:Provenance:target:recorded=2026", "/Observation?_list=1",
	} {
		s.do(anybody, "GET", query, "").refused(403, "forbidden", "", "which you may not search")
	}
	s.do(anybody, "POST", "/Observation", observation("x", "pa"), "If-None-Exist: patient.name=an").refused(403, "forbidden", "", "may not search")
	if got := s.do(anybody, "GET", "/Observation?_include=*&_revinclude=*", "").is(200).entries(); len(got) != 1 {
		t.Errorf("shown: %v", got)
	}
}

// populate0 keeps one patient and one observation by somebody who may only update.
func populate0(s *service) {
	s.put("Patient", "pa", patient("pa", "An", stationA))
	s.put("Observation", "oa", observation("oa", "pa"))
}

// TestLenientLinks: what a lenient search leaves out is what is not served, not what has a chain.
func TestLenientLinks(t *testing.T) {
	s := start(t)
	populate(s)
	r := s.do(anybody, "GET", "/Observation?patient.name=an&patient.nmae=x&_has:Nobody:x:y=1&_filter=x&nope=1", "", "Prefer: handling=lenient").is(200)
	if got := strings.Join(r.entries()[:1], " "); got != "Observation/oa" || len(r.entries()) != 2 {
		t.Errorf("%v", r.entries())
	}
	text := string(r.body)
	for _, name := range []string{"patient.nmae", "_has:Nobody:x:y", "_filter", "nope"} {
		if !strings.Contains(text, "The search parameter "+name+" is not served") {
			t.Errorf("nothing is said of %s: %s", name, text)
		}
	}
}
