package subscription

import (
	"context"
	"sync"

	"khamxa/fhir"
	"khamxa/fhir/store"
)

// commit is one entry of the log as subscriptions read it. Its resources are parsed once, by whoever asks first.
type commit struct {
	seq     store.Seq
	author  string
	changes []*change
}

// change is one resource that was created or updated; deletions and bodies that were erased are left out, but of Subscriptions.
type change struct {
	store.EntryChange
	seq   store.Seq
	index int // in its commit

	once sync.Once
	res  *fhir.Resource
}

// resource parses the body; nil if there is none or it is damaged, which the check of the store tells.
func (c *change) resource() *fhir.Resource {
	c.once.Do(func() {
		if r, err := fhir.Parse(c.Body); err == nil {
			c.res = r
		}
	})
	return c.res
}

// feed reads the log for many followers. Those that are up to date share what was read last; one that lags behind reads for
// itself.
type feed struct {
	log store.Log

	mu     sync.Mutex
	recent []*commit // consecutive, the newest last
	bytes  int
}

// after gives commits after the position, in order, and waits until there are some.
func (f *feed) after(ctx context.Context, at store.Seq) ([]*commit, error) {
	for {
		list, err := f.read(ctx, at)
		if err != nil || len(list) > 0 {
			return list, err
		}
		if err := f.log.Await(ctx, at); err != nil {
			return nil, err
		}
	}
}

func (f *feed) read(ctx context.Context, at store.Seq) ([]*commit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.recent); n > 0 {
		first, last := f.recent[0].seq, f.recent[n-1].seq
		switch {
		case at >= first-1 && at < last:
			from := int(at - first + 1)
			return f.recent[from:min(from+entriesAtOnce, n):n], nil
		case at < first-1: // it lags behind: what it reads is of no use to the others
			f.mu.Unlock()
			defer f.mu.Lock()
			list, _, err := f.load(ctx, at)
			return list, err
		case at > last:
			f.recent, f.bytes = nil, 0
		}
	}
	list, size, err := f.load(ctx, at)
	if err != nil {
		return nil, err
	}
	f.recent, f.bytes = append(f.recent, list...), f.bytes+size
	f.shrink()
	return list, nil
}

// shrink forgets the oldest commits past the limits. Whoever still has them keeps them.
func (f *feed) shrink() {
	drop := 0
	for drop < len(f.recent)-1 && (len(f.recent)-drop > 4*entriesAtOnce || f.bytes > windowBytes) {
		for _, c := range f.recent[drop].changes {
			f.bytes -= len(c.Body)
		}
		drop++
	}
	if drop > 0 {
		f.recent = append([]*commit(nil), f.recent[drop:]...)
	}
}

func (f *feed) load(ctx context.Context, at store.Seq) (list []*commit, size int, err error) {
	entries, err := f.log.Entries(ctx, at, entriesAtOnce)
	if err != nil {
		return nil, 0, err
	}
	for i := range entries {
		c := &commit{seq: entries[i].Seq, author: entries[i].Author}
		for j, e := range entries[i].Changes {
			if e.Method == store.Put && len(e.Body) > 0 || e.Type == "Subscription" {
				c.changes = append(c.changes, &change{EntryChange: e, seq: c.seq, index: j})
				size += len(e.Body)
			}
		}
		list = append(list, c)
	}
	return list, size, nil
}
