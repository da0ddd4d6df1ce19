package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func bundleOf(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func entryOf(fullURL, method, url, resource string, more ...string) string {
	e := `{`
	if fullURL != "" {
		e += `"fullUrl":"` + fullURL + `",`
	}
	if resource != "" {
		e += `"resource":` + resource + `,`
	}
	return e + `"request":{` + strings.Join(append(more, fmt.Sprintf(`"method":%q,"url":%q`, method, url)), ",") + `}}`
}

const (
	urnPatient   = "urn:uuid:11111111-1111-4111-8111-111111111111"
	urnEncounter = "urn:uuid:22222222-2222-4222-8222-222222222222"
	urnReading   = "urn:uuid:33333333-3333-4333-8333-333333333333"
)

// visit is a patient, an encounter and a reading that point to one another.
func visit() []string {
	return []string{
		entryOf(urnReading, "POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"BP"},"subject":{"reference":"`+urnPatient+`"},"encounter":{"reference":"`+urnEncounter+`"},"valueQuantity":{"value":6.30}}`),
		entryOf(urnEncounter, "POST", "Encounter", `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"`+urnPatient+`","display":"`+urnPatient+`"}}`),
		entryOf(urnPatient, "POST", "Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:ietf:rfc:3986","value":"`+urnPatient+`"}]}`),
	}
}

func statuses(r *reply) (list []string) {
	for _, e := range r.root.Get("entry").Items() {
		list = append(list, e.Get("response").Get("status").String())
	}
	return list
}

// located is the address, below the base, that entry i of a response says.
func (r *reply) located(s *service, i int) string {
	return strings.TrimPrefix(r.root.Get("entry").At(i).Get("response").Get("location").String(), s.url)
}

func TestTransaction(t *testing.T) {
	s := start(t)
	t.Run("references between entries", func(t *testing.T) {
		s.in(t)
		r := s.do(anybody, "POST", "", bundleOf("transaction", visit()...)).is(200)
		if diff := cmp.Diff([]string{"201 Created", "201 Created", "201 Created"}, statuses(r)); diff != "" || !r.root.Get("type").IsString("transaction-response") {
			t.Fatalf("%s\n%s", diff, r.body)
		}
		observed := s.do(anybody, "GET", r.located(s, 0), "").is(200)
		encounter := s.do(anybody, "GET", r.located(s, 1), "").is(200)
		person := s.do(anybody, "GET", r.located(s, 2), "").is(200)
		if got := observed.root.Get("subject").Get("reference").String(); got != "Patient/"+person.id() {
			t.Errorf("subject %q", got)
		}
		if got := observed.root.Get("encounter").Get("reference").String(); got != "Encounter/"+encounter.id() {
			t.Errorf("encounter %q", got)
		}
		if !encounter.root.Get("subject").Get("display").IsString(urnPatient) || !person.root.Get("identifier").At(0).Get("value").IsString(urnPatient) {
			t.Error("more than references was rewritten")
		}
		if !strings.Contains(string(observed.body), `"value":6.30`) {
			t.Errorf("decimal text changed: %s", observed.body)
		}
		found := s.do(anybody, "GET", "/Observation?subject=Patient/"+person.id(), "").is(200)
		if diff := cmp.Diff([]string{"Observation/" + observed.id()}, found.entries()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("addresses as fullUrl", func(t *testing.T) {
		s.in(t)
		r := s.do(anybody, "POST", "", bundleOf("transaction",
			entryOf("https://other.example/fhir/Patient/77", "POST", "Patient", `{"resourceType":"Patient"}`),
			entryOf("https://other.example/fhir/Observation/78", "POST", "Observation", `{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/77"},"focus":[{"reference":"https://other.example/fhir/Patient/77"}],"performer":[{"reference":"Practitioner/5"}]}`),
		)).is(200)
		person := s.do(anybody, "GET", r.located(s, 0), "").is(200)
		o := s.do(anybody, "GET", r.located(s, 1), "").is(200).root
		want := "Patient/" + person.id()
		if !o.Get("subject").Get("reference").IsString(want) || !o.Get("focus").At(0).Get("reference").IsString(want) || !o.Get("performer").At(0).Get("reference").IsString("Practitioner/5") {
			t.Errorf("%s", o.Bytes())
		}
	})
	t.Run("links that are no references", func(t *testing.T) {
		s.in(t)
		const urnFile, urnSet = "urn:uuid:44444444-4444-4444-8444-444444444444", "urn:uuid:55555555-5555-4555-8555-555555555555"
		doc := `{"resourceType":"DocumentReference","status":"current","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"` + urnFile + `\">x</a> <img src='` + urnFile + `'/> ` + urnFile + `</div>"},"content":[{"attachment":{"url":"` + urnFile + `","title":"` + urnFile + `"}}]}`
		r := s.do(anybody, "POST", "", bundleOf("transaction",
			entryOf("", "POST", "DocumentReference", doc),
			entryOf(urnFile, "POST", "Binary", `{"resourceType":"Binary","contentType":"text/plain"}`),
			entryOf(urnSet, "POST", "ValueSet", `{"resourceType":"ValueSet","status":"draft","url":"`+urnSet+`"}`),
		)).is(200)
		file := "Binary/" + s.do(anybody, "GET", r.located(s, 1), "").is(200).id()
		want := strings.NewReplacer(`"`+urnFile+`","title`, `"`+file+`","title`, `href=\"`+urnFile, `href=\"`+file, `src='`+urnFile, `src='`+file).Replace(doc)
		got := s.do(anybody, "GET", r.located(s, 0), "").is(200)
		if !strings.HasSuffix(string(got.body), strings.TrimPrefix(want, `{"resourceType":"DocumentReference"`)) {
			t.Errorf("\n got %s\nwant %s", got.body, want)
		}
		if set := s.do(anybody, "GET", r.located(s, 2), "").is(200); !set.root.Get("url").IsString(urnSet) {
			t.Errorf("a canonical url was rewritten: %s", set.body)
		}
	})
	t.Run("every method, in the order of the specification", func(t *testing.T) {
		s.in(t)
		s.put("Patient", "old", patient("old", "Old", stationA))
		s.put("Patient", "kept", patient("kept", "Before", stationA))
		r := s.do(anybody, "POST", "", bundleOf("transaction",
			entryOf("", "GET", "Patient/kept", ""),
			entryOf("", "GET", "Patient?_id=old,kept", ""),
			entryOf("", "PUT", s.url+"/Patient/kept", patient("kept", "After", stationA), `"ifMatch":"W/\"1\""`),
			entryOf("", "POST", "Patient", patient("x", "New", stationA)),
			entryOf("", "DELETE", "Patient/old", ""),
			entryOf("", "DELETE", "Patient/never", ""),
		)).is(200)
		if diff := cmp.Diff([]string{"200 OK", "200 OK", "200 OK", "201 Created", "204 No Content", "204 No Content"}, statuses(r)); diff != "" {
			t.Fatalf("%s\n%s", diff, r.body)
		}
		read := r.root.Get("entry").At(0).Get("resource")
		if !read.Get("name").At(0).Get("text").IsString("After") {
			t.Errorf("a read in a transaction sees what it wrote: %s", read.Bytes())
		}
		if n := r.root.Get("entry").At(1).Get("resource").Get("entry").Len(); n != 1 {
			t.Errorf("the search found %d", n)
		}
		if r.root.Get("entry").At(3).Get("resource") != nil {
			t.Error("written resources come back only when asked for")
		}
	})
	t.Run("return=representation", func(t *testing.T) {
		s.in(t)
		r := s.do(anybody, "POST", "", bundleOf("transaction", visit()...), "Prefer: return=representation").is(200)
		if !r.root.Get("entry").At(2).Get("resource").Get("resourceType").IsString("Patient") {
			t.Errorf("%s", r.body)
		}
	})
	t.Run("conditional create", func(t *testing.T) {
		s.in(t)
		person := entryOf(urnPatient, "POST", "Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}]}`, `"ifNoneExist":"identifier=urn:x|1"`)
		reading := entryOf(urnReading, "POST", "Observation", `{"resourceType":"Observation","status":"final","subject":{"reference":"`+urnPatient+`"}}`)
		first := s.do(anybody, "POST", "", bundleOf("transaction", person, reading)).is(200)
		second := s.do(anybody, "POST", "", bundleOf("transaction", person, reading)).is(200)
		if diff := cmp.Diff([]string{"200 OK", "201 Created"}, statuses(second)); diff != "" {
			t.Fatalf("%s\n%s", diff, second.body)
		}
		o := s.do(anybody, "GET", second.located(s, 1), "").is(200)
		if want := strings.TrimPrefix(strings.TrimSuffix(first.located(s, 0), "/_history/1"), "/"); !o.root.Get("subject").Get("reference").IsString(want) {
			t.Errorf("%s does not point to %s", o.body, want)
		}
	})
	t.Run("empty", func(t *testing.T) {
		s.in(t)
		s.do(anybody, "POST", "/", `{"resourceType":"Bundle","type":"transaction"}`).is(200)
	})
}

