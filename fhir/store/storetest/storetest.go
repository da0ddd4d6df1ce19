// Package storetest is the meaning of the store port as a test suite: order, preconditions, concurrency, paging, confinement,
// crash points, tampering and limits. Every backend below fhir/store runs it; a backend's own test is set-up and one call.
// It is for tests only.
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Backend is what a backend implements together.
type Backend interface {
	store.Store
	store.Log
	store.Charts
	store.Eraser
	store.Scanner
	store.Keeper
	records.Store
}

// Tamperer is implemented by the suite's view of a backend that can be damaged behind its back: one byte of a stored body, or
// one byte of a field that the chain covers, at the commit. The backend is closed when it is called.
type Tamperer interface {
	TamperBody(t *testing.T, seq store.Seq)
	TamperChain(t *testing.T, seq store.Seq)
}

// Crasher is implemented by the suite's view of a backend that can be stopped dead after it appended a commit to the log and
// before it applied it. The backend is closed when it is called.
type Crasher interface {
	AppendWithoutApplying(t *testing.T, tx store.Transaction)
}

// Restorer is implemented by the suite's view of a backend whose backups can be put into an empty folder.
type Restorer interface {
	Restore(t *testing.T, file, dir string)
}

// Opener opens the backend that keeps its data in dir, which may hold what an earlier one left there.
type Opener func(t *testing.T, dir string, clock func() time.Time) Backend

// suite is one test's surroundings.
type suite struct {
	*testing.T
	Backend
	dir   string
	clock *Clock
	open  Opener
}

// Run runs the suite. The backends that open gives are closed by the suite.
func Run(t *testing.T, open func(t *testing.T, dir string, clock func() time.Time) Backend) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"commit", commitTests},
		{"concurrency", concurrencyTests},
		{"read", readTests},
		{"search", searchTests},
		{"search by kind", kindTests},
		{"search links", searchLinkTests},
		{"confinement", confinementTests},
		{"log", logTests},
		{"charts", chartsTests},
		{"scan", scanTests},
		{"erase", eraseTests},
		{"keeper", keeperTests},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.tests {
				t.Run(c.name, func(t *testing.T) {
					s := &suite{T: t, dir: t.TempDir(), clock: NewClock(), open: open}
					s.Backend = open(t, s.dir, s.clock.Now)
					defer func() { s.wantCode(s.Close(), "") }()
					c.run(s)
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(s *suite)
}

// reopen closes the backend and opens it again. between, if not nil, is done while it is closed.
func (s *suite) reopen(between func(Backend)) {
	s.Helper()
	if err := s.Backend.Close(); err != nil {
		s.Fatalf("Close: %v", err)
	}
	if between != nil {
		between(s.Backend)
	}
	s.Backend = s.open(s.T, s.dir, s.clock.Now)
}

// Clock is a clock that moves only when it is told to; it is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a fixed moment in UTC that is no whole millisecond.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 11, 23, 8, 0, 0, 123_456_789, time.UTC)} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, backwards too.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const author = "Practitioner/hoa"

// put is a change that puts the body, which must be a JSON object with resourceType and id first.
func put(body string) store.Change {
	var head struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
	}
	_ = json.Unmarshal([]byte(body), &head) // a test may want a broken body
	return store.Change{Method: store.Put, Type: head.ResourceType, ID: head.ID, Body: []byte(body)}
}

func remove(typ, id string) store.Change {
	return store.Change{Method: store.Delete, Type: typ, ID: id}
}

func tx(changes ...store.Change) store.Transaction {
	return store.Transaction{Author: author, Changes: changes}
}

// patient is a Patient that the organisation holds ("" for nobody).
func patient(id, organisation string) string {
	if organisation == "" {
		return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"active":true}`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"managingOrganization":{"reference":"Organization/%s"}}`, id, organisation)
}

// observation is a blood pressure of the patient on a day of January 2026.
func observation(id, patientID string, day int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},`+
		`"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-01-%02dT08:00:00+07:00"}`, id, patientID, day)
}

// shared is a resource of a type that is about no person.
func shared(id string) string { return fmt.Sprintf(`{"resourceType":"Organization","id":%q}`, id) }

// basic is a resource that names no patient.
func basic(id, code string) string {
	return fmt.Sprintf(`{"resourceType":"Basic","id":%q,"code":{"coding":[{"system":"urn:test","code":%q}]}}`, id, code)
}

func (s *suite) commit(changes ...store.Change) store.Receipt {
	s.Helper()
	r, err := s.Commit(s.Context(), tx(changes...))
	if err != nil {
		s.Fatalf("Commit: %v", err)
	}
	return r
}

func (s *suite) query(typ string, values string) *search.Query {
	s.Helper()
	v, err := url.ParseQuery(values)
	if err != nil {
		s.Fatal(err)
	}
	q, err := search.Parse(typ, v)
	if err != nil {
		s.Fatalf("search.Parse(%s?%s): %v", typ, values, err)
	}
	return q
}

// find gives the ids of the first page, with a space between them.
func (s *suite) find(typ, values string, within ...string) string {
	s.Helper()
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query(typ, values), Within: within})
	if err != nil {
		s.Fatalf("Search(%s?%s): %v", typ, values, err)
	}
	return ids(page.Matches)
}

func ids(list []store.Version) string {
	var all []string
	for _, v := range list {
		all = append(all, v.ID)
	}
	return strings.Join(all, " ")
}

func (s *suite) equal(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Fatalf("%s = %v, want %v", what, got, want)
	}
}

func (s *suite) wantCode(err error, want fault.Code) {
	s.Helper()
	if got := fault.CodeOf(err); got != want {
		s.Fatalf("error code = %q (%v), want %q", got, err, want)
	}
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		s.Fatalf("%T is not a *fault.Error", err)
	}
}

// sound demands that Verify finds nothing.
func (s *suite) sound() {
	s.Helper()
	findings, err := s.Verify(s.Context(), nil)
	if err != nil {
		s.Fatalf("Verify: %v", err)
	}
	for _, f := range findings {
		s.Errorf("Verify: commit %d, %s: %s", f.Seq, f.Resource, f.Problem)
	}
}
