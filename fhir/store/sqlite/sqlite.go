// Package sqlite keeps the log of FHIR resources (fhir/store) and the small records (internal/records) in one SQLite file.
//
// One process owns the data folder (a lock file says so). Inside it one goroutine, the committer, does all writing: it takes
// every request that waits, checks each one's preconditions at its place in the order, appends to the log, applies to the
// derived tables, and commits all of them with one fsync before any of them is acknowledged (group commit). Readers use
// connections of their own and see the last commit. The file runs in WAL mode with synchronous=FULL: on a disk that keeps
// what it says it has kept, what was acknowledged survives a crash of the process and of the machine.
//
// What costs time and needs no order (parsing, extracting index keys) is done by the callers' goroutines beforehand.
//
// The store checks preconditions and nothing else: who may do what is the caller's business. Only cmd opens a store; other
// packages are handed it as store.Store, store.Log, store.Keeper or records.Store.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// FileName is the database's name inside Options.Dir. Beside it lie SQLite's -wal and -shm files and the file "lock".
const FileName = "khamxa.db"

// Options say how to open a store.
type Options struct {
	Dir     string           // the data folder; it is made if it is not there (mode 0700)
	Log     *slog.Logger     // nil: nothing is logged
	Clock   func() time.Time // nil: time.Now
	Readers int              // read connections, at least 3; 0: twice the processors and two more, at least 6
}

// leastReaders is one read connection for each of three kinds of work that must not wait for another: what takes a moment (reading a
// resource or a record, looking before a commit), searches, and the check and the backup.
const leastReaders = 3

// DB is an open store. It is safe for concurrent use; end it with Close.
type DB struct {
	log     *slog.Logger
	clock   func() time.Time
	lock    *os.File
	writer  *lite.Conn // the committer's; only Close touches it too, when the committer has ended
	readers *pool
	long    chan struct{} // a place for each read connection that searches and readers of the log may hold
	slow    chan struct{} // the one place for the check and the backup, which take minutes
	head    *watermark
	recent  recordCache
	tail    logTail
	copies  *checkpointer

	closing sync.RWMutex // held for reading while a request enters the queue
	closed  bool
	queue   chan *request
	done    chan struct{} // closed when the committer has ended
}

var (
	_ store.Store   = (*DB)(nil)
	_ store.Log     = (*DB)(nil)
	_ store.Charts  = (*DB)(nil)
	_ store.Eraser  = (*DB)(nil)
	_ store.Scanner = (*DB)(nil)
	_ store.Keeper  = (*DB)(nil)
	_ records.Store = (*DB)(nil)
)

// Open opens the store in the folder, making it if it is not there, brings its schema up to date and applies what a crash
// may have left in the log only. ctx ends the opening, not the store. Unavailable if another process owns the folder or
// the file cannot be used; Internal if its content is damaged.
func Open(ctx context.Context, o Options) (*DB, error) {
	const op = "sqlite.Open"
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Readers <= 0 {
		o.Readers = max(6, 2*runtime.GOMAXPROCS(0)+2)
	}
	o.Readers = max(leastReaders, o.Readers)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The data folder cannot be made.")
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, o, lock)
	if err != nil {
		_ = lock.Close() // err says what matters
		return nil, err
	}
	return db, nil
}

func open(ctx context.Context, o Options, lock *os.File) (*DB, error) {
	const op = "sqlite.Open"
	file := filepath.Join(o.Dir, FileName)
	if err := createPrivate(file); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The data folder cannot be written.")
	}
	conn, err := openWriter(file)
	if err != nil {
		return nil, clean(ctx, err, op)
	}
	db := &DB{
		log: o.Log, clock: o.Clock, lock: lock, writer: conn,
		queue: make(chan *request, queueLength), done: make(chan struct{}),
		long: make(chan struct{}, o.Readers/2), slow: make(chan struct{}, 1), // what is left is for what takes a moment
	}
	conn.SetInterrupt(ctx.Done())
	w, err := newWriter(db, conn)
	if err != nil {
		return nil, clean(ctx, errors.Join(err, conn.Close()), op)
	}
	conn.SetInterrupt(nil)
	db.readers, err = openPool(file, o.Readers)
	if err != nil {
		return nil, clean(ctx, errors.Join(err, conn.Close()), op)
	}
	if db.copies, err = startCheckpointer(file, o.Log); err != nil {
		return nil, clean(ctx, errors.Join(err, db.readers.close(), conn.Close()), op)
	}
	db.head = newWatermark(w.seq)
	go db.commitLoop(w)
	return db, nil
}

