package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"khamxa/fhir/rest"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// TestRefusals: each bad input has a clear OperationOutcome, and the service keeps serving.
func TestRefusals(t *testing.T) {
	s := start(t)
	s.put("Patient", "p1", patient("p1", "A", stationA))
	deep := `{"resourceType":"Patient","id":"p1","extension":` + strings.Repeat(`[{"extension":`, 150) + `[]` + strings.Repeat(`}]`, 150) + `}`
	big := `{"resourceType":"Patient","id":"p1","name":[{"text":"` + strings.Repeat("x", 20<<20) + `"}]}`
	longest := `{"resourceType":"Patient","id":"p1","name":[{"text":"` + strings.Repeat("x", 1<<20) + `"}]}`
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code, expression         string
		words                    []string
	}{
		{"truncated JSON", "PUT", "/Patient/p1", "{\"resourceType\":\"Patient\",\n \"name\":[{\"tex", nil, 400, "invalid", "Patient.name[0]", []string{"line 2, column"}},
		{"no JSON", "POST", "/Patient", "<Patient/>", nil, 400, "invalid", "Resource", []string{"line 1, column 1"}},
		{"wrong resourceType", "POST", "/Patient", `{"resourceType":"Patiant"}`, nil, 400, "invalid", "Resource.resourceType", []string{"Patiant"}},
		{"duplicate member", "POST", "/Patient", `{"resourceType":"Patient","id":"a","id":"b"}`, nil, 400, "invalid", "Patient.id", nil},
		{"nested 300 deep", "PUT", "/Patient/p1", deep, nil, 400, "invalid", "", []string{"64 levels"}},
		{"body of 20 MB", "PUT", "/Patient/p1", big, nil, 413, "too-long", "", []string{"1024 KiB"}},
		{"Bundle of 20 MB", "POST", "/", big, nil, 413, "too-long", "", []string{"8192 KiB"}},
		{"resource just over the limit", "PUT", "/Patient/p1", longest, nil, 413, "too-long", "", nil},
		{"form of 100 kB", "POST", "/Patient/_search", "name=" + strings.Repeat("x", 100<<10), formHeader("POST"), 413, "too-long", "", []string{"64 KiB"}},
		{"wrong If-Match", "PUT", "/Patient/p1", patient("p1", "B", stationA), []string{`If-Match: W/"9"`}, 412, "conflict", "", []string{"If-Match"}},
		{"unknown search parameter", "GET", "/Patient?family_name=x", "", nil, 400, "invalid", "family_name", []string{"birthdate"}},
		{"empty body", "POST", "/Patient", " ", nil, 400, "invalid", "", nil},
		{"XML", "POST", "/Patient", "<a/>", []string{"Content-Type: application/fhir+xml"}, 415, "not-supported", "", []string{"application/fhir+json"}},
		{"other release", "POST", "/Patient", "{}", []string{"Content-Type: application/fhir+json; fhirVersion=3.0"}, 415, "not-supported", "", nil},
		{"another compression", "POST", "/Patient", "{}", []string{"Content-Encoding: br"}, 415, "not-supported", "", []string{"Content-Encoding", "gzip or zstd"}},
		{"form as JSON", "POST", "/Patient/_search", "{}", nil, 415, "not-supported", "", []string{"x-www-form-urlencoded"}},
		{"XML wanted", "GET", "/Patient/p1", "", []string{"Accept: application/fhir+xml"}, 406, "not-supported", "", []string{"JSON"}},
		{"XML wanted by _format", "GET", "/Patient/p1?_format=xml", "", nil, 406, "not-supported", "_format", nil},
		{"POST to a resource", "POST", "/Patient/p1", "[]", nil, 405, "not-supported", "", []string{"POST", "GET, HEAD, PUT, PATCH, DELETE"}},
		{"conditional update", "PUT", "/Patient", "{}", nil, 400, "invalid", "", []string{"search parameters"}},
		{"nowhere", "GET", "/Patient/p1/x/y/z", "", nil, 404, "not-found", "", []string{"/fhir/metadata"}},
		{"method of an unknown type", "POST", "/Pat/p1", "", nil, 404, "not-found", "", nil},
		{"page link that is none", "GET", "/Patient?_page=AAAA", "", nil, 404, "not-found", "_page", []string{"page link"}},
		{"page link with more", "GET", "/Patient?_page=AAAA&name=x", "", nil, 400, "invalid", "_page", nil},
		{"no Bundle", "POST", "/", `{"resourceType":"Patient"}`, nil, 400, "invalid", "Patient.resourceType", []string{"Bundle"}},
		{"Bundle of another type", "POST", "/", `{"resourceType":"Bundle","type":"document"}`, nil, 400, "invalid", "Bundle.type", []string{"transaction or batch"}},
		{"metadata mode", "GET", "/metadata?mode=terminology", "", nil, 400, "not-supported", "mode", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			r := s.do(anybody, tt.method, tt.path, tt.body, tt.headers...)
			if tt.expression == "" && r.status == tt.status && r.root != nil {
				tt.expression = r.root.Get("issue").At(0).Get("expression").At(0).String() // where is up to the parser
			}
			r.refused(tt.status, tt.code, tt.expression, tt.words...)
			for _, leak := range []string{".go:", "sqlite", "fault.", "runtime", "/tmp"} {
				if strings.Contains(string(r.body), leak) {
					t.Errorf("the outcome tells %q:\n%s", leak, r.body)
				}
			}
			s.do(anybody, "GET", "/Patient/p1", "").is(200)
		})
	}
	if got := s.do(anybody, "POST", "/Patient/p1", "[]").header.Get("Allow"); got != "GET, HEAD, PUT, PATCH, DELETE" {
		t.Errorf("Allow: %q", got)
	}
	if r := s.do(anybody, "GET", "/Patient/p1", "").is(200); r.header.Get("ETag") != `W/"1"` {
		t.Errorf("something refused was kept: %s", r.body)
	}
}

