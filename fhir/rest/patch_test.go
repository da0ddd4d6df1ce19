package rest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const asJSONPatch = "Content-Type: application/json-patch+json"

// replaceFamily is the same change as a JSON Patch and as a FHIRPath Patch.
func replaceFamily(to string) (jsonPatch, pathPatch string) {
	return fmt.Sprintf(`[{"op":"replace","path":"/name/0/family","value":%q}]`, to),
		fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.name[0].family"},{"name":"value","valueString":%q}]}]}`, to)
}

func family(r *reply) string { return r.root.Get("name").At(0).Get("family").String() }

func TestPatch(t *testing.T) {
	s := start(t, validating)
	s.put("Patient", "p", known("p", "1", "An", stationA))
	first, second := replaceFamily("Binh")
	r := s.do(anybody, "PATCH", "/Patient/p", first, asJSONPatch).is(200)
	if family(r) != "Binh" || r.header.Get("ETag") != `W/"2"` || !strings.HasSuffix(r.header.Get("Location"), "/Patient/p/_history/2") {
		t.Errorf("%s %s %s", r.header.Get("ETag"), r.header.Get("Location"), r.body)
	}
	if r := s.do(anybody, "PATCH", "/Patient/p", second).is(200); r.header.Get("ETag") != `W/"2"` {
		t.Errorf("what changes nothing made %s", r.header.Get("ETag"))
	}
	_, chi := replaceFamily("Chi")
	s.do(anybody, "PATCH", "/Patient/p", chi, `If-Match: W/"1"`).refused(412, "conflict", "")
	s.do(anybody, "PATCH", "/Patient/p", chi, `If-Match: W/"1", W/"9"`).refused(412, "conflict", "")
	s.do(anybody, "PATCH", "/Patient/p", chi, `If-Match: W/"2"`).is(200)
	r = s.do(anybody, "PATCH", "/Patient?"+key, first, asJSONPatch, "Prefer: return=minimal").is(200)
	if r.header.Get("ETag") != `W/"4"` || len(r.body) > 0 {
		t.Errorf("%s %s", r.header.Get("ETag"), r.body)
	}

	t.Run("refused", func(t *testing.T) {
		s.in(t)
		for _, tt := range []struct {
			name, path, body, header string
			status                   int
			code, at                 string
		}{
			{"nobody", "/Patient/none", first, asJSONPatch, 404, "not-found", ""},
			{"nobody by search", "/Patient?identifier=urn:x|none", first, asJSONPatch, 404, "not-found", ""},
			{"without a condition", "/Patient", first, asJSONPatch, 400, "invalid", ""},
			{"a failing test", "/Patient/p", `[{"op":"test","path":"/active","value":true}]`, asJSONPatch, 400, "invalid", "[0].path"},
			{"a failing test of what is there", "/Patient/p", `[{"op":"test","path":"/id","value":"x"}]`, asJSONPatch, 412, "conflict", "[0]"},
			{"no patch", "/Patient/p", `{"resourceType":"Patient"}`, "X: y", 400, "invalid", "Patient.resourceType"},
			{"another form", "/Patient/p", `<diff/>`, "Content-Type: application/xml-patch+xml", 415, "not-supported", ""},
			{"another id", "/Patient/p", `[{"op":"replace","path":"/id","value":"x"}]`, asJSONPatch, 400, "invalid", "Patient.id"},
			{"what is not valid", "/Patient/p", `[{"op":"add","path":"/gender","value":"M"}]`, asJSONPatch, 400, "code-invalid", "Patient.gender"},
			{"an empty array", "/Patient/p", `[{"op":"remove","path":"/name/0"}]`, asJSONPatch, 400, "invalid", "Patient.name"},
			{"too large", "/Patient/p", `[{"op":"add","path":"/name/-","value":{"text":"` + strings.Repeat("x", 600_000) + `"}},{"op":"copy","from":"/name/1","path":"/name/-"}]`, asJSONPatch, 413, "too-long", ""},
		} {
			r := s.do(anybody, "PATCH", tt.path, tt.body, tt.header)
			if r.status != tt.status || len(r.found()) == 0 || (tt.name != "an empty array" && r.found()[0] != tt.code+" "+tt.at) {
				t.Errorf("%s: %d %v, want %d %s %s", tt.name, r.status, r.found(), tt.status, tt.code, tt.at)
			}
		}
		if r := s.do(anybody, "GET", "/Patient/p", "").is(200); r.header.Get("ETag") != `W/"4"` {
			t.Errorf("something was written: %s", r.body)
		}
		s.do(anybody, "POST", "/Patient", known("", "1", "Twin", stationA)).is(201)
		s.do(anybody, "PATCH", "/Patient?"+key, first, asJSONPatch).refused(412, "conflict", "", "More than one")
		s.do(anybody, "DELETE", "/Patient/p", "").is(204)
		s.do(anybody, "PATCH", "/Patient/p", first, asJSONPatch).refused(410, "deleted", "")
	})
	t.Run("a refusal that tells what is there is in the audit trail", func(t *testing.T) {
		s := start(t)
		s.put("Patient", "p", known("p", "1", "An", stationA))
		s.seen()
		s.do(anybody, "PATCH", "/Patient/p", `[{"op":"test","path":"/id","value":"x"}]`, asJSONPatch).is(412)
		s.do(anybody, "PATCH", "/Patient/p", `[{"op":"test","path":"/active","value":true}]`, asJSONPatch).is(400)
		s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "An", stationA), `If-None-Match: *`).is(412)
		var told []string
		for _, e := range s.seen() {
			told = append(told, e.Interaction+" "+e.Type+"/"+e.ID+" "+string(e.Outcome))
		}
		want := []string{"patch Patient/p " + string(fault.Precondition), "patch Patient/p " + string(fault.Invalid), "update Patient/ " + string(fault.Precondition)}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error("(-want +got)\n" + diff)
		}
	})
	t.Run("reading is needed too", func(t *testing.T) {
		s.in(t)
		blind := func(o *rest.Options) { o.Authorize = only(rest.Update, rest.Search) }
		s := start(t, blind)
		s.do(anybody, "PATCH", "/Patient/p", first, asJSONPatch).refused(403, "forbidden", "", "read")
	})
}

