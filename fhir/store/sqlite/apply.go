package sqlite

import (
	"cmp"
	"slices"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
)

// append writes the commit to the log and moves the end of it.
func (w *writer) append(e *entry) error {
	encoded := e.encode()
	hash := hashOf(encoded)
	if err := run(w.conn, "INSERT INTO log (seq, entry, hash) VALUES (?, ?, ?)", nil, int64(e.seq), encoded, hash[:]); err != nil {
		return err
	}
	for i := range e.changes {
		c := &e.changes[i]
		if c.deleted {
			continue
		}
		if err := run(w.conn, "INSERT INTO body (place, data) VALUES (?, ?)", nil, placeOf(e.seq, i), c.body); err != nil {
			return err
		}
	}
	w.position = position{seq: e.seq, hash: hash, time: e.time}
	if brokenBy == "" {
		w.made = append(w.made, e.shown(hash))
	}
	return nil
}

// applyNow applies a commit that was just appended. drafts belong to e.changes one by one.
func (w *writer) applyNow(e *entry, drafts []*draft) error {
	apply := func() error {
		for i := range e.changes {
			d, err := drafts[i], error(nil)
			if d.first && brokenBy == "" {
				err = w.replaceCurrent(e, i, &current{}, d.facts, prior{})
			} else {
				err = w.applyChange(e, i, d.facts, d.prior)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if brokenBy == applyAfterAck || brokenBy == stopBeforeApply && e.seq >= stopBeforeApplyAt {
		w.late = append(w.late, apply)
		return nil
	}
	return apply()
}

// apply brings the derived tables from the log: bodies are read from it. It is idempotent: a version that is there already
// is left as it is. Repair at start and Reindex use it.
func (w *writer) apply(e *entry) error {
	for i := range e.changes {
		var f facts
		if !e.changes[i].deleted {
			body, err := bodyAt(w.conn, placeOf(e.seq, i))
			if err != nil {
				return err
			}
			if body != nil {
				r, err := parseStored(body)
				if err != nil {
					return err
				}
				f = factsOf(r)
			}
		}
		if err := w.applyChange(e, i, f, prior{}); err != nil {
			return err
		}
	}
	return nil
}

// applyChange makes one change current if it is newer than what is. f are the facts of its body; known are those of an
// older version, used if that one is still the current one.
func (w *writer) applyChange(e *entry, i int, f facts, known prior) error {
	cur, err := currentOf(w.conn, e.changes[i].typ, e.changes[i].id)
	if err != nil || cur.rid != 0 && cur.place >= placeOf(e.seq, i) {
		return err
	}
	if e.changes[i].erased {
		return w.applyErasure(e, i, &cur)
	}
	return w.replaceCurrent(e, i, &cur, f, known)
}

// replaceCurrent makes one change current instead of cur, which is zero for the first version.
func (w *writer) replaceCurrent(e *entry, i int, cur *current, f facts, known prior) error {
	c := &e.changes[i]
	place := placeOf(e.seq, i)
	old, oldKeys, err := w.oldFacts(cur, known)
	if err != nil {
		return err
	}
	next := current{rid: cur.rid, typ: c.typ, id: c.id, vid: c.vid, place: place, time: e.time, deleted: c.deleted, holder: cur.holder, patients: cur.patients}
	var newKeys []string
	if !c.deleted {
		next.patients = strings.Join(f.patients, " ")
		if c.typ == "Patient" {
			if err := w.setHolder(c.id, f.holder); err != nil {
				return err
			}
		}
		if next.holder, err = w.holderOf(c.typ, f.patients); err != nil {
			return err
		}
		newKeys = keysOf(f, c.typ, e.time, next.holder)
	}
	if next.rid, err = w.putCurrent(&next); err != nil {
		return err
	}
	if err := w.putPast(cur); err != nil {
		return err
	}
	w.index.replace(next.rid, oldKeys, newKeys)
	if !c.deleted {
		if err := w.setMembers(next.rid, cur.patients, f.patients); err != nil {
			return err
		}
	}
	if c.typ == "Patient" && !c.deleted && f.holder != old.holder {
		return w.rekey(c.id)
	}
	return nil
}

// oldFacts are the facts and all keys of the version that is to be replaced. For a deleted one only the holder matters: a
// patient that comes back may come back elsewhere.
func (w *writer) oldFacts(cur *current, known prior) (facts, []string, error) {
	switch {
	case cur.rid == 0:
		return facts{}, nil, nil
	case cur.deleted:
		holder, err := w.holderOfPatient(cur.id)
		return facts{holder: holder}, nil, err
	case known.place != cur.place:
		var err error
		if known.facts, err = factsAt(w.conn, cur.place); err != nil {
			return facts{}, nil, err
		}
	}
	return known.facts, keysOf(known.facts, cur.typ, cur.time, cur.holder), nil
}

// putCurrent writes the rows of res and hist and gives the rid.
func (w *writer) putCurrent(c *current) (int64, error) {
	ms := c.time.UnixMilli()
	if c.rid == 0 {
		if err := run(w.conn, `INSERT INTO res (type, id, vid, place, time, deleted, holder, patients) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, nil,
			c.typ, c.id, c.vid, c.place, ms, c.deleted, c.holder, c.patients); err != nil {
			return 0, err
		}
		c.rid = w.conn.LastInsertRowID()
	} else if err := run(w.conn, `UPDATE res SET vid = ?, place = ?, time = ?, deleted = ?, holder = ?, patients = ? WHERE rid = ?`, nil,
		c.vid, c.place, ms, c.deleted, c.holder, c.patients, c.rid); err != nil {
		return 0, err
	}
	return c.rid, run(w.conn, `INSERT OR REPLACE INTO hist (rid, vid, place, time, deleted) VALUES (?, ?, ?, ?, ?)`, nil,
		c.rid, c.vid, c.place, ms, c.deleted)
}

// putPast notes a version that is replaced, if there was one.
func (w *writer) putPast(cur *current) error {
	if cur.rid == 0 {
		return nil
	}
	return run(w.conn, "INSERT OR REPLACE INTO past (type, place, rid, vid) VALUES (?, ?, ?, ?)", nil, cur.typ, cur.place, cur.rid, cur.vid)
}

// setMembers keeps the table member in step with a resource's patients, which are sorted: a Group may have tens of thousands, and all writers
// wait here.
func (w *writer) setMembers(rid int64, before string, after []string) error {
	old := strings.Fields(before)
	for _, p := range old {
		if _, stays := slices.BinarySearch(after, p); !stays {
			if err := run(w.conn, "DELETE FROM member WHERE patient = ? AND rid = ?", nil, p, rid); err != nil {
				return err
			}
		}
	}
	for _, p := range after {
		if _, was := slices.BinarySearch(old, p); !was {
			if err := run(w.conn, "INSERT OR IGNORE INTO member (patient, rid) VALUES (?, ?)", nil, p, rid); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) setHolder(patient, holder string) error {
	if holder == "" {
		return run(w.conn, "DELETE FROM holder WHERE patient = ?", nil, patient)
	}
	return run(w.conn, "INSERT OR REPLACE INTO holder (patient, holder) VALUES (?, ?)", nil, patient, holder)
}

func (w *writer) holderOfPatient(patient string) (holder string, err error) {
	err = run(w.conn, "SELECT holder FROM holder WHERE patient = ?", func(s *lite.Stmt) error { holder = s.ColumnText(0); return nil }, patient)
	return holder, err
}

// holderOf are the holders of a resource of the type that is in the compartments of the patients, sorted, with a space between
// them; store.Nobody if none of them is held and the type is about a person.
func (w *writer) holderOf(typ string, patients []string) (string, error) {
	var holders []string
	for _, p := range patients {
		h, err := w.holderOfPatient(p)
		if err != nil {
			return "", err
		}
		if h != "" {
			holders = append(holders, h)
		}
	}
	if len(holders) == 0 && search.Personal(typ) {
		return store.Nobody, nil
	}
	slices.Sort(holders)
	return strings.Join(slices.Compact(holders), " "), nil
}

// rekey gives every resource of the patient's compartment its present holders, deleted ones included: their history is
// somebody's too.
func (w *writer) rekey(patient string) error {
	var members []current
	err := run(w.conn, "SELECT "+currentColumns+" FROM member m JOIN res r ON r.rid = m.rid WHERE m.patient = ?",
		func(s *lite.Stmt) error { members = append(members, scanCurrent(s)); return nil }, patient)
	if err != nil {
		return err
	}
	for i := range members {
		m := &members[i]
		holder, err := w.holderOf(m.typ, strings.Fields(m.patients))
		if err != nil {
			return err
		}
		if holder == m.holder {
			continue
		}
		if err := run(w.conn, "UPDATE res SET holder = ? WHERE rid = ?", nil, holder, m.rid); err != nil {
			return err
		}
		if !m.deleted {
			w.index.replace(m.rid, holderKeys(m.typ, m.holder), holderKeys(m.typ, holder))
		}
	}
	return nil
}

// indexBatch collects changes of the table idx, so that a batch writes them in key order, which is several times faster.
type indexBatch struct{ ops []indexOp }

type indexOp struct {
	key  string
	rid  int64
	turn int // the order in which the batch asked for it
	add  bool
}

// replace turns a resource's old keys, which must be sorted, into its new ones.
func (b *indexBatch) replace(rid int64, before, after []string) {
	for _, k := range before {
		if _, kept := slices.BinarySearch(after, k); !kept {
			b.ops = append(b.ops, indexOp{key: k, rid: rid, turn: len(b.ops)})
		}
	}
	for _, k := range after {
		if _, had := slices.BinarySearch(before, k); !had {
			b.ops = append(b.ops, indexOp{key: k, rid: rid, turn: len(b.ops), add: true})
		}
	}
}

func (b *indexBatch) reset() { b.ops = b.ops[:0] }

// rowsPerInsert is how many rows one INSERT of flush adds; a single row costs a third more.
const rowsPerInsert = 8

const (
	insertRow  = "INSERT OR IGNORE INTO idx (k, rid) VALUES (?, ?)"
	insertRows = insertRow + ", (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?)"
)

// flush writes what was collected. Of several changes of one row the last one holds.
func (b *indexBatch) flush(conn *lite.Conn) error {
	slices.SortFunc(b.ops, func(x, y indexOp) int {
		return cmp.Or(strings.Compare(x.key, y.key), cmp.Compare(x.rid, y.rid), cmp.Compare(x.turn, y.turn))
	})
	args := make([]any, 0, 2*rowsPerInsert)
	for i, op := range b.ops {
		if i+1 < len(b.ops) && b.ops[i+1].key == op.key && b.ops[i+1].rid == op.rid {
			continue
		}
		if !op.add {
			if err := run(conn, "DELETE FROM idx WHERE k = ? AND rid = ?", nil, []byte(op.key), op.rid); err != nil {
				return err
			}
			continue
		}
		if args = append(args, []byte(op.key), op.rid); len(args) == cap(args) {
			if err := run(conn, insertRows, nil, args...); err != nil {
				return err
			}
			args = args[:0]
		}
	}
	for i := 0; i < len(args); i += 2 {
		if err := run(conn, insertRow, nil, args[i], args[i+1]); err != nil {
			return err
		}
	}
	b.reset()
	return nil
}
