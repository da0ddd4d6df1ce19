package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"khamxa/fhir/bulk"
)

// bulkStory: a program takes everything that it may see, and sends something, in bulk; the trail says so.
func bulkStory(t *testing.T, s *live, all *liveCaller) {
	const async = "Prefer: respond-async"
	finished := func(t *testing.T, c *liveCaller, status string) (m bulk.Manifest) {
		t.Helper()
		path := strings.TrimPrefix(status, s.base)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			a := c.get(t, path)
			if a.status == http.StatusAccepted && time.Now().Before(deadline) {
				continue
			}
			if err := json.Unmarshal([]byte(a.body), &m); a.status != http.StatusOK || err != nil {
				t.Fatalf("%s answers %d: %s", path, a.status, clipped(a.body))
			}
			return m
		}
	}
	file := func(t *testing.T, c *liveCaller, m bulk.Manifest, typ string) string {
		t.Helper()
		for _, e := range m.Output {
			if e.Type == typ {
				return c.wants(t, http.StatusOK, "GET", strings.TrimPrefix(e.URL, s.base), "").body
			}
		}
		return ""
	}
	t.Run("what is exported", func(t *testing.T) {
		m := finished(t, all, all.wants(t, http.StatusAccepted, "GET", "/fhir/$export", "", async).header.Get("Content-Location"))
		people := file(t, all, m, "Patient")
		if !strings.Contains(people, hereID) || !strings.Contains(people, thereID) {
			t.Errorf("not everybody is in %s", clipped(people))
		}
		if file(t, all, m, "AuditEvent") != "" {
			t.Error("a wildcard exports the audit trail")
		}
		here := s.newProgram(t, "system/*.rs", hereCommune)
		m = finished(t, here, here.wants(t, http.StatusAccepted, "GET", "/fhir/Patient/$export", "", async).header.Get("Content-Location"))
		for _, typ := range []string{"Patient", "Observation", "EpisodeOfCare"} {
			if lines := file(t, here, m, typ); !strings.Contains(lines, hereID) || strings.Contains(lines, thereID) {
				t.Errorf("a program of one commune gets %s", clipped(lines))
			}
		}
		here.wants(t, http.StatusForbidden, "POST", "/fhir/$import", `{"resourceType":"Basic","id":"x"}`, async, "Content-Type: application/fhir+ndjson")
	})
	t.Run("what is imported", func(t *testing.T) {
		lines := `{"resourceType":"Basic","id":"in-bulk","code":{"text":"x"}}` + "\n" + `{"resourceType":"AuditEvent","id":"forged"}` + "\n"
		a := all.wants(t, http.StatusAccepted, "POST", "/fhir/$import", lines, async, "Content-Type: application/fhir+ndjson")
		m := finished(t, all, a.header.Get("Content-Location"))
		if m.Extension == nil || m.Extension.Kept != 1 || m.Extension.Refused != 1 {
			t.Errorf("%+v", m)
		}
		all.wants(t, http.StatusOK, "GET", "/fhir/Basic/in-bulk", "")
	})
	t.Run("the trail", func(t *testing.T) {
		auditor := s.newProgram(t, "system/AuditEvent.rs")
		for _, kind := range []string{"fhir.$export", "fhir.$export-file", "fhir.$import"} {
			if got := auditor.get(t, "/fhir/AuditEvent?subtype=urn:khamxa:audit%7C"+strings.ReplaceAll(kind, "$", "%24")).ids(t, "AuditEvent"); len(got) == 0 {
				t.Errorf("no %s is in the audit trail", kind)
			}
		}
	})
}