// createPrivate makes an empty file for its owner only, if it is not there: the folder may have been made by somebody who lets others look
// into it. SQLite gives the files beside it the same rights.
func createPrivate(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// busyTimeout is how long the writer waits for a lock.
const busyTimeout = 10 * time.Second

// openWriter opens the one connection that writes.
func openWriter(file string) (*lite.Conn, error) {
	conn, err := lite.OpenConn(file, lite.OpenReadWrite, lite.OpenCreate)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout) // what else locks is a checkpoint that ends
	for _, pragma := range []string{
		"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", checkpointAtMost),
		"PRAGMA cache_size = -65536", "PRAGMA temp_store = MEMORY",
	} {
		if err := run(conn, pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if err := migrate(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Close finishes the writes that wait, ends the readers and gives the folder back. Everything after it is Unavailable.
func (db *DB) Close() error {
	db.closing.Lock()
	again := db.closed
	db.closed = true
	if !again {
		close(db.queue)
	}
	db.closing.Unlock()
	<-db.done
	if again {
		return nil
	}
	db.head.end()
	db.tail.empty()
	// The writer last: SQLite then brings everything into the one file and removes the others.
	err := errors.Join(db.copies.end(), db.readers.close(), db.writer.Close(), db.lock.Close())
	return fault.Wrap(err, fault.Unavailable, "sqlite.Close", "The store could not be closed in order.")
}

// readLong is read for what may take seconds. It waits until fewer than half of the connections do such work, so that what takes a
// moment never waits behind it.
func (db *DB) readLong(ctx context.Context, op string, f func(*lite.Conn) error) error {
	return db.holding(ctx, db.long, op, func() error { return db.read(ctx, op, f) })
}

// holding calls f with one of the places.
func (db *DB) holding(ctx context.Context, places chan struct{}, op string, f func() error) error {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return clean(ctx, ctx.Err(), op)
	}
	defer func() { <-places }()
	return f()
}

// read calls f with a read connection that sees one moment of the store.
func (db *DB) read(ctx context.Context, op string, f func(*lite.Conn) error) error {
	return db.readOne(ctx, op, func(conn *lite.Conn) error {
		if err := run(conn, "BEGIN", nil); err != nil {
			return err
		}
		err := f(conn)
		conn.SetInterrupt(nil)
		if end := run(conn, "ROLLBACK", nil); err == nil {
			err = end
		}
		return err
	})
}

// readOne calls f with a read connection, for a single statement, which sees one moment by itself. Statements end with an
// error when ctx does.
func (db *DB) readOne(ctx context.Context, op string, f func(*lite.Conn) error) error {
	return db.reading(ctx, op, db.readers.take, f)
}

// readRow is readOne for a statement that reads a row or two by their key: it comes to its end whatever becomes of ctx.
func (db *DB) readRow(ctx context.Context, op string, f func(*lite.Conn) error) error {
	return db.reading(ctx, op, db.readers.takeBriefly, f)
}

func (db *DB) reading(ctx context.Context, op string, take func(context.Context) (*lite.Conn, error), f func(*lite.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return clean(ctx, err, op)
	}
	conn, err := take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return clean(ctx, err, op)
		}
		return fault.Wrap(err, fault.Unavailable, op, "The store is closed.")
	}
	defer db.readers.put(conn)
	return clean(ctx, f(conn), op)
}
