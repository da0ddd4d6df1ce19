package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/bulk"
)

const ndjson = "Content-Type: application/fhir+ndjson"

func TestImport(t *testing.T) {
	s := withExports(t)
	body := patient("p1", "An", stationA) + "\n{\"resourceType\":\"Patient\"}\n" + observation("o1", "p1") + "\n"
	r := s.do(anybody, "POST", "/$import", body, ndjson, async).is(http.StatusAccepted)
	status := r.header.Get("Content-Location")
	m := s.finished(anybody, status)
	if diff := cmp.Diff(&bulk.Sum{Read: 3, Kept: 2, Refused: 1, Commits: 1}, m.Extension); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, refused := s.fetch(anybody, "GET", m.Error[0].URL)
	if strings.Count(refused, "\n") != 1 || !strings.Contains(refused, "an import keeps ids") {
		t.Errorf("refused: %s", refused)
	}
	if e := s.events[0]; e.Interaction != "$import" || e.Author != "Device/client-root" || e.Outcome != "" {
		t.Errorf("audit trail: %+v", e)
	}
	s.do(anybody, "GET", "/Observation/o1", "").is(200)
	s.do(doctorA, "GET", "/Observation/o1", "").is(200) // its holder is known
	s.do(doctorA, "GET", status, "").refused(404, "not-found", "")
	s.do(anybody, "DELETE", status, "").is(http.StatusAccepted)
	s.do(anybody, "GET", m.Error[0].URL, "").is(404)
}

func TestImportIsRefused(t *testing.T) {
	s := withExports(t)
	line := patient("p1", "An", stationA) + "\n"
	s.do(doctorA, "POST", "/$import", line, ndjson, async).refused(403, "forbidden", "")
	s.do(reader, "POST", "/$import", line, ndjson, async).refused(403, "forbidden", "")
	s.do(nobody, "POST", "/$import", line, ndjson, async).refused(401, "login", "")
	s.do(anybody, "POST", "/$import", line, ndjson).refused(400, "invalid", "Prefer")
	s.do(anybody, "POST", "/$import?url=http://127.0.0.1/x", line, ndjson, async).refused(400, "invalid", "url")
	s.do(anybody, "POST", "/$import", `{"resourceType":"Parameters"}`, async).refused(415, "not-supported", "")
	s.do(anybody, "POST", "/$import", line, ndjson, "Content-Encoding: br", async).refused(415, "not-supported", "")
	s.do(anybody, "GET", "/Patient/p1", "").is(404)
	start(t).do(anybody, "POST", "/$import", line, ndjson, async).is(404)
}
