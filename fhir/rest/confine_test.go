package rest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
)

// populate keeps one patient with an observation at each station, and a practitioner of nobody's.
func populate(s *service) {
	s.put("Patient", "pa", patient("pa", "An", stationA))
	s.put("Patient", "pb", patient("pb", "Binh", stationB))
	s.put("Observation", "oa", observation("oa", "pa"))
	s.put("Observation", "ob", observation("ob", "pb"))
	s.put("Practitioner", "free", `{"resourceType":"Practitioner","id":"free"}`)
	s.put("Observation", "gone-b", observation("gone-b", "pb"))
	s.do(anybody, "DELETE", "/Observation/gone-b", "").is(204)
	s.put("Observation", "gone-a", observation("gone-a", "pa"))
	s.do(anybody, "DELETE", "/Observation/gone-a", "").is(204)
}

// TestRefusedLikeAbsent: a write that is refused is refused in the same words whether its address is out of reach or not there, so that nobody
// learns of ids by asking for what is refused anyway.
func TestRefusedLikeAbsent(t *testing.T) {
	s := start(t)
	populate(s)
	to := func(method, path, body string, headers ...string) []string {
		return append([]string{method, path, body}, headers...)
	}
	for name, ask := range map[string]func(observationID, patientID string) []string{
		"a patient of others":      func(_, p string) []string { return to("PUT", "/Patient/"+p, patient(p, "X", stationB)) },
		"an observation of others": func(o, p string) []string { return to("PUT", "/Observation/"+o, observation(o, p)) },
		"an observation of nobody": func(o, _ string) []string {
			return to("PUT", "/Observation/"+o, `{"resourceType":"Observation","id":"`+o+`","status":"final","code":{"text":"x"}}`)
		},
		"a version": func(o, _ string) []string {
			return to("PUT", "/Observation/"+o, observation(o, "pa"), `If-Match: W/"1"`)
		},
		"some version": func(o, _ string) []string {
			return to("PUT", "/Observation/"+o, observation(o, "pa"), `If-Match: W/"1", W/"2"`)
		},
		"a version of others": func(_, p string) []string {
			return to("PUT", "/Patient/"+p, patient(p, "X", stationB), `If-Match: W/"1"`)
		},
		"by a condition": func(o, p string) []string { return to("PUT", "/Observation?_id="+o, observation(o, p)) },
		"in a transaction": func(o, p string) []string {
			return to("POST", "/", bundleOf("transaction", entryOf("", "PUT", "Observation/"+o, observation(o, p))))
		},
		"a deletion of a version": func(o, _ string) []string { return to("DELETE", "/Observation/"+o, "", `If-Match: W/"1"`) },
		"a patch":                 func(o, _ string) []string { return to("PATCH", "/Observation/"+o, "[]", asJSONPatch) },
		"a patch of a version": func(o, _ string) []string {
			return to("PATCH", "/Observation/"+o, "[]", asJSONPatch, `If-Match: W/"1"`)
		},
		"what was deleted out of reach": func(o, p string) []string {
			if o == "ob" {
				o = "gone-b"
			}
			return to("PUT", "/Observation/"+o, observation(o, p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.in(t)
			var answers []string
			for _, ids := range [][2]string{{"ob", "pb"}, {"none", "nobody"}} {
				a := ask(ids[0], ids[1])
				r := s.do(doctorA, a[0], a[1], a[2], a[3:]...)
				if r.status < 400 {
					t.Fatalf("%s %s: %d", a[0], a[1], r.status)
				}
				answers = append(answers, fmt.Sprintf("%d %s", r.status, r.body))
			}
			if diff := cmp.Diff(answers[1], answers[0]); diff != "" {
				t.Errorf("(-absent +hidden)\n%s", diff)
			}
		})
	}
}

// TestConfinement: doctor A against every row of the route table, on what is theirs and what is not. A row without a policy
// here fails.
func TestConfinement(t *testing.T) {
	type try struct {
		path, body string
		own        int
		foreign    string // path of the same thing out of reach
		body2      string
		status     int
	}
	const amend = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Observation.status"},{"name":"value","valueCode":"amended"}]}]}`
	policies := map[string]try{
		"read":               {"/Observation/oa", "", 200, "/Observation/ob", "", 404},
		"vread":              {"/Observation/oa/_history/1", "", 200, "/Observation/ob/_history/1", "", 404},
		"history-instance":   {"/Observation/oa/_history", "", 200, "/Observation/ob/_history", "", 404},
		"history-type":       {"/Observation/_history", "", 200, "/Observation/_history", "", 200},
		"history-system":     {"/_history", "", 200, "/_history", "", 200},
		"update":             {"/Observation/oa", observation("oa", "pa"), 200, "/Observation/ob", observation("ob", "pb"), 403},
		"patch":              {"/Observation/oa", amend, 200, "/Observation/ob", amend, 404},
		"delete":             {"/Observation/oa", "", 204, "/Observation/ob", "", 204}, // idempotent: as if it were not there
		"create":             {"/Observation", observation("x", "pa"), 201, "/Observation", observation("x", "pb"), 403},
		"search-system":      {"/?_type=Observation&_id=oa", "", 200, "/?_type=Observation&_id=ob", "", 200},
		"search-compartment": {"/Patient/pa/Observation", "", 200, "/Patient/pb/Observation", "", 200},
		"search-type":        {"/Observation?_id=oa", "", 200, "/Observation?_id=ob", "", 200}, // and finds nothing, below
		"transaction":        {"/", bundleOf("transaction", entryOf("", "PUT", "Observation/oa", observation("oa", "pa"))), 200, "/", bundleOf("transaction", entryOf("", "PUT", "Observation/ob", observation("ob", "pb"))), 403},
		"batch":              {"/", bundleOf("batch", entryOf("", "GET", "Observation/oa", "")), 200, "/", bundleOf("batch", entryOf("", "GET", "Observation/ob", "")), 200}, // the entry is 404, below
		"capabilities":       {"/metadata", "", 200, "/metadata", "", 200},
	}
	for _, row := range rest.RouteCodes() {
		t.Run(row[0]+" "+row[1], func(t *testing.T) {
			if strings.HasPrefix(row[0], "$") {
				if !slices.Contains(confinedOperations, row[0]) {
					t.Error("no test of confinement is named for this operation")
				}
				return
			}
			p, ok := policies[row[0]]
			if !ok {
				t.Fatal("no policy is declared for this interaction")
			}
			s := start(t)
			populate(s)
			var headers []string
			if strings.HasSuffix(row[2], "_search") {
				headers = formHeader("POST")
				switch row[0] {
				case "search-system":
					p.path, p.body, p.foreign, p.body2 = "/_search", "_type=Observation&_id=oa", "/_search", "_type=Observation&_id=ob"
				case "search-compartment":
					p.path, p.body, p.foreign, p.body2 = "/Patient/pa/Observation/_search", "_count=9", "/Patient/pb/Observation/_search", "_count=9"
				default:
					p.path, p.body, p.foreign, p.body2 = "/Observation/_search", "_id=oa", "/Observation/_search", "_id=ob"
				}
			}
			own := s.do(doctorA, row[1], p.path, p.body, headers...).is(p.own)
			foreign := s.do(doctorA, row[1], p.foreign, p.body2, headers...).is(p.status)
			shown := strings.ReplaceAll(string(foreign.body), s.url+"/Patient/pb/Observation", "") // the link to itself is what was asked
			if strings.Contains(shown, "Patient/pb") {
				t.Errorf("shown: %s", foreign.body)
			}
			switch row[0] {
			case "search-type", "search-system", "search-compartment":
				if len(own.entries()) != 1 || len(foreign.entries()) != 0 {
					t.Errorf("%v %v", own.entries(), foreign.entries())
				}
			case "batch":
				if diff := cmp.Diff([]string{"404 Not Found"}, statuses(foreign)); diff != "" {
					t.Error(diff)
				}
			}
			if r := s.do(anybody, "GET", "/Observation/ob", "").is(200); r.header.Get("ETag") != `W/"1"` {
				t.Error("a resource out of reach was changed")
			}
		})
	}
}

// TestHiddenLikeAbsent: what is out of reach is answered in the very words of what never was.
func TestHiddenLikeAbsent(t *testing.T) {
	s := start(t)
	populate(s)
	for _, tt := range []struct{ method, hidden, absent string }{
		{"GET", "/Observation/ob", "/Observation/none"},
		{"GET", "/Observation/gone-b", "/Observation/none"},
		{"GET", "/Patient/pb", "/Patient/none"},
		{"GET", "/Observation/ob/_history", "/Observation/none/_history"},
		{"GET", "/Observation/gone-b/_history", "/Observation/none/_history"},
		{"GET", "/Observation/ob/_history/1", "/Observation/none/_history/1"},
		{"GET", "/Observation/gone-b/_history/1", "/Observation/none/_history/1"},
		{"DELETE", "/Observation/ob", "/Observation/none"},
	} {
		hidden, absent := s.do(doctorA, tt.method, tt.hidden, ""), s.do(doctorA, tt.method, tt.absent, "")
		if hidden.status != absent.status {
			t.Errorf("%s %s: %d, and %d for what is not there", tt.method, tt.hidden, hidden.status, absent.status)
		}
		a := regexp.MustCompile(`such version`).ReplaceAllString(string(hidden.body), "")
		b := regexp.MustCompile(`such version`).ReplaceAllString(string(absent.body), "")
		if diff := cmp.Diff(b, a); diff != "" {
			t.Errorf("%s: %s", tt.hidden, diff)
		}
	}
	s.do(doctorA, "GET", "/Observation/gone-a", "").refused(410, "deleted", "")
	if n := s.do(doctorA, "GET", "/Observation/gone-a/_history", "").is(200).root.Get("entry").Len(); n != 2 {
		t.Errorf("%d versions of one's own deleted observation", n)
	}
	s.do(doctorA, "GET", "/Practitioner/free", "").is(200)
}

// TestReparenting: no write moves a record into reach, out of reach, or to where everybody sees it. Each is tried alone, in a
// batch and in a transaction.
func TestReparenting(t *testing.T) {
	free := `{"resourceType":"Observation","id":"oa","status":"final"}`
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"patient to another station", "PUT", "Patient/pa", patient("pa", "An", stationB), 403},
		{"patient to nobody", "PUT", "Patient/pa", `{"resourceType":"Patient","id":"pa"}`, 403},
		{"new patient of another station", "POST", "Patient", patient("x", "X", stationB), 403},
		{"new patient of nobody", "POST", "Patient", `{"resourceType":"Patient"}`, 403},
		{"new patient under a chosen id", "PUT", "Patient/mine", patient("mine", "X", stationB), 403},
		{"foreign patient to my station", "PUT", "Patient/pb", patient("pb", "Binh", stationA), 404},
		{"observation to a foreign patient", "PUT", "Observation/oa", observation("oa", "pb"), 403},
		{"observation to an absent patient", "PUT", "Observation/oa", observation("oa", "none"), 403},
		{"observation to no patient", "PUT", "Observation/oa", free, 403},
		{"observation to a patient by name only", "PUT", "Observation/oa", unassigned("oa", `{"display":"An"}`), 403},
		{"observation of a patient by name only", "POST", "Observation", unassigned("x", `{"display":"An"}`), 403},
		{"observation of a patient by identifier only", "POST", "Observation", unassigned("x", `{"identifier":{"value":"1"}}`), 403},
		{"observation of a contained patient", "PUT", "Observation/mine", unassigned("mine", `{"reference":"#pa"}`), 403},
		{"observation of a patient elsewhere", "POST", "Observation", unassigned("x", `{"reference":"https://other.example/fhir/Patient/pa"}`), 403},
		{"observation of nobody", "POST", "Observation", free, 403},
		{"task of nobody", "POST", "Task", `{"resourceType":"Task","status":"draft"}`, 403},
		{"binary", "POST", "Binary", `{"resourceType":"Binary"}`, 403},
		{"new patient of a station by name", "POST", "Patient", `{"resourceType":"Patient","managingOrganization":{"display":"A"}}`, 403},
		{"patient to a station elsewhere", "PUT", "Patient/pa", patient("pa", "An", "https://other.example/fhir/"+stationA), 403},
		{"foreign observation to my patient", "PUT", "Observation/ob", observation("ob", "pa"), 404},
		{"deleted foreign observation to my patient", "PUT", "Observation/gone-b", observation("gone-b", "pa"), 404},
		{"observation of a foreign patient", "POST", "Observation", observation("x", "pb"), 403},
		{"mine", "PUT", "Observation/oa", observation("oa", "pa"), 200},
		{"my deleted one again", "PUT", "Observation/gone-a", observation("gone-a", "pa"), 201},
		{"new under a chosen id", "PUT", "Observation/chosen", observation("chosen", "pa"), 201},
		{"of nobody", "PUT", "Practitioner/free", `{"resourceType":"Practitioner","id":"free"}`, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			populate(s)
			entry := entryOf("", tt.method, tt.path, tt.body)
			if tt.status < 300 {
				s.do(doctorA, tt.method, "/"+tt.path, tt.body).is(tt.status)
				return
			}
			alone := s.do(doctorA, tt.method, "/"+tt.path, tt.body).is(tt.status)
			whole := s.do(doctorA, "POST", "/", bundleOf("transaction", entryOf("", "POST", "Practitioner", `{"resourceType":"Practitioner"}`), entry)).is(tt.status)
			batch := s.do(doctorA, "POST", "/", bundleOf("batch", entry)).is(200)
			said := func(v *reply) string {
				return v.root.Get("issue").At(0).Get("details").Get("text").String()
			}
			inBatch := batch.root.Get("entry").At(0).Get("response").Get("outcome").Get("issue").At(0).Get("details").Get("text").String()
			if said(alone) != said(whole) || said(alone) != inBatch {
				t.Errorf("alone: %s\ntransaction: %s\nbatch: %s", said(alone), said(whole), inBatch)
			}
			if n := s.do(anybody, "GET", "/Practitioner?_total=accurate&_count=0", "").is(200).root.Get("total").String(); n != "1" {
				t.Error("a refused transaction was kept in part")
			}
			for path, station := range map[string]string{"/Patient/pa": stationA, "/Patient/pb": stationB} {
				if r := s.do(anybody, "GET", path, "").is(200); !r.root.Get("managingOrganization").Get("reference").IsString(station) {
					t.Errorf("%s was moved", path)
				}
			}
		})
	}
	t.Run("a conditional create of what names nobody", func(t *testing.T) {
		s := start(t)
		populate(s)
		body := unassigned("x", `{"display":"An"}`)
		s.do(doctorA, "POST", "/Observation", body, "If-None-Exist: identifier=urn:x|1").refused(403, "forbidden", "", "Patient/123")
		entry := entryOf("", "POST", "Observation", body, `"ifNoneExist":"identifier=urn:x|1"`)
		s.do(doctorA, "POST", "/", bundleOf("transaction", entry)).refused(403, "forbidden", "Bundle.entry[0]", "Patient/123")
		if diff := cmp.Diff([]string{"403 Forbidden"}, statuses(s.do(doctorA, "POST", "/", bundleOf("batch", entry)).is(200))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a patient and their observation in one transaction", func(t *testing.T) {
		s := start(t)
		own := entryOf(urnPatient, "POST", "Patient", patient("x", "X", stationA))
		other := entryOf(urnPatient, "POST", "Patient", patient("x", "X", stationB))
		reading := entryOf("", "POST", "Observation", `{"resourceType":"Observation","status":"final","subject":{"reference":"`+urnPatient+`"}}`)
		r := s.do(doctorA, "POST", "/", bundleOf("transaction", reading, own)).is(200)
		s.do(doctorA, "GET", r.located(s, 0), "").is(200)
		s.do(doctorB, "GET", r.located(s, 0), "").is(404)
		s.do(doctorA, "POST", "/", bundleOf("transaction", reading, other)).refused(403, "forbidden", "Bundle.entry[1].resource.managingOrganization")
	})
}

