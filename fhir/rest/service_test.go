package rest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// The callers of the tests, by bearer token.
const (
	anybody = "root"    // everything
	doctorA = "doctorA" // confined to station A
	doctorB = "doctorB" // confined to station B
	reader  = "reader"  // everything, but only reading and searching Patient
	nobody  = ""        // no token
)

const (
	stationA = "Organization/tyt-00001"
	stationB = "Organization/tyt-00002"
)

func accessOf(token string) (rest.Access, error) {
	all := func(string, rest.Verb) bool { return true }
	switch token {
	case anybody:
		return rest.Access{Author: "Device/client-root", Allows: all}, nil
	case doctorA:
		return rest.Access{Author: "Practitioner/a", Within: []string{stationA}, Allows: all}, nil
	case doctorB:
		return rest.Access{Author: "Practitioner/b", Within: []string{stationB}, Allows: all}, nil
	case reader:
		return rest.Access{Author: "Device/client-reader", Allows: func(typ string, v rest.Verb) bool {
			return typ == "Patient" && (v == rest.Read || v == rest.Search)
		}}, nil
	}
	return rest.Access{}, fault.New(fault.Unauthenticated, "test", "Sign in first.")
}

// only is an authoriser of callers who may do these things with everything.
func only(verbs ...rest.Verb) func(*http.Request) (rest.Access, error) {
	return func(*http.Request) (rest.Access, error) {
		return rest.Access{Author: "Device/client-x", Allows: func(_ string, v rest.Verb) bool { return slices.Contains(verbs, v) }}, nil
	}
}

// service is the handler over a real store, behind a real listener.
type service struct {
	t      testing.TB
	url    string // with /fhir
	db     *sqlite.DB
	store  store.Store
	log    *strings.Builder
	mu     sync.Mutex
	events []rest.Event
}

type option func(*rest.Options)

func start(t testing.TB, opts ...option) *service { return startAt(t, nil, opts...) }

// startAt is start with a clock that shows what now says, nil for the real one.
func startAt(t testing.TB, now *time.Time, opts ...option) *service {
	t.Helper()
	so := sqlite.Options{Dir: t.TempDir()}
	if now != nil {
		so.Clock = func() time.Time { return *now }
		opts = append(opts, func(o *rest.Options) { o.Clock = so.Clock })
	}
	db, err := sqlite.Open(context.Background(), so)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, db: db, log: &strings.Builder{}}
	o := rest.Options{
		Store: db, Log: slog.New(slog.NewTextHandler(&locked{w: s.log}, nil)), Version: "test",
		Authorize: func(r *http.Request) (rest.Access, error) {
			return accessOf(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		},
		Audit: func(_ context.Context, e rest.Event) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
			return nil
		},
	}
	for _, opt := range opts {
		opt(&o)
	}
	s.store = o.Store
	h, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/fhir", h)
	mux.Handle("/fhir/", h)
	srv := httptest.NewServer(mux)
	s.url = srv.URL + "/fhir"
	t.Cleanup(func() {
		srv.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// reply is a response that has been read.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
	root   *fhir.Value // nil when the body is empty
}

// in makes t the test that failures belong to, until it ends.
func (s *service) in(t *testing.T) {
	before := s.t
	s.t = t
	t.Cleanup(func() { s.t = before })
}

// do sends a request as the caller. headers are "Name: value".
func (s *service) do(as, method, path, body string, headers ...string) *reply {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.url + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if as != nobody {
		req.Header.Set("Authorization", "Bearer "+as)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/fhir+json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	r := &reply{t: s.t, status: resp.StatusCode, header: resp.Header}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	if len(r.body) > 0 {
		parsed, err := fhir.Parse(r.body)
		if err != nil {
			s.t.Fatalf("%s %s: the answer is no FHIR: %v\n%s", method, path, err, r.body)
		}
		r.root = parsed.Root
	}
	return r
}

// is checks the status and gives the reply back.
func (r *reply) is(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d\n%.600s", r.status, status, r.body)
	}
	return r
}

// refused checks status and OperationOutcome: a code, a sentence that holds each of words, and the place.
func (r *reply) refused(status int, code, expression string, words ...string) *reply {
	r.t.Helper()
	r.is(status)
	if got := r.root.Get("resourceType").String(); got != "OperationOutcome" {
		r.t.Fatalf("answered with %q, want an OperationOutcome\n%s", got, r.body)
	}
	issue := r.root.Get("issue").At(0)
	text := issue.Get("details").Get("text").String()
	if got := issue.Get("code").String(); got != code {
		r.t.Errorf("issue code %q, want %q (%s)", got, code, text)
	}
	if got := issue.Get("expression").At(0).String(); got != expression {
		r.t.Errorf("expression %q, want %q (%s)", got, expression, text)
	}
	if !strings.HasSuffix(text, ".") || len(text) < 10 {
		r.t.Errorf("details.text %q is no sentence", text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			r.t.Errorf("details.text %q does not say %q", text, w)
		}
	}
	return r
}

// id is the id of the resource in the reply.
func (r *reply) id() string { return r.root.Get("id").String() }

// entries are the references of a Bundle's resources, in order.
func (r *reply) entries() (refs []string) {
	for _, e := range r.root.Get("entry").Items() {
		res := e.Get("resource")
		refs = append(refs, res.Get("resourceType").String()+"/"+res.Get("id").String())
	}
	return refs
}

// link is a Bundle's link, "" if it has none of that relation.
func (r *reply) link(relation string) string {
	for _, l := range r.root.Get("link").Items() {
		if l.Get("relation").IsString(relation) {
			return l.Get("url").String()
		}
	}
	return ""
}

// seen takes the audit events so far and forgets them.
func (s *service) seen() []rest.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.events
	s.events = nil
	return e
}

// put keeps a resource as root and demands success.
func (s *service) put(typ, id, body string) *reply {
	s.t.Helper()
	r := s.do(anybody, "PUT", "/"+typ+"/"+id, body)
	if r.status != http.StatusOK && r.status != http.StatusCreated {
		s.t.Fatalf("PUT %s/%s: %d %s", typ, id, r.status, r.body)
	}
	return r
}

func patient(id, name, station string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"text":%q,"family":%q}],"managingOrganization":{"reference":%q}}`, id, name, name, station)
}

func observation(id, patientID string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-03-01T08:00:00+07:00"}`, id, patientID)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
