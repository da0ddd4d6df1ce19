package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"khamxa/fhir/bulk"
	"khamxa/fhir/rest"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// withExports gives a service that exports.
func withExports(t *testing.T, opts ...option) *service {
	t.Helper()
	var jobs *bulk.Jobs
	exports := func(o *rest.Options) {
		db, ok := o.Store.(interface {
			bulk.Exportable
			records.Store
		})
		if !ok {
			t.Fatal("the store cannot be exported")
		}
		var err error
		jobs, err = bulk.OpenJobs(t.Context(), bulk.JobOptions{Store: db, Records: db, Dir: filepath.Join(t.TempDir(), "export"), Rest: -1, Import: bulk.ImportOptions{Store: o.Store}})
		if err != nil {
			t.Fatal(err)
		}
		o.Exports = jobs
	}
	s := start(t, append(opts, exports)...)
	t.Cleanup(func() { // before the store
		if err := jobs.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fetch sends a request and gives the answer with its body, whatever form that has.
func (s *service) fetch(as, method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.url + path
	}
	req, err := http.NewRequest(method, path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+as)
	req.Header.Set("Accept-Encoding", "identity")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

const async = "Prefer: respond-async"

// finished waits for an export and gives its manifest.
func (s *service) finished(as, status string) bulk.Manifest {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		resp, body := s.fetch(as, "GET", status)
		switch {
		case resp.StatusCode == http.StatusOK:
			var m bulk.Manifest
			if err := json.Unmarshal([]byte(body), &m); err != nil {
				s.t.Fatalf("%v: %s", err, body)
			}
			if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Expires") == "" {
				s.t.Errorf("headers %v", resp.Header)
			}
			return m
		case resp.StatusCode != http.StatusAccepted || resp.Header.Get("X-Progress") == "" || resp.Header.Get("Retry-After") == "":
			s.t.Fatalf("status %d %v: %s", resp.StatusCode, resp.Header, body)
		case time.Now().After(deadline):
			s.t.Fatal("the export does not end")
		}
	}
}

// export begins an export and gives the address of its status.
func (s *service) export(as, path string) string {
	s.t.Helper()
	r := s.do(as, "GET", path, "", async).is(http.StatusAccepted)
	status := r.header.Get("Content-Location")
	if !strings.HasPrefix(status, s.url+"/") {
		s.t.Fatalf("Content-Location %q", status)
	}
	return status
}

// lines gives what a manifest's files hold: "Type/id" for each line.
func (s *service) lines(as string, m bulk.Manifest) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, e := range m.Output {
		resp, body := s.fetch(as, "GET", e.URL, "Accept: application/fhir+ndjson")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/fhir+ndjson" {
			s.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		var ids []string
		for line := range strings.Lines(body) {
			var head struct{ ResourceType, ID string }
			if err := json.Unmarshal([]byte(line), &head); err != nil || head.ResourceType != e.Type {
				s.t.Fatalf("%v: %s", err, line)
			}
			ids = append(ids, head.ID)
		}
		if int64(len(ids)) != e.Count {
			s.t.Errorf("%d lines, the manifest says %d", len(ids), e.Count)
		}
		out[e.Type] = strings.Join(ids, " ")
	}
	return out
}

