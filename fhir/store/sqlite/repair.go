package sqlite

import (
	"context"
	"fmt"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// extractor is the version of everything that factsOf and keysOf give: that of the search keys, and (in the last three
// digits) that of what is added here. A file whose index was made by another version is indexed anew when it is opened.
const extractor = search.Version*1000 + 3

// indexOpsAtOnce is how many index rows a long rebuild collects before it writes them, sorted.
const indexOpsAtOnce = 200_000

// newWriter reads where the log ends and brings the derived tables up to it.
func newWriter(db *DB, conn *lite.Conn) (*writer, error) {
	w := &writer{db: db, conn: conn}
	if err := w.load(); err != nil {
		return nil, err
	}
	applied, err := metaGet(conn, "applied")
	if err != nil {
		return nil, err
	}
	made, err := metaGet(conn, "extractor")
	if err != nil {
		return nil, err
	}
	switch {
	case applied > int64(w.seq):
		return nil, fault.Newf(fault.Internal, "sqlite.Open",
			"The log ends at commit %d, but commit %d was applied: the end of the log is missing. Restore a backup.", w.seq, applied)
	case made != extractor:
		err = w.inTransaction(func() error { return w.rebuild(nil) })
	case applied < int64(w.seq) && brokenBy != applyAfterAck:
		db.log.Warn("applying what a crash left in the log only", "op", "sqlite.Open", "applied", applied, "head", int64(w.seq))
		err = w.inTransaction(func() error { return w.replay(applied, nil) })
	}
	return w, err
}

// load reads the end of the log.
func (w *writer) load() error {
	last, err := number(w.conn, "SELECT coalesce(max(seq), 0) FROM log")
	if err != nil {
		return err
	}
	if last > 0 {
		e, hash, err := readEntry(w.conn, last)
		if err != nil {
			return err
		}
		w.position = position{seq: e.seq, hash: hash, time: e.time}
	}
	w.recordVersion, err = metaGet(w.conn, "records")
	w.nextPurge = w.db.clock()
	return err
}

// readEntry reads one commit of the log, with its stored hash. The chain is not checked here; Verify does that.
func readEntry(conn *lite.Conn, seq int64) (*entry, [32]byte, error) {
	var encoded, hash []byte
	err := run(conn, "SELECT entry, hash FROM log WHERE seq = ?", func(s *lite.Stmt) error {
		encoded, hash = blob(s, 0), blob(s, 1)
		return nil
	}, seq)
	if err != nil {
		return nil, [32]byte{}, err
	}
	e, err := decode(encoded)
	if err == nil && (e.seq != store.Seq(seq) || len(hash) != 32) {
		err = fmt.Errorf("it says it is commit %d", e.seq)
	}
	if err != nil {
		return nil, [32]byte{}, fault.Wrap(err, fault.Internal, "sqlite.readEntry", fmt.Sprintf("Commit %d of the log is damaged. Run the check of the store.", seq))
	}
	return e, [32]byte(hash), nil
}

// inTransaction does f in a transaction of its own.
func (w *writer) inTransaction(f func() error) error {
	if err := run(w.conn, "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	if err := f(); err != nil {
		w.index.reset()
		w.conn.SetInterrupt(nil)
		_ = run(w.conn, "ROLLBACK", nil) // err says more
		return err
	}
	return run(w.conn, "COMMIT", nil)
}

// replay applies the commits after the given one. progress may be nil.
func (w *writer) replay(after int64, progress func(done, total int64)) error {
	for seq := after + 1; seq <= int64(w.seq); seq++ {
		e, _, err := readEntry(w.conn, seq)
		if err != nil {
			return err
		}
		if err := w.apply(e); err != nil {
			return err
		}
		if len(w.index.ops) >= indexOpsAtOnce {
			if err := w.index.flush(w.conn); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(seq-after, int64(w.seq)-after)
		}
	}
	if err := w.index.flush(w.conn); err != nil {
		return err
	}
	return metaSet(w.conn, "applied", int64(w.seq))
}

// rebuild empties the derived tables and fills them again from the log.
func (w *writer) rebuild(progress func(done, total int64)) error {
	started := w.db.clock()
	for _, table := range derived {
		if err := run(w.conn, "DELETE FROM "+table, nil); err != nil {
			return err
		}
	}
	if err := w.replay(0, progress); err != nil {
		return err
	}
	if err := metaSet(w.conn, "extractor", extractor); err != nil {
		return err
	}
	if w.seq > 0 {
		w.db.log.Info("rebuilt current state and index from the log", "op", "sqlite.rebuild", "commits", int64(w.seq),
			"took", w.db.clock().Sub(started).Round(time.Millisecond))
	}
	return nil
}

// Reindex implements store.Keeper. It is one transaction: readers see the old tables until the new ones are complete, and
// a crash or the end of ctx leaves the old ones. Writes wait for its end.
func (db *DB) Reindex(ctx context.Context, progress func(done, total int64)) error {
	return db.submit(ctx, &request{op: "store.Reindex", alone: true, do: func(w *writer) error {
		w.conn.SetInterrupt(ctx.Done())
		defer w.conn.SetInterrupt(nil)
		if err := w.rebuild(progress); err != nil {
			return halfDone{err}
		}
		return nil
	}})
}
