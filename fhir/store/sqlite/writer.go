package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Limits of the queue and of one batch.
const (
	queueLength   = 1024     // requests that wait; the next one waits for a place
	batchRequests = 512      // requests of one batch
	batchBytes    = 16 << 20 // bytes of bodies of one batch
)

// request is one piece of writing. Its owner may withdraw it until the committer takes it.
type request struct {
	op    string
	size  int  // bytes that it writes, roughly
	alone bool // it gets a transaction of its own
	do    func(*writer) error

	state atomic.Int32
	err   error
	done  chan struct{}
}

// The states of a request.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// submit hands the request to the committer and waits for its end.
func (db *DB) submit(ctx context.Context, r *request) error {
	r.done = make(chan struct{})
	if err := db.enqueue(ctx, r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(waiting, withdrawn) {
		return clean(ctx, ctx.Err(), r.op)
	}
	select {
	case <-r.done:
		return r.err
	default:
		return fault.Wrap(ctx.Err(), fault.Unknown, r.op,
			"The request was ended while it was being written; it may or may not have been kept. Look before you repeat it.")
	}
}

func (db *DB) enqueue(ctx context.Context, r *request) error {
	if ctx.Err() != nil {
		return clean(ctx, ctx.Err(), r.op)
	}
	db.closing.RLock()
	defer db.closing.RUnlock()
	if db.closed {
		return fault.New(fault.Unavailable, r.op, "The store is closed.")
	}
	select {
	case db.queue <- r:
		return nil
	case <-ctx.Done():
		return clean(ctx, ctx.Err(), r.op)
	}
}

// finish tells the request's owner how it ended; only the first call counts.
func (r *request) finish(err error) {
	select {
	case <-r.done: // acknowledged already, by a deliberate defect
	default:
		r.err = err
		close(r.done)
	}
}

// commitLoop is the committer's goroutine: the only one that uses w. It ends when the queue is closed and empty.
func (db *DB) commitLoop(w *writer) {
	defer close(db.done)
	var next *request
	for {
		first := next
		if first == nil {
			var open bool
			if first, open = <-db.queue; !open {
				return
			}
		}
		var batch []*request
		batch, next = db.gather(first)
		w.write(batch)
	}
}

// gather adds what waits to the first request, up to the limits of a batch. next is one that was received and does not fit.
func (db *DB) gather(first *request) (batch []*request, next *request) {
	batch = append(batch, first)
	size := first.size
	for !first.alone && len(batch) < batchRequests {
		select {
		case r, open := <-db.queue:
			if !open {
				return batch, nil
			}
			if r.alone || size+r.size > batchBytes {
				return batch, r
			}
			size += r.size
			batch = append(batch, r)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// writer is the committer's own state.
type writer struct {
	db    *DB
	conn  *lite.Conn
	index indexBatch
	late  []func() error // what applyAfterAck has put off

	erasing bool // a purge has turned secure_delete on; see afterErasure

	touched []string      // keys of the records that this batch writes
	made    []store.Entry // commits of this batch, for the tail

	position
	recordVersion int64     // the last version given to a record
	nextPurge     time.Time // when expired records are removed next
	broken        error     // the disk error after which nothing is written any more
}

// position is the end of the log.
type position struct {
	seq  store.Seq
	hash [32]byte
	time time.Time
}

// now is the time of the next commit: never before the one of the last.
func (w *writer) now() time.Time {
	t := time.UnixMilli(w.db.clock().UnixMilli()).UTC()
	if t.Before(w.time) {
		return w.time
	}
	return t
}

// write does a batch in one transaction of SQLite and then acknowledges. A request whose precondition fails does so alone. When
// SQLite itself fails before the commit, nothing of the batch is kept; its requests are tried again one by one, so that one
// cannot harm the others.
func (w *writer) write(batch []*request) {
	batch = take(batch)
	if len(batch) == 0 {
		return
	}
	if w.broken != nil {
		for _, r := range batch {
			r.finish(fault.Wrap(w.broken, fault.Unavailable, r.op, "The store takes no more writes after a disk error. It must be restarted."))
		}
		return
	}
	saved, savedRecord := w.position, w.recordVersion
	errs, err := w.transact(batch)
	w.db.recent.forget(w.touched) // whatever became of it
	w.touched = w.touched[:0]
	if err == nil {
		w.afterErasure()
	}
	made := w.made
	w.made = nil
	if err == nil {
		w.db.tail.add(made)
		w.db.head.set(w.seq)
		for i, r := range batch {
			r.finish(errs[i])
		}
		w.db.copies.written(w)
		return
	}
	w.position, w.recordVersion = saved, savedRecord
	w.index.reset()
	w.late = nil
	w.fail(batch, err)
}

// take claims the requests that were not withdrawn.
func take(batch []*request) []*request {
	kept := batch[:0]
	for _, r := range batch {
		if r.state.CompareAndSwap(waiting, taken) || r.state.Load() == taken {
			kept = append(kept, r)
		}
	}
	return kept
}

// commitError marks an error of the COMMIT itself, after which the outcome is unknown.
type commitError struct{ err error }

func (e commitError) Error() string { return "commit: " + e.err.Error() }
func (e commitError) Unwrap() error { return e.err }

// transact does the batch in one transaction: errs are the requests' own results, err means that the transaction failed.
func (w *writer) transact(batch []*request) (errs []error, err error) {
	if err := w.catchUp(); err != nil {
		return nil, err
	}
	if err := run(w.conn, "BEGIN IMMEDIATE", nil); err != nil {
		return nil, err
	}
	errs = make([]error, len(batch))
	for i, r := range batch {
		err := r.do(w)
		if err != nil && !refused(err) {
			return nil, err
		}
		errs[i] = err
	}
	if err := w.index.flush(w.conn); err != nil {
		return nil, err
	}
	if err := w.finishBatch(); err != nil {
		return nil, err
	}
	if brokenBy == ackBeforeCommit {
		for i, r := range batch {
			r.finish(errs[i])
		}
		time.Sleep(ackToCommit)
	}
	if err := run(w.conn, "COMMIT", nil); err != nil {
		return nil, commitError{err}
	}
	if brokenBy == stopBeforeApply && w.seq >= stopBeforeApplyAt {
		die()
	}
	return errs, nil
}

// finishBatch writes what is kept once per batch.
func (w *writer) finishBatch() error {
	if brokenBy == "" || len(w.late) == 0 {
		if err := metaSet(w.conn, "applied", int64(w.seq)); err != nil {
			return err
		}
	}
	if err := metaSet(w.conn, "records", w.recordVersion); err != nil {
		return err
	}
	return w.purgeExpired()
}

// catchUp applies, in a transaction of its own, what applyAfterAck has put off.
func (w *writer) catchUp() error {
	if brokenBy != applyAfterAck || len(w.late) == 0 {
		return nil
	}
	late := w.late
	w.late = nil
	if err := run(w.conn, "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	for _, apply := range late {
		if err := apply(); err != nil {
			return err
		}
	}
	if err := w.index.flush(w.conn); err != nil {
		return err
	}
	if err := metaSet(w.conn, "applied", int64(w.seq)); err != nil {
		return err
	}
	return run(w.conn, "COMMIT", nil)
}

// halfDone marks an error that left part of a request written: the transaction must not be committed.
type halfDone struct{ err error }

func (e halfDone) Error() string { return "half done: " + e.err.Error() }
func (e halfDone) Unwrap() error { return e.err }

// refused reports whether err is a request's own failure before it wrote anything, after which the others of the batch can
// go on. Errors of SQLite and what is marked halfDone end the transaction.
func refused(err error) bool {
	var f *fault.Error
	var half halfDone
	return errors.As(err, &f) && !errors.As(err, &half)
}

// fail ends a transaction that failed and decides what its requests are told.
func (w *writer) fail(batch []*request, err error) {
	if !w.conn.AutocommitEnabled() {
		if e := run(w.conn, "ROLLBACK", nil); e != nil {
			w.broken = errors.Join(err, e)
		}
	}
	var atCommit commitError
	code := lite.ErrCode(err).ToPrimary()
	if code == lite.ResultIOErr || code == lite.ResultCorrupt || code == lite.ResultNotADB {
		w.broken = err
	}
	w.db.log.Error("a batch of writes failed", "op", "sqlite.write", "requests", len(batch), "stopped", w.broken != nil, "err", err)
	if len(batch) > 1 && w.broken == nil && !errors.As(err, &atCommit) {
		for _, r := range batch {
			w.write([]*request{r})
		}
		return
	}
	for _, r := range batch {
		r.finish(outcome(r.op, err))
	}
}

// outcome is what a request is told when its transaction failed.
func outcome(op string, err error) error {
	var atCommit commitError
	if errors.As(err, &atCommit) {
		return fault.Wrap(err, fault.Unknown, op, "The disk failed while this was being written; it may or may not have been kept. Look before you repeat it.")
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	switch lite.ErrCode(err).ToPrimary() {
	case lite.ResultFull:
		return fault.Wrap(err, fault.Unavailable, op, "The disk is full; nothing was changed.")
	case lite.ResultInterrupt:
		return fault.Wrap(err, fault.Timeout, op, "The request was ended before it was done; nothing was changed.")
	}
	return fault.Wrap(err, fault.Unavailable, op, "The store could not write; nothing was changed.")
}
