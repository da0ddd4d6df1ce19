package mediatest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"khamxa/media"
)

// harness is one Plane under test with its clients: it reads the events and hands each to its client.
type harness struct {
	plane   media.Plane
	network webrtc.NetworkType // that the clients use

	mu      sync.Mutex
	clients map[string]*client // by session
	events  []media.Event
	waiters map[chan struct{}]struct{}
	over    bool
}

func newHarness(t *testing.T, plane media.Plane) *harness {
	t.Helper()
	h := &harness{plane: plane, network: webrtc.NetworkTypeUDP4, clients: map[string]*client{}, waiters: map[chan struct{}]struct{}{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := plane.Events(ctx, h.event); err != nil && ctx.Err() == nil && !h.ended() {
			t.Errorf("Events: %v", err)
		}
	})
	t.Cleanup(func() { // after the clients' clean-up
		cancel()
		wait.Wait()
	})
	t.Cleanup(func() {
		h.mu.Lock()
		h.over = true
		h.mu.Unlock()
	})
	h.await(t, "the first event", func() bool { return len(h.events) > 0 })
	return h
}

func (h *harness) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

func (h *harness) event(e media.Event) {
	h.mu.Lock()
	h.events = append(h.events, e)
	c := h.clients[e.Session]
	h.mu.Unlock()
	if c != nil {
		switch e.Kind {
		case media.EventOffer:
			c.offers <- *e.Offer
		case media.EventState:
			c.mu.Lock()
			c.states = append(c.states, e.State)
			c.mu.Unlock()
		case media.EventNode:
		}
	}
	h.changed()
}

// add hands a client the events of its session, those that came before it was known included.
func (h *harness) add(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[c.session] = c
}

func (h *harness) remove(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c.session)
}

// changed wakes who awaits something.
func (h *harness) changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// await waits until a condition holds. It is called under the harness's lock and those of its clients.
func (h *harness) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	wake := make(chan struct{}, 1)
	h.mu.Lock()
	h.waiters[wake] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.waiters, wake)
		h.mu.Unlock()
	}()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !h.locked(holds) {
		select {
		case <-wake:
		case <-deadline.C:
			t.Fatalf("%s did not happen in %v", what, patience)
		}
	}
}

// locked calls f under the locks of the harness and of every client.
func (h *harness) locked(f func() bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.clients {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	return f()
}
