package remote_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"khamxa/internal/bus"
	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/media/mediatest"
	"khamxa/media/remote"
	"khamxa/media/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const node = "media-1"

func connect(t testing.TB, s *bus.Server) *bus.Conn {
	t.Helper()
	h := s.Handoff()
	c, err := bus.Connect(t.Context(), bus.Options{URL: h.URL, User: h.User, Password: h.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func startBus(t testing.TB) *bus.Server {
	t.Helper()
	s, err := bus.StartEmbedded(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// serve serves a plane on the bus until the test ends or stop is called, and waits until it does.
func serve(t testing.TB, s *bus.Server, plane media.Plane) (stop func()) {
	t.Helper()
	conn := connect(t, s)
	ready := make(chan struct{}, 1)
	heard, err := remote.Beats(connect(t, s), func(b remote.Beat) {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- remote.Serve(ctx, conn, plane, node, nil) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("Serve ended: %v", err)
	}
	heard()
	return stop
}

func TestContract(t *testing.T) {
	mediatest.Run(t, func(t *testing.T) media.Plane {
		n, err := sfu.New(sfu.Options{ListenUDP: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Shutdown)
		s := startBus(t)
		serve(t, s, n)
		return remote.NewClient(connect(t, s), node)
	})
}

// follow reads a plane's events into a channel.
func follow(t testing.TB, p media.Plane) <-chan media.Event {
	t.Helper()
	events := make(chan media.Event, 64)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Events(ctx, func(e media.Event) { events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Events: %v", err)
		}
	})
	return events
}

func next(t testing.TB, events <-chan media.Event) media.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event came")
		return media.Event{}
	}
}

func TestEventsFollowARestart(t *testing.T) {
	s, fake := startBus(t), mediatest.NewFake()
	serve(t, s, fake)
	client := remote.NewClient(connect(t, s), node)
	events := follow(t, client)
	first := next(t, events)
	if first.Kind != media.EventNode {
		t.Fatalf("first event %+v", first)
	}
	o, err := client.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	fake.State("room", "an", media.Connected)
	if e := next(t, events); e.State != media.Connected || e.Session != o.Session || e.Boot != first.Boot {
		t.Errorf("event %+v", e)
	}
	fake.Restart()
	if e := next(t, events); e.Kind != media.EventNode || e.Boot == first.Boot {
		t.Errorf("after a restart: event %+v, want one of the node with a new boot id", e)
	}
	if err := client.Answer(t.Context(), media.Answer{Room: "room", Peer: "an", Session: o.Session, Seq: 1, SDP: "v=0"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("answer after a restart: %v, want not-found", err)
	}
}

func TestEventsWaitForANode(t *testing.T) {
	s, fake := startBus(t), mediatest.NewFake()
	client := remote.NewClient(connect(t, s), node)
	if _, err := client.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "an"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("join without a node: %v, want unavailable", err)
	}
	events := follow(t, client)
	serve(t, s, fake)
	if e := next(t, events); e.Kind != media.EventNode || e.Boot != "boot-1" {
		t.Errorf("event %+v", e)
	}
}

// TestLostEventsAreNoticed publishes as a node would, and leaves an event out.
func TestLostEventsAreNoticed(t *testing.T) {
	s := startBus(t)
	conn := connect(t, s)
	tell := func(what string, message map[string]any) {
		t.Helper()
		message["v"] = remote.Version
		data, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Publish("media."+node+".tell."+what, data); err != nil {
			t.Fatal(err)
		}
	}
	state := func(n int, boot string) {
		t.Helper()
		tell("event", map[string]any{"n": n, "event": media.Event{Kind: media.EventState, Boot: boot, Room: "r", Peer: "p", State: media.Connected}})
	}
	hello, err := conn.Serve("media."+node+".do.hello", func(context.Context, []byte) ([]byte, error) {
		return []byte(`{"v":1,"boot":"a","n":5}`), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer hello()
	events := follow(t, remote.NewClient(connect(t, s), node))
	next(t, events)
	state(5, "a") // known from hello
	state(6, "a")
	state(8, "a")
	tell("beat", map[string]any{"node": node, "n": 8, "stats": media.Stats{Boot: "a"}})
	tell("beat", map[string]any{"node": node, "n": 9, "stats": media.Stats{Boot: "a"}})
	state(1, "b")
	state(2, "b")
	var kinds []media.EventKind
	for range 7 {
		kinds = append(kinds, next(t, events).Kind)
	}
	want := []media.EventKind{
		media.EventState, // 6
		media.EventNode,  // 7 is missing
		media.EventState, // 8
		media.EventNode,  // the beat knows of 9
		media.EventNode,  // another boot
		media.EventState, media.EventState,
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}

// TestBeats: a node that is served is heard again and again, with its numbers.
func TestBeats(t *testing.T) {
	s := startBus(t)
	conn := connect(t, s)
	serve(t, s, mediatest.NewFake())
	beats := make(chan remote.Beat, 16)
	unwatch, err := remote.Beats(conn, func(b remote.Beat) { beats <- b })
	if err != nil {
		t.Fatal(err)
	}
	defer unwatch()
	for range 2 {
		if b := <-beats; b.Node != node || b.Stats.Boot != "boot-1" {
			t.Errorf("a beat of %+v", b)
		}
	}
}

func TestStrangeMessages(t *testing.T) {
	s := startBus(t)
	serve(t, s, mediatest.NewFake())
	conn := connect(t, s)
	tests := []struct {
		name, verb, data string
		code             fault.Code
	}{
		{"not JSON", "join", "hello", fault.Invalid},
		{"an array", "join", "[]", fault.Invalid},
		{"no version", "join", `{"room":"r","peer":"p"}`, fault.Unsupported},
		{"another version", "leave", `{"v":2,"room":"r","peer":"p"}`, fault.Unsupported},
		{"wrong type", "answer", `{"v":1,"room":7}`, fault.Invalid},
		{"no members", "join", `{"v":1}`, fault.Invalid},
		{"more members", "join", `{"v":1,"room":"r","peer":"p","codec":"av1"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := conn.Request(t.Context(), "media."+node+".do."+tt.verb, []byte(tt.data))
			if fault.CodeOf(err) != tt.code {
				t.Errorf("err = %v, want %q", err, tt.code)
			}
		})
	}
	if err := remote.Serve(t.Context(), conn, mediatest.NewFake(), "bad.id", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("Serve with a bad id: %v, want invalid", err)
	}
}
