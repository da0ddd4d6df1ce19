package bulk_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// hands is a clock that tests set.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// gate is a store whose pages come one by one, when they are let through; a page holds two versions.
type gate struct {
	bulk.Exportable
	mu    sync.Mutex
	fail  error
	pages chan struct{} // nil: all
}

func (g *gate) Scan(ctx context.Context, q store.ScanRequest) (store.ScanPage, error) {
	if g.pages != nil {
		select {
		case <-g.pages:
		case <-ctx.Done():
			return store.ScanPage{}, fault.Wrap(ctx.Err(), fault.Timeout, "test", "Stopped.")
		}
	}
	g.mu.Lock()
	err := g.fail
	g.mu.Unlock()
	if err != nil {
		return store.ScanPage{}, err
	}
	q.Count = 2
	return g.Exportable.Scan(ctx, q)
}

// bench is what the jobs of a test stand on.
type bench struct {
	t     *testing.T
	clock *hands
	dir   string
	o     bulk.JobOptions
	*bulk.Jobs
}

func newBench(t *testing.T, from bulk.Exportable) *bench {
	b := &bench{t: t, clock: &hands{now: now}, dir: filepath.Join(t.TempDir(), "export")}
	b.o = bulk.JobOptions{Store: from, Dir: b.dir, Clock: b.clock.Now, Rest: -1}
	b.o.Records = records.NewMemory(b.clock.Now)
	b.begin()
	t.Cleanup(func() { b.end() })
	return b
}

func (b *bench) begin() {
	b.t.Helper()
	var err error
	if b.Jobs, err = bulk.OpenJobs(b.t.Context(), b.o); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) end() {
	b.t.Helper()
	if err := b.Jobs.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) start(job bulk.Job) bulk.Job {
	b.t.Helper()
	if job.Author == "" {
		job.Author = "Device/a"
	}
	job, err := b.Start(b.t.Context(), job)
	if err != nil {
		b.t.Fatal(err)
	}
	return job
}

// until waits for the phase.
func (b *bench) until(job bulk.Job, phase bulk.Phase) bulk.Job {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		got, err := b.Get(b.t.Context(), job.ID, job.Author)
		if err != nil {
			b.t.Fatal(err)
		}
		if got.Phase == phase {
			return got
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("the job is %s, want %s: %+v", got.Phase, phase, got)
		}
		time.Sleep(time.Millisecond)
	}
}

func (b *bench) wantCode(err error, want fault.Code) {
	b.t.Helper()
	if fault.CodeOf(err) != want {
		b.t.Errorf("err = %v, want %s", err, want)
	}
}

func (b *bench) folders() int {
	b.t.Helper()
	list, err := os.ReadDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(list)
}

