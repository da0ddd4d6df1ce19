package storetest

import (
	"strings"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const (
	holderA = "Organization/tyt-a"
	holderB = "Organization/tyt-b"
)

var confinementTests = []test{
	{"a search is confined to holders", confined},
	{"the holder is known whatever comes first", holderOrder},
	{"a patient who moves takes the record along", moving},
	{"includes are confined", confinedIncludes},
	{"totals and pages are confined", confinedTotals},
	{"a resource of two patients is visible to both holders", twoPatients},
	{"a deleted patient keeps the holder", deletedPatient},
	{"history is held by today's holder", confinedHistory},
	{"what names no patient of an organisation is for the unconfined", heldByNobody},
	{"what comes to be held by nobody leaves its holder", letGo},
}

func confined(s *suite) {
	s.commit(put(patient("a", "tyt-a")), put(patient("b", "tyt-b")), put(patient("c", "")), put(shared("free")))
	s.commit(put(observation("oa", "a", 1)), put(observation("ob", "b", 1)), put(observation("oc", "c", 1)))
	for _, c := range []struct {
		typ, values string
		within      []string
		want        string
	}{
		{"Observation", "", nil, "oa ob oc"},
		{"Observation", "", []string{holderA}, "oa"},
		{"Observation", "", []string{holderA, holderB}, "oa ob"},
		{"Observation", "", []string{"Organization/elsewhere"}, ""},
		{"Observation", "code=85354-9", []string{holderB}, "ob"},
		{"Observation", "patient=a", []string{holderB}, ""},
		{"Observation", "code:not=x", []string{holderB}, "ob"},
		{"Patient", "", nil, "a b c"},
		{"Patient", "", []string{holderB}, "b"},
		{"Patient", "_id=a", []string{holderB}, ""},
		{"Organization", "", []string{holderB}, "free"},
		{"Organization", "", nil, "free"},
	} {
		if got := s.find(c.typ, c.values, c.within...); got != c.want {
			s.Errorf("%s?%s within %v = %q, want %q", c.typ, c.values, c.within, got, c.want)
		}
	}
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Observation", ""), Within: []string{}})
	s.wantCode(err, "")
	s.equal("within nothing", ids(page.Matches), "")
}

func holderOrder(s *suite) {
	s.commit(put(observation("before", "p", 1)))
	s.equal("held by nobody yet", s.find("Observation", "", holderA), "")
	s.equal("held by nobody yet, unconfined", s.find("Observation", ""), "before")
	s.commit(put(observation("beside1", "p", 2)), put(patient("p", "tyt-a")), put(observation("beside2", "p", 3)))
	s.commit(put(observation("after", "p", 4)))
	s.equal("own", s.find("Observation", "", holderA), "before beside1 beside2 after")
	s.equal("others", s.find("Observation", "", holderB), "")
	s.sound()
}

func moving(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(observation("o1", "p", 1)), put(observation("gone", "p", 2)))
	s.commit(remove("Observation", "gone"))
	s.commit(put(patient("p", "tyt-b")))
	s.equal("old station", s.find("Observation", "", holderA), "")
	s.equal("new station", s.find("Observation", "", holderB), "o1")
	s.equal("old station's patients", s.find("Patient", "", holderA), "")
	s.equal("new station's patients", s.find("Patient", "", holderB), "p")
	v, err := s.Read(s.Context(), "Observation", "o1")
	s.wantCode(err, "")
	s.equal("holder", v.Holder, holderB)
	s.equal("version", v.VersionID, "1")
	list, err := s.History(s.Context(), store.HistoryRequest{Type: "Observation", ID: "gone"})
	s.wantCode(err, "")
	s.equal("holder of the deleted", list[0].Holder, holderB)
	s.commit(put(observation("gone", "p", 2)))
	s.equal("new station", s.find("Observation", "", holderB), "o1 gone")
	s.commit(put(observation("o1", "q", 1))) // corrected: it was another person's
	s.equal("a patient that is not known", s.find("Observation", "", holderA, holderB), "gone")
	s.equal("a patient that is not known, unconfined", s.find("Observation", ""), "o1 gone")
	s.sound()
}

