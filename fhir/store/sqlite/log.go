package sqlite

import (
	"context"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Head implements store.Log.
func (db *DB) Head(ctx context.Context) (store.Seq, error) {
	if err := ctx.Err(); err != nil {
		return 0, clean(ctx, err, "store.Head")
	}
	return db.head.get(), nil
}

// Await implements store.Log.
func (db *DB) Await(ctx context.Context, after store.Seq) error { return db.head.await(ctx, after) }

// entriesBytes is about how many bytes of bodies one answer of Entries holds; the commit that passes it is the last one.
const entriesBytes = 8 << 20

// Entries implements store.Log. Fewer than limit commits come back when their bodies are large; none only at the end.
func (db *DB) Entries(ctx context.Context, after store.Seq, limit int) ([]store.Entry, error) {
	const op = "store.Entries"
	if after < 0 || limit < 1 {
		return nil, fault.New(fault.Invalid, op, "A reader of the log names a position of 0 or more and a limit of 1 or more.")
	}
	limit = min(limit, store.MaxEntries)
	if list, ok := db.tail.after(after, limit); ok && ctx.Err() == nil {
		return list, nil
	}
	var list []store.Entry
	err := db.readLong(ctx, op, func(conn *lite.Conn) error {
		applied, err := metaGet(conn, "applied")
		if err != nil {
			return err
		}
		size := 0
		for seq := int64(after) + 1; seq <= applied && len(list) < limit && size < entriesBytes; seq++ {
			e, hash, err := readEntry(conn, seq)
			if err != nil {
				return err
			}
			out := store.Entry{Seq: e.seq, Time: e.time, Author: e.author, Hash: hash, Prev: e.prev}
			for i := range e.changes {
				c, err := entryChangeOf(conn, e, i)
				if err != nil {
					return err
				}
				size += len(c.Body)
				out.Changes = append(out.Changes, c)
			}
			list = append(list, out)
		}
		return nil
	})
	return list, err
}

func entryChangeOf(conn *lite.Conn, e *entry, i int) (store.EntryChange, error) {
	c := &e.changes[i]
	if c.deleted {
		return c.shown(nil), nil
	}
	body, err := bodyAt(conn, placeOf(e.seq, i))
	return c.shown(body), err
}
