package sqlite

import (
	"context"
	"fmt"
	"slices"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const opCommit = "store.Commit"

// draft is one change with everything worked out that needs no place in the order.
type draft struct {
	change store.Change
	res    *fhir.Resource // nil for a delete
	facts  facts          // of the new state
	prior  prior          // of the state that was current when the draft was made
	first  bool           // the commit's own check found that there was no version before
}

// Commit implements store.Store.
func (db *DB) Commit(ctx context.Context, tx store.Transaction) (store.Receipt, error) {
	if err := checkTransaction(tx); err != nil {
		return store.Receipt{}, err
	}
	drafts, err := db.draft(ctx, tx.Changes)
	if err != nil {
		return store.Receipt{}, err
	}
	var receipt store.Receipt
	size := 0
	for _, c := range tx.Changes {
		size += len(c.Body)
	}
	err = db.submit(ctx, &request{op: opCommit, size: size, do: func(w *writer) (err error) {
		receipt, err = w.commit(tx, drafts)
		return err
	}})
	if err != nil {
		return store.Receipt{}, err
	}
	return receipt, nil
}

// checkTransaction refuses what can be refused without looking at the store.
func checkTransaction(tx store.Transaction) error {
	switch {
	case tx.Author == "" || len(tx.Author) > 512:
		return fault.New(fault.Invalid, opCommit, "A commit needs an author of at most 512 bytes.")
	case len(tx.Changes) > store.MaxChanges:
		return fault.Newf(fault.TooLarge, opCommit, "A transaction has at most %d changes; this one has %d.", store.MaxChanges, len(tx.Changes))
	case len(tx.Absent) > store.MaxAbsent:
		return fault.Newf(fault.TooLarge, opCommit, "A transaction has at most %d conditions; this one has %d.", store.MaxAbsent, len(tx.Absent))
	case slices.ContainsFunc(tx.Absent, func(a store.Absence) bool { return len(a.Except) > store.MaxExcept }):
		return fault.Newf(fault.TooLarge, opCommit, "A condition names at most %d resources.", store.MaxExcept)
	case len(tx.Exists) > store.MaxExists:
		return fault.Newf(fault.TooLarge, opCommit, "A transaction checks at most %d references; this one has %d.", store.MaxExists, len(tx.Exists))
	}
	size := 0
	seen := make(map[string]bool, len(tx.Changes))
	for i, c := range tx.Changes {
		name := c.Type + "/" + c.ID
		if seen[name] {
			return fault.Newf(fault.Invalid, opCommit, "%s appears twice in one transaction.", name).At(name)
		}
		seen[name] = true
		if err := checkChange(&tx.Changes[i]); err != nil {
			return err
		}
		size += len(c.Body)
	}
	if size > store.MaxBytes {
		return fault.Newf(fault.TooLarge, opCommit, "A transaction has at most %d bytes; this one has %d.", store.MaxBytes, size)
	}
	return nil
}

func checkChange(c *store.Change) error {
	switch {
	case !fhir.IsType(c.Type) || !fhir.IsID(c.ID):
		return fault.New(fault.Invalid, opCommit, "A change needs a resource type of FHIR R4 and a valid id.")
	case c.Method != store.Put && c.Method != store.Delete:
		return fault.Newf(fault.Invalid, opCommit, "The method %q is not known.", c.Method)
	case c.Method == store.Delete && len(c.Body) > 0:
		return fault.New(fault.Invalid, opCommit, "A deletion has no body.")
	case len(c.Body) > store.MaxBody:
		return fault.Newf(fault.TooLarge, opCommit, "A resource has at most %d bytes; this one has %d.", store.MaxBody, len(c.Body))
	}
	return nil
}

// draft parses the bodies and extracts their keys, and those of the versions that they will probably replace.
func (db *DB) draft(ctx context.Context, changes []store.Change) ([]draft, error) {
	drafts, err := draftBodies(changes)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(drafts, replaces) {
		return drafts, nil
	}
	read := db.readRow // two statements need not see one moment: what is at a place changes no more, but for an erasure, which moves the place
	if len(drafts) > 1 {
		read = db.read // a lock for all of them costs less than one for each
	}
	err = read(ctx, opCommit, func(conn *lite.Conn) error {
		for i := range drafts {
			if !replaces(drafts[i]) {
				continue
			}
			var err error
			if drafts[i].prior, err = priorOf(conn, &drafts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return drafts, err
}

// replaces reports whether the change may take the place of a version that exists: only then its facts are of use.
func replaces(d draft) bool { return !d.change.IfAbsent }

// draftBodies parses the bodies and extracts their keys.
func draftBodies(changes []store.Change) ([]draft, error) {
	drafts := make([]draft, len(changes))
	for i, c := range changes {
		d := &drafts[i]
		d.change = c
		if c.Method == store.Delete {
			continue
		}
		r, err := parsed(&c)
		if err != nil {
			return nil, err
		}
		if r.Type != c.Type || r.ID != c.ID {
			return nil, fault.Newf(fault.Invalid, opCommit, "The body is not the resource %s/%s that it is to be stored as.", c.Type, c.ID).At(r.Type + ".id")
		}
		d.res, d.facts = r, factsOf(r)
	}
	return drafts, nil
}

// parsed is the change's body as a resource. What the caller parsed is taken if it is of these very bytes.
func parsed(c *store.Change) (*fhir.Resource, error) {
	if p := c.Parsed; p != nil && len(p.Raw) == len(c.Body) && len(c.Body) > 0 && &p.Raw[0] == &c.Body[0] {
		return p, nil
	}
	return fhir.Parse(c.Body)
}

// commit checks the preconditions at this point of the log, appends the commit and applies it. See refused for what its errors
// mean for the batch.
func (w *writer) commit(tx store.Transaction, drafts []draft) (store.Receipt, error) {
	if err := w.checkAbsent(tx.Absent); err != nil {
		return store.Receipt{}, err
	}
	if err := w.checkExists(tx); err != nil {
		return store.Receipt{}, err
	}
	e := &entry{seq: w.seq + 1, time: w.now(), prev: w.hash, author: tx.Author}
	receipt := store.Receipt{Seq: e.seq, Time: e.time}
	kept := make([]*draft, 0, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		cur, err := currentOf(w.conn, d.change.Type, d.change.ID)
		if err != nil {
			return store.Receipt{}, err
		}
		if err := checkVersion(&d.change, cur); err != nil {
			return store.Receipt{}, err
		}
		if done, err := w.unchanged(d, &cur); err != nil || done != nil {
			if err != nil {
				return store.Receipt{}, err
			}
			receipt.Changes = append(receipt.Changes, *done)
			continue
		}
		c := entryChange{deleted: d.change.Method == store.Delete, typ: d.change.Type, id: d.change.ID, vid: cur.vid + 1}
		if !c.deleted {
			c.body = d.res.Stamp(c.id, versionID(c.vid), e.time)
			c.hash = hashOf(c.body)
		}
		d.first = cur.rid == 0
		e.changes = append(e.changes, c)
		kept = append(kept, d)
		receipt.Changes = append(receipt.Changes, store.Written{
			Type: c.typ, ID: c.id, VersionID: versionID(c.vid), Updated: e.time, Created: !c.deleted && !cur.live(), Body: c.body,
		})
	}
	if len(e.changes) == 0 {
		return store.Receipt{Seq: w.seq, Time: w.time, Changes: receipt.Changes}, nil
	}
	if err := w.append(e); err != nil {
		return store.Receipt{}, halfDone{err}
	}
	if err := w.applyNow(e, kept); err != nil {
		return store.Receipt{}, halfDone{err}
	}
	return receipt, nil
}

// unchanged gives what a change that leaves nothing to write is answered with; nil when there is something to write.
func (w *writer) unchanged(d *draft, cur *current) (*store.Written, error) {
	done := &store.Written{Type: d.change.Type, ID: d.change.ID, VersionID: versionID(cur.vid), Updated: cur.time, Unchanged: true}
	switch {
	case d.change.Method == store.Delete && cur.deleted:
		return done, nil
	case d.change.Method == store.Delete || !d.change.IfChanged || !cur.live():
		return nil, nil
	case d.prior.place == cur.place && !d.prior.same:
		return nil, nil // compared already, while others wrote
	}
	body, err := bodyAt(w.conn, cur.place)
	if err != nil || body == nil {
		return nil, err
	}
	if d.prior.place != cur.place {
		r, err := parseStored(body)
		if err != nil || !fhir.Same(r, d.res) {
			return nil, err
		}
	}
	done.Body = body
	return done, nil
}

// checkVersion holds a change's own preconditions against what is current.
func checkVersion(c *store.Change, cur current) error {
	name := c.Type + "/" + c.ID
	switch {
	case c.IfMatch != "" && (!cur.live() || versionID(cur.vid) != c.IfMatch):
		return fault.New(fault.Conflict, opCommit, "Somebody else has changed this resource in the meantime. Read it again and repeat the change.").At(name)
	case c.IfAbsent && cur.live():
		return fault.New(fault.Conflict, opCommit, "A resource with this id exists already.").At(name)
	case c.Method == store.Delete && cur.rid == 0:
		return fault.New(fault.NotFound, opCommit, "There is no such resource.").At(name)
	}
	return nil
}

// checkExists demands that every reference is a current resource or is put by the transaction itself.
func (w *writer) checkExists(tx store.Transaction) error {
	if len(tx.Exists) == 0 {
		return nil
	}
	method := make(map[string]store.Method, len(tx.Changes))
	for _, c := range tx.Changes {
		method[c.Type+"/"+c.ID] = c.Method
	}
	for _, text := range tx.Exists {
		ref := fhir.ParseReference(text)
		if ref.Kind != fhir.Local {
			return fault.New(fault.Invalid, opCommit, "Only a reference of the form Type/id can be checked.").At(text)
		}
		name := ref.Type + "/" + ref.ID
		there := method[name] == store.Put
		if method[name] == "" {
			cur, err := currentOf(w.conn, ref.Type, ref.ID)
			if err != nil {
				return err
			}
			there = cur.live()
		}
		if !there {
			return fault.Newf(fault.Precondition, opCommit, "The resource %s that is referred to does not exist.", name).At(name)
		}
	}
	return nil
}

// checkAbsent demands that nothing matches any of the queries but what is expected to.
func (w *writer) checkAbsent(absent []store.Absence) error {
	left := commitBudget
	for i := range absent {
		a := &absent[i]
		if a.Query == nil {
			return fault.New(fault.Invalid, opCommit, "A condition needs a query.")
		}
		if err := w.index.flush(w.conn); err != nil { // so that the search sees the commits of this batch
			return err
		}
		found, err := firstMatches(w.conn, a, &left)
		if err != nil {
			return err
		}
		expected := 0
		found = slices.DeleteFunc(found, func(v store.Version) bool {
			known := slices.Contains(a.Except, v.Type+"/"+v.ID)
			if known {
				expected++
			}
			return known
		})
		switch {
		case len(found) > 0:
			return &store.Matched{Index: i, Version: found[0], Many: len(found) > 1, Fault: fault.New(fault.Precondition, opCommit,
				"A resource that matches the condition exists already.").At(fmt.Sprintf("%s/%s", found[0].Type, found[0].ID))}
		case expected < len(a.Except):
			return fault.New(fault.Conflict, opCommit, "A resource that matched the condition has been changed in the meantime and matches no more.")
		}
	}
	return nil
}