func TestJob(t *testing.T) {
	db := open(t)
	fill(t, db, 30)
	b := newBench(t, db)
	job := b.until(b.start(bulk.Job{Types: []string{"Patient", "Basic"}}), bulk.Done)
	if job.Progress.Count() != 20 || !job.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("%+v", job)
	}
	f, about, err := b.Open(t.Context(), job.ID, job.Author, "Patient.ndjson")
	if err != nil || about.Count != 10 {
		t.Fatalf("%+v, %v", about, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got := len(exported(t, filepath.Join(b.dir, job.ID))["Patient.ndjson"]); got != 10 {
		t.Errorf("%d lines", got)
	}
	for _, name := range []string{"Organization.ndjson", "Patient", "../" + job.ID + "/Patient.ndjson", "", ".ndjson"} {
		_, _, err := b.Open(t.Context(), job.ID, job.Author, name)
		b.wantCode(err, fault.NotFound)
	}
	// Another caller learns nothing.
	_, err = b.Get(t.Context(), job.ID, "Device/b")
	b.wantCode(err, fault.NotFound)
	_, none := b.Get(t.Context(), "nothing", "Device/b")
	if err.Error() != none.Error() {
		t.Errorf("%v and %v differ", err, none)
	}
	_, _, err = b.Open(t.Context(), job.ID, "Device/b", "Patient.ndjson")
	b.wantCode(err, fault.NotFound)
	b.wantCode(b.Cancel(t.Context(), job.ID, "Device/b"), fault.NotFound)
	b.wantCode(b.Cancel(t.Context(), "../x", "Device/a"), fault.NotFound)
	// Its own caller removes it.
	b.wantCode(b.Cancel(t.Context(), job.ID, job.Author), "")
	_, err = b.Get(t.Context(), job.ID, job.Author)
	b.wantCode(err, fault.NotFound)
	if n := b.folders(); n != 0 {
		t.Errorf("%d folders are left", n)
	}
}

// TestJobResumes: a job goes on in the next process, at the state of the moment it was begun, with no line twice and none missing.
func TestJobResumes(t *testing.T) {
	db := open(t)
	fill(t, db, 300) // more pages than a turn has
	for _, pages := range []int{0, 1, 32, 33, 40, 90, 140} {
		reference := newBench(t, db)
		whole := reference.until(reference.start(bulk.Job{Types: []string{"Patient", "Basic", "Organization"}}), bulk.Done)
		want := exported(t, filepath.Join(reference.dir, whole.ID))
		g := &gate{Exportable: db, pages: make(chan struct{})}
		b := newBench(t, g)
		job := b.start(bulk.Job{Types: []string{"Patient", "Basic", "Organization"}})
		for range pages {
			g.pages <- struct{}{}
		}
		b.end()
		load(t, db, nil, text("later.ndjson", strings.ReplaceAll(`{"resourceType":"Patient","id":"r0","language":"x"}`, "x", strings.Repeat("x", pages+1))))
		b.o.Store = db
		b.begin()
		job = b.until(job, bulk.Done)
		if diff := cmp.Diff(want, exported(t, filepath.Join(b.dir, job.ID))); diff != "" {
			t.Errorf("after %d pages (-want +got):\n%s", pages, diff)
		}
		if diff := cmp.Diff(whole.Progress, job.Progress); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	}
}

func TestJobIsCancelledWhileItRuns(t *testing.T) {
	db := open(t)
	fill(t, db, 300)
	g := &gate{Exportable: db, pages: make(chan struct{})}
	b := newBench(t, g)
	job := b.start(bulk.Job{Types: []string{"Patient"}})
	for range 3 {
		g.pages <- struct{}{}
	}
	b.wantCode(b.Cancel(t.Context(), job.ID, job.Author), "")
	other := b.start(bulk.Job{Types: []string{"Basic"}, Author: "Device/b"})
	close(g.pages)
	b.until(other, bulk.Done)
	_, err := b.Get(t.Context(), job.ID, job.Author)
	b.wantCode(err, fault.NotFound)
	if n := b.folders(); n != 1 {
		t.Errorf("%d folders, want that of the other job", n)
	}
}

func TestJobExpires(t *testing.T) {
	db := open(t)
	fill(t, db, 3)
	b := newBench(t, db)
	job := b.until(b.start(bulk.Job{Types: []string{"Patient"}}), bulk.Done)
	b.clock.advance(24*time.Hour - time.Second)
	b.wantCode(b.Sweep(t.Context()), "")
	if n := b.folders(); n != 1 {
		t.Errorf("%d folders before it expires", n)
	}
	b.clock.advance(time.Second)
	_, err := b.Get(t.Context(), job.ID, job.Author)
	b.wantCode(err, fault.NotFound)
	b.wantCode(b.Sweep(t.Context()), "")
	if n := b.folders(); n != 0 {
		t.Errorf("%d folders after it expired", n)
	}
}

func TestJobLimits(t *testing.T) {
	db := open(t)
	fill(t, db, 30)
	g := &gate{Exportable: db, pages: make(chan struct{})}
	b := newBench(t, g)
	b.end()
	b.o.PerCaller, b.o.MaxBytes = 2, 1500
	b.begin()
	large := b.start(bulk.Job{}) // of everything: alone more than there is room for
	b.clock.advance(time.Second)
	fits := b.start(bulk.Job{Types: []string{"Patient"}})
	_, err := b.Start(t.Context(), bulk.Job{Author: "Device/a"})
	b.wantCode(err, fault.TooMany)
	b.clock.advance(time.Second)
	second := b.start(bulk.Job{Author: "Device/b", Types: []string{"Patient"}})
	_, err = b.Start(t.Context(), bulk.Job{Author: "Device/c", Filters: []string{"nothing"}})
	b.wantCode(err, fault.Invalid)
	close(g.pages)
	b.until(fits, bulk.Done)
	for _, job := range []bulk.Job{large, second} {
		if job = b.until(job, bulk.Failed); !strings.Contains(job.Message, "room") || job.Progress.Count() != 0 {
			t.Errorf("%+v", job)
		}
	}
	b.wantCode(b.Cancel(t.Context(), large.ID, large.Author), "")
	b.start(bulk.Job{Types: []string{}})
}

func TestJobFails(t *testing.T) {
	db := open(t)
	fill(t, db, 30)
	g := &gate{Exportable: db, fail: fault.New(fault.Internal, "test", "The store is damaged.")}
	b := newBench(t, g)
	job := b.until(b.start(bulk.Job{}), bulk.Failed)
	if job.Message != "The store is damaged." || b.folders() != 0 {
		t.Errorf("%+v, %d folders", job, b.folders())
	}
	_, _, err := b.Open(t.Context(), job.ID, job.Author, "Patient.ndjson")
	b.wantCode(err, fault.NotFound)
}

func TestJobNarrow(t *testing.T) {
	db := open(t)
	lines := `{"resourceType":"Patient","id":"a","gender":"female","managingOrganization":{"reference":"Organization/x"}}
{"resourceType":"Patient","id":"b","gender":"male","managingOrganization":{"reference":"Organization/y"}}
{"resourceType":"Observation","id":"oa","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"ob","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Organization","id":"x"}`
	if _, refused := load(t, db, nil, text("a.ndjson", lines)); len(refused) > 0 {
		t.Fatal(refused)
	}
	b := newBench(t, db)
	all := []string{"Patient", "Observation", "Organization"}
	for _, c := range []struct {
		name string
		job  bulk.Job
		want string
	}{
		{"everything", bulk.Job{Types: all}, "Observation:2 Organization:1 Patient:2"},
		{"confined", bulk.Job{Types: all, Within: []string{"Organization/x"}}, "Observation:1 Organization:1 Patient:1"},
		{"confined to nothing", bulk.Job{Types: all, Within: []string{}}, "Organization:1"},
		{"patients' records", bulk.Job{Types: all, Compartment: true}, "Observation:2 Patient:2"},
		{"of one", bulk.Job{Types: all, Compartment: true, Patients: []string{"b"}}, "Observation:1 Patient:1"},
		{"of nobody", bulk.Job{Types: all, Compartment: true, Patients: []string{}}, ""},
		{"of one who is out of reach", bulk.Job{Types: all, Patients: []string{"b"}, Within: []string{"Organization/x"}}, ""},
		{"filtered", bulk.Job{Types: all, Filters: []string{"Patient?gender=female"}}, "Observation:2 Organization:1 Patient:1"},
		{"two filters", bulk.Job{Types: []string{"Patient"}, Filters: []string{"Patient?gender=female", "Patient?_id=b"}}, "Patient:2"},
		{"since", bulk.Job{Types: all, Since: now.Add(time.Second)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := b.until(b.start(c.job), bulk.Done)
			var got []string
			for _, f := range job.Progress.Files {
				got = append(got, f.Name+":"+string(rune('0'+f.Count)))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
			b.wantCode(b.Cancel(t.Context(), job.ID, job.Author), "")
		})
	}
}

func TestParseFilters(t *testing.T) {
	for _, c := range []struct {
		text string
		want fault.Code
	}{
		{"Observation?status=final&date=ge2026-01-01", ""},
		{"Observation", fault.Invalid},
		{"Human?x=y", fault.Invalid},
		{"Observation?nothing=1", fault.Invalid},
		{"Observation?patient.name=x", fault.Unsupported},
		{"Observation?_sort=date", fault.Unsupported},
		{"Observation?_include=Observation:subject", fault.Unsupported},
		{"Observation?code:in=http://x.example/vs", fault.Unsupported},
	} {
		t.Run(c.text, func(t *testing.T) {
			if _, err := bulk.ParseFilters([]string{c.text}); fault.CodeOf(err) != c.want {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}
