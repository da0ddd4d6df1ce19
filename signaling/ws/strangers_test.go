package ws_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/signaling/signalingtest"
	"khamxa/signaling/ws"
)

// from connects through a trusted proxy as a client with this address.
func (s *service) from(t *testing.T, address string) (*signalingtest.Client, error) {
	t.Helper()
	c, err := signalingtest.Dial(soon(t), "ws://"+s.address+"/signal", http.Header{"X-Forwarded-For": {address}})
	if err == nil {
		t.Cleanup(c.Drop)
	}
	return c, err
}

func (s *service) mustFrom(t *testing.T, address string) *signalingtest.Client {
	t.Helper()
	c, err := s.from(t, address)
	if err != nil {
		t.Fatalf("from %s: %v", address, err)
	}
	return c
}

func (s *service) wantFull(t *testing.T, address string) {
	t.Helper()
	if _, err := s.from(t, address); !fault.Is(err, fault.Unavailable) {
		t.Errorf("one too many from %s: %v", address, err)
	}
}

// TestStrangersOfOneAddress: who has not said hello gets few places, an IPv6 customer's addresses counting as one; others are let in, and
// a place is free again as soon as its holder is welcomed.
func TestStrangersOfOneAddress(t *testing.T) {
	var log strings.Builder
	counted := 0
	refusals := network.NewRefusals(slog.New(slog.NewTextHandler(&log, nil)), time.Now, func(network.Kind, network.Reason) { counted++ })
	s := start(t, ws.Options{MaxUnheardByAddress: 3, Refusals: refusals})
	var held []*signalingtest.Client
	for i := range 3 {
		held = append(held, s.mustFrom(t, fmt.Sprintf("2001:db8:1:2::%d", i)))
	}
	s.wantFull(t, "2001:db8:1:2::77")
	s.wantFull(t, "2001:db8:1:2::78")
	s.mustFrom(t, "2001:db8:1:3::77")
	s.mustFrom(t, "203.0.113.9")
	if _, err := held[0].Enter(soon(t), "room pt patient"); err != nil {
		t.Fatal(err)
	}
	s.mustFrom(t, "2001:db8:1:2::77")
	s.wantFull(t, "2001:db8:1:2::78")
	for range 20 { // with a ticket as many as come
		c := s.mustFrom(t, "203.0.113.9")
		if _, err := c.Enter(soon(t), fmt.Sprintf("room%p pt patient", c)); err != nil {
			t.Fatal(err)
		}
	}
	if line := "kind=signal reason=too-many network=2001:db8:1:2::/64"; counted != 3 || strings.Count(log.String(), line) != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("%d counted, log:\n%s", counted, log.String())
	}
}

// TestStrangersInAll: strangers from many addresses do not take the places of those who have tickets.
func TestStrangersInAll(t *testing.T) {
	s := start(t, ws.Options{MaxUnheard: 4})
	inside, _ := s.enter(t, "room dr doctor")
	defer inside.Drop()
	first := s.mustFrom(t, "198.51.100.0")
	for i := range 3 {
		s.mustFrom(t, fmt.Sprintf("198.51.100.%d", i+1))
	}
	s.wantFull(t, "203.0.113.9")
	first.Drop()
	ctx := soon(t)
	for { // its place is free again
		if _, err := s.from(t, "203.0.113.9"); err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("a dropped stranger keeps its place")
		}
	}
}

// TestRefusedWithRetryAfter: the refusal says when to come again.
func TestRefusedWithRetryAfter(t *testing.T) {
	s := start(t, ws.Options{MaxUnheardByAddress: 1})
	s.mustFrom(t, "127.0.0.1")
	r, err := http.NewRequestWithContext(soon(t), http.MethodGet, "http://"+s.address+"/signal", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
}
