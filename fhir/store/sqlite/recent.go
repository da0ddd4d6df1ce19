package sqlite

import (
	"slices"
	"sync"

	"khamxa/internal/records"
)

// recordCache holds small records that were read lately: those of clients and sessions are asked for with every request. This process alone
// writes the file, and the committer takes out what it has written before it acknowledges, so what is found here is what the file has.
type recordCache struct {
	mu     sync.RWMutex
	turn   uint64 // counts the times that something was taken out
	recent map[string]records.Record
}

const (
	recentRecords = 4_096
	recentBytes   = 4_096 // of a value; larger ones are not held
)

// get finds a record, with a value of the caller's own. at is for put.
func (c *recordCache) get(key string) (r records.Record, at uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r, ok = c.recent[key]; ok {
		r.Value = slices.Clone(r.Value)
	}
	return r, c.turn, ok
}

// put holds a record that was read from the file since get told at, unless something was taken out meanwhile: it may be what was read.
func (c *recordCache) put(r records.Record, at uint64) {
	if len(r.Value) > recentBytes {
		return
	}
	r.Value = slices.Clone(r.Value)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn != at {
		return
	}
	if c.recent == nil || len(c.recent) >= recentRecords {
		c.recent = map[string]records.Record{}
	}
	c.recent[r.Key] = r
}

// forget takes records out that may have been written.
func (c *recordCache) forget(keys []string) {
	if len(keys) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	for _, k := range keys {
		delete(c.recent, k)
	}
}