func confinedIncludes(s *suite) {
	s.commit(put(patient("a", "tyt-a")), put(patient("b", "tyt-b")))
	s.commit(put(`{"resourceType":"Observation","id":"oa","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},` +
		`"hasMember":[{"reference":"Observation/ob"}]}`))
	s.commit(put(observation("ob", "b", 1)))
	get := func(typ, values string, within ...string) string {
		page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query(typ, values), Within: within})
		s.wantCode(err, "")
		return ids(page.Matches) + " + " + ids(page.Included)
	}
	s.equal("unconfined", get("Observation", "_id=oa&_include=Observation:has-member&_include=Observation:subject"), "oa + ob a")
	s.equal("confined", get("Observation", "_id=oa&_include=Observation:has-member&_include=Observation:subject", holderA), "oa + a")
	s.equal("reverse", get("Observation", "_id=ob&_revinclude=Observation:has-member"), "ob + oa")
	s.equal("reverse, confined", get("Observation", "_id=ob&_revinclude=Observation:has-member", holderB), "ob + ")
}

func confinedTotals(s *suite) {
	for i := range 12 {
		s.commit(put(patient("a"+itoa(i), "tyt-a")), put(patient("b"+itoa(i), "tyt-b")))
	}
	for _, sort := range []string{"", "&_sort=_id", "&_sort=-_lastUpdated"} {
		query := s.query("Patient", "_count=5&_total=accurate"+sort)
		req := store.SearchRequest{Query: query, Within: []string{holderA}}
		seen := 0
		for {
			page, err := s.Search(s.Context(), req)
			s.wantCode(err, "")
			s.equal("Total", page.Total, 12)
			for _, v := range page.Matches {
				s.equal("holder", v.Holder, holderA)
				seen++
			}
			if req.Cursor, req.At = page.Next, page.At; page.Next == "" {
				break
			}
		}
		s.equal("patients", seen, 12)
	}
}

func twoPatients(s *suite) {
	s.commit(put(patient("a", "tyt-a")), put(patient("b", "tyt-b")))
	s.commit(put(`{"resourceType":"Appointment","id":"both","status":"booked","participant":[` +
		`{"actor":{"reference":"Patient/b"},"status":"accepted"},{"actor":{"reference":"Patient/a"},"status":"accepted"}]}`))
	v, err := s.Read(s.Context(), "Appointment", "both")
	s.wantCode(err, "")
	s.equal("holder", v.Holder, holderA+" "+holderB)
	for _, h := range []string{holderA, holderB} {
		s.equal("found by "+h, s.find("Appointment", "", h), "both")
		s.equal("visible to "+h, store.Visible([]string{h}, v.Holder), true)
	}
	s.equal("found by another", s.find("Appointment", "", "Organization/c"), "")
	s.equal("visible to another", store.Visible([]string{"Organization/c"}, v.Holder), false)
	s.commit(put(patient("b", "tyt-a")))
	s.equal("after a move", s.find("Appointment", "", holderB), "")
	s.sound()
}

func deletedPatient(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(observation("o", "p", 1)))
	s.commit(remove("Patient", "p"))
	s.equal("others", s.find("Observation", "", holderB), "")
	s.equal("own", s.find("Observation", "", holderA), "o")
	s.commit(put(observation("late", "p", 2)))
	s.equal("others, later", s.find("Observation", "", holderB), "")
	s.commit(put(patient("p", "tyt-b")))
	s.equal("created again elsewhere", s.find("Observation", "", holderB), "o late")
	s.sound()
}

func confinedHistory(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(observation("o", "p", 1)))
	s.commit(put(patient("p", "tyt-b")), put(observation("o", "p", 2)))
	v, err := s.ReadVersion(s.Context(), "Observation", "o", "1")
	s.wantCode(err, "")
	s.equal("holder of the old version", v.Holder, holderB)
	_, err = s.ReadVersion(s.Context(), "Observation", "o", "3")
	s.wantCode(err, fault.NotFound)
}

