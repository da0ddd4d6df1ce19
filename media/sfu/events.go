package sfu

import (
	"context"
	"sync"

	"khamxa/internal/fault"
	"khamxa/media"
)

// eventQueue is how many events may wait for one reader.
const eventQueue = 1024

// hub gives each event to every reader, in the order of emit.
type hub struct {
	boot string

	mu      sync.Mutex
	readers map[*reader]struct{}
	closed  bool
}

// reader is one call of Events. Its queue is closed when it fell behind or the node ends; why says which.
type reader struct {
	queue chan media.Event
	why   error
}

func newHub(boot string) *hub { return &hub{boot: boot, readers: map[*reader]struct{}{}} }

// emit queues an event; it never blocks.
func (h *hub) emit(e media.Event) {
	e.Boot = h.boot
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := range h.readers {
		select {
		case r.queue <- e:
		default:
			h.end(r, fault.New(fault.TooMany, "sfu.Node.Events", "The reader of events is too slow."))
		}
	}
}

// end closes a reader's queue. h.mu is held.
func (h *hub) end(r *reader, why error) {
	delete(h.readers, r)
	r.why = why
	close(r.queue)
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for r := range h.readers {
		h.end(r, errStopping())
	}
}

func errStopping() error {
	return fault.New(fault.Unavailable, "sfu.Node.Events", "The media node is stopping.")
}

// read calls f for each event until ctx ends.
func (h *hub) read(ctx context.Context, f func(media.Event)) error {
	r := &reader{queue: make(chan media.Event, eventQueue)}
	r.queue <- media.Event{Kind: media.EventNode, Boot: h.boot}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return errStopping()
	}
	h.readers[r] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.readers, r)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-r.queue:
			if !ok {
				return r.why
			}
			if ctx.Err() != nil {
				return nil
			}
			f(e)
		}
	}
}
