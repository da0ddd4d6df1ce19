package sqlite

import (
	"context"
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// The records port. Writes go through the committer and share its fsyncs; expired records are invisible at once and removed
// with a later write.

const (
	purgeEvery = time.Minute // how often a write also removes expired records
	purgeAtMax = 1_000       // how many it removes at once
)

const recordColumns = "key, value, version, expires"

func scanRecord(s *lite.Stmt) records.Record {
	r := records.Record{Key: s.ColumnText(0), Value: blob(s, 1), Version: s.ColumnInt64(2)}
	if ms := s.ColumnInt64(3); ms != 0 {
		r.Expires = time.UnixMilli(ms).UTC()
	}
	return r
}

// findRecord reads a live record.
func findRecord(conn *lite.Conn, key string, now time.Time) (r records.Record, ok bool, err error) {
	err = run(conn, "SELECT "+recordColumns+" FROM record WHERE key = ?", func(s *lite.Stmt) error {
		r = scanRecord(s)
		ok = !records.Expired(r.Expires, now)
		return nil
	}, key)
	return r, ok, err
}

// Get implements records.Store.
func (db *DB) Get(ctx context.Context, key string) (records.Record, error) {
	const op = "records.Get"
	known, at, ok := db.recent.get(key)
	if ok && ctx.Err() == nil && !records.Expired(known.Expires, db.clock()) {
		return known, nil
	}
	var r records.Record
	err := db.readRow(ctx, op, func(conn *lite.Conn) error {
		found, ok, err := findRecord(conn, key, db.clock())
		if err == nil && !ok {
			err = fault.New(fault.NotFound, op, "There is no such record.")
		}
		r = found
		return err
	})
	if err != nil {
		return records.Record{}, err
	}
	db.recent.put(r, at)
	return r, nil
}

// Put implements records.Store.
func (db *DB) Put(ctx context.Context, r records.Record) (int64, error) {
	if err := records.Check(r); err != nil {
		return 0, err
	}
	var version int64
	err := db.submit(ctx, &request{op: "records.Put", size: len(r.Value), do: func(w *writer) error {
		stored, ok, err := findRecord(w.conn, r.Key, db.clock())
		if err != nil {
			return err
		}
		if err := records.Compare(r, stored, ok); err != nil {
			return err
		}
		w.recordVersion++
		version = w.recordVersion
		w.touched = append(w.touched, r.Key)
		var expires int64
		if !r.Expires.IsZero() {
			expires = r.Expires.UnixMilli()
		}
		value := r.Value
		if value == nil {
			value = []byte{}
		}
		return run(w.conn, "INSERT OR REPLACE INTO record ("+recordColumns+") VALUES (?, ?, ?, ?)", nil, r.Key, value, version, expires)
	}})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// Delete implements records.Store.
func (db *DB) Delete(ctx context.Context, key string) error {
	return db.submit(ctx, &request{op: "records.Delete", do: func(w *writer) error {
		w.touched = append(w.touched, key)
		return run(w.conn, "DELETE FROM record WHERE key = ?", nil, key)
	}})
}

// List implements records.Store.
func (db *DB) List(ctx context.Context, prefix, after string, limit int) ([]records.Record, error) {
	limit = records.ListLimit(limit)
	var list []records.Record
	err := db.readOne(ctx, "records.List", func(conn *lite.Conn) error {
		now := db.clock()
		return stopped(run(conn, "SELECT "+recordColumns+" FROM record WHERE key >= ? AND key > ? ORDER BY key", func(s *lite.Stmt) error {
			if !strings.HasPrefix(s.ColumnText(0), prefix) || len(list) == limit {
				return errStop
			}
			if r := scanRecord(s); !records.Expired(r.Expires, now) {
				list = append(list, r)
			}
			return nil
		}, prefix, after))
	})
	return list, err
}

// purgeExpired removes expired records now and then, inside a batch that writes anyway.
func (w *writer) purgeExpired() error {
	now := w.db.clock()
	if now.Before(w.nextPurge) {
		return nil
	}
	w.nextPurge = now.Add(purgeEvery)
	return run(w.conn, "DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE expires > 0 AND expires <= ? LIMIT ?)", nil,
		now.UnixMilli(), purgeAtMax)
}