// TestTransactionFails: whatever entry fails, nothing at all is kept, and the outcome says which entry.
func TestTransactionFails(t *testing.T) {
	s := start(t)
	s.put("Patient", "there", patient("there", "There", stationA))
	count := func() string {
		return s.do(anybody, "GET", "/Patient?_total=accurate&_count=0", "").is(200).root.Get("total").String() +
			s.do(anybody, "GET", "/Observation?_total=accurate&_count=0", "").is(200).root.Get("total").String()
	}
	before := count()
	good := entryOf("", "POST", "Patient", `{"resourceType":"Patient"}`)
	for _, tt := range []struct {
		name, bad        string
		status           int
		code, expression string
	}{
		{"stale If-Match", entryOf("", "PUT", "Patient/there", patient("there", "X", stationA), `"ifMatch":"W/\"9\""`), 412, "conflict", "Bundle.entry[1]"},
		{"exists already", entryOf("", "PUT", "Patient/there", patient("there", "X", stationA), `"ifNoneMatch":"*"`), 412, "conflict", "Bundle.entry[1]"},
		{"wrong id", entryOf("", "PUT", "Patient/a", patient("b", "X", stationA)), 400, "invalid", "Bundle.entry[1].resource.id"},
		{"no resource", entryOf("", "POST", "Patient", ""), 400, "invalid", "Bundle.entry[1].resource"},
		{"bad resource", entryOf("", "POST", "Patient", `{"resourceType":"Patiant"}`), 400, "invalid", "Bundle.entry[1].resource.resourceType"},
		{"wrong type", entryOf("", "POST", "Observation", `{"resourceType":"Patient"}`), 400, "invalid", "Bundle.entry[1].resource.resourceType"},
		{"no request", `{"resource":{"resourceType":"Patient"}}`, 400, "invalid", "Bundle.entry[1].request"},
		{"request without url", `{"request":{"method":"GET"}}`, 400, "invalid", "Bundle.entry[1].request"},
		{"null entry", `null`, 400, "invalid", "Bundle.entry[1].request"},
		{"unknown method", entryOf("", "COPY", "Patient/there", ""), 400, "invalid", "Bundle.entry[1].request.method"},
		{"PATCH of nothing", entryOf("", "PATCH", "Patient/there", ""), 400, "invalid", "Bundle.entry[1].resource"},
		{"foreign address", entryOf("", "GET", "https://other.example/fhir/Patient/there", ""), 400, "invalid", "Bundle.entry[1].request.url"},
		{"nowhere", entryOf("", "GET", "a/b/c/d/e", ""), 404, "not-found", "Bundle.entry[1].request.url"},
		{"Bundle in a Bundle", entryOf("", "POST", "/", `{"resourceType":"Bundle","type":"batch"}`), 400, "not-supported", "Bundle.entry[1].request"},
		{"search by POST", entryOf("", "POST", "Patient/_search", ""), 400, "not-supported", "Bundle.entry[1].request"},
		{"unknown type", entryOf("", "GET", "Patiant/1", ""), 404, "not-found", "Bundle.entry[1]"},
		{"read of nothing", entryOf("", "GET", "Patient/none", ""), 404, "not-found", "Bundle.entry[1]"},
		{"unknown search parameter", entryOf("", "GET", "Patient?nmae=x", ""), 400, "invalid", "Bundle.entry[1].request"},
		{"reference to no entry", entryOf("", "POST", "Observation", `{"resourceType":"Observation","subject":{"reference":"`+urnPatient+`"}}`), 400, "invalid", "Bundle.entry[1].resource.subject.reference"},
		{"reference by search", entryOf("", "POST", "Observation", `{"resourceType":"Observation","subject":{"reference":"Patient?identifier=1"}}`), 412, "conflict", "Bundle.entry[1].resource.subject.reference"},
		{"twice the same resource", entryOf("", "PUT", "Patient/there", patient("there", "X", stationA)) + "," + entryOf("", "DELETE", "Patient/there", ""), 400, "invalid", "Bundle.entry[1].request.url"},
		{"twice the same fullUrl", entryOf(urnPatient, "POST", "Patient", `{"resourceType":"Patient"}`) + "," + entryOf(urnPatient, "POST", "Patient", `{"resourceType":"Patient"}`), 400, "invalid", "Bundle.entry[2].fullUrl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			r := s.do(anybody, "POST", "", bundleOf("transaction", good, tt.bad)).refused(tt.status, tt.code, tt.expression)
			if after := count(); after != before {
				t.Errorf("a part was kept: %s, was %s\n%s", after, before, r.body)
			}
		})
	}
	s.do(reader, "POST", "", bundleOf("transaction", entryOf("", "GET", "Patient/there", ""), good)).refused(403, "forbidden", "Bundle.entry[1]", "create")
}

