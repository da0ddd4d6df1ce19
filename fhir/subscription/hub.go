package subscription

import (
	"context"
	"sync"
	"time"
)

// hub knows what runs, and which connections are bound to which subscription.
type hub struct {
	mu      sync.Mutex
	running map[string]*served
	lines   map[*line]struct{}
	news    chan struct{} // closed when a connection is bound, a subscription begins to run, or the hub is closed
	closed  bool
}

// served is a subscription that runs.
type served struct {
	author string
	stop   func() // ends its worker and waits for it
	lines  map[*line]struct{}
}

func newHub() *hub {
	return &hub{running: map[string]*served{}, lines: map[*line]struct{}{}, news: make(chan struct{})}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.running)
}

// begin notes a worker. stop is called at most once.
func (h *hub) begin(id, author string, stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running[id] = &served{author: author, stop: stop, lines: map[*line]struct{}{}}
	h.tell()
}

// end stops the subscription's worker, if there is one, and waits for it.
func (h *hub) end(id string) {
	h.mu.Lock()
	s := h.running[id]
	delete(h.running, id)
	h.mu.Unlock()
	if s != nil {
		s.stop()
	}
}

// leave forgets a worker that ends by itself.
func (h *hub) leave(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.running, id)
}

// tell wakes who waits for a connection to be bound or a subscription to run. The caller holds the lock.
func (h *hub) tell() {
	close(h.news)
	h.news = make(chan struct{})
}

// bind lets the connection hear of a subscription of its author's; false if there is none. One that was created a moment ago need
// not run yet, and a client that has just been told of its id asks at once: it is waited for as long as patience, whosoever it is.
func (h *hub) bind(id string, l *line, patience time.Duration) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		h.mu.Lock()
		news := h.news
		if s := h.running[id]; s != nil && s.author == l.author {
			s.lines[l] = struct{}{}
			h.tell()
			h.mu.Unlock()
			return true
		}
		closed := h.closed
		h.mu.Unlock()
		if closed {
			return false
		}
		select {
		case <-news:
		case <-late.C:
			return false
		}
	}
}

// enter takes a connection; false when there are too many, all together or of one author, or the hub is closed.
func (h *hub) enter(l *line) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := 0
	for other := range h.lines {
		if other.author == l.author {
			own++
		}
	}
	if h.closed || len(h.lines) >= maxLines || own >= maxLinesByAuthor {
		return false
	}
	h.lines[l] = struct{}{}
	return true
}

// drop forgets a connection.
func (h *hub) drop(l *line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.lines, l)
	for _, s := range h.running {
		delete(s.lines, l)
	}
}

// close ends all connections.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	h.tell()
	var open []*line
	for l := range h.lines {
		open = append(open, l)
	}
	h.mu.Unlock()
	for _, l := range open {
		l.hangUp()
	}
}

// ping tells the connections that are bound to the subscription, and waits for one if there is none. It returns nil when at
// least one took it.
func (h *hub) ping(ctx context.Context, id string) error {
	for {
		h.mu.Lock()
		news := h.news
		var bound []*line
		if s := h.running[id]; s != nil {
			for l := range s.lines {
				bound = append(bound, l)
			}
		}
		h.mu.Unlock()
		taken := false
		for _, l := range bound {
			if l.say("ping " + id) {
				taken = true
			} else {
				h.drop(l)
			}
		}
		if taken {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
