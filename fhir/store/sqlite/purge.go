package sqlite

import (
	"context"
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const opPurge = "store.Purge"

// auditType is never erased: it says who saw and who erased.
const auditType = "AuditEvent"

// Purge implements store.Eraser. Freed space in the file is overwritten, and the write-ahead log is brought into the file and cut off, as
// far as readers let it; else the next checkpoint does.
func (db *DB) Purge(ctx context.Context, p store.Purge) (store.Purged, error) {
	if p.Author == "" || len(p.Author) > 512 {
		return store.Purged{}, fault.New(fault.Invalid, opPurge, "A commit needs an author of at most 512 bytes.")
	}
	if !fhir.IsID(p.Patient) {
		return store.Purged{}, fault.New(fault.NotFound, opPurge, "There is no such patient.")
	}
	var all store.Purged
	for {
		var part store.Purged
		var done bool
		err := db.submit(ctx, &request{op: opPurge, alone: true, do: func(w *writer) (err error) {
			part, done, err = w.purge(p)
			return err
		}})
		if err != nil {
			return all, err
		}
		all.Seq, all.Time, all.Kept = part.Seq, part.Time, part.Kept
		all.Resources += part.Resources
		all.Versions += part.Versions
		if done {
			return all, nil
		}
	}
}

// purge writes one commit of a purge; done says that it was the last one.
func (w *writer) purge(p store.Purge) (made store.Purged, done bool, err error) {
	e, kept, done, err := w.erasure(p)
	if err != nil {
		return made, false, err
	}
	made = store.Purged{Seq: w.seq, Time: w.time, Kept: kept, Resources: len(e.changes)}
	if len(e.changes) == 0 {
		return made, true, nil
	}
	for i := range e.changes {
		n, err := number(w.conn, `SELECT count(*) FROM res r JOIN hist h ON h.rid = r.rid JOIN body b ON b.place = h.place
			WHERE r.type = ? AND r.id = ? AND b.data IS NOT NULL`, e.changes[i].typ, e.changes[i].id)
		if err != nil {
			return made, false, err
		}
		made.Versions += int(n)
	}
	w.erasing = true
	if err := run(w.conn, "PRAGMA secure_delete = ON", nil); err != nil {
		return made, false, halfDone{err}
	}
	if err := w.append(e); err != nil {
		return made, false, halfDone{err}
	}
	drafts := make([]*draft, len(e.changes))
	for i := range drafts {
		drafts[i] = &draft{}
	}
	if err := w.applyNow(e, drafts); err != nil {
		return made, false, halfDone{err}
	}
	made.Seq, made.Time = e.seq, e.time
	return made, done, nil
}

// erasure is the next commit of a purge, without changes when everything is erased. The Patient is in the last one only, so that one which
// was interrupted can be repeated.
func (w *writer) erasure(p store.Purge) (e *entry, kept int, done bool, err error) {
	var members []current
	err = run(w.conn, "SELECT "+currentColumns+" FROM member m JOIN res r ON r.rid = m.rid WHERE m.patient = ? AND r.type <> ? ORDER BY m.rid",
		func(s *lite.Stmt) error { members = append(members, scanCurrent(s)); return nil }, p.Patient, auditType)
	if err != nil {
		return nil, 0, false, err
	}
	patient, err := currentOf(w.conn, "Patient", p.Patient)
	if err != nil {
		return nil, 0, false, err
	}
	if patient.rid == 0 && len(members) == 0 {
		return nil, 0, false, fault.New(fault.NotFound, opPurge, "There is no such patient.")
	}
	e = &entry{seq: w.seq + 1, time: w.now(), prev: w.hash, author: p.Author}
	erase := func(c *current) {
		e.changes = append(e.changes, entryChange{deleted: true, erased: true, typ: c.typ, id: c.id, vid: c.vid + 1})
	}
	there := false // of the Patient
	left := false  // members that do not fit into this commit
	for i := range members {
		m := &members[i]
		if m.rid == patient.rid {
			there = true
			continue
		}
		shared, err := w.isOfAnother(m, p.Patient)
		switch {
		case err != nil:
			return nil, 0, false, err
		case shared:
			kept++
		case len(e.changes) >= store.MaxChanges-1:
			left = true
		default:
			erase(m)
		}
	}
	if there && !left {
		erase(&patient)
	}
	return e, kept, !left, nil
}

// isOfAnother reports whether the resource is in the record of another patient, who is there or whose history is.
func (w *writer) isOfAnother(c *current, patient string) (bool, error) {
	for _, id := range strings.Fields(c.patients) {
		if id == patient {
			continue
		}
		n, err := number(w.conn, `SELECT count(*) FROM res r JOIN hist h ON h.rid = r.rid JOIN body b ON b.place = h.place
			WHERE r.type = 'Patient' AND r.id = ? AND b.data IS NOT NULL`, id)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// applyErasure makes an erasure current, if it is newer than what is: the bodies of all earlier versions become NULL here and not when the
// commit is appended, since the index keys that must go are worked out from them. Nobody holds what is left, as if the versions had
// never named anybody: that is what a rebuild from the log gives, too.
func (w *writer) applyErasure(e *entry, i int, cur *current) error {
	c := &e.changes[i]
	_, oldKeys, err := w.oldFacts(cur, prior{})
	if err != nil {
		return err
	}
	next := current{rid: cur.rid, typ: c.typ, id: c.id, vid: c.vid, place: placeOf(e.seq, i), time: e.time, deleted: true}
	if next.holder, err = w.holderOf(c.typ, nil); err != nil {
		return err
	}
	if next.rid, err = w.putCurrent(&next); err != nil {
		return err
	}
	if err := w.putPast(cur); err != nil {
		return err
	}
	w.index.replace(next.rid, oldKeys, nil)
	if err := w.setMembers(next.rid, cur.patients, nil); err != nil {
		return err
	}
	if err := run(w.conn, "UPDATE body SET data = NULL WHERE data IS NOT NULL AND place IN (SELECT place FROM hist WHERE rid = ? AND vid < ?)", nil, next.rid, c.vid); err != nil {
		return err
	}
	if c.typ != "Patient" {
		return nil
	}
	if err := w.setHolder(c.id, ""); err != nil {
		return err
	}
	return w.rekey(c.id)
}

// afterErasure ends what purge began, when its transaction has ended: what was freed stays overwritten, later writes are as fast as before.
func (w *writer) afterErasure() {
	if !w.erasing {
		return
	}
	w.erasing = false
	w.conn.SetBusyTimeout(time.Second) // a reader that takes longer holds the old pages; a later checkpoint cuts them off
	defer w.conn.SetBusyTimeout(busyTimeout)
	for _, pragma := range []string{"PRAGMA secure_delete = OFF", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if err := run(w.conn, pragma, nil); err != nil {
			w.db.log.Warn("what was erased may stay in the write-ahead log until the next checkpoint", "op", opPurge, "err", err)
		}
	}
}