// unassigned is an observation whose subject is what the JSON says; it contains a patient "pa".
func unassigned(id, subject string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},`+
		`"contained":[{"resourceType":"Patient","id":"pa"}],"subject":%s,"effectiveDateTime":"2026-03-01T08:00:00+07:00"}`, id, subject)
}

// TestConditionalCreateTellsNothing: a match out of reach does not show in the answer.
func TestConditionalCreateTellsNothing(t *testing.T) {
	s := start(t)
	identified := func(station string) string {
		return fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"managingOrganization":{"reference":%q}}`, station)
	}
	s.do(doctorB, "POST", "/Patient", identified(stationB)).is(201)
	first := s.do(doctorA, "POST", "/Patient", identified(stationA), "If-None-Exist: identifier=urn:x|1").is(201)
	again := s.do(doctorA, "POST", "/Patient", identified(stationA), "If-None-Exist: identifier=urn:x|1").is(200)
	if first.id() != again.id() {
		t.Errorf("%s and %s", first.id(), again.id())
	}
	s.do(reader, "POST", "/Observation", observation("x", "x"), "If-None-Exist: _id=oa").is(403)
}

// TestConditionalCreateRace: of many who create at once under one condition, one creates.
func TestConditionalCreateRace(t *testing.T) {
	s := start(t)
	var wg sync.WaitGroup
	got := make([]int, 16)
	for i := range got {
		wg.Go(func() {
			req, _ := http.NewRequest("POST", s.url+"/Patient", strings.NewReader(`{"resourceType":"Patient","identifier":[{"value":"1"}]}`))
			req.Header.Set("Authorization", "Bearer "+anybody)
			req.Header.Set("Content-Type", "application/fhir+json")
			req.Header.Set("If-None-Exist", "identifier=1")
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				resp.Body.Close()
				got[i] = resp.StatusCode
			}
		})
	}
	wg.Wait()
	counts := map[int]int{}
	for _, status := range got {
		counts[status]++
	}
	if diff := cmp.Diff(map[int]int{201: 1, 200: 15}, counts); diff != "" {
		t.Error(diff)
	}
}

