// Package spool keeps audit events in a file until they are in the log, so that a read of one record does not wait for a commit of its own.
//
// Record writes an event to the operating system before it returns: a killed process loses nothing, and what could not be written is an
// error, so that whoever was about to show personal data shows an error instead. The file is synced to the disk every Options.SyncEvery
// while there is something new: a power cut or a crash of the whole machine loses the events of at most that long, and the time of one sync.
// Nothing else is ever lost, and no change of a record is: what is written is in the log itself, with its author.
//
// After at most Options.Window the events go into the log, what one caller did in one way together (Batch), and the file is removed. Open
// brings in what an earlier process left. Ids of batches follow from the file, so bringing one in twice is seen and does nothing.
//
// It knows no FHIR and no log: Options.Keep is handed the batches. Only cmd opens a spool.
package spool

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
)

// Entry is one event and, for a search, what was searched for.
type Entry struct {
	audit.Event
	Query string
}

// Options say where and how. Dir and Keep are required.
type Options struct {
	Dir string // an existing folder that one process owns

	// Keep brings batches into the log, all before it returns. It may be called again with the same batches when it failed, or when the
	// process ended before the file could be removed: what has the same ID must then be kept once.
	Keep func(ctx context.Context, batches []Batch) error

	Log       *slog.Logger     // nil: nothing is logged
	Clock     func() time.Time // nil: time.Now
	Window    time.Duration    // how long an event waits for the log; 0: a second
	SyncEvery time.Duration    // how long an event waits for the disk; 0: 100 ms
}

// Bounds of what waits. Past them Record fails: the log does not take events any more, and reads must not go on unseen for ever.
const (
	mostBytes    = 128 << 20
	mostAge      = 2 * time.Minute
	segmentBytes = 8 << 20 // a file that is larger goes into the log before its window is over
)

// Spool is an open spool. It is safe for concurrent use; end it with Close.
type Spool struct {
	options Options

	mu      sync.Mutex
	segment *segment   // takes events; nil when there are none since the last one was closed
	stuck   []*segment // closed and not in the log yet, oldest first
	closed  bool

	draining chan struct{} // holds one token: who has it brings segments into the log
	wake     chan struct{} // there is something new
	stop     chan struct{}
	ended    chan struct{}
}

