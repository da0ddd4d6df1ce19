package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/store"
)

// findingsMost is how many findings Verify returns; a damaged file would otherwise fill the memory.
const findingsMost = 1_000

// verifier checks one moment of the store.
type verifier struct {
	conn     *lite.Conn
	findings []store.Finding
	changes  int64 // versions that the log holds
	keys     int64 // index rows that the bodies give
	members  int64 // rows of member that the bodies give

	// missing are the bodies that are not there and of which no commit has said yet that they were erased, by resource.
	missing map[string][]missingBody

	// damaged are the places of bodies that are not what the log says. What the derived tables hold of them was made from the
	// right ones, so comparing would only say again, in other words, that these are wrong.
	damaged map[int64]bool
}

// Verify implements store.Keeper. It reads one moment of the store, while the store serves.
func (db *DB) Verify(ctx context.Context, progress func(done, total int64)) ([]store.Finding, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	v := &verifier{}
	const op = "store.Verify"
	err := db.holding(ctx, db.slow, op, func() error {
		return db.read(ctx, op, func(conn *lite.Conn) error {
			v.conn = conn
			for _, step := range []func() error{
				func() error { return v.log(progress) }, v.lost, v.bodies, v.resources, v.counts,
			} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return v.findings, err
}

func (v *verifier) find(seq store.Seq, resource, format string, args ...any) {
	if len(v.findings) < findingsMost {
		v.findings = append(v.findings, store.Finding{Seq: seq, Resource: resource, Problem: fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) damage(place int64) {
	if v.damaged == nil {
		v.damaged = map[int64]bool{}
	}
	v.damaged[place] = true
}

// log checks the chain, every body's hash, and that each change has its row in hist.
func (v *verifier) log(progress func(done, total int64)) error {
	head, err := number(v.conn, "SELECT coalesce(max(seq), 0) FROM log")
	if err != nil {
		return err
	}
	applied, err := metaGet(v.conn, "applied")
	if err != nil {
		return err
	}
	if applied != head {
		v.find(store.Seq(min(applied, head)+1), "", "The log ends at commit %d, but current state and index are those of commit %d.", head, applied)
	}
	var prev position
	var lost bool // the commit before could not be read
	for seq := int64(1); seq <= head; seq++ {
		e, hash, err := v.entry(seq)
		if err != nil {
			return err
		}
		if e == nil {
			lost = true
			continue
		}
		if e.prev != prev.hash && !lost {
			v.find(e.seq, "", "The commit does not follow from the one before: the chain is broken here.")
		}
		if e.time.Before(prev.time) {
			v.find(e.seq, "", "The commit is older than the one before.")
		}
		for i := range e.changes {
			if err := v.change(e, i); err != nil {
				return err
			}
		}
		prev, lost = position{seq: e.seq, hash: hash, time: e.time}, false
		progress(seq, head)
	}
	return nil
}

// entry reads a commit and checks its own hash; nil if it cannot be read.
func (v *verifier) entry(seq int64) (*entry, [32]byte, error) {
	var encoded, stored []byte
	rows := 0
	err := run(v.conn, "SELECT entry, hash FROM log WHERE seq = ?", func(s *lite.Stmt) error {
		encoded, stored = blob(s, 0), blob(s, 1)
		rows++
		return nil
	}, seq)
	if err != nil {
		return nil, [32]byte{}, err
	}
	hash := hashOf(encoded)
	if rows == 0 {
		v.find(store.Seq(seq), "", "The commit is missing.")
		return nil, hash, nil
	}
	if string(hash[:]) != string(stored) {
		v.find(store.Seq(seq), "", "The commit has been changed: its content does not have its hash.")
	}
	e, err := decode(encoded)
	if err != nil {
		v.find(store.Seq(seq), "", "The commit cannot be read: %v.", err)
		return nil, hash, nil
	}
	if e.seq != store.Seq(seq) {
		v.find(store.Seq(seq), "", "The commit says that it is commit %d.", e.seq)
		return nil, hash, nil
	}
	return e, hash, nil
}

// change checks one change's body and its row in hist.
func (v *verifier) change(e *entry, i int) error {
	c := &e.changes[i]
	v.changes++
	if c.erased {
		if err := v.erased(e, c); err != nil {
			return err
		}
	}
	if !c.deleted {
		body, err := bodyAt(v.conn, placeOf(e.seq, i))
		if err != nil {
			return err
		}
		switch {
		case body == nil:
			name := c.typ + "/" + c.id
			if v.missing == nil {
				v.missing = map[string][]missingBody{}
			}
			v.missing[name] = append(v.missing[name], missingBody{e.seq, placeOf(e.seq, i), resourceName(c)})
		case hashOf(body) != c.hash:
			v.damage(placeOf(e.seq, i))
			v.find(e.seq, resourceName(c), "The body of the version has been changed: it does not have the hash that the commit names.")
		}
	}
	n, err := number(v.conn, `SELECT count(*) FROM res r JOIN hist h ON h.rid = r.rid
		WHERE r.type = ? AND r.id = ? AND h.vid = ? AND h.place = ? AND h.time = ? AND h.deleted = ?`,
		c.typ, c.id, c.vid, placeOf(e.seq, i), e.time.UnixMilli(), c.deleted)
	if err == nil && n != 1 {
		v.find(e.seq, resourceName(c), "The history does not have the version as the log has it.")
	}
	return err
}

// missingBody is a version whose body is not there.
type missingBody struct {
	seq   store.Seq
	place int64
	name  string
}

// erased takes an erasure: that bodies are missing before it is right, and that one is there is wrong.
func (v *verifier) erased(e *entry, c *entryChange) error {
	delete(v.missing, c.typ+"/"+c.id)
	n, err := number(v.conn, `SELECT count(*) FROM res r JOIN hist h ON h.rid = r.rid JOIN body b ON b.place = h.place
		WHERE r.type = ? AND r.id = ? AND h.vid < ? AND b.data IS NOT NULL`, c.typ, c.id, c.vid)
	if err == nil && n > 0 {
		v.find(e.seq, resourceName(c), "The commit says that the resource was erased, and %d of its bodies are still there.", n)
	}
	return err
}

// lost tells of the bodies that are missing although nothing says that they were erased.
func (v *verifier) lost() error {
	for _, name := range slices.Sorted(maps.Keys(v.missing)) {
		for _, m := range v.missing[name] {
			v.damage(m.place)
			v.find(m.seq, m.name, "The body of the version is missing.")
		}
	}
	return nil
}

// bodies looks for bodies that no commit names.
func (v *verifier) bodies() error {
	return run(v.conn, "SELECT b.place FROM body b WHERE NOT EXISTS (SELECT 1 FROM log l WHERE l.seq = b.place >> ?) LIMIT 100", func(s *lite.Stmt) error {
		v.find(seqOf(s.ColumnInt64(0)), "", "There is a body of a commit that is not in the log.")
		return nil
	}, placeBits)
}

// resources checks every row of res against the history, its body and the index.
func (v *verifier) resources() error {
	for last := int64(0); ; {
		var rows []current
		err := run(v.conn, "SELECT "+currentColumns+" FROM res r WHERE r.rid > ? ORDER BY r.rid LIMIT ?", func(s *lite.Stmt) error {
			rows = append(rows, scanCurrent(s))
			return nil
		}, last, chunk)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if err := v.resource(&rows[i]); err != nil {
				return err
			}
		}
		last = rows[len(rows)-1].rid
	}
}

func (v *verifier) resource(c *current) error {
	name := c.typ + "/" + c.id
	var vid, place, versions int64
	var deleted bool
	err := run(v.conn, "SELECT vid, place, deleted, (SELECT count(*) FROM hist WHERE rid = ?1) FROM hist WHERE rid = ?1 ORDER BY vid DESC LIMIT 1",
		func(s *lite.Stmt) error {
			vid, place, deleted, versions = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnBool(2), s.ColumnInt64(3)
			return nil
		}, c.rid)
	if err != nil {
		return err
	}
	if vid != c.vid || place != c.place || deleted != c.deleted || versions != c.vid {
		v.find(seqOf(c.place), name, "The current state is not the last version of the history.")
	}
	f, err := v.lastFacts(c)
	if err != nil {
		return err
	}
	if f == nil {
		return nil
	}
	if strings.Join(f.patients, " ") != c.patients {
		v.find(seqOf(c.place), name, "The compartments of the resource are not those that its body gives.")
	}
	for _, p := range f.patients {
		n, err := number(v.conn, "SELECT count(*) FROM member WHERE patient = ? AND rid = ?", p, c.rid)
		if err != nil {
			return err
		}
		if v.members++; n != 1 {
			v.find(seqOf(c.place), name, "The resource is not among the members of its patient's compartment.")
		}
	}
	if err := v.holder(c, f); err != nil {
		return err
	}
	if !c.deleted {
		return v.index(c, f)
	}
	return nil
}

// lastFacts are the facts of the resource's last body that is there; nil if none can be relied on, which is a finding elsewhere.
func (v *verifier) lastFacts(c *current) (*facts, error) {
	var body []byte
	var place int64
	err := run(v.conn, "SELECT b.data, b.place FROM hist h JOIN body b ON b.place = h.place WHERE h.rid = ? ORDER BY h.vid DESC LIMIT 1",
		func(s *lite.Stmt) error { body, place = blob(s, 0), s.ColumnInt64(1); return nil }, c.rid)
	if err != nil || body == nil || v.damaged[place] {
		return nil, err
	}
	r, err := fhir.Parse(body)
	if err != nil {
		v.damage(place)
		v.find(seqOf(c.place), c.typ+"/"+c.id, "The body cannot be read.")
		return nil, nil
	}
	f := factsOf(r)
	return &f, nil
}

// holder checks who holds the resource, and a patient's row in the table holder.
func (v *verifier) holder(c *current, f *facts) error {
	w := writer{conn: v.conn} // only its reading methods are used
	if c.typ == "Patient" {
		own, err := w.holderOfPatient(c.id)
		if err != nil {
			return err
		}
		if own != f.holder {
			v.find(seqOf(c.place), c.typ+"/"+c.id, "The organisation that holds the patient is not the one that its body names.")
		}
	}
	holder, err := w.holderOf(c.typ, f.patients)
	if err == nil && holder != c.holder {
		v.find(seqOf(c.place), c.typ+"/"+c.id, "The holder of the resource is not the one of its patients.")
	}
	return err
}

// index checks that the resource has every key that it should.
func (v *verifier) index(c *current, f *facts) error {
	for _, key := range keysOf(*f, c.typ, c.time, c.holder) {
		n, err := number(v.conn, "SELECT count(*) FROM idx WHERE k = ? AND rid = ?", []byte(key), c.rid)
		if err != nil {
			return err
		}
		if v.keys++; n != 1 {
			v.find(seqOf(c.place), c.typ+"/"+c.id, "The search index lacks a key of the resource.")
		}
	}
	return nil
}

// counts compares sizes: since everything that should be there is there, equal counts mean that nothing else is. What damaged bodies
// would give is not known, so with any of them only the history is counted.
func (v *verifier) counts() error {
	type count struct {
		query   string
		want    int64
		problem string
	}
	list := []count{
		{"SELECT count(*) FROM hist", v.changes, "The history has %d versions, the log %d."},
		{"SELECT (SELECT count(*) FROM res) + (SELECT count(*) FROM past p JOIN hist h ON h.rid = p.rid AND h.vid = p.vid AND h.place = p.place)", v.changes, "The journal of the types has %d versions, the log %d."},
	}
	if len(v.damaged) == 0 {
		list = append(list,
			count{"SELECT count(*) FROM idx", v.keys, "The search index has %d rows, the current resources give %d."},
			count{"SELECT count(*) FROM member", v.members, "The compartments have %d members, the resources give %d."})
	}
	for _, c := range list {
		n, err := number(v.conn, c.query)
		if err != nil {
			return err
		}
		if n != c.want {
			v.find(0, "", c.problem, n, c.want)
		}
	}
	return nil
}
