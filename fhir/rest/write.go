package rest

import (
	"context"
	"errors"
	"net/http"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// write is one change on its way into the log: planned by create, update or delete, checked and committed by commit, alone
// or together with the others of a transaction.
type write struct {
	c        *call
	change   store.Change
	resource *fhir.Resource // nil for a deletion
	absent   *search.Query  // conditional create: not when a resource matches
	pinned   bool           // change.IfMatch or IfAbsent is ours: nothing may come between our check and the commit
	existing *store.Version // conditional create: what matched, so that nothing is written
	skip     bool           // nothing is there to delete
	path     string         // prefix of expressions in errors: "Bundle.entry[2]", "" for a single request
	done     store.Written
}

// moot says that a write needs no change in the log.
func (w *write) moot() bool { return w.skip || w.existing != nil }

// attempts is how often a write is checked when others come between the check and the commit. Each time it fails another write
// was kept, so it ends; the deadline of the interaction ends it sooner.
const attempts = 100

// commit checks what the caller may do and writes all or nothing. After it, each write has done, existing or skip.
func (s *server) commit(ctx context.Context, access Access, ws []*write, rewire func() error) (store.Receipt, error) {
	for try := 1; ; try++ {
		if err := s.confine(ctx, access, ws, rewire); err != nil {
			return store.Receipt{}, err
		}
		receipt, err := s.commitOnce(ctx, access, ws)
		var m *store.Matched
		if errors.As(err, &m) {
			retry, matchErr := s.matched(access, ws, m)
			if matchErr != nil {
				return store.Receipt{}, matchErr
			}
			if retry && try < attempts {
				continue
			}
		}
		if try < attempts && fault.Is(err, fault.Conflict) && pinnedAny(ws) {
			continue // confine reads again, and finds what the caller's own conditions say to it
		}
		return receipt, stated(ws, err)
	}
}

// commitOnce gives the store what is to be written.
func (s *server) commitOnce(ctx context.Context, access Access, ws []*write) (store.Receipt, error) {
	tx := store.Transaction{Author: access.Author}
	var at []*write
	for _, w := range ws {
		if w.moot() {
			continue
		}
		tx.Changes = append(tx.Changes, w.change)
		at = append(at, w)
		if w.absent != nil {
			tx.Absent = append(tx.Absent, store.Absence{Query: w.absent})
		}
	}
	if len(tx.Changes) == 0 {
		return store.Receipt{}, nil
	}
	receipt, err := s.Store.Commit(ctx, tx)
	if err != nil {
		return store.Receipt{}, err
	}
	for i, w := range at {
		w.done = receipt.Changes[i]
	}
	return receipt, nil
}

func pinnedAny(ws []*write) bool {
	for _, w := range ws {
		if w.pinned {
			return true
		}
	}
	return false
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
	if len(stating) == 0 {
		return err
	}
	failed := &fault.Error{
		Code: fault.Precondition, Op: "rest.commit", Err: err,
		Message: "The version that If-Match names is not the current one; nothing was changed. Read the resource again, and repeat the change on what it says now.",
	}
	if stating[0].change.IfMatch == "" {
		failed.Message = "If-None-Match says that the resource must not exist, and it does; nothing was changed."
	}
	if len(stating) == 1 {
		return within(failed, stating[0].path)
	}
	return err
}

// answerTo says what became of a write. https://hl7.org/fhir/R4/http.html#ops
func (w *write) answerTo(receipt store.Receipt) answer {
	if w.skip {
		return answer{status: http.StatusNoContent}
	}
	if v := w.existing; v != nil {
		a := answer{status: http.StatusOK, version: v, located: true, body: v.Body, shown: []string{v.Type + "/" + v.ID}}
		return w.c.preferred(a)
	}
	a := answer{
		status:  http.StatusOK,
		version: &store.Version{Type: w.done.Type, ID: w.done.ID, VersionID: w.done.VersionID, Seq: receipt.Seq, Updated: receipt.Time},
		body:    w.done.Body,
		shown:   []string{w.done.Type + "/" + w.done.ID},
	}
	switch {
	case w.change.Method == store.Delete:
		a.status, a.body = http.StatusNoContent, nil
		return a
	case w.done.Created:
		a.status = http.StatusCreated
	}
	a.located = true
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

// resource parses the body, checks that it is what the address says, and makes its references to this server relative.
func (c *call) resource() (*fhir.Resource, error) {
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
	return c.relate(r)
}
