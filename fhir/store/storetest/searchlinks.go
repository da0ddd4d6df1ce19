package storetest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var searchLinkTests = []test{
	{"chains and reverse chains, over few and with every page boundary", linksOverFew},
	{"chains and reverse chains over many", linksOverMany},
	{"links are asked at the position of the page", linksAtPosition},
	{"links do not look into what is out of reach", linksConfined},
	{"what was in another record then is out of reach at that position", movedBetweenRecords},
	{"several types in one list", severalTypes},
	{"compartments", compartments},
	{"conditions of a commit may have links", linkedConditions},
	{"includes go on where they are told to", iteratedIncludes},
	{"an include goes no further than its limit", includeRounds},
	{"only types that may be read are included", readableIncludes},
	{"sorts by several keys", sortsOverMany},
	{"a deadline ends every kind of search", linkedDeadlines},
}

// typed parses searches of one type.
func typed(typ string) func(url.Values) (*search.Query, error) {
	return func(v url.Values) (*search.Query, error) { return search.Parse(typ, v) }
}

var linkQueries = []struct{ typ, values string }{
	{"Observation", "patient.identifier=urn:p|3"},
	{"Observation", "patient.identifier=urn:p|3&code=urn:c|bp,glu"},
	{"Observation", "patient.identifier=urn:p|none"},
	{"Observation", "subject:Patient.name=nguyen a"},
	{"Observation", "subject.name=c2"},
	{"Observation", "subject.name:contains=3"},
	{"Observation", "patient.gender=female"},
	{"Observation", "patient.gender:not=female&code=hb"},
	{"Observation", "patient.organization.identifier=urn:o|a"},
	{"Observation", "patient.organization.name=tram&date=ge2026-01-15"},
	{"Observation", "patient.organization.partof.name=trung tam"},
	{"Observation", "patient.organization:missing=true"},
	{"Observation", "encounter.status=finished&encounter.participant:Practitioner.name=an"},
	{"Observation", "performer:Practitioner.name=binh&_sort=-_lastUpdated"},
	{"Observation", "performer:Practitioner._id=an&_sort=-date"},
	{"Observation", "patient._has:Encounter:patient:status=planned"},
	{"Observation", "_list=l"},
	{"Patient", "_list=l"},
	{"Patient", "_has:Observation:patient:code=glu"},
	{"Patient", "_has:Observation:patient:code=bp&_sort=birthdate"},
	{"Patient", "_has:Observation:patient:code=bp&_has:Observation:patient:code=hb"},
	{"Patient", "_has:Observation:patient:code:not=bp&gender=male"},
	{"Patient", "_has:Observation:patient:_id=o3-0"},
	{"Patient", "_has:Observation:subject:encounter.status=planned"},
	{"Practitioner", "_has:Encounter:participant:_has:Observation:encounter:code=glu"},
	{"Practitioner", "_has:Observation:performer:patient.gender=male"},
	{"Organization", "_has:Patient:organization:_has:Observation:patient:date=2026-01-03"},
	{"Organization", "_has:Organization:partof:name=tram"},
	{"Encounter", "patient.name=nguyen b&_sort=-_id"},
}

func linksOverFew(s *suite) {
	w := populate(s, 16)
	found := 0
	for _, q := range linkQueries {
		found += w.check(q.typ, typed(q.typ), q.values, 1, 2, 3, 5, 50)
	}
	if found < 100 {
		s.Errorf("the queries find only %d", found)
	}
}

// linksOverMany has more matches of most inner queries than a backend would collect.
func linksOverMany(s *suite) {
	w := populate(s, 2_200)
	w.put(`{"resourceType":"Patient","id":"p7","gender":"other","name":[{"text":"Trần"}]}`)
	for _, q := range []struct{ typ, values string }{
		{"Observation", "patient.gender=other"},
		{"Observation", "patient.gender=male&code=hb&date=2026-01-06"},
		{"Observation", "patient.gender=male&patient.name=nguyen b1"},
		{"Observation", "subject.name:contains=77&_sort=date,-_id"},
		{"Patient", "_has:Observation:patient:code=glu&name=nguyen c"},
		{"Patient", "_has:Observation:patient:date=2026-01-03&gender=female&birthdate=1906"},
		{"Patient", "_has:Observation:patient:performer:Practitioner.name=an&name=nguyen d11"},
		{"Encounter", "patient._has:Observation:patient:code=hb&patient.birthdate=1913"},
	} {
		if found := w.check(q.typ, typed(q.typ), q.values, 40); found == 0 {
			s.Errorf("%s?%s finds nothing", q.typ, q.values)
		}
	}
}

