package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// write is one change on its way into the log: planned by create, update, patch or delete, checked and committed by commit,
// alone or together with the others of a transaction.
type write struct {
	c        *call
	change   store.Change
	source   *fhir.Resource // as it was sent, or as the patch has made it; nil for a deletion
	resource *fhir.Resource // as it is kept, without version and time
	assigned bool           // the id is not that of the body
	sent     string         // the id in the body
	chosen   string         // the id of a new resource, when the body has none
	oneOf    []string       // If-Match with a list: one of these versions must be current
	cond     *condition     // of a conditional interaction, nil for others
	patch    *patching      // of a patch, nil for others
	more     []*write       // the further deletions of a conditional delete
	pinned   bool           // change.IfMatch or IfAbsent is ours: nothing may come between our check and the commit
	existing *store.Version // conditional create: what matched, so that nothing is written
	skip     bool           // nothing is there to delete
	entry    *entry         // of a transaction, nil for a single request
	path     string         // prefix of expressions in errors: "Bundle.entry[2]", "" for a single request
	done     store.Written
}

// unit is the writes that stand or fall together. entries and links belong to a transaction.
type unit struct {
	writes  []*write
	entries []*entry
	links   map[string]*entry // by fullUrl
	targets map[string]*target
}

// moot says that a write needs no change in the log.
func (w *write) moot() bool { return w.skip || w.existing != nil }

// attempts is how often a write is checked when others come between the check and the commit. Each time it fails another write
// was kept, so it ends; the deadline of the interaction ends it sooner.
const attempts = 100

// commit checks what the caller may do and writes all or nothing. After it, each write has done, existing or skip.
func (s *server) commit(ctx context.Context, access Access, u *unit) error {
	for try := 1; ; try++ {
		if err := s.confine(ctx, access, u); err != nil {
			return err
		}
		err := s.commitOnce(ctx, access, u)
		var m *store.Matched
		again := errors.As(err, &m) || fault.Is(err, fault.Conflict) && u.outdated(err)
		if !again || try == attempts {
			return stated(u.writes, err)
		}
		// confine reads again, and finds what the caller's own conditions say to it
	}
}

// commitOnce gives the store what is to be written.
func (s *server) commitOnce(ctx context.Context, access Access, u *unit) error {
	tx := store.Transaction{Author: access.Author}
	var at []*write
	for _, w := range each(u.writes) {
		if !w.moot() {
			tx.Changes = append(tx.Changes, w.change)
			at = append(at, w)
		}
	}
	if len(tx.Changes) == 0 {
		return nil
	}
	for _, w := range u.writes {
		if w.cond != nil {
			tx.Absent = append(tx.Absent, w.cond.absence(access))
		}
	}
	for _, t := range u.targets {
		tx.Absent = append(tx.Absent, t.cond.absence(access))
	}
	if len(tx.Absent) > store.MaxAbsent {
		return fault.Newf(fault.TooLarge, "rest.commitOnce", "The transaction has %d conditions and references by search; %d are the most.", len(tx.Absent), store.MaxAbsent)
	}
	receipt, err := s.Store.Commit(ctx, tx)
	if err != nil {
		return err
	}
	for i, w := range at {
		w.done = receipt.Changes[i]
	}
	return nil
}

// outdated reports whether a conflict is about what was looked up before the commit, not about what the caller demands: then
// looking again helps. A conflict names its resource, or none when what a condition had found matches no more.
func (u *unit) outdated(err error) bool {
	name := fault.PathOf(err)
	return name == "" || slices.ContainsFunc(each(u.writes), func(w *write) bool {
		return w.pinned && w.change.Type+"/"+w.change.ID == name
	})
}

// stated turns the store's conflict into the failed precondition that it is when the caller stated a condition.
func stated(ws []*write, err error) error {
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	var stating []*write
	for _, w := range ws {
		if !w.moot() && !w.pinned && (w.change.IfMatch != "" || w.change.IfAbsent && w.c.rt.verb == Update) {
			stating = append(stating, w)
		}
	}
	if len(stating) != 1 {
		return err
	}
	if stating[0].change.IfMatch == "" {
		return within(&fault.Error{
			Code: fault.Precondition, Op: "rest.commit", Err: err,
			Message: "If-None-Match says that the resource must not exist, and it does; nothing was changed.",
		}, stating[0].path)
	}
	return within(notCurrent(err), stating[0].path)
}

// notCurrent refuses a write whose If-Match names another version than the current one.
func notCurrent(cause error) error {
	return &fault.Error{
		Code: fault.Precondition, Op: "rest.commit", Err: cause,
		Message: "The version that If-Match names is not the current one; nothing was changed. Read the resource again, and repeat the change on what it says now.",
	}
}

// demand reads If-Match. https://hl7.org/fhir/R4/http.html#concurrency
func (w *write) demand(header string) error {
	versions, err := matchVersions(header)
	if len(versions) == 1 && versions[0] != "*" {
		w.change.IfMatch = versions[0]
	} else {
		w.oneOf = versions
	}
	return err
}

// choose settles an If-Match that is a list, or "*" for any version: the one that is current is pinned.
func (s *server) choose(ctx context.Context, access Access, w *write) error {
	v, err := s.current(ctx, access, w.change.Type, w.change.ID)
	switch {
	case fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone):
		return notCurrent(err)
	case err != nil:
		return err
	case !slices.Contains(w.oneOf, v.VersionID) && !slices.Contains(w.oneOf, "*"):
		return notCurrent(nil)
	}
	w.unpin()
	w.pin(&v)
	return nil
}

// answer says what became of a write. https://hl7.org/fhir/R4/http.html#ops
func (w *write) answer() answer {
	a := answer{status: http.StatusOK}
	if w.cond != nil {
		a.query = w.cond.query.Values.Encode()
	}
	switch v := w.existing; {
	case w.change.Method == store.Delete:
		a.status = http.StatusNoContent
		for _, one := range each([]*write{w}) {
			if !one.skip {
				a.shown = append(a.shown, one.done.Type+"/"+one.done.ID)
			}
		}
		if len(w.more) == 0 && !w.skip {
			a.version = &store.Version{Type: w.done.Type, ID: w.done.ID, VersionID: w.done.VersionID, Updated: w.done.Updated}
		}
		return a
	case v != nil:
		a.version, a.body = v, v.Body
	default:
		a.version = &store.Version{Type: w.done.Type, ID: w.done.ID, VersionID: w.done.VersionID, Updated: w.done.Updated}
		a.body = w.done.Body
		if w.done.Created {
			a.status = http.StatusCreated
		}
	}
	a.located = true
	a.shown = []string{a.version.Type + "/" + a.version.ID}
	return w.c.preferred(a)
}

// preferred cuts the body to what the caller wants back.
func (c *call) preferred(a answer) answer {
	switch {
	case c.prefer.minimal:
		a.body = nil
	case c.prefer.outcome:
		a.body = done()
	}
	return a
}

// resource parses the body, checks that it is what the address says and that it is valid, and makes its references to this
// server relative.
func (s *server) resource(c *call) (*fhir.Resource, error) {
	r := c.nested
	if r == nil {
		var err error
		if r, err = fhir.Parse(c.body); err != nil {
			return nil, err
		}
	}
	if r.Type != c.typ {
		return nil, fault.Newf(fault.Invalid, "rest.resource", "The body is a %s, and the address is for %s.", r.Type, c.typ).At(r.Type + ".resourceType")
	}
	if err := s.valid(r); err != nil {
		return nil, err
	}
	return c.relate(r)
}