// TestConcurrentConfinedUpdates: pinning what was checked loses no update and refuses none.
func TestConcurrentConfinedUpdates(t *testing.T) {
	s := start(t)
	populate(s)
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for w := range 4 {
		wg.Go(func() {
			for i := range 5 {
				body := strings.Replace(observation("oa", "pa"), "{", fmt.Sprintf(`{"language":"x-%d-%d",`, w, i), 1)
				req, _ := http.NewRequest("PUT", s.url+"/Observation/oa", strings.NewReader(body))
				req.Header.Set("Authorization", "Bearer "+doctorA)
				req.Header.Set("Content-Type", "application/fhir+json")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					continue
				}
				resp.Body.Close()
				if resp.StatusCode == 200 {
					mu.Lock()
					kept++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	r := s.do(anybody, "GET", "/Observation/oa", "").is(200)
	if want := fmt.Sprintf(`W/"%d"`, kept+1); kept != 20 || r.header.Get("ETag") != want {
		t.Errorf("%d of 20 kept, version %s", kept, r.header.Get("ETag"))
	}
}

// hide keeps observations of station B's patient, and patients of station B, that name them in every form but the plain one; and
// what is about a person whom nothing names.
func hide(s *service) {
	for name, form := range map[string]func(plain string) string{
		"own":        func(plain string) string { return `{"reference":"` + s.url + "/" + plain + `"}` },
		"foreign":    func(plain string) string { return `{"reference":"https://other.example/fhir/` + plain + `"}` },
		"contained":  func(string) string { return `{"reference":"#pa"}` },
		"identifier": func(string) string { return `{"type":"Patient","identifier":{"value":"1"}}` },
		"display":    func(string) string { return `{"display":"An Binh"}` },
		"empty":      func(string) string { return `{}` },
	} {
		s.put("Observation", "h-"+name, unassigned("h-"+name, form("Patient/b0-0")))
		s.put("Patient", "h-"+name, `{"resourceType":"Patient","id":"h-`+name+`","name":[{"text":"An Binh","family":"Binh"}],"managingOrganization":`+form(stationB)+`}`)
		s.put("Observation", "hp-"+name, observation("hp-"+name, "h-"+name))
	}
	s.put("Observation", "h-none", `{"resourceType":"Observation","id":"h-none","status":"final"}`)
	s.put("Observation", "h-never", observation("h-never", "never"))
	s.put("Task", "h", `{"resourceType":"Task","id":"h","status":"draft"}`)
	s.put("Binary", "h", `{"resourceType":"Binary","id":"h"}`)
}

// TestTwoWorlds: two stores that differ only in what doctor A may not see answer every question alike, byte for byte but for
// times and sealed links.
func TestTwoWorlds(t *testing.T) {
	build := func(others int) *service {
		s := start(t)
		for i := range 6 {
			id := fmt.Sprintf("a%d", i)
			s.put("Patient", id, patient(id, "An", stationA))
			s.put("Observation", "o"+id, observation("o"+id, id))
			for k := range others {
				id := fmt.Sprintf("b%d-%d", i, k)
				s.put("Patient", id, patient(id, "An Binh", stationB))
				s.put("Observation", "o"+id, observation("o"+id, id))
			}
		}
		if others > 0 {
			hide(s)
		}
		return s
	}
	one, two := build(0), build(3)
	moving := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z|_page=[\w-]+`)
	seen := func(s *service, path string) string {
		r := s.do(doctorA, "GET", path, "")
		return fmt.Sprint(r.status, " ") + moving.ReplaceAllString(strings.ReplaceAll(string(r.body), s.url, ""), "*")
	}
	for _, path := range []string{
		"/Patient", "/Patient?_total=accurate", "/Patient?_count=0&_total=accurate", "/Patient?name=an&_count=2", "/Patient?name=binh",
		"/Patient?name:contains=inh&_total=accurate", "/Patient?_sort=-name&_count=3", "/Patient?_sort=_lastUpdated", "/Patient?organization=" + stationB,
		"/Patient?organization:missing=true", "/Patient?_id=b0-0,a1", "/Patient?_revinclude=Observation:subject", "/Patient?name:not=an",
		"/Observation?_include=Observation:subject", "/Observation?subject=Patient/b0-0", "/Observation?patient=b1-1&_total=accurate",
		"/Observation?code=85354-9&_count=1", "/Observation?date=ge2026&_sort=-date&_total=accurate", "/Observation?subject:missing=false&_count=0",
		"/Observation?_total=estimate&_count=0", "/Patient?_total=estimate&_count=0", "/Task?_total=accurate", "/Binary",
		"/Observation/h-own", "/Observation/h-display/_history", "/Patient/h-foreign", "/Patient/h-display/_history/1", "/Task/h",
		"/Observation/ob0-0", "/Patient/b0-0/_history", "/Patient/b0-0/_history/1", "/Practitioner", "/Observation?subject=b0-0",
		"/?_type=Patient,Observation&_total=accurate", "/?_count=3&_total=accurate", "/?_sort=-_lastUpdated&_count=4", "/?_type=Observation&patient.name=binh",
		"/Patient/b0-0/*", "/Patient/b0-0/Observation?_total=accurate", "/Patient/b0-0/Patient", "/Patient/a0/*", "/Practitioner/x/Observation", "/?_id=b0-0,a1",
		"/?_type=Patient&_has:Observation:patient:code=85354-9&_total=accurate", "/Patient?_summary=true&name=binh", "/?_type=Patient,Observation&_summary=count",
		"/Observation?patient.name=binh", "/Observation?subject:Patient.organization=" + stationB, "/Patient?_has:Observation:patient:code=85354-9",
		"/Patient?_has:Observation:patient:_id=ob0-0&_total=accurate", "/Observation?patient._has:Observation:patient:date=2026&_sort=-date&_count=2",
		"/Practitioner?_has:Observation:performer:patient.name=an", "/Patient?_revinclude=*&_include:iterate=*", "/Observation?patient.name:missing=false&_total=accurate",
	} {
		if diff := cmp.Diff(seen(one, path), seen(two, path)); diff != "" {
			t.Errorf("%s tells what is out of reach:\n%s", path, diff)
		}
	}
}
