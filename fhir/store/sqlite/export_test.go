package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
)

// AppendWithoutApplying leaves the closed store in dir as a crash between the two would: the commit is in the log, and
// current state and index know nothing of it. To get the commit that a running store would make, everything is applied
// first, and that is taken back.
func AppendWithoutApplying(dir string, tx store.Transaction) error {
	return onClosed(dir, func(w *writer) error {
		drafts, err := draftBodies(tx.Changes)
		if err != nil {
			return err
		}
		if err := run(w.conn, "SAVEPOINT log", nil); err != nil {
			return err
		}
		if err := w.replay(0, nil); err != nil {
			return err
		}
		if _, err := w.commit(tx, drafts); err != nil {
			return err
		}
		e, hash, err := readEntry(w.conn, int64(w.seq))
		if err != nil {
			return err
		}
		for i := range e.changes {
			if e.changes[i].body, err = bodyAt(w.conn, placeOf(e.seq, i)); err != nil {
				return err
			}
		}
		if err := run(w.conn, "ROLLBACK TO log", nil); err != nil {
			return err
		}
		if err := w.append(e); err != nil {
			return err
		}
		if w.hash != hash {
			return errors.New("the commit was not appended as it was made")
		}
		return nil
	})
}

// AppendPurgeWithoutApplying does the same with the commit of a purge.
func AppendPurgeWithoutApplying(dir string, p store.Purge) error {
	return onClosed(dir, func(w *writer) error {
		e, _, _, err := w.erasure(p)
		if err != nil {
			return err
		}
		return w.append(e)
	})
}

// onClosed does f in one transaction on the closed store in dir.
func onClosed(dir string, f func(w *writer) error) error {
	conn, err := openWriter(filepath.Join(dir, FileName))
	if err != nil {
		return err
	}
	defer conn.Close()
	w := &writer{db: &DB{log: slog.New(slog.DiscardHandler), clock: time.Now}, conn: conn}
	if err := w.load(); err != nil {
		return err
	}
	return w.inTransaction(func() error { return f(w) })
}

// Exec runs a statement on the closed store in dir and demands that it changes something.
func Exec(dir, query string, args ...any) error {
	return onClosed(dir, func(w *writer) error {
		if err := run(w.conn, query, nil, args...); err != nil {
			return err
		}
		if w.conn.Changes() == 0 && query[:4] != "PRAG" {
			return fmt.Errorf("%s changed nothing", query)
		}
		return nil
	})
}

// Flip changes one bit of a stored blob of the closed store in dir; offset counts from the end if it is negative.
func Flip(dir, table, column, where string, offset int) error {
	return onClosed(dir, func(w *writer) error { return flip(w.conn, table, column, where, offset) })
}

func flip(conn *lite.Conn, table, column, where string, offset int) error {
	var data []byte
	err := run(conn, "SELECT "+column+" FROM "+table+" WHERE "+where, func(s *lite.Stmt) error { data = blob(s, 0); return nil })
	if err != nil {
		return err
	}
	if offset < 0 {
		offset += len(data)
	}
	data[offset] ^= 1
	return run(conn, "UPDATE "+table+" SET "+column+" = ? WHERE "+where, nil, data)
}

// Rewrite gives a commit of the closed store in dir another author and the hash that belongs to it, as somebody would who
// knows how the chain is made.
func Rewrite(dir string, seq int64, author string) error {
	return onClosed(dir, func(w *writer) error {
		e, _, err := readEntry(w.conn, seq)
		if err != nil {
			return err
		}
		e.author = author
		encoded := e.encode()
		hash := hashOf(encoded)
		return run(w.conn, "UPDATE log SET entry = ?, hash = ? WHERE seq = ?", nil, encoded, hash[:], seq)
	})
}