// heldByNobody: a reference that is not of the form Type/id assigns nothing, and what is assigned to nobody is not shown. Each
// form is tried on what belongs to a patient and on a Patient itself.
func heldByNobody(s *suite) {
	s.commit(put(patient("a", "tyt-a")))
	forms := []struct{ name, subject, organisation string }{
		{"absolute", `{"reference":"http://127.0.0.1/fhir/Patient/a"}`, `{"reference":"http://127.0.0.1/fhir/Organization/tyt-a"}`},
		{"contained", `{"reference":"#a"}`, `{"reference":"#o"}`},
		{"urn", `{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"}`, `{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"}`},
		{"identifier", `{"identifier":{"system":"urn:x","value":"a"}}`, `{"identifier":{"system":"urn:x","value":"tyt-a"}}`},
		{"display", `{"display":"An"}`, `{"display":"A"}`},
		{"type", `{"type":"Patient","display":"An"}`, `{"type":"Organization"}`},
		{"another-type", `{"reference":"Group/a"}`, `{"reference":"Practitioner/tyt-a"}`},
		{"no-type", `{"reference":"a"}`, `{"reference":"tyt-a"}`},
		{"not-known", `{"reference":"Patient/never"}`, `{"reference":"Organization/"}`},
		{"empty", `{}`, `{}`},
	}
	var all []string
	for _, f := range forms {
		s.commit(
			put(`{"resourceType":"Observation","id":"o-`+f.name+`","status":"final","code":{"text":"x"},"contained":[{"resourceType":"Patient","id":"a",`+
				`"managingOrganization":{"reference":"Organization/tyt-a"}}],"subject":`+f.subject+`}`),
			put(`{"resourceType":"Patient","id":"p-`+f.name+`","managingOrganization":`+f.organisation+`}`),
			put(observation("po-"+f.name, "p-"+f.name, 1)),
		)
		all = append(all, "Observation/o-"+f.name, "Patient/p-"+f.name, "Observation/po-"+f.name)
	}
	s.commit(put(`{"resourceType":"Task","id":"t","status":"draft"}`), put(`{"resourceType":"Binary","id":"b"}`), put(basic("c", "x")))
	for _, name := range append(all, "Task/t", "Binary/b", "Basic/c") {
		typ, id, _ := strings.Cut(name, "/")
		v, err := s.Read(s.Context(), typ, id)
		s.wantCode(err, "")
		s.equal("holder of "+name, v.Holder, store.Nobody)
		for _, within := range [][]string{{}, {holderA}, {store.Nobody}, {""}} {
			s.equal(name+" is visible", store.Visible(within, v.Holder), false)
			s.equal(name+" is found", s.find(typ, "_id="+id, append(within, "x")...), "")
		}
		s.equal(name+" is found without confinement", s.find(typ, "_id="+id), id)
	}
	s.commit(put(`{"resourceType":"Task","id":"t","status":"draft","for":{"reference":"Patient/a"}}`))
	s.equal("a task for a patient", s.find("Task", "", holderA), "t")
	s.equal("a task for a patient of others", s.find("Task", "", holderB), "")
	s.sound()
}

func letGo(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(observation("o1", "p", 1)), put(observation("o2", "p", 2)))
	s.commit(put(`{"resourceType":"Observation","id":"o2","status":"final","subject":{"display":"An"}}`))
	s.equal("of the patient", s.find("Observation", "", holderA), "o1")
	s.commit(put(patient("p", "")))
	s.equal("of a patient who is let go", s.find("Observation", "", holderA), "")
	s.equal("the patient", s.find("Patient", "", holderA), "")
	s.equal("unconfined", s.find("Observation", ""), "o1 o2")
	s.sound()
	s.commit(put(patient("p", "tyt-b")))
	s.equal("of a patient who is taken up", s.find("Observation", "", holderB), "o1")
	s.sound()
}
