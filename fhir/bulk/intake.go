package bulk

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// Imports that callers ask for: the body of the request is taken into a file first, and imported from there, so that it is not the caller's
// connection that decides how long a commit stays open, and a restart begins it again: what is there already makes no version.

// inputName is the file that an import comes from; incoming is the ending of a folder whose input is still arriving.
const (
	inputName = "input"
	incoming  = ".incoming"

	mostRefused = 64 << 20 // bytes of what is said of refusals: a small compressed body may hold any number of them
)

// intake is the import that is running.
type intake struct {
	mu   sync.Mutex
	id   string
	stop context.CancelFunc
}

func (i *intake) set(id string, stop context.CancelFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.id, i.stop = id, stop
}

// cancel ends the import if it is the one that is running.
func (i *intake) cancel(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id == id && i.stop != nil {
		i.stop()
	}
}

// StartImport takes NDJSON, which may be compressed with gzip or zstd, and begins to import it: resources of the job's Types only, written by its
// Author. Unsupported when imports are not served, TooLarge past the limit; else as Start.
func (j *Jobs) StartImport(ctx context.Context, job Job, body io.Reader) (Job, error) {
	const op = "bulk.StartImport"
	if j.o.Import.Store == nil {
		return Job{}, fault.New(fault.Unsupported, op, "Imports are not served here.")
	}
	if err := j.admitNow(ctx, job.Author); err != nil { // before it is sent in vain
		return Job{}, err
	}
	select {
	case j.uploads <- struct{}{}:
		defer func() { <-j.uploads }()
	default:
		return Job{}, fault.New(fault.TooMany, op, "Other imports are arriving; send this one when they are here.")
	}
	id := fhir.NewID(j.o.Clock())
	coming := j.folder(id) + incoming
	size, err := receive(coming, io.LimitReader(body, j.o.MaxInput+1))
	if err == nil && size > j.o.MaxInput {
		err = fault.Newf(fault.TooLarge, op, "An import takes at most %d MiB at once; send it in parts.", j.o.MaxInput>>20)
	}
	if err != nil {
		return Job{}, errors.Join(err, os.RemoveAll(coming))
	}
	j.starting.Lock()
	defer j.starting.Unlock()
	if err := j.admit(ctx, job.Author); err != nil {
		return Job{}, errors.Join(err, os.RemoveAll(coming))
	}
	job.Import, job.Input = true, size
	job, err = j.begin(ctx, job, id, func(folder string) error { return os.Rename(coming, folder) })
	if err != nil {
		return Job{}, errors.Join(err, os.RemoveAll(coming))
	}
	nudge(j.arrived)
	return job, nil
}

func (j *Jobs) admitNow(ctx context.Context, author string) error {
	j.starting.Lock()
	defer j.starting.Unlock()
	return j.admit(ctx, author)
}

// receive writes the body into a folder of its own, for good.
func receive(folder string, body io.Reader) (int64, error) {
	const sentence = "The import cannot be taken in; there may be no room left."
	if err := os.Mkdir(folder, 0o700); err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "bulk.receive", sentence)
	}
	f, err := os.OpenFile(filepath.Join(folder, inputName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "bulk.receive", sentence)
	}
	source := &failing{r: body}
	n, err := io.Copy(f, source)
	if source.err != nil {
		err = fault.Wrap(source.err, fault.Invalid, "bulk.receive", "The body ended before it was complete; nothing was imported.")
	} else {
		err = fault.Wrap(errors.Join(err, f.Sync()), fault.Unavailable, "bulk.receive", sentence)
	}
	return n, errors.Join(err, f.Close())
}

// failing remembers the error of a reader, to tell it from that of the writer.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// runImports is the goroutine that does imports, one after the other.
func (j *Jobs) runImports(ctx context.Context) {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.arrived:
		case <-again.C:
		}
		all, err := j.list(ctx)
		if err != nil && ctx.Err() == nil {
			j.o.Log.Error("imports stand still", "err", err)
		}
		for _, k := range all {
			if k.Import && k.Phase == Running && ctx.Err() == nil {
				j.take(ctx, k)
			}
		}
		again.Reset(sweepEvery)
	}
}

// take does one import and keeps what came of it. When the process ends meanwhile, the next one begins it again.
func (j *Jobs) take(ctx context.Context, k *kept) {
	running, stop := context.WithCancel(ctx)
	j.imports.set(k.ID, stop)
	sum, refused, err := j.load(running, k)
	j.imports.set("", nil)
	cancelled := running.Err() != nil
	stop()
	if cancelled {
		return
	}
	switch temporary := fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout); {
	case temporary && k.Tries < mostTries:
		k.Tries++
	case err != nil:
		k.fail(fault.MessageOf(err))
	default:
		k.Phase, k.Sum = Done, sum
		if refused.Count > 0 {
			k.Progress.Files = []File{refused}
		}
	}
	if k.Phase != Running {
		k.Expires, k.Input = j.o.Clock().UTC().Add(j.o.Keep), 0
		k.Progress.Time = j.o.Clock().UTC()
		err = errors.Join(err, os.Remove(filepath.Join(j.folder(k.ID), inputName)))
	}
	if _, putErr := j.put(ctx, k); err != nil || putErr != nil && !fault.Is(putErr, fault.Conflict) { // Conflict: it was cancelled
		j.o.Log.Error("an import had trouble", "import", k.ID, "err", errors.Join(err, putErr))
	}
}

// load imports the job's input and writes down what is refused.
func (j *Jobs) load(ctx context.Context, k *kept) (sum Sum, refused File, err error) {
	refused.Name = RefusedName
	folder := j.folder(k.ID)
	f, err := os.OpenFile(filepath.Join(folder, RefusedName+Extension), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return sum, refused, writeError(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	o := j.o.Import
	o.Author, o.Clock, o.Gentle = k.Author, j.o.Clock, true
	o.Allows = func(typ string) error {
		if _, ok := slices.BinarySearch(k.Types, typ); !ok {
			return fault.Newf(fault.Forbidden, "bulk.load", "You may not write resources of type %s.", typ).At(typ)
		}
		return nil
	}
	o.Refused = func(r Refusal) error {
		n, err := w.Write(append(r.Outcome(), '\n'))
		refused.Count++
		if refused.Bytes += int64(n); refused.Bytes > mostRefused {
			return fault.Newf(fault.TooLarge, "bulk.load", "More than %d lines were refused, and the import was ended. What was kept before stays.", refused.Count-1)
		}
		return writeError(err)
	}
	source := Source{Name: "body" + Extension, Most: MaxResource, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(folder, inputName)) }}
	sum, err = Import(ctx, o, []Source{source})
	if err == nil {
		err = writeError(errors.Join(w.Flush(), f.Sync()))
	}
	return sum, refused, err
}
