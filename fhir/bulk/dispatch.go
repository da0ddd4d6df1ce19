package bulk

import (
	"context"
	"slices"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// The sizes of what is on its way to the store. Single resources share a commit up to packChanges; commits are sent while others wait, up to
// flyingChanges in all, so that the committer finds the next batch ready.
const (
	packChanges   = 1_000
	packBytes     = 8 << 20
	flyingChanges = 4_000
	flyingBytes   = 64 << 20

	gentlePack   = 200 // with ImportOptions.Gentle: a batch of the store then takes some fifty milliseconds
	gentleFlying = 600
)

// dispatcher packs units into commits and keeps several of them on their way. Two changes of one resource never fly at once, so the order of
// the sources holds. It belongs to one goroutine.
type dispatcher struct {
	*ImportOptions
	ctx    context.Context
	sum    Sum
	open   *flight      // collects single resources
	packed map[key]bool // what it has
	flying map[key]bool // what is on its way
	n      int          // changes on their way
	size   int          // and their bytes
	landed chan *flight
	fatal  error

	packs, flies int // the sizes that hold here
}

// key names a resource.
type key struct{ typ, id string }

func keyOf(c *store.Change) key { return key{c.Type, c.ID} }

// flight is one commit on its way.
type flight struct {
	changes []store.Change
	origins []origin
	size    int
	atomic  bool
	count   int // resources
	commits int
	same    int     // changes that made no version
	errs    []error // one for each change that was refused, nil for those that were kept; one in all when atomic
	fatal   error
}

// origin is where a change comes from.
type origin struct {
	source *Source
	line   int
	path   string
}

func newDispatcher(ctx context.Context, o *ImportOptions) *dispatcher {
	packs, flies := packChanges, flyingChanges
	if o.Gentle {
		packs, flies = gentlePack, gentleFlying
	}
	return &dispatcher{
		packs: packs, flies: flies, ImportOptions: o, ctx: ctx, open: &flight{}, packed: map[key]bool{}, flying: map[key]bool{},
		landed: make(chan *flight, flyingChanges+1), // more are never on their way, so nobody waits to land
	}
}

// take deals with one unit. Its error ends the import.
func (d *dispatcher) take(ctx context.Context, source *Source, u *unit) error {
	d.sum.Read += u.count
	from := origin{source, u.line, u.path}
	switch {
	case u.err != nil:
		return d.refuse(from, u.count, u.err)
	case u.request != nil:
		return d.request(ctx, from, u)
	case u.atomic:
		d.flush()
		f := &flight{atomic: true, changes: u.changes, origins: []origin{from}, count: u.count}
		for i := range f.changes {
			f.size += len(f.changes[i].Body)
		}
		return d.send(f)
	}
	c := &u.changes[0]
	if d.packed[keyOf(c)] || len(d.open.changes) == d.packs || d.open.size+len(c.Body) > packBytes {
		d.flush()
	}
	d.open.changes, d.open.origins = append(d.open.changes, *c), append(d.open.origins, from)
	d.open.size += len(c.Body)
	d.open.count++
	d.packed[keyOf(c)] = true
	return d.fatal
}

// flush sends what is packed.
func (d *dispatcher) flush() {
	if len(d.open.changes) > 0 {
		f := d.open
		d.open = &flight{}
		clear(d.packed)
		_ = d.send(f) // kept in fatal
	}
}

// send starts a commit when there is room for it and no change of the same resource is on its way.
func (d *dispatcher) send(f *flight) error {
	if len(f.changes) == 0 {
		return d.fatal
	}
	for d.fatal == nil && d.n > 0 && (d.n+len(f.changes) > d.flies || d.size+f.size > flyingBytes || d.meets(f)) {
		d.settle(<-d.landed)
	}
	if d.fatal != nil {
		return d.fatal
	}
	d.n += len(f.changes)
	d.size += f.size
	for i := range f.changes {
		d.flying[keyOf(&f.changes[i])] = true
	}
	go func() {
		f.fly(d.ctx, d.ImportOptions)
		d.landed <- f
	}()
	return nil
}

// meets reports whether a resource of f is on its way.
func (d *dispatcher) meets(f *flight) bool {
	return slices.ContainsFunc(f.changes, func(c store.Change) bool { return d.flying[keyOf(&c)] })
}

// fly commits. Single resources whose commit is refused are tried one by one, so that one that cannot be kept does not take others along.
func (f *flight) fly(ctx context.Context, o *ImportOptions) {
	err := f.commit(ctx, o, f.changes)
	switch {
	case err == nil:
	case fatal(err):
		f.fatal = err
	case f.atomic || len(f.changes) == 1:
		f.errs = []error{err}
	default:
		f.errs = make([]error, len(f.changes))
		for i := range f.changes {
			if err := f.commit(ctx, o, f.changes[i:i+1]); fatal(err) {
				f.fatal = err
				return
			} else if err != nil {
				f.errs[i] = err
			}
		}
	}
}

func (f *flight) commit(ctx context.Context, o *ImportOptions, changes []store.Change) error {
	receipt, err := o.Store.Commit(ctx, store.Transaction{Author: o.Author, Changes: changes})
	if err != nil {
		return err
	}
	same := 0
	for i := range receipt.Changes {
		if receipt.Changes[i].Unchanged {
			same++
		}
	}
	if f.same += same; same < len(changes) {
		f.commits++
	}
	return nil
}

// fatal reports whether the store can go on no more, or nobody wants it to.
func fatal(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Unavailable, fault.Timeout, fault.Internal, fault.Unknown:
		return true
	default: // the input's doing
		return false
	}
}

// settle counts what a commit did.
func (d *dispatcher) settle(f *flight) {
	d.n -= len(f.changes)
	d.size -= f.size
	for i := range f.changes {
		delete(d.flying, keyOf(&f.changes[i]))
	}
	d.sum.Commits += f.commits
	if f.fatal != nil {
		if d.fatal == nil {
			d.fatal = f.fatal
		}
		return
	}
	kept := f.count
	for i, err := range f.errs {
		if err == nil {
			continue
		}
		stands := 1
		if f.atomic {
			stands = f.count
		}
		kept -= stands
		if err := d.refuse(f.origins[i], stands, err); err != nil && d.fatal == nil {
			d.fatal = err
		}
	}
	d.sum.Kept += kept - f.same
	d.sum.Unchanged += f.same
}

// refuse tells of one refusal.
func (d *dispatcher) refuse(from origin, count int, err error) error {
	d.sum.Refused += count
	if d.Refused == nil {
		return nil
	}
	return d.Refused(Refusal{Source: from.source.Name, Line: from.line, Path: from.path, Resources: count, Err: err})
}

// request leaves a transaction to the FHIR interface, when everything before it is kept: its conditions may ask for it.
func (d *dispatcher) request(ctx context.Context, from origin, u *unit) error {
	d.flush()
	if err := d.end(); err != nil {
		return err
	}
	err := error(fault.New(fault.Unsupported, "bulk.request", "A Bundle with conditions or other requests than PUT and POST cannot be imported this way."))
	if d.Transaction != nil {
		err = d.Transaction(ctx, u.request)
	}
	switch {
	case err == nil:
		d.sum.Kept += u.count
		d.sum.Commits++
		return nil
	case fatal(err):
		return err
	}
	return d.refuse(from, u.count, err)
}

// end waits for what is on its way.
func (d *dispatcher) end() error {
	for d.n > 0 {
		d.settle(<-d.landed)
	}
	return d.fatal
}
