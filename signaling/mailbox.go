package signaling

import "sync"

// event is anything that a room's loop takes: a client's message, news of the media node, a command, a timer.
type event interface{ happen(*room) }

// maxWaiting bounds the clients' messages that wait for a room's loop. The loop never waits for anybody, so this is reached
// only when the process is starved; the service's own events always fit.
const maxWaiting = 4096

// mailbox is a room's queue. Posting never blocks.
type mailbox struct {
	wake chan struct{} // holds one token while there is something to take

	mu     sync.Mutex
	queue  []event
	closed bool
}

// post queues an event. It is false once the mailbox is closed: the room has ended.
func (b *mailbox) post(e event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.queue = append(b.queue, e)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// full reports whether a client's message has to be refused.
func (b *mailbox) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) >= maxWaiting
}

func (b *mailbox) take() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.queue
	b.queue = nil
	return list
}

// closeIfEmpty closes the mailbox unless something has come in: a posted event is always handled.
func (b *mailbox) closeIfEmpty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = b.closed || len(b.queue) == 0
	return b.closed
}
