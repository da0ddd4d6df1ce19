package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"khamxa/fhir"
)

const publicURL = "https://kham.example.vn"

// TestServiceBehindAProxy is the deployment that is described: TLS ends at a proxy on the same machine, which hands its own Host on and says
// for whom it asks.
func TestServiceBehindAProxy(t *testing.T) {
	s := startLive(t, "--public-url", publicURL, "--listen", freeAddress(t))
	for _, part := range []struct {
		name string
		f    func(*testing.T, *live)
	}{
		{"one stranger guesses at links", proxiedLinksStory},
		{"one stranger guesses at passwords", proxiedPasswordsStory},
		{"the public origin", proxiedOriginStory},
		{"half a request at the end", halfRequestStory}, // it stops the service: the last one
	} {
		t.Run(part.name, func(t *testing.T) { part.f(t, s) })
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // it only found the port
	return listener.Addr().String()
}

const (
	strangerAt = "X-Forwarded-For: 203.0.113.9"
	patientAt  = "X-Forwarded-For: 198.51.100.2"
	managerAt  = "X-Forwarded-For: 2001:db8:7::1"
	jsonBody   = "Content-Type: application/json"
	formBody   = "Content-Type: application/x-www-form-urlencoded"
)

// proxiedLinksStory: 40 wrong secrets from one address; a patient elsewhere is let in, and stays in wherever they go.
func proxiedLinksStory(t *testing.T, s *live) {
	link, err := url.Parse(s.consult.PatientURL)
	if err != nil {
		t.Fatal(err)
	}
	join := path.Clean(link.Path)
	limited := 0
	for range 40 {
		if a := s.nobody().do(t, "POST", join+"/redeem", `{"secret":"guess"}`, jsonBody, strangerAt); a.status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 {
		t.Fatal("40 guesses were not limited: what follows shows nothing")
	}
	a := s.nobody().wants(t, http.StatusOK, "POST", join+"/redeem", `{"secret":"`+link.Fragment+`"}`, jsonBody, patientAt)
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	for _, from := range []string{patientAt, strangerAt} {
		s.nobody().wants(t, http.StatusOK, "POST", join+"/ticket", "{}", jsonBody, "Cookie: "+cookie, from)
	}
}

// proxiedPasswordsStory: 300 wrong sign-ins from one address make a handful of commits and of lines in the operator's log, and somebody
// elsewhere signs in.
func proxiedPasswordsStory(t *testing.T, s *live) {
	before := s.metric(t, "khamxa_log_head")
	for i := range 300 {
		form := url.Values{"login": {fmt.Sprint("nguoi", i)}, "password": {"một mật khẩu sai"}}
		s.nobody().do(t, "POST", "/login", form.Encode(), formBody, strangerAt)
	}
	if grown := s.metric(t, "khamxa_log_head") - before; grown < 1 || grown > 12 {
		t.Errorf("300 refused sign-ins made %v commits", grown)
	}
	wrong, limited := s.metric(t, `khamxa_refused_total{kind="sign-in",reason="wrong"}`), s.metric(t, `khamxa_refused_total{kind="sign-in",reason="too-many"}`)
	if wrong+limited != 300 || limited < 200 {
		t.Errorf("%v wrong and %v limited are counted", wrong, limited)
	}
	log := s.said.String()
	if n := strings.Count(log, "level=WARN msg=\"a stranger's request was refused\" kind=sign-in"); n < 2 || n > 4 || strings.Contains(log, "nguoi") {
		t.Errorf("the operator's log has %d lines of refused sign-ins, or names a login", n)
	}
	form := url.Values{"login": {s.staff["manager"].Login}, "password": {s.staff["manager"].Password}}.Encode()
	s.nobody().wants(t, http.StatusTooManyRequests, "POST", "/login", form, formBody, strangerAt)
	s.nobody().wants(t, http.StatusSeeOther, "POST", "/login", form, formBody, managerAt)

	auditor := s.newProgram(t, "system/AuditEvent.rs")
	for outcome, want := range map[string]string{"4": "203.0.113.9", "0": "2001:db8:7::1"} {
		events := auditEvents(t, auditor, "sign-in")
		for _, e := range events {
			if got := addressOf(e); e.Get("outcome").IsString(outcome) && got != want {
				t.Errorf("an event of outcome %s is of %s, want %s", outcome, got, want)
			}
		}
		if len(events) == 0 {
			t.Error("there are no events")
		}
	}
}

func addressOf(e *fhir.Value) string {
	return e.Get("agent").At(0).Get("network").Get("address").String()
}

// metric is a number of /metrics.
func (s *live) metric(t *testing.T, name string) float64 {
	t.Helper()
	body := s.nobody().wants(t, http.StatusOK, "GET", "/metrics", "").body
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("/metrics has no %s", name)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// proxiedOriginStory: a browser that sends Origin alone is let in, and pages may open WebSockets to the public host, though the proxy puts
// its own Host in.
func proxiedOriginStory(t *testing.T, s *live) {
	form := url.Values{"login": {s.staff["doctor"].Login}, "password": {s.staff["doctor"].Password}}.Encode()
	s.nobody().wants(t, http.StatusForbidden, "POST", "/login", form, formBody, managerAt, "Origin: https://evil.example")
	s.nobody().wants(t, http.StatusSeeOther, "POST", "/login", form, formBody, managerAt, "Origin: "+publicURL)
	policy := s.nobody().get(t, "/login").header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "connect-src 'self' wss://kham.example.vn;") {
		t.Errorf("the policy is %s", policy)
	}
}

// halfRequestStory: a client that has sent half a body does not hold up the stop.
func halfRequestStory(t *testing.T, s *live) {
	socket, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }() // the service may have closed it
	if _, err := io.WriteString(socket, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nlogin="); err != nil {
		t.Fatal(err)
	}
	s.nobody().wants(t, http.StatusOK, "GET", "/healthz", "") // the half one came before it
	if took, err := s.stop(t); err != nil || took > 8*time.Second {
		t.Errorf("the service ended after %v with %v", took, err)
	}
}
