package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// withImports gives jobs that import into s.
func withImports(t *testing.T, from bulk.Exportable, s bulk.Committer) *bench {
	b := newBench(t, from)
	b.end()
	b.o.Import.Store = s
	b.begin()
	return b
}

func (b *bench) send(content string, types ...string) bulk.Job {
	b.t.Helper()
	job, err := b.StartImport(b.t.Context(), bulk.Job{Author: "Device/a", Types: types}, strings.NewReader(content))
	if err != nil {
		b.t.Fatal(err)
	}
	return job
}

func TestImportJob(t *testing.T) {
	db := open(t)
	b := withImports(t, db, db)
	content := pat1 + "\nnothing\n" + obs1 + "\n" + pat2
	for _, form := range []string{content, gzipped(content), zstandard(content)} {
		job := b.until(b.send(form, "Basic", "Patient"), bulk.Done)
		want := bulk.Sum{Read: 4, Kept: 2, Refused: 2, Commits: 1}
		if form != content {
			want = bulk.Sum{Read: 4, Unchanged: 2, Refused: 2}
		}
		if diff := cmp.Diff(want, job.Sum); diff != "" {
			t.Errorf("sum (-want +got):\n%s", diff)
		}
		lines := exported(t, filepath.Join(b.dir, job.ID))["refused.ndjson"]
		if len(lines) != 2 || !strings.Contains(lines[0], `"body.ndjson:2"`) || !strings.Contains(lines[1], "You may not write resources of type Observation.") {
			t.Errorf("refused: %s", lines)
		}
		m := bulk.ManifestOf(job.Progress, "x", true, func(name string) string { return name })
		if diff := cmp.Diff([]bulk.ManifestEntry{{"OperationOutcome", "refused.ndjson", 2}}, m.Error); diff != "" || len(m.Output) != 0 {
			t.Errorf("manifest %+v", m)
		}
		if _, err := os.Stat(filepath.Join(b.dir, job.ID, "input")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what was sent is still there: %v", err)
		}
		b.wantCode(b.Cancel(t.Context(), job.ID, job.Author), "")
	}
	if entries, err := db.Entries(t.Context(), 0, 10); err != nil || len(entries) != 1 || entries[0].Author != "Device/a" {
		t.Errorf("%+v, %v", entries, err)
	}
	if n := b.folders(); n != 0 {
		t.Errorf("%d folders are left", n)
	}
}

// blocked is a Committer that waits for its context to end.
type blocked struct{ entered chan struct{} }

func (c blocked) Commit(ctx context.Context, _ store.Transaction) (store.Receipt, error) {
	c.entered <- struct{}{}
	<-ctx.Done()
	return store.Receipt{}, fault.Wrap(ctx.Err(), fault.Timeout, "test", "Stopped.")
}

// TestImportJobResumes: an import that a restart broke off is done by the next process.
func TestImportJobResumes(t *testing.T) {
	db := open(t)
	wait := blocked{entered: make(chan struct{}, 100)}
	b := withImports(t, db, wait)
	var content strings.Builder
	for i := range 500 {
		fmt.Fprintf(&content, `{"resourceType":"Basic","id":"b%d"}`+"\n", i)
	}
	job := b.send(content.String(), "Basic")
	<-wait.entered
	b.end()
	b.o.Import.Store = db
	b.begin()
	if job = b.until(job, bulk.Done); job.Sum.Kept != 500 {
		t.Errorf("sum %+v", job.Sum)
	}
}

func TestImportJobIsCancelled(t *testing.T) {
	db := open(t)
	wait := blocked{entered: make(chan struct{}, 100)}
	b := withImports(t, db, wait)
	job := b.send(pat1, "Patient")
	<-wait.entered
	b.wantCode(b.Cancel(t.Context(), job.ID, job.Author), "")
	next := b.send(pat2, "Patient") // its turn comes, so the other one has ended
	<-wait.entered
	if n := b.folders(); n != 1 {
		t.Errorf("%d folders, want that of the other import", n)
	}
	b.wantCode(b.Cancel(t.Context(), next.ID, next.Author), "")
}

func TestImportJobIsRefused(t *testing.T) {
	db := open(t)
	b := newBench(t, db)
	_, err := b.StartImport(t.Context(), bulk.Job{Author: "Device/a"}, strings.NewReader(pat1))
	b.wantCode(err, fault.Unsupported)
	b.end()
	b.o.Import.Store, b.o.MaxInput, b.o.PerCaller = db, int64(len(pat1)), 1
	b.begin()
	_, err = b.StartImport(t.Context(), bulk.Job{Author: "Device/a"}, strings.NewReader(pat1+"\n"))
	b.wantCode(err, fault.TooLarge)
	_, err = b.StartImport(t.Context(), bulk.Job{Author: "Device/a"}, io.MultiReader(strings.NewReader("{"), broken{}))
	b.wantCode(err, fault.Invalid)
	if n := b.folders(); n != 0 {
		t.Errorf("%d folders of imports that did not arrive", n)
	}
	b.until(b.send(pat1, "Patient"), bulk.Done)
	_, err = b.StartImport(t.Context(), bulk.Job{Author: "Device/a"}, broken{})
	b.wantCode(err, fault.TooMany)
	// What a crash left of an upload is gone after the next start, and not before.
	left := filepath.Join(b.dir, "x.incoming")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	b.wantCode(b.Sweep(t.Context()), "")
	if _, err := os.Stat(left); err != nil {
		t.Errorf("the sweep took an upload: %v", err)
	}
	b.end()
	b.begin()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left is still there: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the connection is gone") }

func TestImportJobFails(t *testing.T) {
	db := open(t)
	down := &ledger{refuse: func(store.Transaction) error { return fault.New(fault.Internal, "test", "The store is damaged.") }}
	b := withImports(t, db, down)
	job := b.until(b.send(pat1, "Patient"), bulk.Failed)
	if job.Message != "The store is damaged." || !job.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("%+v", job)
	}
}

// TestImportJobIsBounded: a small compressed body may hold lines of any length and number.
func TestImportJobIsBounded(t *testing.T) {
	db := open(t)
	b := withImports(t, db, db)
	long := `{"resourceType":"Basic","id":"b","code":{"text":"` + strings.Repeat("x", bulk.MaxResource) + `"}}`
	job := b.until(b.send(gzipped(long+"\n"+pat1), "Basic", "Patient"), bulk.Done)
	if diff := cmp.Diff(bulk.Sum{Read: 2, Kept: 1, Refused: 1, Commits: 1}, job.Sum); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
	job = b.until(b.send(gzipped(pat2+"\n"+strings.Repeat("{}\n", 300_000)), "Patient"), bulk.Failed)
	if !strings.Contains(job.Message, "lines were refused") {
		t.Errorf("it says %q", job.Message)
	}
}
