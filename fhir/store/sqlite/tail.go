package sqlite

import (
	"slices"
	"sync"

	"khamxa/fhir/store"
)

// logTail holds the newest commits with their bodies. Those who follow the log ask for each commit as soon as it is made; from here they get it
// without a read transaction, whose page cache every commit empties. What is here is in the file: the committer adds after its COMMIT and
// before it moves the watermark. An erasure empties it, since what it holds is erased in the file too.
type logTail struct {
	mu    sync.RWMutex
	list  []store.Entry // consecutive, the newest last
	bytes int           // of their bodies
}

// How much is held at most; past it the older half goes. Who lags behind further reads the file.
const (
	tailCommits = 1_024
	tailBytes   = 4 << 20
)

// add takes the commits of one batch.
func (t *logTail) add(batch []store.Entry) {
	if len(batch) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range batch {
		e := &batch[i]
		if n := len(t.list); n > 0 && t.list[n-1].Seq+1 != e.Seq {
			t.list, t.bytes = nil, 0
		}
		if slices.ContainsFunc(e.Changes, func(c store.EntryChange) bool { return c.Erased }) {
			t.list, t.bytes = nil, 0
		}
		t.list = append(t.list, *e)
		t.bytes += bytesOf(e)
	}
	if len(t.list) <= tailCommits && t.bytes <= tailBytes {
		return
	}
	drop := 0
	for ; drop < len(t.list) && (len(t.list)-drop > tailCommits/2 || t.bytes > tailBytes/2); drop++ {
		t.bytes -= bytesOf(&t.list[drop])
	}
	t.list = append(make([]store.Entry, 0, tailCommits+batchRequests), t.list[drop:]...)
}

func (t *logTail) empty() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list, t.bytes = nil, 0
}

// after gives up to limit commits that come after the position; ok is false when they must be read from the file.
func (t *logTail) after(seq store.Seq, limit int) (list []store.Entry, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.list) == 0 || seq+1 < t.list[0].Seq || seq >= t.list[len(t.list)-1].Seq {
		return nil, false
	}
	from := int(seq + 1 - t.list[0].Seq)
	return slices.Clone(t.list[from:min(from+limit, len(t.list))]), true
}

func bytesOf(e *store.Entry) (n int) {
	for i := range e.Changes {
		n += len(e.Changes[i].Body)
	}
	return n
}

// shown is a commit that was just appended as readers of the log get it.
func (e *entry) shown(hash [32]byte) store.Entry {
	out := store.Entry{Seq: e.seq, Time: e.time, Author: e.author, Hash: hash, Prev: e.prev, Changes: make([]store.EntryChange, len(e.changes))}
	for i := range e.changes {
		out.Changes[i] = e.changes[i].shown(e.changes[i].body)
	}
	return out
}

// shown is a change as readers of the log get it.
func (c *entryChange) shown(body []byte) store.EntryChange {
	out := store.EntryChange{Method: store.Put, Type: c.typ, ID: c.id, VersionID: versionID(c.vid), BodyHash: c.hash, Body: body}
	if c.deleted {
		out.Method, out.Erased, out.Body = store.Delete, c.erased, nil
	}
	return out
}
