package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"khamxa/fhir"
	"khamxa/internal/identity"
)

// TestService shows what only the joined service can: one `khamxa serve --demo` for all of it, over loopback.
func TestService(t *testing.T) {
	s := startLive(t)
	everything := s.newProgram(t, "system/*.cruds")
	s.records(t, everything)
	for _, part := range []struct {
		name string
		f    func(*testing.T, *live, *liveCaller)
	}{
		{"the demo's lines", demoLinesStory},
		{"bad input", badInputStory},
		{"programs", programsStory},
		{"a program of one commune", confinedStory},
		{"a doctor on fhir", doctorStory},
		{"roles on pages", rolesStory},
		{"the list behind a number", listStory},
		{"accounts are kept as Practitioner", practitionersStory},
		{"everything at once", bulkStory},
		{"the audit trail", auditStory},
		{"subscriptions", subscriptionsStory},
		{"other sites", otherSitesStory},
		{"headers", headersStory},
		{"metrics", metricsStory},
		{"the end", endStory}, // it stops the service: the last one
	} {
		t.Run(part.name, func(t *testing.T) { part.f(t, s, everything) })
	}
}

// Who is in the log of these tests, and words of theirs that must be nowhere but in answers to those who may see them.
const (
	hereCommune, thereCommune = "14221", "14215"
	hereID, thereID           = "kx-here", "kx-there"
	hereName, thereName       = "Nguyễn Thị Hải Yến", "Phạm Văn Trường Giang"
	herePhone, therePhone     = "+84990001234", "+84990005678"
)

// live is a running service.
type live struct {
	cmd       *exec.Cmd
	dir, base string
	said      *transcriptBuffer // its log
	lines     chan string       // its results
	ended     chan error
	staff     map[string]staffLine // by role
	consult   consultLine
	raw       []string               // the demo's lines as they were printed
	secrets   []string               // what must not be in its log
	people    map[string]*liveCaller // who is signed in, by role
}

// transcriptBuffer takes a process's output while it is read.
type transcriptBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *transcriptBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *transcriptBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// liveCommand is khamxa without the variables of the surroundings.
func liveCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(program(t), args...)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KHAMXA_") })
	c.Env = append(c.Env, quickExit)
	c.WaitDelay = 5 * time.Second
	return c
}

// startLive starts the service on an empty folder, with more flags if they are given, and returns when it is ready.
func startLive(t *testing.T, more ...string) *live {
	t.Helper()
	s := &live{
		dir: filepath.Join(t.TempDir(), "data"), said: &transcriptBuffer{}, lines: make(chan string, 64), ended: make(chan error, 1),
		staff: map[string]staffLine{}, people: map[string]*liveCaller{},
	}
	s.cmd = liveCommand(t, append([]string{"serve", "--demo", "--data", s.dir, "--listen", "127.0.0.1:0", "--log-level", "debug"}, more...)...)
	s.cmd.Stderr = s.said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
		close(s.lines)
		s.ended <- s.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it has ended, unless the last part of the test was not run
		if t.Failed() {
			t.Logf("the service said:\n%s", s.said)
		}
	})
	s.readDemo(t)
	if listen := valueAfter(more, "--listen"); listen != "" { // the demo's lines name the public address
		s.base = "http://" + listen
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := awaitReady(ctx, s.base); err != nil {
		t.Fatal(err)
	}
	return s
}

func valueAfter(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// readDemo reads the demo's lines, the consult's as the last. Their members are those of the contract and no others.
func (s *live) readDemo(t *testing.T) {
	t.Helper()
	for s.consult.Demo == "" {
		line, more := <-s.lines
		if !more {
			t.Fatalf("the service ended without the demo's lines:\n%s", s.said)
		}
		s.raw = append(s.raw, line)
		var l map[string]string
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		members := slices.Sorted(maps.Keys(l))
		switch {
		case l["demo"] == "staff" && slices.Equal(members, []string{"demo", "login", "password", "role"}):
			s.staff[l["role"]] = staffLine{Demo: l["demo"], Role: identity.Role(l["role"]), Login: l["login"], Password: l["password"]}
			s.secrets = append(s.secrets, l["password"])
		case l["demo"] == "consult" && slices.Equal(members, []string{"demo", "doctor_url", "patient_url"}):
			s.consult = consultLine{Demo: l["demo"], DoctorURL: l["doctor_url"], PatientURL: l["patient_url"]}
		default:
			t.Fatalf("%s is no line of the demo", line)
		}
	}
	doctor, err := url.Parse(s.consult.DoctorURL)
	if err != nil {
		t.Fatal(err)
	}
	s.base = doctor.Scheme + "://" + doctor.Host
	_, secret, _ := strings.Cut(s.consult.PatientURL, "#")
	s.secrets = append(s.secrets, secret)
}

// stop ends the service as a service manager does, and gives how it ended and how long that took.
func (s *live) stop(t *testing.T) (time.Duration, error) {
	t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		return time.Since(began), err
	case <-time.After(20 * time.Second):
		return time.Since(began), errors.New("it does not end")
	}
}

