package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Phase is where a job stands.
type Phase string

// The phases. A job that is cancelled or has expired is not there any more.
const (
	Running Phase = "running" // or waiting for its turn
	Done    Phase = "done"
	Failed  Phase = "failed"
)

// Job is one export that a caller asked for (HL7 Bulk Data Access 2.0). Everything up to Filters says what was asked and by whom; the rest is
// set by Jobs.
type Job struct {
	Author      string    `json:"author"`
	Within      []string  `json:"within"`  // the caller's, when the job was begun; see store.Visible
	Request     string    `json:"request"` // the address that was asked for
	Types       []string  `json:"types"`
	Since       time.Time `json:"since"`
	Compartment bool      `json:"compartment,omitempty"` // only patients' records
	Patients    []string  `json:"patients"`              // and of these only; nil: of all, which is not the same as none
	Filters     []string  `json:"filters,omitempty"`     // see ParseFilters

	Import bool  `json:"import,omitempty"` // NDJSON that the caller sent comes in, resources of Types; see StartImport
	Input  int64 `json:"input,omitempty"`  // its bytes
	Sum    Sum   `json:"sum,omitzero"`     // what was done with it

	ID       string    `json:"id"`
	Phase    Phase     `json:"phase"`
	Begun    time.Time `json:"begun"`
	Expires  time.Time `json:"expires"` // when it is removed
	Progress Progress  `json:"progress"`
	Tries    int       `json:"tries,omitempty"` // how often the store was not there
	Message  string    `json:"message,omitempty"`
}

// query is the scan that the job is.
func (j *Job) query() store.ScanRequest {
	return store.ScanRequest{
		Types: j.Types, Within: j.Within, Since: j.Since, Deleted: !j.Since.IsZero() && len(j.Filters) == 0,
		Compartment: j.Compartment, Patients: j.Patients,
	}
}

// Exportable is what jobs need of the store.
type Exportable interface {
	store.Scanner
	Head(ctx context.Context) (store.Seq, error)
}

// JobOptions say how Jobs works. Store, Records and Dir are required.
type JobOptions struct {
	Store   Exportable
	Records records.Store
	Dir     string // a folder of their own, made if it is not there (mode 0700)
	Log     *slog.Logger
	Clock   func() time.Time // nil: time.Now

	PerCaller int           // jobs of one caller that are running, or done and not removed; 0: 5
	MaxBytes  int64         // of all files of all jobs; 0: 64 GiB
	Keep      time.Duration // how long files are kept after the job is done; 0: 24 hours
	Import    ImportOptions // how imports are done: Store, Validate, Base; the rest is each job's. Without Store there are none
	MaxInput  int64         // bytes of one import; 0: 4 GiB
	Rest      float64       // pause after each page, as a share of the time that the page took; 0: a half, negative: none
}

// Jobs runs the exports that callers ask for, one page of one job at a time, in turns, with a pause after each page: a reader of a patient's
// record never waits for more than one of them. A job is a record (prefix "export/") and a folder; both survive a restart, and a job goes on
// at its last checkpoint. All methods are safe for concurrent use. One process owns the folder.
type Jobs struct {
	o       JobOptions
	wake    chan struct{}
	arrived chan struct{} // an import
	stop    context.CancelFunc
	done    sync.WaitGroup
	imports intake
	uploads chan struct{} // a place for each import that arrives at once

	starting sync.Mutex         // so that nobody gets past PerCaller by asking twice at once
	open     map[string]*Export // of the loop alone
}

const (
	jobPrefix   = "export/"
	mostRunning = 72 * time.Hour // a job that is not done by then has failed
	mostTries   = 10
	mostUploads = 2
	sweepEvery  = time.Minute

	// A turn of one job, after which its progress is kept.
	turnPages = 32
	turnBytes = 64 << 20
)