func TestTokens(t *testing.T) {
	s := start(t)
	s.put("Patient", "p1", patient("p1", "A", stationA))
	for _, path := range []string{"/Patient", "/Patient/p1", "/", "/Nothing", "/Patient/p1/_history", "/x/y/z/a/b", "/Patient?name=%zz"} {
		for _, method := range []string{"GET", "PUT", "PATCH", "POST"} {
			r := s.do(nobody, method, path, "").refused(401, "login", "", "Sign in")
			if got := r.header.Get("WWW-Authenticate"); got != `Bearer realm="khamxa"` {
				t.Errorf("%s: %q", path, got)
			}
			if r.header.Get("Allow") != "" {
				t.Errorf("%s %s tells a stranger what is allowed", method, path)
			}
		}
	}
	if got := s.do("expired", "GET", "/Patient", "").refused(401, "login", "").header.Get("WWW-Authenticate"); !strings.Contains(got, "invalid_token") {
		t.Errorf("%q", got)
	}
	s.do(nobody, "GET", "/metadata", "").is(200)
	s.do(reader, "GET", "/Patient/p1", "").is(200)
	s.do(reader, "GET", "/Observation", "").refused(403, "forbidden", "", "search", "Observation")
	s.do(reader, "PUT", "/Patient/p1", patient("p1", "B", stationA)).refused(403, "forbidden", "", "update")
	s.do(reader, "POST", "/Patient", `{"resourceType":"Patient"}`).refused(403, "forbidden", "", "create")
	s.do(reader, "DELETE", "/Patient/p1", "").refused(403, "forbidden", "", "delete")
	s.do(reader, "GET", "/Observation/o1/_history", "").refused(403, "forbidden", "", "read")
	s.do(reader, "GET", "/Observation/o1/_history/1", "").refused(403, "forbidden", "", "read")
}

// stub answers every call with the same error, for what a store can say and a healthy one never does. With boom it panics.
type stub struct {
	store.Store
	err  error
	boom any
}

func (b *stub) Read(context.Context, string, string) (store.Version, error) {
	if b.boom != nil {
		panic(b.boom)
	}
	return store.Version{}, b.err
}

func (b *stub) Search(ctx context.Context, q store.SearchRequest) (store.Page, error) {
	if b.boom != nil {
		b.boom.(func(context.Context, *search.Query))(ctx, q.Query)
	}
	return store.Page{Truncated: true, Total: -1}, b.err
}

// TestTruncated: a page that could not hold all includes says so.
func TestTruncated(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.Store = &stub{Store: o.Store} })
	last := s.do(anybody, "GET", "/Patient?_revinclude=Observation:subject", "").is(200).root.Get("entry").At(0)
	if !last.Get("search").Get("mode").IsString("outcome") || !last.Get("resource").Get("issue").At(0).Get("code").IsString("incomplete") {
		t.Errorf("%s", last.Bytes())
	}
}