func linksAtPosition(s *suite) {
	for _, values := range []string{"patient.name=nguyen a", "patient.gender=female", "patient._has:Encounter:patient:status=finished"} {
		s.reopenEmpty()
		w := populate(s, 30)
		q, err := search.Parse("Observation", url.Values{strings.Split(values, "=")[0]: {strings.Split(values, "=")[1]}, "_count": {"2"}})
		s.wantCode(err, "")
		want := w.find(q, nil)
		first, err := s.Search(s.Context(), store.SearchRequest{Query: q})
		s.wantCode(err, "")
		for i := range 30 { // nobody matches any more, and nothing of it was to be seen at the position of the first page
			s.commit(put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","name":[{"text":"Trần"}]}`, i)), remove("Encounter", fmt.Sprint("e", i)))
		}
		got := strings.Fields(ids(first.Matches))
		for req := (store.SearchRequest{Query: q, At: first.At, Cursor: first.Next}); req.Cursor != ""; {
			page, err := s.Search(s.Context(), req)
			s.wantCode(err, "")
			got = append(got, strings.Fields(ids(page.Matches))...)
			req.Cursor = page.Next
		}
		s.equal(values, strings.Join(got, " "), strings.Join(want, " "))
		s.equal(values+" now", s.find("Observation", values), "")
	}
}

// reopenEmpty goes on with an empty store.
func (s *suite) reopenEmpty() {
	s.Helper()
	if err := s.Backend.Close(); err != nil {
		s.Fatal(err)
	}
	s.dir = s.TempDir()
	s.Backend = s.open(s.T, s.dir, s.clock.Now)
}

func linksConfined(s *suite) {
	s.commit(put(`{"resourceType":"Organization","id":"tyt-a"}`), put(`{"resourceType":"Practitioner","id":"an","name":[{"family":"An"}]}`),
		put(patient("a", "tyt-a")), put(`{"resourceType":"Patient","id":"b","name":[{"text":"Secret"}],"managingOrganization":{"reference":"Organization/tyt-b"}}`))
	// Both may see it, for it is about both patients; only one of them may see b.
	s.commit(put(`{"resourceType":"Observation","id":"both","status":"final","code":{"coding":[{"code":"x"}]},"subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/b"}]}`),
		put(`{"resourceType":"Observation","id":"hidden","status":"final","code":{"coding":[{"code":"y"}]},"subject":{"reference":"Patient/b"},"performer":[{"reference":"Practitioner/an"}]}`))
	for _, c := range []struct{ typ, values, a, b string }{
		{"Observation", "performer:Patient.name=secret", "", "both"},
		{"Observation", "performer:Patient._id=b", "", "both"},
		{"Observation", "performer:Patient.name:missing=false", "", "both"},
		{"Observation", "patient:Patient.gender:missing=true", "both", "hidden"},
		{"Practitioner", "_has:Observation:performer:code=y", "", "an"},
		{"Practitioner", "_has:Observation:performer:status:not=draft", "", "an"},
		{"Practitioner", "_has:Observation:performer:patient.name=secret", "", "an"},
		{"Organization", "_has:Patient:organization:name=secret", "", ""},
		{"Patient", "_has:Observation:patient:performer:Practitioner.name=an", "", "b"},
	} {
		s.equal(c.values+" within A", s.find(c.typ, c.values, holderA), c.a)
		s.equal(c.values+" within B", s.find(c.typ, c.values, holderB), c.b)
	}
}

// movedBetweenRecords asks at a position at which a resource was in the record of a patient out of reach, although it has come within reach
// since.
func movedBetweenRecords(s *suite) {
	then := s.commit(put(patient("a", "tyt-a")), put(patient("b", "tyt-b")), put(observation("moved", "b", 1)),
		put(strings.Replace(observation("own", "a", 1), `"status"`, `"hasMember":[{"reference":"Observation/moved"}],"status"`, 1))).Seq
	s.commit(put(observation("moved", "a", 1)))
	for _, c := range []struct {
		what                      string
		within                    []string
		included, chained         string
		record, scanned, searched string
	}{
		{"confined", []string{holderA}, "", "", "Patient/a@1 Observation/own@1", "Patient/a/1 Observation/own/1", "own"},
		{"everybody", nil, "moved", "own", "Patient/a@1 Observation/moved@1 Observation/own@1", "Patient/a/1 Patient/b/1 Observation/moved/1 Observation/own/1", "own"},
	} {
		find := func(values string) store.Page {
			page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Observation", values), Within: c.within, At: then})
			s.wantCode(err, "")
			return page
		}
		s.equal(c.what+" searched", ids(find("").Matches), c.searched)
		s.equal(c.what+" included", ids(find("_id=own&_include=Observation:has-member").Included), c.included)
		s.equal(c.what+" chained", ids(find("has-member:Observation.code=85354-9").Matches), c.chained)
		s.equal(c.what+" chained without a key", ids(find("has-member:Observation.code:not=none").Matches), c.chained)
		s.equal(c.what+" record", s.record(store.CompartmentRequest{Patient: "a", Within: c.within, At: then}), c.record)
		s.equal(c.what+" scanned", s.scanned(store.ScanRequest{Within: c.within, At: then}), c.scanned)
	}
}

func severalTypes(s *suite) {
	w := populate(s, 14)
	// The same id in two types: their order must hold over pages.
	w.put(`{"resourceType":"Encounter","id":"p3","status":"planned","class":{"code":"VR"},"subject":{"reference":"Patient/p3"}}`)
	for _, values := range []string{
		"", "_type=Patient,Observation", "_type=Observation,Encounter&status=final,planned", "_type=Encounter,Observation&patient=p4",
		"_type=Patient,Encounter&_sort=_id", "_type=Patient,Encounter,Organization&_sort=-_id", "_sort=-_lastUpdated",
		"_type=Observation,Encounter&_sort=patient,-date", "_sort=_lastUpdated", "_id=p3", "_list=l",
		"_type=Observation,Encounter&patient.gender=female", "_type=Patient,Practitioner&name=nguyen,an",
	} {
		if found := w.check("", search.ParseSystem, values, 1, 7, 100); found == 0 {
			s.Errorf("%s finds nothing", values)
		}
	}
}

func compartments(s *suite) {
	w := populate(s, 12)
	for _, c := range []struct{ compartment, id, typ, values string }{
		{"Patient", "p3", "Observation", ""},
		{"Patient", "p3", "Observation", "code=bp&_sort=-date"},
		{"Patient", "p3", "Patient", ""},
		{"Patient", "p3", "*", ""},
		{"Patient", "p4", "*", "_type=Observation,Encounter&_sort=-_id"},
		{"Patient", "none", "*", ""},
		{"Practitioner", "an", "Observation", ""},
		{"Practitioner", "an", "*", ""},
		{"Practitioner", "binh", "Encounter", "patient.gender=male"},
		{"Encounter", "e3", "Observation", ""},
		{"Encounter", "e3", "*", ""},
		{"Device", "d", "Observation", ""},
		{"RelatedPerson", "r", "*", ""},
	} {
		parse := func(v url.Values) (*search.Query, error) {
			return search.ParseCompartment(c.compartment, c.id, c.typ, v)
		}
		found := w.check(c.compartment+"/"+c.id+"/"+c.typ, parse, c.values, 1, 2, 50)
		if empty := c.id == "none" || c.id == "d" || c.id == "r"; empty != (found == 0) {
			s.Errorf("%v finds %d", c, found)
		}
	}
}

func linkedConditions(s *suite) {
	populate(s, 6)
	fresh := tx(put(basic("b", "x")))
	fresh.Absent = []store.Absence{{Query: s.query("Observation", "patient.identifier=urn:p|3")}}
	_, err := s.Commit(s.Context(), fresh)
	s.wantCode(err, fault.Precondition)
	fresh.Absent = []store.Absence{{Query: s.query("Observation", "patient.identifier=urn:p|99")}, {Query: s.query("Patient", "_has:Observation:patient:code=none")}}
	_, err = s.Commit(s.Context(), fresh)
	s.wantCode(err, "")
}

func iteratedIncludes(s *suite) {
	populate(s, 6)
	for values, want := range map[string]string{
		"_id=o3-0&_include=Observation:patient":                                                          "p3",
		"_id=o3-0&_include=Observation:patient&_include=Observation:encounter":                           "p3 e3",
		"_id=o3-0&_include=Observation:patient&_include:iterate=Patient:organization":                    "p3 tyt-a",
		"_id=o3-0&_include=Observation:patient&_include:recurse=Patient:organization&_include:iterate=*": "p3 e3 binh tyt-a district",
		"_id=o3-0&_include=*":                                                              "e3 p3 binh",
		"_id=o3-0&_include=Observation:*:Patient":                                          "p3",
		"_id=o3-0&_include:iterate=Patient:organization":                                   "",
		"_id=o3-0&_include=Observation:patient&_revinclude:iterate=Observation:patient":    "p3 o3-1",
		"_id=o3-0,o3-1&_include=Observation:patient&_revinclude:iterate=Encounter:patient": "p3 e3",
	} {
		page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Observation", values)})
		s.wantCode(err, "")
		if !sameIDs(ids(page.Included), want) || page.Truncated {
			s.Errorf("%s includes %q, want %q (truncated: %v)", values, ids(page.Included), want, page.Truncated)
		}
	}
	for values, want := range map[string]string{
		"_id=p3&_revinclude=Observation:patient":                      "o3-0 o3-1",
		"_id=p3&_revinclude=Observation:*":                            "o3-0 o3-1",
		"_id=p0&_revinclude=*":                                        "e0 o0-0 l",
		"_id=p0&_revinclude=*&_include:iterate=Encounter:participant": "e0 o0-0 l an",
	} {
		page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Patient", values)})
		s.wantCode(err, "")
		if !sameIDs(ids(page.Included), want) {
			s.Errorf("%s includes %q, want %q", values, ids(page.Included), want)
		}
	}
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Observation", "_id=o3-0&_include=*&_include:iterate=*"), Within: []string{holderB}})
	s.wantCode(err, "")
	s.equal("out of reach", ids(page.Matches)+ids(page.Included), "")
}

// sameIDs compares lists of ids without their order.
func sameIDs(got, want string) bool {
	g, w := strings.Fields(got), strings.Fields(want)
	seen := map[string]int{}
	for _, id := range g {
		seen[id]++
	}
	for _, id := range w {
		seen[id]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

// includeRounds is a row of organisations, each part of the next, that is longer than includes go.
func includeRounds(s *suite) {
	var changes []store.Change
	for i := range store.MaxRounds + 3 {
		changes = append(changes, put(fmt.Sprintf(`{"resourceType":"Organization","id":"o%d","partOf":{"reference":"Organization/o%d"}}`, i, i+1)))
	}
	s.commit(changes...)
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Organization", "_id=o0&_include:iterate=Organization:partof")})
	s.wantCode(err, "")
	s.equal("included", len(page.Included), store.MaxRounds)
	s.equal("Truncated", page.Truncated, true)
	page, err = s.Search(s.Context(), store.SearchRequest{Query: s.query("Organization", "_id=o3&_include:iterate=Organization:partof")})
	s.wantCode(err, "")
	s.equal("included", len(page.Included), store.MaxRounds-1)
	s.equal("Truncated", page.Truncated, false)
}

func readableIncludes(s *suite) {
	populate(s, 6)
	page, err := s.Search(s.Context(), store.SearchRequest{
		Query:    s.query("Observation", "_id=o3-0&_include=Observation:patient&_include:iterate=Patient:organization&_include=Observation:encounter"),
		Readable: func(typ string) bool { return typ != "Patient" },
	})
	s.wantCode(err, "")
	s.equal("included", ids(page.Included), "e3")
	page, err = s.Search(s.Context(), store.SearchRequest{
		Query: s.query("Patient", "_id=p3&_revinclude=*"), Readable: func(typ string) bool { return typ == "Encounter" },
	})
	s.wantCode(err, "")
	s.equal("included", ids(page.Included), "e3")
}

func sortsOverMany(s *suite) {
	w := populate(s, 40)
	for _, q := range []struct{ typ, values string }{
		{"Observation", "_sort=date"},
		{"Observation", "_sort=-date"},
		{"Observation", "_sort=-date,code,_id"},
		{"Observation", "_sort=code,-patient"},
		{"Observation", "code=bp&_sort=-date"},
		{"Observation", "_sort=encounter,-_id"},
		{"Patient", "_sort=-birthdate,name"},
		{"Patient", "_sort=gender,-birthdate,identifier"},
		{"Patient", "gender=male&_sort=name"},
		{"Patient", "_sort=-name"},
		{"Patient", "_sort=organization"},
	} {
		w.check(q.typ, typed(q.typ), q.values, 1, 4, 9, 60)
	}
}

// linkedDeadlines gives searches that look at thousands of resources, each in another way, a few milliseconds; none may run to its end.
func linkedDeadlines(s *suite) {
	populate(s, 1_500)
	for _, values := range []string{
		"patient.name:contains=nguyen&patient.gender:not=x&_total=accurate&_count=200", "patient.name:contains=x9&patient.birthdate:missing=false&_total=accurate",
		"_sort=encounter,-date&_count=200&_total=accurate&code:not=x", "patient._has:Encounter:patient:status:not=x&_count=200&_total=accurate",
		"_include=*&_include:iterate=*&_revinclude:iterate=*&_count=200&code:not=x&_total=accurate",
	} {
		ctx, cancel := context.WithTimeout(s.Context(), 2*time.Millisecond)
		_, err := s.Search(ctx, store.SearchRequest{Query: s.query("Observation", values)})
		cancel()
		if !fault.Is(err, fault.Timeout) {
			s.Errorf("%s: %v, want a timeout", values, err)
		}
	}
	ended, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.Search(ended, store.SearchRequest{Query: s.query("Observation", "patient.gender=male")})
	s.wantCode(err, fault.Timeout)
}
