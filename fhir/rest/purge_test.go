package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
)

const purgePA = "/Patient/pa/$purge"

func confirm(reference string) string {
	return given(fmt.Sprintf(`{"name":"confirm","valueString":%q}`, reference))
}

func TestPurge(t *testing.T) {
	s := start(t)
	populate(s)
	s.put("Patient", "pa", patient("pa", "Tuyết", stationA))
	s.seen()
	r := s.do(anybody, "POST", purgePA, confirm("Patient/pa")).is(200)
	for name, want := range map[string]string{"resources": "3", "versions": "4", "kept": "0"} {
		if diff := cmp.Diff([]string{want}, r.out(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	want := []rest.Event{{Author: "Device/client-root", Interaction: "$purge", Type: "Patient", ID: "pa", Resources: []string{"Patient/pa"}, Count: 1}}
	events := s.seen()
	for i := range events {
		want[0].Time = events[i].Time
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"/Patient/pa", "/Observation/oa", "/Observation/gone-a", "/Patient/pa/$everything", "/Patient/pa/_history/1", "/Observation/oa/_history/1", "/Patient/pa/_history/3"} {
		s.do(anybody, "GET", path, "").refused(410, "deleted", "")
		s.do(doctorA, "GET", path, "").is(404)
	}
	for _, path := range []string{"/Patient/pa/_history", "/Patient/_history?_count=100", "/_history?_count=100"} {
		body := string(s.do(anybody, "GET", path, "").is(200).body)
		if strings.Contains(body, "Tuyết") || strings.Contains(body, stationA) {
			t.Errorf("%s still shows what was erased", path)
		}
		if strings.Count(body, "has been erased") < 2 {
			t.Errorf("%s does not say what was erased: %s", path, body)
		}
	}
	s.do(doctorA, "GET", "/Patient/pa/_history", "").is(404)
	if got := s.do(doctorA, "GET", "/_history?_count=100", "").is(200).entries(); len(got) > 1 {
		t.Errorf("a doctor sees %v", got)
	}
	if got := s.do(anybody, "GET", "/Patient?name=tuyet", "").is(200).entries(); got != nil {
		t.Errorf("found %v", got)
	}
	// What is not the patient's is as it was.
	s.do(anybody, "GET", "/Observation/ob", "").is(200)
	if diff := cmp.Diff([]string{"0"}, s.do(anybody, "POST", purgePA, confirm("Patient/pa")).is(200).out("resources")); diff != "" {
		t.Error(diff)
	}
	findings, err := s.db.Verify(t.Context(), nil)
	if err != nil || len(findings) > 0 {
		t.Errorf("%v %v", findings, err)
	}
}

// TestPurgeConfined: who is confined learns nothing and erases nothing, and without the right of its own nobody does.
func TestPurgeConfined(t *testing.T) {
	s := start(t)
	populate(s)
	own := s.do(doctorA, "POST", purgePA, confirm("Patient/pa")).refused(403, "forbidden", "")
	for _, path := range []string{"/Patient/pb/$purge", "/Patient/none/$purge"} {
		if diff := cmp.Diff(string(own.body), string(s.do(doctorA, "POST", path, confirm("Patient/pa")).is(403).body)); diff != "" {
			t.Error(diff)
		}
	}
	s.do(reader, "POST", purgePA, confirm("Patient/pa")).refused(403, "forbidden", "", "purge")
	s.do(nobody, "POST", purgePA, confirm("Patient/pa")).refused(401, "login", "")
	s.do(anybody, "GET", "/Patient/pa", "").is(200)
	for _, e := range s.seen() {
		if e.Interaction == "$purge" && e.Outcome != "forbidden" {
			t.Errorf("told the audit trail: %+v", e)
		}
	}
}

func TestPurgeRefused(t *testing.T) {
	s := start(t)
	populate(s)
	s.do(anybody, "POST", purgePA, "").refused(400, "invalid", "confirm", "Patient/pa")
	s.do(anybody, "POST", purgePA, confirm("Patient/pb")).refused(400, "invalid", "confirm")
	s.do(anybody, "POST", purgePA, given(`{"name":"force","valueBoolean":true}`)).refused(400, "invalid", "force")
	s.do(anybody, "POST", "/Patient/none/$purge", confirm("Patient/none")).refused(404, "not-found", "")
	s.do(anybody, "GET", purgePA, "").is(405)
	s.do(anybody, "POST", "/Observation/oa/$purge", confirm("Observation/oa")).is(404)
	entry := `{"request":{"method":"POST","url":"Patient/pa/$purge"},"resource":` + confirm("Patient/pa") + `}`
	s.do(anybody, "POST", "/", bundleOf("transaction", entry)).refused(400, "not-supported", "Bundle.entry[0].request")
	s.do(anybody, "GET", "/Patient/pa", "").is(200)
}
