package mediatest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFakeKeepsTheContract(t *testing.T) {
	mediatest.RunControl(t, func(*testing.T) media.Plane { return mediatest.NewFake() })
}

func TestFake(t *testing.T) {
	f := mediatest.NewFake()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	events := make(chan media.Event, 16)
	read := make(chan error)
	go func() { read <- f.Events(ctx, func(e media.Event) { events <- e }) }()
	boot := (<-events).Boot
	if _, err := f.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"}); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Await(ctx, func(c mediatest.Call) bool { return c.Method == mediatest.Join }); err != nil || c.Peer != "an" {
		t.Errorf("Await: %+v, %v", c, err)
	}
	o, ok := f.Offer("room", "an")
	if e := <-events; !ok || e.Kind != media.EventOffer || e.Offer.Seq != 2 || e.Session != o.Session || e.Boot != boot {
		t.Errorf("offer event: %+v", e)
	}
	f.State("room", "an", media.Failed)
	if e := <-events; e.State != media.Failed || e.Session != o.Session {
		t.Errorf("state event: %+v", e)
	}
	if diff := cmp.Diff([]string(nil), f.Peers("room")); diff != "" {
		t.Errorf("after failed: %s", diff)
	}
	f.Restart()
	if e := <-events; e.Kind != media.EventNode || e.Boot == boot {
		t.Errorf("restart event: %+v", e)
	}
	f.Fail(mediatest.Join, fault.New(fault.Unavailable, "x", "down"))
	if _, err := f.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Join: %v, want the failure that was set", err)
	}
	if n := len(f.Calls()); n != 2 {
		t.Errorf("%d calls recorded, want 2", n)
	}
	cancel()
	if err := <-read; err != nil {
		t.Errorf("Events ended with %v", err)
	}
	if _, err := f.Await(ctx, func(mediatest.Call) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Await after the end: %v", err)
	}
}