// Open opens the spool in the folder and brings what was left there into the log. Errors are fault.Unavailable, and Keep's.
func Open(ctx context.Context, o Options) (*Spool, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Window <= 0 {
		o.Window = time.Second
	}
	if o.SyncEvery <= 0 {
		o.SyncEvery = 100 * time.Millisecond
	}
	s := &Spool{
		options: o, draining: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	left, err := leftSegments(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, old := range left {
		if old.damaged > 0 {
			o.Log.Warn("events that were being written when the machine stopped are lost", "op", "spool.Open", "events", old.damaged)
		}
	}
	s.stuck = left
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// Record keeps one event. When it returns nil the event survives the end of this process, however it ends.
func (s *Spool) Record(e Entry) error {
	const op = "spool.Record"
	line, err := encode(e)
	if err != nil {
		return fault.Wrap(err, fault.Internal, op, "The event could not be written down.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.room(); err != nil {
		return err
	}
	if s.segment == nil {
		if s.segment, err = newSegment(s.options.Dir, s.options.Clock()); err != nil {
			return err
		}
	}
	if err := s.segment.write(line); err != nil {
		return fault.Wrap(err, fault.Unavailable, op, "The audit trail cannot be written.")
	}
	s.segment.batches.add(e)
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
	return nil
}

// room refuses events when too much waits for the log, or for too long.
func (s *Spool) room() error {
	const op = "spool.Record"
	if s.closed {
		return fault.New(fault.Unavailable, op, "The audit trail is closed.")
	}
	if len(s.stuck) == 0 {
		return nil
	}
	size := int64(0)
	for _, old := range s.stuck {
		size += old.size
	}
	if s.segment != nil {
		size += s.segment.size
	}
	if size > mostBytes || s.options.Clock().Sub(s.stuck[0].opened) > mostAge {
		return fault.New(fault.Unavailable, op, "The log has not taken the audit trail for too long.")
	}
	return nil
}

// Waiting is how many events are not in the log yet.
func (s *Spool) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.segment != nil {
		n = s.segment.batches.events
	}
	for _, old := range s.stuck {
		n += old.batches.events
	}
	return n
}

// Flush brings everything that was recorded before it was called into the log. Errors are Keep's, or ctx's as fault.Timeout.
func (s *Spool) Flush(ctx context.Context) error {
	select {
	case s.draining <- struct{}{}:
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Timeout, "spool.Flush", "The audit trail was not brought into the log in time.")
	}
	defer func() { <-s.draining }()
	for _, old := range s.take() {
		end := old.remove
		if batches := old.batches.list(old.name); len(batches) > 0 {
			err := s.options.Keep(ctx, batches)
			if err != nil && !never(err) {
				return err
			}
			if err != nil {
				s.options.Log.Error("the log refuses a part of the audit trail; it is set aside in the folder", "op", "spool.Flush", "file", old.name+asideSuffix, "err", err)
				end = old.aside
			}
		}
		s.mu.Lock()
		s.stuck = slices.DeleteFunc(s.stuck, func(other *segment) bool { return other == old })
		s.mu.Unlock()
		if err := end(); err != nil {
			s.options.Log.Warn("a file of the audit trail cannot be removed", "op", "spool.Flush", "err", err)
		}
	}
	return nil
}

// never reports whether trying again cannot help: one event that the log does not take must not end all reading.
func never(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge)
}

// take closes the segment that takes events and gives all that wait.
func (s *Spool) take() []*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.segment != nil {
		s.stuck = append(s.stuck, s.segment)
		s.segment = nil
	}
	return slices.Clone(s.stuck)
}

// run syncs and drains while there is something to do.
func (s *Spool) run() {
	defer close(s.ended)
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
		for due := true; due; {
			select {
			case <-time.After(s.options.SyncEvery):
			case <-s.stop:
				return
			}
			due = s.tick()
		}
	}
}

// tick syncs what is new, drains what is due, and reports whether anything still waits.
func (s *Spool) tick() bool {
	s.mu.Lock()
	current, old := s.segment, len(s.stuck) > 0
	s.mu.Unlock()
	if current != nil {
		current.sync(s.options.Log)
	}
	if old || current != nil && (s.options.Clock().Sub(current.opened) >= s.options.Window || current.written() >= segmentBytes) {
		ctx, cancel := context.WithTimeout(context.Background(), mostAge)
		defer cancel()
		if err := s.Flush(ctx); err != nil {
			s.options.Log.Error("the log does not take the audit trail; it is tried again", "op", "spool.tick", "err", err)
			select {
			case <-time.After(s.options.Window):
			case <-s.stop:
			}
		}
	}
	return s.Waiting() > 0
}

// Close brings everything into the log and ends the spool; what the log does not take stays in the folder. Record fails from then on.
func (s *Spool) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	close(s.stop)
	<-s.ended
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.Flush(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.stuck {
		err = errors.Join(err, old.end())
	}
	return err
}

// newName is a name that no other segment has, and that sorts by time.
func newName(now time.Time) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails (crypto/rand, Go 1.24)
	return fmt.Sprintf("%s%016x-%s%s", namePrefix, now.UnixMicro(), hex.EncodeToString(random[:]), nameSuffix)
}

const (
	namePrefix = "audit-"
	nameSuffix = ".spool"

	asideSuffix = ".refused"
)

// leftSegments reads what an earlier process left, the oldest first.
func leftSegments(dir string) ([]*segment, error) {
	files, err := filepath.Glob(filepath.Join(dir, namePrefix+"*"+nameSuffix))
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "spool.Open", "The folder of the audit trail cannot be read.")
	}
	slices.Sort(files)
	var list []*segment
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "spool.Open", "What is left of the audit trail cannot be read.")
		}
		list = append(list, oldSegment(file, raw))
	}
	return list, nil
}
