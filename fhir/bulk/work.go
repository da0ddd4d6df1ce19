package bulk

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"khamxa/internal/fault"
)

// run is the goroutine that does all jobs.
func (j *Jobs) run(ctx context.Context) {
	defer j.closeAll()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.wake:
		case <-again.C:
		}
		if err := j.Sweep(ctx); err != nil && ctx.Err() == nil {
			j.o.Log.Error("expired exports could not be removed", "err", err)
		}
		next := sweepEvery
		if busy, err := j.round(ctx); err != nil && ctx.Err() == nil {
			j.o.Log.Error("exports stand still", "err", err)
			next = 5 * time.Second
		} else if busy {
			next = 0
		}
		again.Reset(next)
	}
}

// round gives every job that is running a turn; busy says that there is more to do.
func (j *Jobs) round(ctx context.Context) (busy bool, err error) {
	all, err := j.list(ctx)
	if err != nil {
		return false, err
	}
	size := int64(0)
	for _, k := range all {
		size += k.size()
	}
	for _, k := range all {
		if k.Phase != Running || k.Import {
			continue
		}
		before := k.Progress.Bytes()
		turnErr := j.turn(ctx, k, j.o.MaxBytes-size)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		size += k.Progress.Bytes() - before
		if turnErr != nil {
			err = errors.Join(err, turnErr)
		}
		busy = busy || k.Phase == Running
	}
	return busy, err
}

// turn goes on with one job and keeps how far it came. room is how many bytes more there may be. A temporary failure is given back and the job
// tried again later; any other one ends the job.
func (j *Jobs) turn(ctx context.Context, k *kept, room int64) error {
	before := k.Progress.Bytes()
	p, err := j.pages(ctx, k)
	if ctx.Err() != nil {
		return ctx.Err() // what was not kept is done again
	}
	temporary := fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout)
	switch {
	case err != nil && temporary && k.Tries < mostTries:
		k.Tries++
	case err != nil:
		k.fail(fault.MessageOf(err))
	case p.Bytes()-before > room:
		k.fail("The exports of all callers take all the room there is for them. Ask for less, or try again when some have expired.")
	case p.Done:
		k.Progress, k.Phase, k.Tries = p, Done, 0
	default:
		k.Progress, k.Tries = p, 0
	}
	now := j.o.Clock().UTC()
	if k.Phase == Running && now.Sub(k.Begun) > mostRunning {
		k.fail("The export took longer than three days and was ended.")
	}
	if k.Phase != Running {
		k.Expires = now.Add(j.o.Keep)
	}
	if err != nil || k.Phase != Running {
		j.close(k.ID)
	}
	if k.Phase == Failed {
		j.o.Log.Error("an export failed", "export", k.ID, "err", err)
		_ = os.RemoveAll(j.folder(k.ID)) // the sweep tries again
	}
	if _, putErr := j.put(ctx, k); putErr != nil {
		j.close(k.ID)
		if fault.Is(putErr, fault.Conflict) { // it was cancelled meanwhile
			k.Phase = Failed
			return fault.Wrap(os.RemoveAll(j.folder(k.ID)), fault.Unavailable, "bulk.turn", "The files of a cancelled export cannot be removed.")
		}
		return putErr
	}
	if temporary && k.Phase == Running {
		return err
	}
	return nil
}

func (k *kept) fail(message string) {
	k.Phase, k.Message, k.Progress = Failed, message, Progress{At: k.Progress.At, Time: k.Progress.Time}
}

// pages writes the pages of one turn.
func (j *Jobs) pages(ctx context.Context, k *kept) (Progress, error) {
	e := j.open[k.ID]
	if e == nil {
		var err error
		if e, err = OpenExport(j.o.Store, j.folder(k.ID), k.query(), k.Progress); err != nil {
			return Progress{}, err
		}
		if e.Filters, err = ParseFilters(k.Filters); err != nil {
			return Progress{}, errors.Join(err, e.Close())
		}
		j.open[k.ID] = e
	}
	most := e.Bytes() + turnBytes
	for range turnPages {
		started := j.o.Clock()
		done, err := e.Step(ctx)
		if err != nil {
			return Progress{}, err
		}
		if done || e.Bytes() >= most {
			break
		}
		if err := pause(ctx, time.Duration(j.o.Rest*float64(j.o.Clock().Sub(started)))); err != nil {
			return Progress{}, err
		}
	}
	return e.Checkpoint()
}

// pause lets others work.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *Jobs) close(id string) {
	if e := j.open[id]; e != nil {
		delete(j.open, id)
		if err := e.Close(); err != nil {
			j.o.Log.Error("files of an export could not be closed", "export", id, "err", err)
		}
	}
}

func (j *Jobs) closeAll() {
	for id := range j.open {
		j.close(id)
	}
}

// Sweep removes the files of jobs that are not there any more: cancelled, or expired. The loop does it each minute and before each round.
func (j *Jobs) Sweep(ctx context.Context) error {
	j.starting.Lock() // a folder is made before its record
	defer j.starting.Unlock()
	folders, err := os.ReadDir(j.o.Dir)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "bulk.Sweep", "The folder of the exports cannot be read.")
	}
	for _, f := range folders {
		if strings.HasSuffix(f.Name(), incoming) {
			continue
		}
		if _, err := j.get(ctx, f.Name()); err == nil {
			continue
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := os.RemoveAll(j.folder(f.Name())); err != nil {
			return fault.Wrap(err, fault.Unavailable, "bulk.Sweep", "The files of an export that has expired cannot be removed.")
		}
	}
	return nil
}
