//go:build conformance

package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	hostileSeed   = 20261124
	hostileInputs = 10_000
	memoryLimit   = 256 // MiB, of the serving process at its peak
	patience      = 30 * time.Second
)

// TestHostileInput: 10,000 mutated and hostile requests to a serving process. Each is answered with what was asked for or with a valid
// OperationOutcome, never with a failure of the server; nothing panics, the memory stays small, what was there is untouched, and the
// log's chain and index hold afterwards. KHAMXA_HOSTILE=NUMBER sends one of them alone.
func TestHostileInput(t *testing.T) {
	s := startLive(t)
	in := inputs{seed: hostileSeed, page: s.prepare(t)}
	for _, e := range examples(t) {
		// Subscriptions would have the service call addresses that are in them.
		if len(e.raw) <= 256<<10 && !strings.HasPrefix(e.name, "Subscription-") {
			in.examples = append(in.examples, e)
		}
	}
	from, to := 0, hostileInputs
	if only, err := strconv.Atoi(os.Getenv("KHAMXA_HOSTILE")); err == nil {
		from, to = only, only+1
	}
	for _, h := range keptInputs(t) {
		if _, err := s.send(h); err != nil {
			t.Errorf("%v\n%s", err, h)
		}
	}
	before := s.peakMemory(t)
	began := time.Now()
	var tally tally
	var group errgroup.Group
	group.SetLimit(writers)
	for i := from; i < to; i++ {
		group.Go(func() error {
			h := in.number(i)
			status, err := s.send(h)
			if err != nil {
				t.Errorf("input %d: %v\n%s", i, err, h)
			}
			tally.count(h.what, status)
			return nil
		})
	}
	_ = group.Wait() // each has reported for itself
	peak := s.peakMemory(t)
	t.Logf("%d inputs in %s, peak of memory %d MiB (%d before):\n%s", to-from, time.Since(began).Round(time.Millisecond), peak, before, &tally)
	if peak >= memoryLimit {
		t.Errorf("the service took %d MiB at its peak, %d are allowed", peak, memoryLimit)
	}
	if _, err := s.send(hostile{what: "the end", method: http.MethodGet, path: "/Patient/h0"}); err != nil {
		t.Error(err)
	}
	s.stop(t)
	if said := s.said.String(); strings.Contains(said, "panic") {
		t.Errorf("the service panicked:\n%.8000s", said[strings.Index(said, "panic"):])
	}
}

// keptInputs are those of testdata/hostile: each once found something, or is there so that nothing is found. A file is a method and an
// address, headers, an empty line, and the body as it is.
func keptInputs(t *testing.T) []hostile {
	t.Helper()
	files, err := filepath.Glob("testdata/hostile/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kept inputs: %v", err)
	}
	var all []hostile
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := bytes.Cut(raw, []byte("\n\n"))
		lines := strings.Split(strings.TrimSpace(string(head)), "\n")
		h := hostile{what: file, body: body, header: map[string]string{}}
		h.method, h.path, _ = strings.Cut(lines[0], " ")
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ": ")
			h.header[name] = value
		}
		all = append(all, h)
	}
	return all
}

// prepare writes the resources that inputs aim at, and gives a page token.
func (s *live) prepare(t *testing.T) string {
	t.Helper()
	for i := range 3 {
		raw := fmt.Sprintf(`{"resourceType":"Patient","id":"h%d","name":[{"family":"Nguyễn","given":["Hòa"]}],"birthDate":"1950"}`, i)
		if status, err := s.send(hostile{method: http.MethodPut, path: fmt.Sprintf("/Patient/h%d", i), body: []byte(raw), header: map[string]string{"Content-Type": fhirJSON}}); err != nil || status != http.StatusCreated {
			t.Fatalf("Patient/h%d: %d, %v", i, status, err)
		}
	}
	answer, body, err := s.ask(hostile{method: http.MethodGet, path: "/Patient?_count=1"})
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Link []struct{ Relation, URL string }
	}
	if err := json.Unmarshal(body, &bundle); err != nil {
		t.Fatalf("%d: %v", answer.StatusCode, err)
	}
	for _, link := range bundle.Link {
		if u, err := url.Parse(link.URL); err == nil && link.Relation == "next" {
			return u.Query().Get("_page")
		}
	}
	t.Fatalf("a search of three has no next page: %s", body)
	return ""
}

// ask sends the request as it is.
func (s *live) ask(h hostile) (*http.Response, []byte, error) {
	host := strings.TrimPrefix(s.base, "http://")
	r, err := http.NewRequest(h.method, s.base, bytes.NewReader(h.body))
	if err != nil {
		return nil, nil, err
	}
	r.URL = &url.URL{Scheme: "http", Host: host, Opaque: "//" + host + "/fhir" + h.path} // nothing is made nicer
	r.Header.Set("Authorization", "Bearer "+s.token)
	for name, value := range h.header {
		r.Header.Set(name, value)
	}
	answer, err := hostileClient.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

var hostileClient = &http.Client{
	Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: writers, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send asks and judges the answer.
func (s *live) send(h hostile) (int, error) {
	answer, body, err := s.ask(h)
	if err != nil {
		return 0, fmt.Errorf("no answer: %w", err)
	}
	status := answer.StatusCode
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	switch {
	case status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		if answer.Header.Get("Retry-After") == "" {
			return status, fmt.Errorf("answered %d without Retry-After", status)
		}
	case status >= 500:
		return status, fmt.Errorf("answered %d: %.500s", status, body)
	case status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect:
		return status, nil // an address with // or .. in it, which the router puts right
	case status < 400:
		if media == fhirJSON && h.method != http.MethodHead && answer.Header.Get("Content-Encoding") == "" && len(body) > 0 && !json.Valid(body) {
			return status, fmt.Errorf("answered %d with what is no JSON: %.500s", status, body)
		}
		return status, nil
	}
	switch {
	case h.method == http.MethodHead || answer.Header.Get("Content-Encoding") != "":
		return status, nil
	case status == http.StatusRequestHeaderFieldsTooLarge:
		return status, nil // net/http's own answer to more than daemon.MaxHeaderBytes: no handler is asked
	case media != fhirJSON:
		return status, fmt.Errorf("answered %d as %q: %.300s", status, media, body)
	}
	if err := checkOutcome(body); err != nil {
		return status, fmt.Errorf("answered %d with no valid OperationOutcome (%w): %.600s", status, err, body)
	}
	return status, nil
}

// tally counts answers.
type tally struct {
	mu sync.Mutex
	n  map[string]map[int]int
}

func (c *tally) count(what string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]map[int]int{}
	}
	if c.n[what] == nil {
		c.n[what] = map[int]int{}
	}
	c.n[what][status]++
}

func (c *tally) String() string {
	raw, err := json.MarshalIndent(c.n, "", " ")
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(raw), "\n  ", " ")
}