func TestExport(t *testing.T) {
	s := withExports(t)
	populate(s)
	s.put("Group", "g", `{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/pa"}},{"entity":{"reference":"Patient/pb"},"inactive":true}]}`)
	s.put("Group", "none", `{"resourceType":"Group","id":"none","type":"person","actual":true}`)
	for _, c := range []struct {
		name, as, path string
		want           map[string]string
	}{
		{"the system", anybody, "/$export", map[string]string{"Patient": "pa pb", "Observation": "oa ob", "Practitioner": "free", "Group": "g none"}},
		{"types", anybody, "/$export?_type=Patient,Practitioner&_outputFormat=ndjson", map[string]string{"Patient": "pa pb", "Practitioner": "free"}},
		{"patients", anybody, "/Patient/$export?_type=Patient&_type=Observation,Practitioner", map[string]string{"Patient": "pa pb", "Observation": "oa ob"}},
		{"a group", anybody, "/Group/g/$export?_type=Patient,Observation", map[string]string{"Patient": "pa", "Observation": "oa"}},
		{"an empty group", anybody, "/Group/none/$export", map[string]string{}},
		{"a filter", anybody, "/$export?_type=Patient&_typeFilter=Patient%3F_id%3Dpb", map[string]string{"Patient": "pb"}},
		{"in future", anybody, "/$export?_since=2099-01-01T00:00:00%2B07:00", map[string]string{}},
		{"confined", doctorA, "/$export", map[string]string{"Patient": "pa", "Observation": "oa", "Practitioner": "free", "Group": "g"}},
		{"patients, confined", doctorB, "/Patient/$export", map[string]string{"Patient": "pb", "Observation": "ob", "Group": "g"}},
		{"by scope", reader, "/$export", map[string]string{"Patient": "pa pb"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.in(t)
			status := s.export(c.as, c.path)
			m := s.finished(c.as, status)
			if diff := cmp.Diff(c.want, s.lines(c.as, m)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if m.Request != s.url+c.path || !m.RequiresAccessToken || m.Error == nil || m.TransactionTime == "" {
				t.Errorf("manifest %+v", m)
			}
			s.do(c.as, "DELETE", status, "").is(http.StatusAccepted)
			s.do(c.as, "GET", status, "").is(http.StatusNotFound)
		})
	}
}

func TestExportByParameters(t *testing.T) {
	s := withExports(t)
	populate(s)
	body := `{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient,Observation"},{"name":"patient","valueReference":{"reference":"Patient/pb"}}]}`
	r := s.do(anybody, "POST", "/Patient/$export", body, async).is(http.StatusAccepted)
	got := s.lines(anybody, s.finished(anybody, r.header.Get("Content-Location")))
	if diff := cmp.Diff(map[string]string{"Patient": "pb", "Observation": "ob"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	unseen := s.do(doctorA, "POST", "/Patient/$export", body, async).refused(404, "not-found", "patient")
	missing := s.do(doctorA, "POST", "/Patient/$export", strings.ReplaceAll(body, "Patient/pb", "Patient/none"), async).refused(404, "not-found", "patient")
	if string(unseen.body) != string(missing.body) {
		t.Errorf("%s and %s differ", unseen.body, missing.body)
	}
	s.do(anybody, "POST", "/$export", body, async).refused(400, "invalid", "patient")
}

func TestExportSince(t *testing.T) {
	s := withExports(t)
	populate(s)
	m := s.finished(anybody, s.export(anybody, "/$export?_since=2020-01-01T00:00:00Z"))
	if len(m.Deleted) != 1 {
		t.Fatalf("manifest %+v", m)
	}
	_, body := s.fetch(anybody, "GET", m.Deleted[0].URL)
	if want := `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation/gone-b"}},{"request":{"method":"DELETE","url":"Observation/gone-a"}}]}` + "\n"; body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	m = s.finished(doctorA, s.export(doctorA, "/$export?_since=2020-01-01T00:00:00Z"))
	_, body = s.fetch(doctorA, "GET", m.Deleted[0].URL)
	if strings.Contains(body, "gone-b") || !strings.Contains(body, "gone-a") {
		t.Errorf("a confined caller gets %s", body)
	}
	m = s.finished(anybody, s.export(anybody, "/$export?_since="+m.TransactionTime))
	if len(m.Output) > 1 { // what is of this very millisecond comes again
		t.Errorf("manifest %+v", m)
	}
}

func TestExportIsRefused(t *testing.T) {
	s := withExports(t)
	populate(s)
	s.put("Group", "g", `{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/pb"}}]}`)
	for _, c := range []struct {
		name, as, path   string
		status           int
		code, expression string
	}{
		{"an unknown parameter", anybody, "/$export?_typ=Patient", 400, "invalid", "_typ"},
		{"another form", anybody, "/$export?_outputFormat=text/csv", 400, "not-supported", "_outputFormat"},
		{"elements", anybody, "/$export?_elements=id", 400, "not-supported", "_elements"},
		{"no instant", anybody, "/$export?_since=yesterday", 400, "invalid", "_since"},
		{"no type", anybody, "/$export?_type=Human", 400, "invalid", "_type"},
		{"a type out of scope", reader, "/$export?_type=Observation", 403, "forbidden", "_type"},
		{"a filter of another type", anybody, "/$export?_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal", 400, "invalid", "_typeFilter"},
		{"a filter that asks too much", anybody, "/$export?_typeFilter=Patient%3F_sort%3Dname", 400, "not-supported", "_typeFilter"},
		{"a group that is not there", anybody, "/Group/none/$export", 404, "not-found", ""},
		{"a group out of reach", doctorA, "/Group/g/$export", 404, "not-found", ""},
		{"groups out of scope", reader, "/Group/g/$export", 403, "forbidden", ""},
		{"an unknown export", anybody, "/$export-status/nothing", 404, "not-found", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.in(t)
			s.do(c.as, "GET", c.path, "", async).refused(c.status, c.code, c.expression)
		})
	}
	s.do(anybody, "GET", "/$export", "").refused(400, "invalid", "Prefer", "respond-async")
	s.do(nobody, "GET", "/$export", "", async).refused(401, "login", "")
	s.do(anybody, "GET", "/$export?_elements=id", "", async, "Prefer: respond-async, handling=lenient").is(http.StatusAccepted)
	s.do(anybody, "POST", "/", bundleOf("batch", entryOf("", "GET", "Patient/$export", "")), async).is(200)
}

// TestExportBelongsToItsCaller: nobody else sees an export, and its own caller only while they may see all that it holds.
func TestExportBelongsToItsCaller(t *testing.T) {
	narrow := false
	s := withExports(t, func(o *rest.Options) {
		before := o.Authorize
		o.Authorize = func(r *http.Request) (rest.Access, error) {
			a, err := before(r)
			if narrow && a.Author == "Device/client-root" {
				a.Within = []string{stationA}
			}
			if narrow && a.Author == "Practitioner/a" {
				a.Allows = func(typ string, _ rest.Verb) bool { return typ == "Patient" }
			}
			return a, err
		}
	})
	populate(s)
	status := s.export(anybody, "/$export")
	file := s.finished(anybody, status).Output[0].URL
	own := s.export(doctorA, "/$export?_type=Patient,Observation")
	ownFile := s.finished(doctorA, own).Output[0].URL
	for _, path := range []string{status, file, status + "/Nothing.ndjson", status + "/manifest.json"} {
		s.do(doctorB, "GET", path, "").refused(404, "not-found", "")
	}
	s.do(doctorB, "DELETE", status, "").refused(404, "not-found", "")
	narrow = true
	for _, c := range [][2]string{{anybody, status}, {anybody, file}, {doctorA, own}, {doctorA, ownFile}} {
		s.do(c[0], "GET", c[1], "").refused(403, "forbidden", "")
	}
	s.do(anybody, "DELETE", status, "").is(http.StatusAccepted)
}

func TestExportFile(t *testing.T) {
	s := withExports(t)
	populate(s)
	s.events = nil
	status := s.export(anybody, "/$export?_type=Patient")
	file := s.finished(anybody, status).Output[0].URL
	resp, whole := s.fetch(anybody, "GET", file)
	if resp.Header.Get("Content-Encoding") != "" || strings.Count(whole, "\n") != 2 {
		t.Errorf("%v %s", resp.Header, whole)
	}
	resp, packed := s.fetch(anybody, "GET", file, "Accept-Encoding: br, gzip;q=0.5")
	z, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v, %v", err, resp.Header)
	}
	if plain, err := io.ReadAll(z); err != nil || string(plain) != whole {
		t.Errorf("%v: %s", err, plain)
	}
	resp, packed = s.fetch(anybody, "GET", file, "Accept-Encoding: zstd, gzip")
	u, err := zstd.NewReader(strings.NewReader(packed))
	if err != nil || resp.Header.Get("Content-Encoding") != "zstd" {
		t.Fatalf("%v, %v", err, resp.Header)
	}
	defer u.Close()
	if plain, err := io.ReadAll(u); err != nil || string(plain) != whole {
		t.Errorf("%v: %s", err, plain)
	}
	resp, part := s.fetch(anybody, "GET", file, "Range: bytes=5-9", "Accept-Encoding: gzip")
	if resp.StatusCode != http.StatusPartialContent || part != whole[5:10] {
		t.Errorf("%d %q", resp.StatusCode, part)
	}
	if resp, body := s.fetch(anybody, "HEAD", file); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %d %q", resp.StatusCode, body)
	}
	var told []string
	for _, e := range s.events {
		told = append(told, e.Interaction+" "+e.Type+" "+e.Query+string(e.Outcome))
	}
	want := []string{"$export  _type=Patient", "$export-file Patient ", "$export-file Patient ", "$export-file Patient ", "$export-file Patient ", "$export-file Patient "}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("audit trail (-want +got):\n%s", diff)
	}
}