// khamxa carries out a command on the service's folder.
func (s *live) khamxa(t *testing.T, command string, args ...string) string {
	t.Helper()
	c := liveCommand(t, append(append(strings.Fields(command), "--data", s.dir), args...)...)
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		t.Fatalf("khamxa %s: %v: %s%s", command, err, out, &problems)
	}
	return string(out)
}

// liveCaller is somebody who asks the service: a program with a token, a browser with a session, or nobody.
type liveCaller struct {
	base, token string
	who         string // reference in the audit trail
	client      *http.Client
}

// liveAnswer is what they get.
type liveAnswer struct {
	status int
	header http.Header
	body   string
}

func (s *live) nobody() *liveCaller {
	return &liveCaller{base: s.base, client: &http.Client{
		Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends a request. headers are "Name: value".
func (c *liveCaller) do(t *testing.T, method, path, body string, headers ...string) liveAnswer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(path, "/fhir") && body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := c.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return liveAnswer{answer.StatusCode, answer.Header, string(raw)}
}

func (c *liveCaller) get(t *testing.T, path string) liveAnswer {
	t.Helper()
	return c.do(t, http.MethodGet, path, "")
}

// wants fails the test if a path does not answer with the status.
func (c *liveCaller) wants(t *testing.T, status int, method, path, body string, headers ...string) liveAnswer {
	t.Helper()
	a := c.do(t, method, path, body, headers...)
	if a.status != status {
		t.Errorf("%s %s answers %d, want %d: %s", method, path, a.status, status, clipped(a.body))
	}
	return a
}

func clipped(text string) string { return text[:min(len(text), 600)] }

// ids are the resources of a type in a Bundle.
func (a liveAnswer) ids(t *testing.T, typ string) []string {
	t.Helper()
	bundle, err := fhir.Parse([]byte(a.body))
	if err != nil {
		t.Fatalf("no Bundle: %v: %s", err, clipped(a.body))
	}
	found := map[string]bool{}
	for _, e := range bundle.Root.Get("entry").Items() {
		if r := e.Get("resource"); r.Get("resourceType").String() == typ {
			found[r.Get("id").String()] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// newProgram registers a program through the service and gets it a token for its scopes.
func (s *live) newProgram(t *testing.T, scope string, communes ...string) *liveCaller {
	t.Helper()
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	line := s.khamxa(t, "client create", "--name", "Test "+t.Name(), "--scope", scope, "--commune", cmp.Or(strings.Join(communes, ","), wholeProvince))
	if err := json.Unmarshal([]byte(line), &made); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	c := s.nobody()
	form := "grant_type=client_credentials&scope=" + url.QueryEscape(scope)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/oauth/token", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(made.ID, made.Secret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := c.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var token struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil || answer.StatusCode != http.StatusOK || token.Token == "" || token.Type != "bearer" {
		t.Fatalf("/oauth/token answers %d, %+v, %v", answer.StatusCode, token, err)
	}
	s.secrets = append(s.secrets, made.Secret, token.Token)
	c.token, c.who = token.Token, "Device/"+made.ID
	return c
}

// signedIn is the demo's person of the role, in a browser.
func (s *live) signedIn(t *testing.T, role string) *liveCaller {
	t.Helper()
	if c := s.people[role]; c != nil {
		return c
	}
	c := s.nobody()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.client.Jar = jar
	form := url.Values{"login": {s.staff[role].Login}, "password": {s.staff[role].Password}, "next": {"/"}}
	a := c.do(t, http.MethodPost, "/login", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
	if a.status != http.StatusSeeOther {
		t.Fatalf("signing in as %s answers %d: %s", role, a.status, clipped(a.body))
	}
	s.people[role] = c
	return c
}

// dataNumber is an attribute's value in a page.
func dataNumber(t *testing.T, page, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has nothing like %s", pattern)
	}
	return m[1]
}
