package cohort

import (
	"context"
	"log/slog"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/records"
)

// Options of a Follower. Log and Records are required.
type Options struct {
	Log     store.Log
	Records records.Store    // where the checkpoint is kept
	Logger  *slog.Logger     // nil: slog.Default
	Clock   func() time.Time // for the log line on how long catching up took; nil: time.Now

	// CheckpointEvery is the number of commits between two checkpoints; 0: 20,000. One is always written when Run ends.
	CheckpointEvery int64
}

// Follower reads the log from its own position and keeps a Book up to date with it: a commit is in the figures as soon as the log lets
// its readers see it. Its questions are those of Book.
type Follower struct {
	*Book
	options Options
	ready   chan struct{}
	saved   store.Seq // position of the last checkpoint
}

const (
	entriesAtOnce = 256             // bounds how long readers wait while a batch is applied
	retryAfter    = time.Second     // the pause after the log could not be read
	lastWrite     = 5 * time.Second // how long the checkpoint at the end may take
)

// NewFollower makes a follower with an empty book; Run fills it.
func NewFollower(o Options) *Follower {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = 20_000
	}
	return &Follower{Book: NewBook(), options: o, ready: make(chan struct{})}
}

// Ready is closed when the book has caught up with the log for the first time. Figures asked for before are of the past.
func (f *Follower) Ready() <-chan struct{} { return f.ready }

// Run resumes from the checkpoint, or from the start of the log if there is none that can be used, catches up and then follows the log
// until ctx ends; then it writes a checkpoint and returns nil. It is called once. A log that cannot be read is tried again, with a log
// line; so is a checkpoint that cannot be written, at the next occasion.
func (f *Follower) Run(ctx context.Context) error {
	started, current := f.options.Clock(), false
	f.resume(ctx)
	for ctx.Err() == nil {
		n, err := f.next(ctx)
		if err == nil && n == 0 {
			if !current {
				current = true
				seq, _ := f.Position()
				f.options.Logger.Info("cohort: figures are current", "seq", seq, "people", f.People(), "took", f.options.Clock().Sub(started))
				close(f.ready)
			}
			at, _ := f.Position()
			err = f.options.Log.Await(ctx, at)
		}
		if err != nil && ctx.Err() == nil {
			f.options.Logger.Error("cohort: the log cannot be followed; trying again", "err", err)
			pause(ctx, retryAfter)
		}
		if at, _ := f.Position(); int64(at-f.saved) >= f.options.CheckpointEvery {
			f.checkpoint(ctx)
		}
	}
	if at, _ := f.Position(); at > f.saved {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
		defer cancel()
		f.checkpoint(end)
	}
	return nil
}

// CatchUp resumes and reads the log up to its present head, without following it further and without writing a checkpoint: for a
// command that looks at the figures once. It is called instead of Run.
func (f *Follower) CatchUp(ctx context.Context) error {
	f.resume(ctx)
	head, err := f.options.Log.Head(ctx)
	if err != nil {
		return err
	}
	for {
		if at, _ := f.Position(); at >= head {
			return nil
		}
		if _, err := f.next(ctx); err != nil {
			return err
		}
	}
}

// next applies the next entries of the log and gives their number, 0 at its head.
func (f *Follower) next(ctx context.Context) (int, error) {
	at, _ := f.Position()
	entries, err := f.options.Log.Entries(ctx, at, entriesAtOnce)
	if err != nil {
		return 0, err
	}
	return len(entries), f.Apply(entries)
}

// resume starts from the checkpoint if there is one that fits the log.
func (f *Follower) resume(ctx context.Context) {
	book, err := f.load(ctx)
	switch {
	case err != nil:
		f.options.Logger.Warn("cohort: the checkpoint is of no use; counting from the start of the log", "reason", err)
	case book != nil:
		f.adopt(book)
		f.saved, _ = f.Position()
	}
}

// checkpoint writes one; a failure is only logged, because the figures do not depend on it.
func (f *Follower) checkpoint(ctx context.Context) {
	at, err := f.save(ctx)
	if err != nil {
		f.options.Logger.Warn("cohort: the checkpoint was not written", "err", err)
		return
	}
	f.saved = at
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