func TestExportNeedsTheAuditTrail(t *testing.T) {
	fail := false
	s := withExports(t, func(o *rest.Options) {
		o.Audit = func(context.Context, rest.Event) error {
			if fail {
				return fault.New(fault.Unavailable, "test", "The trail is down.")
			}
			return nil
		}
	})
	populate(s)
	status := s.export(anybody, "/$export?_type=Patient")
	file := s.finished(anybody, status).Output[0].URL
	fail = true
	s.do(anybody, "GET", file, "").is(http.StatusServiceUnavailable)
	s.do(anybody, "GET", "/$export", "", async).is(http.StatusServiceUnavailable)
}

func TestWithoutExports(t *testing.T) {
	s := start(t)
	s.do(anybody, "GET", "/$export", "", async).refused(404, "not-found", "")
	if body := string(s.do(nobody, "GET", "/metadata", "").is(200).body); strings.Contains(body, "export") {
		t.Error("the CapabilityStatement speaks of exports")
	}
	s = withExports(t)
	body := string(s.do(nobody, "GET", "/metadata", "").is(200).body)
	for _, part := range []string{
		`"instantiates":["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]`, `"definition":"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"`,
		`"definition":"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"`, `"definition":"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("the CapabilityStatement has no %s", part)
		}
	}
	if strings.Contains(body, "export-status") {
		t.Error("the CapabilityStatement has what is no operation")
	}
}
