package sqlite

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const opScan = "store.Scan"

// What one page of a scan may cost. It holds a read connection and, with it, back the truncation of the write-ahead log for so long.
const (
	scanRows  = 50_000  // resources that are looked at
	scanBytes = 8 << 20 // bytes of bodies
)

// Scan implements store.Scanner. The rid grows in the order of first appearance and never changes, so it is the order and the cursor.
func (db *DB) Scan(ctx context.Context, q store.ScanRequest) (store.ScanPage, error) {
	after := int64(0)
	if q.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(q.Cursor, 10, 64); err != nil || after < 0 {
			return store.ScanPage{}, fault.New(fault.Invalid, opScan, "The cursor is not one of a scan.")
		}
	}
	s := &scan{q: &q, most: q.Count, types: setOf(q.Types), patients: setOf(q.Patients)}
	if s.most <= 0 || s.most > store.MaxScan {
		s.most = store.MaxScan
	}
	err := db.readLong(ctx, opScan, func(conn *lite.Conn) error {
		s.conn = conn
		return s.run(after)
	})
	return s.page, err
}

// scan is one page on its way.
type scan struct {
	conn *lite.Conn
	q    *store.ScanRequest
	most int
	page store.ScanPage
	end  int64 // the first place behind the position
	size int

	types, patients map[string]bool // nil: all
}

func setOf(list []string) map[string]bool {
	if list == nil {
		return nil
	}
	set := make(map[string]bool, len(list))
	for _, name := range list {
		set[name] = true
	}
	return set
}

func (s *scan) run(after int64) error {
	applied, err := metaGet(s.conn, "applied")
	if err != nil {
		return err
	}
	at := s.q.At
	if at == 0 {
		at = store.Seq(applied)
	}
	if at < 0 || at > store.Seq(applied) {
		return fault.New(fault.Invalid, opScan, "The scan names a state that this store never had.")
	}
	s.page.At, s.end = at, placeOf(at+1, 0)
	if at > 0 {
		e, _, err := readEntry(s.conn, int64(at))
		if err != nil {
			return err
		}
		s.page.Time = e.time
	}
	rows, last := 0, after
	err = run(s.conn, "SELECT r.type, r.place, r.time, r.rid, r.id, r.vid, r.deleted, r.holder, r.patients FROM res r WHERE r.rid > ? ORDER BY r.rid",
		func(row *lite.Stmt) error {
			if rows++; rows > scanRows || len(s.page.Versions) == s.most || s.size >= scanBytes {
				s.page.Next = strconv.FormatInt(last, 10)
				return errStop
			}
			last = row.ColumnInt64(3)
			return s.take(row)
		}, after)
	return stopped(err)
}

// take looks at one resource; the cheapest questions come first.
func (s *scan) take(row *lite.Stmt) error {
	q := s.q
	typ, place := row.ColumnText(0), row.ColumnInt64(1)
	if s.types != nil && !s.types[typ] {
		return nil
	}
	cur := current{
		typ: typ, place: place, time: time.UnixMilli(row.ColumnInt64(2)).UTC(), rid: row.ColumnInt64(3), id: row.ColumnText(4),
		vid: row.ColumnInt64(5), deleted: row.ColumnBool(6), holder: row.ColumnText(7), patients: row.ColumnText(8),
	}
	changed := place >= s.end
	if changed {
		there, err := s.rewind(&cur)
		if err != nil || !there {
			return err
		}
	}
	if cur.deleted && !q.Deleted || cur.time.Before(q.Since) || !store.Visible(q.Within, cur.holder) {
		return nil
	}
	var body []byte
	if !cur.deleted {
		var err error
		if body, err = bodyAt(s.conn, cur.place); err != nil || body == nil {
			return err
		}
	}
	if changed {
		if mine, err := wasVisible(s.conn, q.Within, typ, body); err != nil || !mine {
			return err
		}
	}
	if q.Compartment || s.patients != nil {
		if in, err := s.inCompartment(&cur, body, changed); err != nil || !in {
			return err
		}
	}
	s.size += len(body)
	s.page.Versions = append(s.page.Versions, cur.version(body))
	return nil
}

// rewind turns a resource that was changed after the position into what it was there; false if it was not there yet.
func (s *scan) rewind(cur *current) (there bool, err error) {
	err = run(s.conn, "SELECT vid, place, time, deleted FROM hist WHERE rid = ? AND place < ? ORDER BY vid DESC LIMIT 1", func(row *lite.Stmt) error {
		cur.vid, cur.place, cur.time, cur.deleted = row.ColumnInt64(0), row.ColumnInt64(1), time.UnixMilli(row.ColumnInt64(2)).UTC(), row.ColumnBool(3)
		there = true
		return nil
	}, cur.rid, s.end)
	return there, err
}

// inCompartment reports whether the version is in a compartment that is asked for. Of a version that was changed since, the body tells; what
// was deleted stays where it was.
func (s *scan) inCompartment(cur *current, body []byte, changed bool) (bool, error) {
	patients := strings.Fields(cur.patients)
	if changed && body != nil {
		r, err := parseStored(body)
		if err != nil {
			return false, err
		}
		patients = search.Patients(r)
	}
	if s.patients == nil {
		return len(patients) > 0, nil
	}
	return slices.ContainsFunc(patients, func(id string) bool { return s.patients[id] }), nil
}