func TestPatchInBundles(t *testing.T) {
	jsonPatch, pathPatch := replaceFamily("Binh")
	binary := `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(jsonPatch)) + `"}`
	for _, kind := range []string{"batch", "transaction"} {
		for name, body := range map[string]string{"FHIRPath Patch": pathPatch, "JSON Patch": binary} {
			t.Run(kind+" "+name, func(t *testing.T) {
				s := start(t, validating)
				s.put("Patient", "p", known("p", "1", "An", stationA))
				r := s.do(anybody, "POST", "/", bundleOf(kind, entryOf("", "PATCH", "Patient/p", body, `"ifMatch":"W/\"1\""`), entryOf("", "GET", "Patient/p", ""))).is(200)
				if diff := cmp.Diff([]string{"200 OK", "200 OK"}, statuses(r)); diff != "" || !strings.Contains(string(r.body), "Binh") {
					t.Errorf("%s %s", diff, r.body)
				}
				s.do(anybody, "POST", "/", bundleOf(kind, entryOf("", "PATCH", "Patient?"+key, body))).is(200)
			})
		}
	}
	t.Run("references between entries", func(t *testing.T) {
		s := start(t, validating)
		s.put("Observation", "o", observation("o", "x"))
		refer := `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Observation.subject"},{"name":"value","valueReference":{"reference":"` + urnPatient + `"}}]}]}`
		r := s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "PATCH", "Observation/o", refer), entryOf(urnPatient, "POST", "Patient", known("", "1", "An", stationA)))).is(200)
		subject := s.do(anybody, "GET", "/Observation/o", "").is(200).root.Get("subject").Get("reference").String()
		if subject == "" || !strings.Contains(r.located(s, 1), subject+"/") {
			t.Errorf("%s refers to %s", r.located(s, 1), subject)
		}
	})
	t.Run("refused", func(t *testing.T) {
		s := start(t, validating)
		s.put("Patient", "p", known("p", "1", "An", stationA))
		for body, at := range map[string]string{
			`{"resourceType":"Binary","contentType":"text/plain","data":"W10="}`:                 "Bundle.entry[0].resource.contentType",
			`{"resourceType":"Binary","contentType":"application/json-patch+json","data":"###"}`: "Bundle.entry[0].resource.data",
			strings.Replace(pathPatch, "Patient.name[0]", "Patient.name[", 1):                    "Bundle.entry[0].resource.parameter[0]",
		} {
			s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "PATCH", "Patient/p", body))).refused(400, "invalid", at)
		}
		two := bundleOf("transaction", entryOf("", "PATCH", "Patient/p", pathPatch), entryOf("", "PUT", "Patient/p", known("p", "1", "X", stationA)))
		s.do(anybody, "POST", "/", two).refused(400, "invalid", "Bundle.entry[1].request.url", "same resource")
	})
}