func TestBatch(t *testing.T) {
	s := start(t)
	s.put("Patient", "there", patient("there", "There", stationA))
	r := s.do(anybody, "POST", "/", bundleOf("batch",
		entryOf("", "GET", "Patient/none", ""),
		entryOf("", "PUT", "Patient/p1", patient("p1", "A", stationA)),
		entryOf("", "PUT", "Patient/there", patient("there", "X", stationA), `"ifMatch":"W/\"9\""`),
		entryOf("", "POST", "Patient", `{"resourceType":"Observation"}`),
		entryOf("", "GET", "Patient/there", ""),
		entryOf("", "GET", "Patient?_id=p1", ""),
		entryOf("", "DELETE", "Patient/never", ""),
		entryOf(urnPatient, "POST", "Patient", `{"resourceType":"Patient"}`),
		entryOf("", "POST", "Observation", `{"resourceType":"Observation","subject":{"reference":"`+urnPatient+`"}}`),
		`{"resource":{}}`,
		entryOf("", "GET", "Patient/there/_history/1", ""),
	)).is(200)
	want := []string{"404 Not Found", "201 Created", "412 Precondition Failed", "400 Bad Request", "200 OK", "200 OK", "204 No Content", "201 Created", "400 Bad Request", "400 Bad Request", "200 OK"}
	if diff := cmp.Diff(want, statuses(r)); diff != "" {
		t.Fatalf("%s\n%s", diff, r.body)
	}
	outcome := r.root.Get("entry").At(3).Get("response").Get("outcome").Get("issue").At(0)
	if !outcome.Get("expression").At(0).IsString("Bundle.entry[3].resource.resourceType") {
		t.Errorf("%s", outcome.Bytes())
	}
	s.do(anybody, "GET", "/Patient/p1", "").is(200)
	if !s.do(anybody, "GET", "/Patient/there", "").root.Get("name").At(0).Get("text").IsString("There") {
		t.Error("a refused entry was kept")
	}
}

func TestTooManyEntries(t *testing.T) {
	s := start(t)
	one := entryOf("", "GET", "Patient/none", "")
	many := strings.Repeat(one+",", 5000) + one
	s.do(anybody, "POST", "/", bundleOf("batch", many)).refused(413, "too-long", "Bundle.entry", "5001", "5000")
}