// OpenJobs begins to work, at first on what an earlier process left. End it with Close.
func OpenJobs(ctx context.Context, o JobOptions) (*Jobs, error) {
	const op = "bulk.OpenJobs"
	if o.Store == nil || o.Records == nil || o.Dir == "" {
		return nil, fault.New(fault.Invalid, op, "Exports need a store, records and a folder.")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.PerCaller == 0 {
		o.PerCaller = 5
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 30
	}
	if o.MaxInput == 0 {
		o.MaxInput = 4 << 30
	}
	if o.Keep == 0 {
		o.Keep = 24 * time.Hour
	}
	if o.Rest == 0 {
		o.Rest = 0.5
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The folder of the exports cannot be made.")
	}
	left, err := filepath.Glob(filepath.Join(o.Dir, "*"+incoming)) // imports whose input did not arrive
	for _, folder := range left {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The folder of the exports cannot be cleared of what was left.")
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	j := &Jobs{o: o, wake: make(chan struct{}, 1), arrived: make(chan struct{}, 1), uploads: make(chan struct{}, mostUploads), stop: stop, open: map[string]*Export{}}
	j.done.Go(func() { j.run(running) })
	j.done.Go(func() { j.runImports(running) })
	return j, nil
}

// Close stops the work where it is. What was not kept yet is done again by the next process.
func (j *Jobs) Close() error {
	j.stop()
	j.done.Wait()
	return nil
}

// Start begins an export and gives it with its id. TooMany when the caller has too many jobs already, or the files of all take too much room.
func (j *Jobs) Start(ctx context.Context, job Job) (Job, error) {
	if _, err := ParseFilters(job.Filters); err != nil {
		return Job{}, err
	}
	j.starting.Lock()
	defer j.starting.Unlock()
	if err := j.admit(ctx, job.Author); err != nil {
		return Job{}, err
	}
	var err error
	if job.Progress.At, err = j.o.Store.Head(ctx); err != nil {
		return Job{}, err
	}
	job, err = j.begin(ctx, job, fhir.NewID(j.o.Clock()), func(folder string) error { return os.Mkdir(folder, 0o700) })
	if err == nil {
		nudge(j.wake)
	}
	return job, err
}

// admit refuses another job when the limits are reached.
func (j *Jobs) admit(ctx context.Context, author string) error {
	const op = "bulk.admit"
	all, err := j.list(ctx)
	if err != nil {
		return err
	}
	own, size := 0, int64(0)
	for i := range all {
		size += all[i].size()
		if all[i].Author == author {
			own++
		}
	}
	switch {
	case own >= j.o.PerCaller:
		return fault.Newf(fault.TooMany, op, "You have %d exports and imports already; remove one of them (DELETE on its status address) or wait until it expires.", own)
	case size >= j.o.MaxBytes:
		return fault.New(fault.TooMany, op, "The exports of all callers take all the room there is for them; try again when some have expired.")
	}
	return nil
}

// size is the room that a job's files take.
func (j *Job) size() int64 { return j.Progress.Bytes() + j.Input }

// begin makes the job's folder and its record, in this order: the sweep knows.
func (j *Jobs) begin(ctx context.Context, job Job, id string, make func(folder string) error) (Job, error) {
	now := j.o.Clock().UTC()
	job.ID, job.Phase, job.Begun, job.Expires = id, Running, now, now.Add(mostRunning+j.o.Keep)
	if err := make(j.folder(id)); err != nil {
		return Job{}, fault.Wrap(err, fault.Unavailable, "bulk.begin", "The job cannot be begun.")
	}
	if _, err := j.put(ctx, &kept{Job: job}); err != nil {
		return Job{}, errors.Join(err, os.RemoveAll(j.folder(id)))
	}
	return job, nil
}

// nudge wakes a loop.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

func (j *Jobs) folder(id string) string { return filepath.Join(j.o.Dir, id) }

// Get gives a job of the author's; NotFound for those of others.
func (j *Jobs) Get(ctx context.Context, id, author string) (Job, error) {
	k, err := j.get(ctx, id)
	if err == nil && k.Author != author {
		err = noJob()
	}
	if err != nil {
		return Job{}, err
	}
	return k.Job, nil
}

func noJob() error {
	return fault.New(fault.NotFound, "bulk.Get", "There is no such export or import, or it has been removed.")
}

// Cancel ends a job of the author's and removes its files.
func (j *Jobs) Cancel(ctx context.Context, id, author string) error {
	if _, err := j.Get(ctx, id, author); err != nil {
		return err
	}
	if err := j.o.Records.Delete(ctx, jobPrefix+id); err != nil {
		return err
	}
	j.imports.cancel(id)
	return fault.Wrap(os.RemoveAll(j.folder(id)), fault.Unavailable, "bulk.Cancel", "The job is ended; its files will be removed.")
}

// Open opens a finished file of a job of the author's, by its name with the extension. Close it.
func (j *Jobs) Open(ctx context.Context, id, author, name string) (*os.File, File, error) {
	job, err := j.Get(ctx, id, author)
	if err != nil {
		return nil, File{}, err
	}
	base, ok := strings.CutSuffix(name, Extension)
	i := slices.IndexFunc(job.Progress.Files, func(f File) bool { return f.Name == base })
	if !ok || i < 0 || job.Phase != Done {
		return nil, File{}, fault.New(fault.NotFound, "bulk.Open", "The export has no such file.")
	}
	f, err := os.Open(filepath.Join(j.folder(id), base+Extension))
	if errors.Is(err, fs.ErrNotExist) { // removed just now
		return nil, File{}, noJob()
	}
	return f, job.Progress.Files[i], fault.Wrap(err, fault.Unavailable, "bulk.Open", "The file cannot be read at the moment.")
}

// kept is a job with the version of its record.
type kept struct {
	Job
	version int64
}

func (j *Jobs) get(ctx context.Context, id string) (*kept, error) {
	if !fhir.IsID(id) {
		return nil, noJob()
	}
	r, err := j.o.Records.Get(ctx, jobPrefix+id)
	if fault.Is(err, fault.NotFound) {
		return nil, noJob()
	}
	if err != nil {
		return nil, err
	}
	return opened(r)
}

func opened(r records.Record) (*kept, error) {
	k := &kept{version: r.Version}
	return k, fault.Wrap(json.Unmarshal(r.Value, &k.Job), fault.Internal, "bulk.opened", "The record of an export cannot be read.")
}

func (j *Jobs) put(ctx context.Context, k *kept) (int64, error) {
	value, err := json.Marshal(k.Job)
	if err != nil {
		return 0, fault.Wrap(err, fault.Internal, "bulk.put", "The record of an export cannot be written down.")
	}
	return j.o.Records.Put(ctx, records.Record{Key: jobPrefix + k.ID, Value: value, Version: k.version, Expires: k.Expires})
}

// list gives all jobs, those of every caller, in the order of their beginning.
func (j *Jobs) list(ctx context.Context) (all []*kept, err error) {
	for after := ""; ; {
		page, err := j.o.Records.List(ctx, jobPrefix, after, 0)
		if err != nil || len(page) == 0 {
			return all, err
		}
		for _, r := range page {
			k, err := opened(r)
			if err != nil {
				return nil, err
			}
			all = append(all, k)
		}
		after = page[len(page)-1].Key
	}
}