func (b *stub) Commit(context.Context, store.Transaction) (store.Receipt, error) {
	return store.Receipt{}, b.err
}

// TestFaults: every fault code has its status and issue, and what is ours goes to the log once, without the body.
func TestFaults(t *testing.T) {
	for code, want := range map[fault.Code]struct {
		status int
		issue  string
	}{
		fault.Conflict: {409, "conflict"}, fault.State: {409, "business-rule"}, fault.Precondition: {412, "conflict"},
		fault.TooLarge: {413, "too-long"}, fault.TooMany: {429, "throttled"}, fault.TooCostly: {400, "too-costly"},
		fault.Unavailable: {503, "transient"}, fault.Timeout: {503, "timeout"}, fault.Unknown: {500, "incomplete"},
		fault.Internal: {500, "exception"}, fault.Invalid: {400, "invalid"}, fault.Unsupported: {400, "not-supported"},
		fault.Forbidden: {403, "forbidden"},
	} {
		t.Run(string(code), func(t *testing.T) {
			b := &stub{err: fault.New(code, "test.Op", "A sentence for the caller.")}
			s := start(t, func(o *rest.Options) { b.Store = o.Store; o.Store = b })
			r := s.do(anybody, "PUT", "/Patient/p1", patient("p1", "ZZCANARY", stationA)).refused(want.status, want.issue, "", "A sentence for the caller.")
			logged := strings.Count(s.log.String(), "test.Op")
			if (want.status >= 500) != (logged == 1) {
				t.Errorf("logged %d times:\n%s", logged, s.log)
			}
			if strings.Contains(s.log.String(), "ZZCANARY") {
				t.Error("the body is in the log")
			}
			if got := r.header.Get("Retry-After"); (got != "") != (want.status == 503 || want.status == 429) {
				t.Errorf("Retry-After %q", got)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	b := &stub{boom: "ZZCANARY of a person"}
	s := start(t, func(o *rest.Options) { b.Store = o.Store; o.Store = b })
	s.do(anybody, "GET", "/Patient/p1", "").refused(500, "exception", "", "log")
	if log := s.log.String(); !strings.Contains(log, "request panicked") || strings.Contains(log, "ZZCANARY") {
		t.Errorf("log: %s", log)
	}
	s.do(anybody, "GET", "/metadata", "").is(200)
}

func TestSearchDeadline(t *testing.T) {
	b := &stub{err: fault.New(fault.Timeout, "test", "Stopped.")}
	var left time.Duration
	b.boom = func(ctx context.Context, _ *search.Query) {
		deadline, ok := ctx.Deadline()
		if !ok {
			t.Error("a search has no deadline")
		}
		left = time.Until(deadline)
	}
	s := start(t, func(o *rest.Options) { b.Store = o.Store; o.Store = b })
	s.do(anybody, "GET", "/Patient", "").refused(503, "timeout", "", "5 seconds")
	if left <= 0 || left > 5*time.Second {
		t.Errorf("%v left at the store", left)
	}
}

func TestAuditThatFails(t *testing.T) {
	broken := func(o *rest.Options) {
		o.Audit = func(context.Context, rest.Event) error { return fault.New(fault.Unavailable, "audit", "Full.") }
	}
	s := start(t, broken)
	s.do(anybody, "PUT", "/Patient/p1", patient("p1", "A", stationA)).is(201)
	for _, path := range []string{"/Patient/p1", "/Patient", "/Patient/p1/_history", "/Patient/p1/_history/1"} {
		r := s.do(anybody, "GET", path, "").refused(503, "transient", "", "recorded")
		if strings.Contains(string(r.body), "managingOrganization") {
			t.Errorf("%s was shown without a record", path)
		}
	}
}

// TestExpectContinue: a client that asks first is refused before it sends.
func TestExpectContinue(t *testing.T) {
	s := start(t)
	body := &counting{left: 20 << 20}
	req, err := http.NewRequest("PUT", s.url+"/Patient/p1", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 20 << 20
	req.Header.Set("Authorization", "Bearer "+anybody)
	req.Header.Set("Content-Type", "application/fhir+json")
	req.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 30 * time.Second}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 || body.read > 0 {
		t.Errorf("status %d after %d bytes", resp.StatusCode, body.read)
	}
}

type counting struct{ left, read int }

func (c *counting) Read(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	c.read += n
	if n == 0 {
		return 0, context.Canceled
	}
	return n, nil
}