// TestPatchIsConfined: what is out of reach is patched like what is not there, and nothing is patched into or out of reach.
func TestPatchIsConfined(t *testing.T) {
	s := start(t)
	populate(s)
	move := func(to string) string {
		return fmt.Sprintf(`[{"op":"replace","path":"/subject/reference","value":%q}]`, to)
	}
	status := `[{"op":"replace","path":"/status","value":"amended"}]`
	hidden, absent := s.do(doctorA, "PATCH", "/Observation/ob", status, asJSONPatch).is(404), s.do(doctorA, "PATCH", "/Observation/none", status, asJSONPatch).is(404)
	if diff := cmp.Diff(string(absent.body), string(hidden.body)); diff != "" {
		t.Error(diff)
	}
	guess := `[{"op":"test","path":"/status","value":"final"}]`
	if a, b := s.do(doctorA, "PATCH", "/Observation/ob", guess, asJSONPatch), s.do(doctorA, "PATCH", "/Observation/gone-b", guess, asJSONPatch); a.status != 404 || b.status != 404 {
		t.Errorf("a test told of what is hidden: %d %d", a.status, b.status)
	}
	s.do(doctorA, "PATCH", "/Observation?_id=ob", status, asJSONPatch).refused(404, "not-found", "")
	s.do(doctorA, "PATCH", "/Observation/oa", move("Patient/pb"), asJSONPatch).refused(403, "forbidden", "")
	s.do(doctorA, "PATCH", "/Observation/oa", `[{"op":"remove","path":"/subject"}]`, asJSONPatch).refused(403, "forbidden", "")
	s.do(doctorA, "PATCH", "/Patient/pa", fmt.Sprintf(`[{"op":"replace","path":"/managingOrganization/reference","value":%q}]`, stationB), asJSONPatch).refused(403, "forbidden", "Patient.managingOrganization")
	s.do(doctorA, "PATCH", "/Observation/oa", status, asJSONPatch).is(200)
	for _, path := range []string{"/Observation/ob", "/Patient/pa", "/Patient/pb"} {
		if r := s.do(anybody, "GET", path, "").is(200); r.header.Get("ETag") != `W/"1"` {
			t.Errorf("%s was changed", path)
		}
	}
}

// TestPatchDoesNotLoseUpdates: a patch is applied to what is there when it is committed.
func TestPatchDoesNotLoseUpdates(t *testing.T) {
	m := &meddler{ref: "Patient/p"}
	s := start(t, func(o *rest.Options) { m.Store, o.Store = o.Store, m })
	s.put("Patient", "p", known("p", "1", "An", stationA))
	m.meddle = func() {
		body := strings.Replace(known("p", "1", "An", stationA), `"Patient",`, `"Patient","active":true,`, 1)
		if _, err := s.db.Commit(context.Background(), store.Transaction{Author: "system", Changes: []store.Change{{Method: store.Put, Type: "Patient", ID: "p", Body: []byte(body)}}}); err != nil {
			t.Error(err)
		}
	}
	patch, _ := replaceFamily("Binh")
	r := s.do(anybody, "PATCH", "/Patient/p", patch, asJSONPatch).is(200)
	if active, _ := r.root.Get("active").Bool(); !active || family(r) != "Binh" || r.header.Get("ETag") != `W/"3"` {
		t.Errorf("%s", r.body)
	}
}
