package sfu_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/media/mediatest"
	"khamxa/media/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node gives a node on loopback that ends with the test.
func node(t testing.TB, change func(*sfu.Options)) *sfu.Node {
	t.Helper()
	o := sfu.Options{ListenUDP: "127.0.0.1:0"}
	if change != nil {
		change(&o)
	}
	n, err := sfu.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Shutdown)
	return n
}

func TestContract(t *testing.T) {
	mediatest.Run(t, func(t *testing.T) media.Plane { return node(t, nil) })
}

func TestTCP(t *testing.T) {
	t.Parallel()
	n := node(t, nil)
	mediatest.RunTCP(t, n)
	if s := n.Stats(); s.PacketsOut == 0 || s.Peers != 3 || s.Rooms != 2 || s.Tracks != 6 || s.Boot != n.Boot() {
		t.Errorf("stats %+v", s)
	}
}

func TestNoAnswerFails(t *testing.T) {
	n := node(t, func(o *sfu.Options) { o.AnswerWait = 20 * time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	events := make(chan media.Event, 8)
	read := make(chan error, 1)
	go func() { read <- n.Events(ctx, func(e media.Event) { events <- e }) }()
	<-events
	o, err := n.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-events:
		if e.Kind != media.EventState || e.State != media.Failed || e.Session != o.Session {
			t.Errorf("event %+v, want failed", e)
		}
	case <-ctx.Done():
		t.Fatal("the peer did not fail")
	}
	if s := n.Stats(); s.Peers != 0 || s.Rooms != 0 {
		t.Errorf("stats %+v, want nobody", s)
	}
	n.Shutdown()
	if err := <-read; !fault.Is(err, fault.Unavailable) {
		t.Errorf("Events after Shutdown: %v, want unavailable", err)
	}
	if _, err := n.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "an"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Join after Shutdown: %v, want unavailable", err)
	}
}

func TestSlowReader(t *testing.T) {
	n := node(t, nil)
	first, hold := make(chan struct{}), make(chan struct{})
	read := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		began := false
		read <- n.Events(ctx, func(media.Event) {
			if !began {
				began = true
				close(first)
				<-hold
			}
		})
	}()
	<-first
	sfu.Flood(n, 2000)
	close(hold)
	if err := <-read; !fault.Is(err, fault.TooMany) {
		t.Errorf("Events of a slow reader: %v, want too-many", err)
	}
}

func TestOffers(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*sfu.Options)
		want    []string
		without []string
	}{
		{
			"ICE-lite, UDP and TCP on one port", nil,
			[]string{"a=ice-lite", " udp ", "tcptype passive", "127.0.0.1", "a=end-of-candidates", "a=setup:actpass", "useinbandfec=1;usedtx=1", "transport-wide-cc"},
			[]string{".local"},
		},
		{"no TCP", func(o *sfu.Options) { o.ListenTCP = "none" }, []string{" udp "}, []string{"tcptype"}},
		{"behind NAT", func(o *sfu.Options) { o.PublicIPs = []string{"203.0.113.5"} }, []string{" 203.0.113.5 "}, []string{" 127.0.0.1 "}},
		{"every address", func(o *sfu.Options) { o.ListenUDP = "0.0.0.0:0" }, []string{" udp "}, []string{" 0.0.0.0 9", " 0.0.0.0 typ"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := node(t, tt.change)
			o, err := n.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "an"})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.want {
				if !strings.Contains(o.SDP, w) {
					t.Errorf("the offer has no %q:\n%s", w, o.SDP)
				}
			}
			for _, w := range tt.without {
				if strings.Contains(o.SDP, w) {
					t.Errorf("the offer has %q:\n%s", w, o.SDP)
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	taken := node(t, nil).Addr().String()
	tests := []struct {
		name    string
		options sfu.Options
		code    fault.Code
	}{
		{"no address", sfu.Options{}, fault.Invalid},
		{"a name", sfu.Options{ListenUDP: "localhost:0"}, fault.Invalid},
		{"a TCP address without a port", sfu.Options{ListenUDP: "127.0.0.1:0", ListenTCP: "127.0.0.1"}, fault.Invalid},
		{"a taken port", sfu.Options{ListenUDP: taken}, fault.Unavailable},
		{"an address of another machine", sfu.Options{ListenUDP: "203.0.113.9:0"}, fault.Unavailable},
		{"a public name", sfu.Options{ListenUDP: "127.0.0.1:0", PublicIPs: []string{"example.org"}}, fault.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := sfu.New(tt.options)
			if err == nil {
				n.Shutdown()
			}
			if !fault.Is(err, tt.code) {
				t.Errorf("err = %v, want %s", err, tt.code)
			}
		})
	}
}

func TestRoomLimit(t *testing.T) {
	n := node(t, func(o *sfu.Options) { o.MaxRooms = 1 })
	join := func(room string) error {
		_, err := n.Join(t.Context(), media.JoinRequest{Room: room, Peer: "an"})
		return err
	}
	if err := join("one"); err != nil {
		t.Fatal(err)
	}
	if err := join("two"); !fault.Is(err, fault.TooMany) {
		t.Errorf("a second room: %v, want too-many", err)
	}
	if err := n.Close(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := join("two"); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}

// TestGarbage sends what is not STUN, DTLS or SRTP to both ports, and finds the node as it was.
func TestGarbage(t *testing.T) {
	n := node(t, nil)
	for _, network := range []string{"udp", "tcp"} {
		c, err := net.Dial(network, n.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []byte{0x00, 0x16, 0x40, 0x80, 0xff} {
			if _, err := c.Write([]byte(strings.Repeat(string(rune(b)), 200))); err != nil && network == "udp" {
				t.Error(err)
			}
		}
		_ = c.Close()
	}
	if _, err := n.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "an"}); err != nil {
		t.Errorf("Join after garbage: %v", err)
	}
}
