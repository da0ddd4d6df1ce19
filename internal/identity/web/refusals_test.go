package web_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"khamxa/internal/audit"
	"khamxa/internal/identity"
	"khamxa/internal/identity/web"
	"khamxa/internal/network"
)

// watched is a site whose refusals are counted and whose log is read, on a clock that stands still until pass.
type watched struct {
	*site
	b      *browser
	log    lockedText
	mu     sync.Mutex
	now    time.Time
	counts map[string]int
}

type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{now: time.Now(), counts: map[string]int{}}
	clock := func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
	w.site = start(t, false, func(o *web.Options) {
		o.Clock, o.Log = clock, slog.New(slog.NewTextHandler(&w.log, nil))
		o.Refusals = network.NewRefusals(o.Log, clock, func(k network.Kind, r network.Reason) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counts[string(k)+" "+string(r)]++
		})
	})
	w.b = w.browser(t)
	return w
}

func (w *watched) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *watched) login(login, from string) int {
	return w.b.do("POST", "/login", url.Values{"login": {login}, "password": {"một mật khẩu sai"}}, "X-Forwarded-For", from).StatusCode
}

// refusedEvents is how many events tell of refusals.
func (w *watched) refusedEvents() (n int) {
	for _, e := range w.audit.Events() {
		if e.Outcome == audit.Refused {
			n++
		}
	}
	return n
}

// TestFloodGrowsNoLog: what a stranger is refused is counted and said to the operator, and makes a handful of events, not one for each.
func TestFloodGrowsNoLog(t *testing.T) {
	for _, c := range []struct {
		name   string
		try    func(w *watched, i int)
		kind   string
		events int // at most
	}{
		{"sign-ins with one login", func(w *watched, _ int) { w.login("bs.hoa", "192.0.2.1") }, "sign-in", 1},
		{"sign-ins with one login, written in many ways", func(w *watched, i int) { w.login(strings.Repeat(" ", i%9)+"BS.Hoa", "192.0.2.1") }, "sign-in", 1},
		{"sign-ins with many logins", func(w *watched, i int) { w.login(fmt.Sprint("nguoi", i), "192.0.2.1") }, "sign-in", 10},
		{"sign-ins from one customer's many addresses", func(w *watched, i int) { w.login(fmt.Sprint("nguoi", i), fmt.Sprintf("2001:db8::%x", i)) }, "sign-in", 10},
		{"tokens", func(w *watched, i int) {
			w.b.do("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", "Basic eDp5", "X-Forwarded-For", "192.0.2.1")
		}, "token", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := watch(t)
			w.staff(t, "bs.hoa", identity.Doctor)
			for i := range 300 {
				c.try(w, i)
			}
			if n := w.refusedEvents(); n < 1 || n > c.events {
				t.Errorf("%d events of 300 refusals, want 1 to %d", n, c.events)
			}
			if n := w.counts[c.kind+" wrong"] + w.counts[c.kind+" too-many"]; n != 300 || w.counts[c.kind+" too-many"] < 200 {
				t.Errorf("counted %v", w.counts)
			}
			log := w.log.String()
			if n := strings.Count(log, "level=WARN"); n != 2 { // one for what was wrong, one for the limit
				t.Errorf("%d lines in the operator's log:\n%s", n, log)
			}
			for _, personal := range []string{"hoa", "Hoa", "nguoi", "mật khẩu"} {
				if strings.Contains(log, personal) {
					t.Errorf("the log has %q:\n%s", personal, log)
				}
			}
		})
	}
}

// TestRefusalsAreEventsAgain: after a minute the same login from the same address makes an event again; another login, or another
// address, at once.
func TestRefusalsAreEventsAgain(t *testing.T) {
	w := watch(t)
	for _, step := range []struct {
		login, from string
		wait        time.Duration
		want        int // events so far
	}{
		{"bs.hoa", "192.0.2.1", 0, 1},
		{"bs.hoa", "192.0.2.1", 0, 1},
		{"bs.lan", "192.0.2.1", 0, 2},
		{"bs.hoa", "192.0.2.2", 0, 3},
		{"bs.hoa", "192.0.2.1", 59 * time.Second, 3},
		{"bs.hoa", "192.0.2.1", time.Second, 4},
	} {
		w.pass(step.wait)
		if status := w.login(step.login, step.from); status != http.StatusUnauthorized {
			t.Fatalf("%+v is answered %d", step, status)
		}
		if n := w.refusedEvents(); n != step.want {
			t.Errorf("after %+v: %d events", step, n)
		}
	}
}

// TestPublicOrigin: a browser that sends Origin alone is let in from the public address, whatever Host the proxy hands on, and from no
// other.
func TestPublicOrigin(t *testing.T) {
	s := start(t, false, func(o *web.Options) { o.PublicURL = "https://kham.example.vn" })
	s.staff(t, "bs.hoa", identity.Doctor)
	good := url.Values{"login": {"bs.hoa"}, "password": {password}}
	for origin, want := range map[string]int{
		"https://kham.example.vn":      http.StatusSeeOther,
		"http://kham.example.vn":       http.StatusForbidden,
		"https://kham.example.vn:8443": http.StatusForbidden,
		"https://x.kham.example.vn":    http.StatusForbidden,
		"https://evil.example":         http.StatusForbidden,
		"null":                         http.StatusForbidden,
	} {
		s.browser(t).do("POST", "/login", good, "Origin", origin).want(t, want)
	}
}
