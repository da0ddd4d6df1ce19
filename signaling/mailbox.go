package signaling

import "sync"

// event is anything that a room takes: a client's message, news of the media node, a command, a timer.
type event interface{ happen(*room) }

// maxWaiting bounds the clients' messages that wait for a room. A room never waits for anybody, so this is reached
// only when the process is starved; the service's own events always fit.
const maxWaiting = 4096

// mailbox is a room's queue. Posting never blocks. While there is something in it one goroutine, and never more than one, runs the room:
// a room in which nothing happens costs no stack.
type mailbox struct {
	mu      sync.Mutex
	queue   []event
	running bool
	closed  bool
}

// post queues an event and calls start if nobody runs the room. It is false once the mailbox is closed: the room has ended.
func (b *mailbox) post(e event, start func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.queue = append(b.queue, e)
	if !b.running {
		b.running = true
		start()
	}
	return true
}

// full reports whether a client's message has to be refused.
func (b *mailbox) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) >= maxWaiting
}

// take gives what has come in. With nothing there it gives nil, and the caller's run is over; over says whether the room is, so
// that an event is either handled or refused, never lost between the two.
func (b *mailbox) take(over func() bool) (batch []event, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		batch, b.queue = b.queue, nil
		return batch, false
	}
	b.running = false
	b.closed = b.closed || over()
	return nil, b.closed
}

// shut closes the mailbox and drops what is in it.
func (b *mailbox) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.queue = nil
}