// FlipEveryByte flips each byte of the log and of the bodies of the closed store in dir, one at a time, and gives the ones
// for which Verify names no finding at the right commit.
func FlipEveryByte(dir string) (flipped int, missed []string, err error) {
	type target struct {
		table, column, where string
		seq                  store.Seq
		size                 int
	}
	var targets []target
	err = onClosed(dir, func(w *writer) error {
		for _, q := range []string{
			"SELECT 'log', 'entry', 'seq = ' || seq, seq, length(entry) FROM log",
			"SELECT 'log', 'hash', 'seq = ' || seq, seq, length(hash) FROM log",
			"SELECT 'body', 'data', 'place = ' || place, place >> 14, length(data) FROM body",
		} {
			err := run(w.conn, q, func(s *lite.Stmt) error {
				targets = append(targets, target{s.ColumnText(0), s.ColumnText(1), s.ColumnText(2), store.Seq(s.ColumnInt64(3)), s.ColumnInt(4)})
				return nil
			})
			if err != nil {
				return err
			}
		}
		for _, t := range targets {
			for offset := range t.size {
				flipped++
				if err := flip(w.conn, t.table, t.column, t.where, offset); err != nil {
					return err
				}
				v := &verifier{conn: w.conn}
				if err := v.log(func(int64, int64) {}); err != nil {
					return err
				}
				if len(v.findings) == 0 || v.findings[0].Seq != t.seq {
					missed = append(missed, fmt.Sprintf("%s.%s %s byte %d: %v", t.table, t.column, t.where, offset, v.findings))
				}
				if err := flip(w.conn, t.table, t.column, t.where, offset); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return flipped, missed, err
}

// Hold keeps the committer busy until release is called, so that requests pile up behind it.
func (db *DB) Hold() (release func()) {
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = db.submit(context.Background(), &request{op: "test.Hold", alone: true, do: func(*writer) error {
			close(held)
			<-free
			return nil
		}})
	}()
	<-held
	return func() { close(free); <-done }
}

// Closing reports whether Close has begun.
func (db *DB) Closing() bool {
	db.closing.RLock()
	defer db.closing.RUnlock()
	return db.closed
}

// Waiting is how many requests wait behind the one that is being done.
func (db *DB) Waiting() int { return len(db.queue) }

// Do does f in the committer, in a batch like any other request.
func (db *DB) Do(f func(conn *lite.Conn) error) error {
	return db.DoIn(context.Background(), f)
}

// DoIn is Do with a context.
func (db *DB) DoIn(ctx context.Context, f func(conn *lite.Conn) error) error {
	return db.submit(ctx, &request{op: "test.Do", do: func(w *writer) error { return f(w.conn) }})
}

// Run runs a statement on a connection.
func Run(conn *lite.Conn, query string) error { return run(conn, query, nil) }

// SetForeignKeys switches the enforcement of foreign keys on, which SQLite allows outside a transaction only.
func (db *DB) SetForeignKeys() error {
	return db.Do(func(conn *lite.Conn) error {
		if err := run(conn, "COMMIT", nil); err != nil {
			return err
		}
		if err := run(conn, "PRAGMA foreign_keys = ON", nil); err != nil {
			return err
		}
		return run(conn, "BEGIN IMMEDIATE", nil)
	})
}

// Number runs a query on a read connection.
func (db *DB) Number(query string) (n int64, err error) {
	err = db.read(context.Background(), "test.Number", func(conn *lite.Conn) error {
		n, err = number(conn, query)
		return err
	})
	return n, err
}

// CommitBeside commits a transaction in one batch with a request that fails as f does.
func (db *DB) CommitBeside(tx store.Transaction, f func(conn *lite.Conn) error) (commit, beside error) {
	release := db.Hold()
	errs := make(chan error, 2)
	go func() { _, err := db.Commit(context.Background(), tx); errs <- err }()
	for db.Waiting() < 1 {
		time.Sleep(time.Millisecond)
	}
	second := make(chan error, 1)
	go func() { second <- db.Do(f) }()
	for db.Waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	release()
	return <-errs, <-second
}

// CommitUnprepared is Commit without a look at what is current beforehand, so that the committer must look.
func (db *DB) CommitUnprepared(tx store.Transaction) error {
	drafts, err := draftBodies(tx.Changes)
	if err != nil {
		return err
	}
	return db.submit(context.Background(), &request{op: opCommit, do: func(w *writer) error {
		_, err := w.commit(tx, drafts)
		return err
	}})
}

// EncodeEntry gives the canonical encoding of a commit of one put and one delete, for the golden test.
func EncodeEntry() ([]byte, [32]byte) {
	e := &entry{
		seq: 7, time: time.UnixMilli(1_795_000_000_123), prev: hashOf([]byte("before")), author: "Practitioner/hoa",
		changes: []entryChange{
			{typ: "Patient", id: "p", vid: 300, hash: hashOf([]byte("body"))},
			{deleted: true, typ: "Basic", id: "a-b.c", vid: 2},
		},
	}
	b := e.encode()
	return b, hashOf(b)
}

// DecodeEntry reads a canonical encoding and writes it again.
func DecodeEntry(b []byte) ([]byte, error) {
	e, err := decode(b)
	if err != nil {
		return nil, err
	}
	return e.encode(), nil
}

// GiveName is the end of a backup.
var GiveName = giveName

// OccupyLong holds every place for searches, each with its read connection, until release is called.
func (db *DB) OccupyLong() (release func()) {
	return db.occupy(cap(db.long), db.readLong)
}

// OccupySlow holds the place of the check and the backup, with a read connection, until release is called.
func (db *DB) OccupySlow() (release func()) {
	return db.occupy(cap(db.slow), func(ctx context.Context, op string, f func(*lite.Conn) error) error {
		return db.holding(ctx, db.slow, op, func() error { return db.read(ctx, op, f) })
	})
}

// OccupyReaders holds so many read connections until release is called.
func (db *DB) OccupyReaders(n int) (release func()) { return db.occupy(n, db.readOne) }

func (db *DB) occupy(places int, read func(context.Context, string, func(*lite.Conn) error) error) (release func()) {
	free, held := make(chan struct{}), make(chan struct{})
	done := make(chan struct{}, places)
	for range places {
		go func() {
			_ = read(context.Background(), "test.Occupy", func(*lite.Conn) error {
				held <- struct{}{}
				<-free
				return nil
			})
			done <- struct{}{}
		}()
	}
	for range places {
		<-held
	}
	return func() {
		close(free)
		for range places {
			<-done
		}
	}
}

// Total is the total that a search gives when it counts at most counts candidates and estimates from at most guess.
func (db *DB) Total(q *search.Query, within []string, counts, guess int) (n int, err error) {
	err = db.read(context.Background(), "test.Total", func(conn *lite.Conn) error {
		f := &finder{conn: conn, q: q, within: within, at: noSeq, budget: pageBudget, counts: counts, guess: guess}
		if err := f.prepare(); err != nil {
			return err
		}
		n, err = f.total()
		return err
	})
	return n, err
}

// Walked gives the ids of a page that is found by walking the keys of the sort parameter, and where it goes on; ok is false when that
// is not possible.
func (db *DB) Walked(q *search.Query, within []string, cursor string, budget int) (ids []string, next string, ok bool, err error) {
	err = db.read(context.Background(), "test.Walked", func(conn *lite.Conn) error {
		from, err := openCursor(cursor, len(q.Sort))
		if err != nil {
			return err
		}
		f := &finder{conn: conn, q: q, within: within, at: noSeq, applied: noSeq, budget: pageBudget}
		if err := f.prepare(); err != nil {
			return err
		}
		page, err := f.walked(from, budget)
		if err != nil || page == nil {
			return err
		}
		ok = true
		for _, h := range page.hits {
			ids = append(ids, h.cur.id)
		}
		if page.next != nil {
			next = page.next.seal()
		}
		return nil
	})
	return ids, next, ok, err
}
