package sqlite

import (
	"context"
	"sync"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// watermark is the last commit that readers can see, and wakes those who wait for a later one.
type watermark struct {
	mu    sync.Mutex
	seq   store.Seq
	over  bool
	moved chan struct{} // closed at the next move
}

func newWatermark(seq store.Seq) *watermark {
	return &watermark{seq: seq, moved: make(chan struct{})}
}

func (m *watermark) get() store.Seq {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seq
}

func (m *watermark) set(seq store.Seq) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq <= m.seq {
		return
	}
	m.seq = seq
	close(m.moved)
	m.moved = make(chan struct{})
}

// end wakes everybody for good.
func (m *watermark) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	close(m.moved)
	m.moved = make(chan struct{})
}

func (m *watermark) await(ctx context.Context, after store.Seq) error {
	const op = "sqlite.Await"
	for {
		m.mu.Lock()
		seq, over, moved := m.seq, m.over, m.moved
		m.mu.Unlock()
		if over {
			return fault.New(fault.Unavailable, op, "The store is closed.")
		}
		if seq > after {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Timeout, op, "Nothing was committed in the meantime.")
		}
	}
}
