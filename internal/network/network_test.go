package network_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/network"
)

// TestAddress: whose address a request has, through none, one and several proxies, honest and not.
func TestAddress(t *testing.T) {
	for _, c := range []struct {
		name    string
		trusted string
		peer    string
		hops    []string // X-Forwarded-For, a line each
		want    string
	}{
		{"no proxy", "none", "192.0.2.1:5000", nil, "192.0.2.1"},
		{"nobody is trusted", "none", "127.0.0.1:5000", []string{"203.0.113.9"}, "127.0.0.1"},
		{"a stranger writes the header", "loopback", "192.0.2.1:5000", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a proxy", "loopback", "127.0.0.1:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy over IPv6", "loopback", "[::1]:5000", []string{"2001:db8::1"}, "2001:db8::1"},
		{"a proxy in IPv6's writing of IPv4", "loopback", "[::ffff:127.0.0.1]:5000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a proxy without the header", "loopback", "127.0.0.1:5000", nil, "127.0.0.1"},
		{"a proxy with an empty header", "loopback", "127.0.0.1:5000", []string{""}, "127.0.0.1"},
		{"a proxy that adds to what a stranger wrote", "loopback", "127.0.0.1:5000", []string{"198.51.100.7, 203.0.113.9"}, "203.0.113.9"},
		{"a proxy that adds a line", "loopback", "127.0.0.1:5000", []string{"198.51.100.7", "203.0.113.9"}, "203.0.113.9"},
		{"a stranger's nonsense before the proxy's word", "loopback", "127.0.0.1:5000", []string{"<script>, 203.0.113.9"}, "203.0.113.9"},
		{"a stranger who says that they are the proxy", "loopback", "127.0.0.1:5000", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"nonsense", "loopback", "127.0.0.1:5000", []string{"unknown"}, "127.0.0.1"},
		{"nonsense behind a trusted hop", "loopback", "127.0.0.1:5000", []string{"nonsense, 127.0.0.1"}, "127.0.0.1"},
		{"an empty last hop", "loopback", "127.0.0.1:5000", []string{"203.0.113.9,"}, "127.0.0.1"},
		{"a hop with its port", "loopback", "127.0.0.1:5000", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"an IPv6 hop with its port and zone", "loopback", "127.0.0.1:5000", []string{"[fe80::1%eth0]:4711"}, "fe80::1"},
		{"two proxies", "loopback,10.0.0.0/24", "127.0.0.1:5000", []string{"203.0.113.9, 10.0.0.5"}, "203.0.113.9"},
		{"the farther proxy is not trusted", "loopback", "127.0.0.1:5000", []string{"203.0.113.9, 10.0.0.5"}, "10.0.0.5"},
		{"a client in the proxies' network", "10.0.0.0/24", "10.0.0.5:5000", []string{"10.0.0.77"}, "10.0.0.77"},
		{"one address", "10.0.0.5", "10.0.0.5:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"its neighbour", "10.0.0.5", "10.0.0.6:5000", []string{"203.0.113.9"}, "10.0.0.6"},
		{"no port", "none", "pipe", nil, "pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxies, err := network.ParseProxies(c.trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.hops
			var got, from string
			proxies.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got, from = network.Address(r), network.From(r.Context())
			})).ServeHTTP(httptest.NewRecorder(), r)
			if got != c.want || from != c.want {
				t.Errorf("%q and %q, want %q", got, from, c.want)
			}
		})
	}
}

// TestAddressWithoutHandler: what is not wrapped believes no header.
func TestAddressWithoutHandler(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "127.0.0.1:5000"
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	if got, from := network.Address(r), network.From(r.Context()); got != "127.0.0.1" || from != "" {
		t.Errorf("%q and %q", got, from)
	}
}

func TestParseProxies(t *testing.T) {
	for list, ok := range map[string]bool{
		"none": true, "loopback": true, "127.0.0.1": true, "127.0.0.1, ::1": true, "10.0.0.0/8,2001:db8::/32": true, "10.1.2.3/8": true,
		"": false, "proxy.example": false, "10.0.0.0/33": false, "127.0.0.1,": false, "none,127.0.0.1": false, "127.0.0.1:80": false, "*": false,
	} {
		if _, err := network.ParseProxies(list); (err == nil) != ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestGroup(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::9": "2001:db8:1:2::/64", "2001:db8:1:3::9": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64", "": "unknown", "pipe": "unknown",
	} {
		if got := network.Group(address); got != want {
			t.Errorf("%q is of %q, want %q", address, got, want)
		}
	}
}

// TestLimiterForgets: a flood of made-up keys takes no more memory than maxKeys, and a key at rest means nothing.
func TestLimiterForgets(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	l := network.NewLimiter(func() time.Time { return now }, 2, time.Minute)
	for i := range 50_000 {
		if _, ok := l.Allow(fmt.Sprint(i)); !ok {
			t.Fatalf("key %d is stopped at once", i)
		}
	}
	if n := network.Keys(l); n > 20_000 {
		t.Errorf("%d keys are remembered", n)
	}
	for i, want := range []bool{true, true, false, false} {
		if _, ok := l.Allow("x"); ok != want {
			t.Errorf("attempt %d: %v", i, ok)
		}
	}
	now = now.Add(time.Minute)
	if skipped, ok := l.Allow("x"); !ok || skipped != 2 {
		t.Errorf("after a minute: %v, %d skipped", ok, skipped)
	}
}

// TestRefusals: everything is counted; the log has one line a minute for each network, kind and reason.
func TestRefusals(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	var log strings.Builder
	counts := map[string]int{}
	f := network.NewRefusals(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now },
		func(k network.Kind, r network.Reason) { counts[string(k)+" "+string(r)]++ })
	note := func(kind network.Kind, reason network.Reason, address string) {
		f.Note(context.Background(), kind, reason, address)
	}
	for i := range 300 {
		note(network.SignIn, network.TooMany, fmt.Sprintf("2001:db8::%x", i))
	}
	note(network.SignIn, network.Wrong, "2001:db8::1")
	note(network.Invitation, network.TooMany, "2001:db8::1")
	note(network.SignIn, network.TooMany, "203.0.113.9")
	if n := strings.Count(log.String(), "level=WARN"); n != 4 || strings.Count(log.String(), "\n") != 4 {
		t.Errorf("%d lines, want one for each network, kind and reason:\n%s", n, log.String())
	}
	now = now.Add(time.Minute)
	note(network.SignIn, network.TooMany, "2001:db8::7")
	if want := `kind=sign-in reason=too-many network=2001:db8::/64 unsaid=299`; !strings.Contains(log.String(), want) {
		t.Errorf("no %s in\n%s", want, log.String())
	}
	if counts["sign-in too-many"] != 302 || counts["sign-in wrong"] != 1 || counts["invitation too-many"] != 1 {
		t.Errorf("counted %v", counts)
	}
}
