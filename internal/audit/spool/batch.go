package spool

import (
	"fmt"
	"slices"
	"time"

	"khamxa/internal/audit"
)

// Batch is what one caller did in one way within one window: it becomes one audit event. Of Event, When is the time of the last deed, and
// Objects, Type and Patient are empty: Shown has what was touched.
type Batch struct {
	ID    string // the same whenever the batch is made again
	Event audit.Event
	First time.Time // of the first deed; equal to Event.When if there was one
	Deeds int
	Shown []Shown
}

// Shown are references that were seen, each once, or changed, as often as they were, and the search that led to them, "" for none. Together the Shown of a batch
// have at most audit.MaxObjects references and searches.
type Shown struct {
	Query   string
	Objects []string
}

// deed is what makes events belong together.
type deed struct {
	kind, who, role, address, purpose string
	action                            audit.Action
	outcome                           audit.Outcome
}

// Batches puts entries together as a spool of that name would.
func Batches(name string, entries ...Entry) []Batch {
	var b batches
	for _, e := range entries {
		b.add(e)
	}
	return b.list(name)
}

// batches collects entries. The same entries in the same order give the same batches.
type batches struct {
	events int
	full   []*growing // closed ones
	open   map[deed]*growing
}

// growing is a batch that takes events.
type growing struct {
	batch Batch
	turn  int // its place among all
	size  int // references and searches
	seen  map[sight]struct{}
	query map[string]int // where in Shown
}

// sight is a reference in the answer to one search, by that one's place in Shown.
type sight struct {
	search    int
	reference string
}

// add puts one entry into its batch. One that names more than a batch may hold is spread over several.
func (b *batches) add(e Entry) {
	if b.open == nil {
		b.open = map[deed]*growing{}
	}
	b.events++
	d := deed{e.Kind, e.Who, e.Role, e.Address, e.Purpose, e.Action, e.Outcome}
	objects := e.Objects
	if e.Patient != "" {
		others := slices.DeleteFunc(slices.Clone(objects), func(o string) bool { return o == e.Patient })
		objects = append([]string{e.Patient}, others...)
	}
	for first := true; first || len(objects) > 0; first = false {
		g := b.open[d]
		if g == nil || g.size >= audit.MaxObjects {
			g = b.begin(d, g, e)
		}
		objects = g.take(e, objects)
		g.batch.Event.When = e.When
	}
	b.open[d].batch.Deeds++
}

func (b *batches) begin(d deed, before *growing, e Entry) *growing {
	turn := len(b.open) + len(b.full)
	if before != nil {
		b.full = append(b.full, before)
	}
	g := &growing{turn: turn, seen: map[sight]struct{}{}, query: map[string]int{}}
	g.batch.Event, g.batch.First = e.Event, e.When
	g.batch.Event.Objects, g.batch.Event.Type, g.batch.Event.Patient = nil, "", ""
	b.open[d] = g
	return g
}

// take adds references up to the limit and gives those that are left.
func (g *growing) take(e Entry, objects []string) (left []string) {
	i, known := g.query[e.Query]
	if !known {
		i = len(g.batch.Shown)
		g.query[e.Query] = i
		g.batch.Shown = append(g.batch.Shown, Shown{Query: e.Query})
		if e.Query != "" {
			g.size++
		}
	}
	for n, o := range objects {
		if _, again := g.seen[sight{i, o}]; again && e.Action == audit.Read {
			continue
		}
		if g.size >= audit.MaxObjects {
			return objects[n:]
		}
		g.seen[sight{i, o}] = struct{}{}
		g.size++
		g.batch.Shown[i].Objects = append(g.batch.Shown[i].Objects, o)
	}
	return nil
}

// list gives the batches in the order in which they began. name makes their ids.
func (b *batches) list(name string) []Batch {
	all := slices.Clone(b.full)
	for _, g := range b.open {
		all = append(all, g)
	}
	slices.SortFunc(all, func(x, y *growing) int { return x.turn - y.turn })
	out := make([]Batch, len(all))
	for i, g := range all {
		out[i] = g.batch
		out[i].ID = fmt.Sprintf("%s/%d", name, i)
	}
	return out
}
