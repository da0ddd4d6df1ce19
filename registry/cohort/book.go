package cohort

import (
	"context"
	"sync"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Book holds every timeline and the counters over them, at one position of the log. It is safe for concurrent use: one writer applies
// entries, any number of readers ask for figures, and a reader sees the state after a whole Apply, never the middle of one.
type Book struct {
	mu       sync.RWMutex
	index    map[string]uint32 // patient id -> place in people
	people   []entry
	owners   map[Key]uint32 // resource -> the person whose timeline holds its fact
	counters *Counters
	position store.Seq
	updated  time.Time     // time of the last commit applied
	moved    chan struct{} // closed and replaced when position changes

	work      folder
	intervals []Interval
	touched   []uint32
	isTouched map[uint32]bool
}

type entry struct {
	id string
	Timeline
}

// NewBook is an empty book at position 0.
func NewBook() *Book {
	return &Book{
		index: map[string]uint32{}, owners: map[Key]uint32{}, counters: NewCounters(),
		moved: make(chan struct{}), isTouched: map[uint32]bool{},
	}
}

// Apply takes the next entries of the log, in order. Entries at or before the position are skipped, so applying twice is harmless; a
// gap is fault.State, and nothing of the entries is applied.
func (b *Book) Apply(entries []store.Entry) error {
	changes := prepare(entries)
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.position
	for i := range entries {
		switch seq := entries[i].Seq; {
		case seq == next+1:
			next = seq
		case seq > next:
			return fault.Newf(fault.State, "cohort.Apply", "The log entry after %d is missing: %d came.", next, seq)
		}
	}
	for i := range changes {
		if changes[i].seq > b.position {
			b.apply(&changes[i])
		}
	}
	b.recount()
	if next > b.position {
		b.position = next
		b.updated = entries[len(entries)-1].Time
		close(b.moved)
		b.moved = make(chan struct{})
	}
	return nil
}

// change is one change that may matter, already read: reading is the slow part and needs no lock.
type change struct {
	seq  store.Seq
	typ  string
	id   string
	key  Key
	says bool
	fact fact
}

func prepare(entries []store.Entry) []change {
	var out []change
	for _, e := range entries {
		for _, c := range e.Changes {
			if !follows(c.Type) {
				continue
			}
			ch := change{seq: e.Seq, typ: c.Type, id: c.ID, key: keyOf(c.Type, c.ID)}
			if c.Method == store.Put && c.Body != nil {
				ch.fact, ch.says = read(c.Type, c.ID, c.Body)
			}
			out = append(out, ch)
		}
	}
	return out
}

// apply takes out what the resource said before and puts in what it says now.
func (b *Book) apply(c *change) {
	if c.typ == "Patient" {
		b.applyPatient(c)
		return
	}
	if p, ok := b.owners[c.key]; ok {
		b.touch(p)
		b.people[p].remove(c.key)
		delete(b.owners, c.key)
	}
	if !c.says {
		return
	}
	p := b.person(c.fact.patient)
	b.touch(p)
	b.owners[c.key] = p
	t := &b.people[p].Timeline
	switch {
	case c.fact.episode != nil:
		t.AddEpisode(*c.fact.episode)
	case c.fact.reading != nil:
		t.AddReading(*c.fact.reading)
	case c.fact.visit != nil:
		t.AddVisit(*c.fact.visit)
	}
}

func (b *Book) applyPatient(c *change) {
	if !c.says {
		if p, ok := b.index[c.id]; ok {
			b.touch(p)
			b.people[p].Known, b.people[p].Death = false, Death{}
		}
		return
	}
	p := b.person(c.id)
	b.touch(p)
	b.people[p].Known, b.people[p].Death = true, c.fact.person.death
}

// person is the place of a patient, who is added if new.
func (b *Book) person(id string) uint32 {
	p, ok := b.index[id]
	if !ok {
		p = uint32(len(b.people))
		b.index[id] = p
		b.people = append(b.people, entry{id: id})
	}
	return p
}

// touch takes a person's contribution out of the counters before the first change to them in an Apply.
func (b *Book) touch(p uint32) {
	if b.isTouched[p] {
		return
	}
	b.isTouched[p] = true
	b.touched = append(b.touched, p)
	b.count(p, -1)
}

// recount puts the touched people's contributions in again.
func (b *Book) recount() {
	for _, p := range b.touched {
		b.count(p, 1)
		delete(b.isTouched, p)
	}
	b.touched = b.touched[:0]
}

func (b *Book) count(p uint32, n int32) {
	b.intervals = b.work.fold(b.intervals[:0], &b.people[p].Timeline)
	b.counters.count(b.intervals, n)
}

// Position is the last commit whose facts are in the figures, with its time.
func (b *Book) Position() (store.Seq, time.Time) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.position, b.updated
}

// WaitFor returns when the position has reached seq, or with ctx's error as fault.Timeout.
func (b *Book) WaitFor(ctx context.Context, seq store.Seq) error {
	for {
		b.mu.RLock()
		reached, moved := b.position >= seq, b.moved
		b.mu.RUnlock()
		if reached {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Timeout, "cohort.WaitFor", "The figures have not caught up with the log in time.")
		}
	}
}

// People is the number of people of whom anything is known, enrolled or not.
func (b *Book) People() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.people)
}

// adopt takes over what another book holds; the other is not used any more.
func (b *Book) adopt(o *Book) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index, b.people, b.owners, b.counters = o.index, o.people, o.owners, o.counters
	b.position, b.updated = o.position, o.updated
	close(b.moved)
	b.moved = make(chan struct{})
}
