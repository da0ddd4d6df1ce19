package sqlite

import (
	"context"
	"slices"
	"strconv"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Work that one page of a journal may cost; past it the page is cut short and has a Next.
const (
	journalRead  = 50_000   // changes of the log that are looked at
	journalTaken = 10_000   // changes of the types asked for, whose holder is looked up
	journalBytes = 16 << 20 // bytes of bodies
)

// journal is one page in the making.
type journal struct {
	conn   *lite.Conn
	q      store.JournalRequest
	page   store.JournalPage
	before int64 // only what is below this place
	read   int
	taken  int
	size   int
}

// passed is one change of the log.
type passed struct {
	place int64
	typ   string
	id    string
	rid   int64 // 0 when typ and id say it
	vid   int64
}

// Journal implements store.Store.
func (db *DB) Journal(ctx context.Context, q store.JournalRequest) (store.JournalPage, error) {
	const op = "store.Journal"
	if q.Count < 1 || q.Count > store.MaxHistory {
		return store.JournalPage{}, fault.Newf(fault.Invalid, op, "A page of a journal has 1 to %d versions.", store.MaxHistory)
	}
	j := journal{q: q, before: 1<<63 - 1}
	if q.Types != nil && len(q.Types) == 0 {
		return store.JournalPage{}, nil
	}
	if q.Cursor != "" {
		var err error
		if j.before, err = strconv.ParseInt(q.Cursor, 36, 64); err != nil || j.before < 0 {
			return store.JournalPage{}, fault.New(fault.Invalid, op, "The page link is not one of this journal.")
		}
	}
	err := db.readLong(ctx, op, func(conn *lite.Conn) (err error) {
		j.conn = conn
		if len(q.Types) == 1 {
			err = j.ofType(q.Types[0])
		} else {
			err = j.ofLog()
		}
		return stopped(err)
	})
	if err != nil {
		return store.JournalPage{}, err
	}
	return j.page, nil
}

// ofType walks one type back: the newest versions are in res, all others in past.
func (j *journal) ofType(typ string) error {
	for {
		var some []passed
		err := run(j.conn, `SELECT place, rid, vid FROM (
				SELECT * FROM (SELECT place, rid, vid FROM res WHERE type = ?1 AND place < ?2 ORDER BY place DESC LIMIT 256)
				UNION ALL SELECT * FROM (SELECT place, rid, vid FROM past WHERE type = ?1 AND place < ?2 ORDER BY place DESC LIMIT 256))
			ORDER BY place DESC LIMIT 256`,
			func(s *lite.Stmt) error {
				some = append(some, passed{place: s.ColumnInt64(0), typ: typ, rid: s.ColumnInt64(1), vid: s.ColumnInt64(2)})
				return nil
			}, typ, j.before)
		if err != nil || len(some) == 0 {
			return err
		}
		for i := range some {
			if err := j.take(&some[i]); err != nil {
				return err
			}
		}
	}
}

// ofLog walks the log back, commit by commit.
func (j *journal) ofLog() error {
	applied, err := metaGet(j.conn, "applied")
	if err != nil {
		return err
	}
	for seq := min(applied, int64(seqOf(j.before))); seq > 0; seq-- {
		e, _, err := readEntry(j.conn, seq)
		if err != nil {
			return err
		}
		if e.time.Before(j.q.Since) {
			return nil // times never go back
		}
		for i := len(e.changes) - 1; i >= 0; i-- {
			c := &e.changes[i]
			p := passed{place: placeOf(e.seq, i), typ: c.typ, id: c.id, vid: c.vid}
			if p.place >= j.before {
				continue
			}
			if j.read++; j.read > journalRead {
				return j.cut()
			}
			if j.q.Types != nil && !slices.Contains(j.q.Types, c.typ) {
				j.before = p.place
				continue
			}
			if err := j.take(&p); err != nil {
				return err
			}
		}
	}
	return nil
}

// take adds a version if it may be seen, and ends the page when it is full.
func (j *journal) take(p *passed) error {
	if j.taken++; j.taken > journalTaken {
		return j.cut()
	}
	v, seen, err := j.version(p)
	switch {
	case err != nil:
		return err
	case v.Updated.Before(j.q.Since):
		return errStop
	case seen && (len(j.page.Versions) == j.q.Count || j.size > journalBytes):
		return j.cut() // there is another one that may be seen, so it is no secret that there is more
	case seen:
		if v.Body, err = bodyAt(j.conn, p.place); err != nil {
			return err
		}
		j.page.Versions = append(j.page.Versions, v)
		j.size += len(v.Body)
	}
	j.before = p.place
	return nil
}

// cut ends the page before the end of the journal.
func (j *journal) cut() error {
	j.page.Next = strconv.FormatInt(j.before, 36)
	return errStop
}

// version reads a version without its body; seen says whether it may be seen.
func (j *journal) version(p *passed) (v store.Version, seen bool, err error) {
	query, args := "SELECT rid, id, holder FROM res WHERE rid = ?", []any{p.rid}
	if p.rid == 0 {
		query, args = "SELECT rid, id, holder FROM res WHERE type = ? AND id = ?", []any{p.typ, p.id}
	}
	v = store.Version{Type: p.typ, VersionID: versionID(p.vid), Seq: seqOf(p.place)}
	rid := int64(0)
	err = run(j.conn, query, func(s *lite.Stmt) error {
		rid, v.ID, v.Holder = s.ColumnInt64(0), s.ColumnText(1), s.ColumnText(2)
		return nil
	}, args...)
	if err != nil {
		return v, false, err
	}
	v.Updated = j.q.Since
	err = run(j.conn, "SELECT time, deleted FROM hist WHERE rid = ? AND vid = ?", func(s *lite.Stmt) error {
		v.Updated, v.Deleted = time.UnixMilli(s.ColumnInt64(0)).UTC(), s.ColumnBool(1)
		seen = store.Visible(j.q.Within, v.Holder)
		return nil
	}, rid, p.vid)
	return v, seen, err
}
