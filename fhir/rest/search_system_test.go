package rest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
)

// all walks the pages of a search and gives what they hold, in order.
func (s *service) all(as, address string) (refs []string) {
	s.t.Helper()
	for pages := 0; address != ""; pages++ {
		if pages > 200 {
			s.t.Fatal("the pages do not end")
		}
		r := s.do(as, "GET", address, "").is(200)
		refs = append(refs, r.entries()...)
		address = r.link("next")
	}
	return refs
}

func TestSystemSearch(t *testing.T) {
	s := start(t)
	var want []string
	for i := range 4 {
		id := fmt.Sprint("x", i)
		s.put("Patient", id, patient(id, "An", stationA))
		s.put("Observation", id, observation(id, id))
		want = append(want, "Patient/"+id, "Observation/"+id)
	}
	s.put("Practitioner", "x0", `{"resourceType":"Practitioner","id":"x0"}`)
	want = append(want, "Practitioner/x0")
	for count := 1; count <= len(want)+1; count++ {
		if diff := cmp.Diff(want, s.all(anybody, fmt.Sprintf("/?_count=%d", count))); diff != "" {
			t.Errorf("by %d: %s", count, diff)
		}
		sortedByID := []string{"Patient/x0", "Observation/x0", "Practitioner/x0", "Patient/x1", "Observation/x1", "Patient/x2", "Observation/x2", "Patient/x3", "Observation/x3"}
		if diff := cmp.Diff(sortedByID, s.all(anybody, fmt.Sprintf("/?_sort=_id&_count=%d", count))); diff != "" {
			t.Errorf("by id, by %d: %s", count, diff)
		}
	}
	for address, want := range map[string]string{
		"/?_type=Practitioner":                                "Practitioner/x0",
		"/?_type=Patient,Practitioner&_id=x0":                 "Patient/x0 Practitioner/x0",
		"/?_type=Observation&patient=x2":                      "Observation/x2",
		"/?_type=Observation,Patient&_id=x3&_include=*":       "Patient/x3 Observation/x3",
		"/?_type=Observation&_id=x3&_include=*":               "Observation/x3 Patient/x3",
		"/?_type=Patient&_id=x3&_revinclude=Observation:*":    "Patient/x3 Observation/x3",
		"/?_type=Observation&patient.name=an&_id=x1":          "Observation/x1",
		"/?_type=Patient&_has:Observation:patient:_id=x1":     "Patient/x1",
		"/?_lastUpdated=gt2099":                               "",
		"/?_type=Patient&_type=Practitioner&_id=x0&_count=10": "Patient/x0 Practitioner/x0",
	} {
		if got := strings.Join(s.do(anybody, "GET", address, "").is(200).entries(), " "); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	r := s.do(anybody, "GET", "/?_type=Patient&_summary=count", "").is(200)
	if !strings.Contains(string(r.body), `"total":4`) {
		t.Errorf("%s", r.body)
	}
	posted := s.do(anybody, "POST", "/_search", "_type=Practitioner", formHeader("POST")...).is(200)
	if diff := cmp.Diff([]string{"Practitioner/x0"}, posted.entries()); diff != "" {
		t.Error(diff)
	}
	if self := posted.link("self"); self != s.url+"?_type=Practitioner" {
		t.Errorf("self is %s", self)
	}
	s.do(anybody, "GET", "/?name=x", "").refused(400, "invalid", "name")
	s.do(anybody, "GET", "/?_type=Nobody", "").refused(400, "invalid", "_type", "not a resource type")
	s.do(anybody, "GET", "/?name=x&_type=Practitioner&nope=1", "", "Prefer: handling=lenient").is(200)
	s.do(nobody, "GET", "/?_type=Patient", "").is(401)
}

// TestSystemSearchRights: without _type a caller gets what they may search, with it they must be allowed all of it.
func TestSystemSearchRights(t *testing.T) {
	s := start(t)
	populate(s)
	if diff := cmp.Diff([]string{"Patient/pa", "Patient/pb"}, s.do(reader, "GET", "/", "").is(200).entries()); diff != "" {
		t.Error(diff)
	}
	s.do(reader, "GET", "/?_type=Patient,Observation", "").refused(403, "forbidden", "", "Observation")
	s.do(reader, "GET", "/Patient/pa/Observation", "").refused(403, "forbidden", "", "Observation")
	if diff := cmp.Diff([]string{"Patient/pa"}, s.do(reader, "GET", "/Patient/pa/*", "").is(200).entries()); diff != "" {
		t.Error(diff)
	}
	s.do(reader, "GET", "/Practitioner/pa/Encounter", "").is(403)
	none := start(t, func(o *rest.Options) {
		o.Authorize = func(*http.Request) (rest.Access, error) { return rest.Access{Author: "Device/x"}, nil }
	})
	none.do(anybody, "GET", "/", "").refused(403, "forbidden", "")
}

func TestCompartmentSearch(t *testing.T) {
	s := start(t)
	populate(s)
	s.put("Practitioner", "an", `{"resourceType":"Practitioner","id":"an"}`)
	s.put("Encounter", "ea", `{"resourceType":"Encounter","id":"ea","status":"finished","class":{"code":"VR"},"subject":{"reference":"Patient/pa"},"participant":[{"individual":{"reference":"Practitioner/an"}}]}`)
	s.put("Observation", "o2", `{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/pa"},"encounter":{"reference":"Encounter/ea"},"device":{"reference":"Device/d"},"performer":[{"reference":"RelatedPerson/r"}]}`)
	for address, want := range map[string]string{
		"/Patient/pa/Observation":                            "Observation/oa Observation/o2",
		"/Patient/pa/Observation?code=85354-9":               "Observation/oa",
		"/Patient/pa/Observation?_sort=-_id":                 "Observation/oa Observation/o2",
		"/Patient/pa/*":                                      "Patient/pa Observation/oa Encounter/ea Observation/o2",
		"/Patient/pa/*?_type=Encounter":                      "Encounter/ea",
		"/Patient/none/Observation":                          "",
		"/Encounter/ea/Observation":                          "Observation/o2",
		"/Encounter/ea/*":                                    "Encounter/ea Observation/o2",
		"/Practitioner/an/Encounter":                         "Encounter/ea",
		"/RelatedPerson/r/Observation":                       "Observation/o2",
		"/Device/d/Observation":                              "Observation/o2",
		"/Patient/pa/Observation?encounter.status=finished":  "Observation/o2",
		"/Patient/pa/Encounter?_revinclude=Observation:*":    "Encounter/ea Observation/o2",
		"/Patient/pa/Patient?_has:Encounter:patient:_id=ea":  "Patient/pa",
		"/Patient/pa/Observation?patient.name=binh&_count=1": "",
	} {
		if got := strings.Join(s.do(anybody, "GET", address, "").is(200).entries(), " "); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	if diff := cmp.Diff([]string{"Patient/pa", "Observation/oa", "Encounter/ea", "Observation/o2"}, s.all(doctorA, "/Patient/pa/*?_count=1")); diff != "" {
		t.Error(diff)
	}
	if got := s.all(doctorA, "/Patient/pb/*"); len(got) > 0 {
		t.Errorf("out of reach: %v", got)
	}
	posted := s.do(doctorA, "POST", "/Patient/pa/Observation/_search", "code=85354-9", formHeader("POST")...).is(200)
	if diff := cmp.Diff([]string{"Observation/oa"}, posted.entries()); diff != "" {
		t.Error(diff)
	}
	if self := posted.link("self"); self != s.url+"/Patient/pa/Observation?code=85354-9" {
		t.Errorf("self is %s", self)
	}
	s.do(anybody, "GET", "/Observation/oa/Patient", "").refused(404, "not-found", "", "compartment")
	s.do(anybody, "GET", "/Patient/pa/Task", "").refused(404, "not-found", "", "holds no resources of that type")
	s.do(anybody, "GET", "/Patient/pa/Nobody", "").refused(404, "not-found", "")
	s.do(anybody, "GET", "/Patient/a_b/Observation", "").refused(404, "not-found", "")
	s.do(anybody, "GET", "/Patient/pa/Observation?nope=1", "").refused(400, "invalid", "nope")
	s.do(anybody, "DELETE", "/Patient/pa/Observation", "").is(405)
	bundle := s.do(doctorA, "POST", "/", bundleOf("batch", entryOf("", "GET", "Patient/pa/Observation", ""), entryOf("", "GET", "?_type=Patient", ""))).is(200)
	if got := statuses(bundle); !slices.Equal(got, []string{"200 OK", "200 OK"}) {
		t.Errorf("in a batch: %v %s", got, bundle.body)
	}
}

// TestPageLinksOfEachForm: a link goes on with the list that it was made for, and with no other.
func TestPageLinksOfEachForm(t *testing.T) {
	s := start(t)
	for i := range 3 {
		id := fmt.Sprint("p", i)
		s.put("Patient", id, patient(id, "An", stationA))
		s.put("Observation", "a"+id, observation("a"+id, "p0"))
		s.put("Observation", "b"+id, observation("b"+id, "p1"))
	}
	forms := []string{"/Patient", "/Observation", "", "/Patient/p0/Observation", "/Patient/p1/Observation", "/Patient/p0/*"}
	for _, from := range forms {
		next := s.do(doctorA, "GET", from+"?_count=1", "").is(200).link("next")
		_, page, ok := strings.Cut(next, "?")
		if !ok || !strings.HasPrefix(next, s.url+from+"?") {
			t.Fatalf("the next page of %s is at %s", from, next)
		}
		for _, to := range forms {
			r := s.do(doctorA, "GET", to+"?"+page, "")
			if same := from == to; same != (r.status == 200) {
				t.Errorf("the link of %q used at %q: %d", from, to, r.status)
			}
		}
		s.do(doctorB, "GET", next, "").refused(404, "not-found", "_page", "not yours")
	}
}

func TestSummaryAndElements(t *testing.T) {
	s := start(t)
	s.put("Organization", "tyt-00001", `{"resourceType":"Organization","id":"tyt-00001","name":"Trạm","contact":[{"name":{"text":"x"}}]}`)
	s.put("Patient", "p", `{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">An</div>"},"name":[{"text":"An"}],"birthDate":"1958","maritalStatus":{"text":"x"},"managingOrganization":{"reference":"Organization/tyt-00001"}}`)
	for query, want := range map[string][2]string{ // what is there, what is not
		"_summary=true":            {`"birthDate"`, `"maritalStatus"`},
		"_summary=text":            {`"div"`, `"birthDate"`},
		"_summary=data":            {`"maritalStatus"`, `"div"`},
		"_elements=name,birthDate": {`"birthDate"`, `"managingOrganization"`},
		"_elements=birthDate&_elements=maritalStatus": {`"maritalStatus"`, `"name"`},
	} {
		r := s.do(anybody, "GET", "/Patient?"+query, "").is(200)
		body := string(r.body)
		if !strings.Contains(body, want[0]) || strings.Contains(body, want[1]) || strings.Count(body, "SUBSETTED") != 1 || !strings.Contains(body, `"versionId":"1"`) {
			t.Errorf("%s: %s", query, body)
		}
		if again := s.do(anybody, "GET", r.link("self"), "").is(200); string(again.body) != body {
			t.Errorf("%s: its self link answers otherwise: %s", query, again.body)
		}
	}
	body := string(s.do(anybody, "GET", "/Patient?_summary=true&_include=Patient:organization", "").is(200).body)
	if strings.Count(body, "SUBSETTED") != 2 || strings.Contains(body, `"contact"`) {
		t.Errorf("%s", body)
	}
	body = string(s.do(anybody, "GET", "/Patient?_elements=name&_include=Patient:organization", "").is(200).body)
	if strings.Count(body, "SUBSETTED") != 1 || !strings.Contains(body, `"contact"`) {
		t.Errorf("%s", body)
	}
	if body = string(s.do(anybody, "GET", "/Patient?_summary=false", "").is(200).body); strings.Contains(body, "SUBSETTED") {
		t.Errorf("%s", body)
	}
	for _, path := range []string{"/Patient/p", "/Patient/p/_history/1"} {
		for query, want := range map[string][2]string{
			"_summary=true":    {`"birthDate"`, `"maritalStatus"`},
			"_summary=text":    {`"div"`, `"birthDate"`},
			"_summary=false":   {`"maritalStatus"`, "SUBSETTED"},
			"_elements=name":   {"SUBSETTED", `"birthDate"`},
			"_elements=name,x": {`"name"`, `"birthDate"`},
		} {
			r := s.do(anybody, "GET", path+"?"+query, "").is(200)
			if body := string(r.body); !strings.Contains(body, want[0]) || strings.Contains(body, want[1]) || r.header.Get("ETag") != `W/"1"` {
				t.Errorf("%s?%s: %s", path, query, body)
			}
		}
		s.do(anybody, "GET", path+"?_summary=count", "").refused(400, "invalid", "_summary")
		s.do(anybody, "GET", path+"?_summary=true&_elements=name", "").refused(400, "invalid", "_summary", "together")
		s.do(anybody, "GET", path+"?_count=1", "").refused(400, "invalid", "_count", "_summary")
	}
	s.do(anybody, "GET", "/Patient?_summary=text&_include=Patient:organization", "").refused(400, "invalid", "_summary", "together")
	s.do(anybody, "GET", "/Patient?_elements=a,,b", "").refused(400, "invalid", "_elements")
	for i := range 3 {
		id := fmt.Sprint("q", i)
		s.put("Patient", id, patient(id, "An", stationA))
	}
	next := s.do(anybody, "GET", "/Patient?_count=2&_elements=name", "").is(200).link("next")
	if body = string(s.do(anybody, "GET", next, "").is(200).body); strings.Count(body, "SUBSETTED") != 2 {
		t.Errorf("the second page is not shaped: %s", body)
	}
}

// TestTruncatedIncludes: a page says when there was more to include.
func TestTruncatedIncludes(t *testing.T) {
	s := start(t)
	for i := range 12 {
		s.put("Organization", fmt.Sprint("o", i), fmt.Sprintf(`{"resourceType":"Organization","id":"o%d","name":"x","partOf":{"reference":"Organization/o%d"}}`, i, i+1))
	}
	r := s.do(anybody, "GET", "/Organization?_id=o0&_include:iterate=Organization:partof", "").is(200)
	if n := r.root.Get("entry").Len(); n != 10 || !strings.Contains(string(r.body), `"mode":"outcome"`) || !strings.Contains(string(r.body), "incomplete") {
		t.Errorf("%d entries: %s", n, r.body)
	}
}
