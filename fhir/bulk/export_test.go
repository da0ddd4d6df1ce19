package bulk_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// few makes every page of a scan hold two versions at most.
type few struct{ store.Scanner }

func (f few) Scan(ctx context.Context, q store.ScanRequest) (store.ScanPage, error) {
	q.Count = 2
	return f.Scanner.Scan(ctx, q)
}

func step(t *testing.T, e *bulk.Export) bool {
	t.Helper()
	done, err := e.Step(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func checkpoint(t *testing.T, e *bulk.Export) bulk.Progress {
	t.Helper()
	p, err := e.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openExport(t *testing.T, from store.Scanner, dir string, q store.ScanRequest, p bulk.Progress) *bulk.Export {
	t.Helper()
	e, err := bulk.OpenExport(from, dir, q, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// exported gives every line of every file, without meta's members that differ between stores.
func exported(t *testing.T, dir string) map[string][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSuffix(string(raw), "\n")
		out[filepath.Base(name)] = strings.Split(text, "\n")
	}
	return out
}

func fill(t *testing.T, s store.Store, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		typ := []string{"Patient", "Basic", "Organization"}[i%3]
		fmt.Fprintf(&b, `{"resourceType":%q,"id":"r%d","text":{"status":"generated"}}`+"\n", typ, i)
	}
	if sum, refused := load(t, s, nil, text("a.ndjson", b.String())); sum.Kept != n {
		t.Fatalf("sum %+v, %v", sum, refused)
	}
}

// TestExportResumes: an export that is broken off anywhere and goes on from its last checkpoint, while others write, gives the same lines
// as one that was not.
func TestExportResumes(t *testing.T) {
	db := open(t)
	fill(t, db, 30)
	whole := t.TempDir()
	e := openExport(t, db, whole, store.ScanRequest{}, bulk.Progress{})
	for !step(t, e) {
		continue
	}
	end := checkpoint(t, e)
	if end.Count() != 30 || !end.Done || end.At != 1 {
		t.Fatalf("progress %+v", end)
	}
	want := exported(t, whole)
	for stop := range 15 {
		dir := t.TempDir()
		at := bulk.Progress{At: 1}
		first := openExport(t, few{db}, dir, store.ScanRequest{}, at)
		for i := range stop {
			step(t, first)
			if i%3 == 0 {
				at = checkpoint(t, first)
			}
		}
		checkpoint(t, first) // reaches the disk and is not remembered, like what a crash left
		load(t, db, nil, text("later.ndjson", fmt.Sprintf(`{"resourceType":"Patient","id":"r0","language":"x%d"}`+"\n"+`{"resourceType":"Basic","id":"later%d"}`, stop, stop)))
		second := openExport(t, few{db}, dir, store.ScanRequest{}, at)
		for !step(t, second) {
			continue
		}
		got := checkpoint(t, second)
		if diff := cmp.Diff(end, got); diff != "" {
			t.Errorf("stopped after %d pages, progress (-want +got):\n%s", stop, diff)
		}
		if diff := cmp.Diff(want, exported(t, dir)); diff != "" {
			t.Errorf("stopped after %d pages (-want +got):\n%s", stop, diff)
		}
	}
}

func TestExportDeletions(t *testing.T) {
	db := open(t)
	fill(t, db, 6)
	_, err := db.Commit(t.Context(), store.Transaction{Author: "system", Changes: []store.Change{
		{Method: store.Delete, Type: "Basic", ID: "r1"}, {Method: store.Delete, Type: "Patient", ID: "r3"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e := openExport(t, db, dir, store.ScanRequest{Deleted: true, Since: now}, bulk.Progress{})
	for !step(t, e) {
		continue
	}
	p := checkpoint(t, e)
	want := []string{`{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Basic/r1"}},{"request":{"method":"DELETE","url":"Patient/r3"}}]}`}
	if diff := cmp.Diff(want, exported(t, dir)["deleted.ndjson"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m := bulk.ManifestOf(p, "x", true, func(name string) string { return "https://x/" + name })
	if diff := cmp.Diff(bulk.Manifest{
		TransactionTime: "2026-11-24T08:00:00.000Z", Request: "x", RequiresAccessToken: true, Error: []bulk.ManifestEntry{},
		Output:  []bulk.ManifestEntry{{"Basic", "https://x/Basic.ndjson", 1}, {"Organization", "https://x/Organization.ndjson", 2}, {"Patient", "https://x/Patient.ndjson", 1}},
		Deleted: []bulk.ManifestEntry{{"Bundle", "https://x/deleted.ndjson", 1}},
	}, m); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if p.Count() != 4 {
		t.Errorf("%d resources", p.Count())
	}
}

func TestExportFails(t *testing.T) {
	db := open(t)
	fill(t, db, 3)
	if e, err := bulk.OpenExport(db, filepath.Join(t.TempDir(), "nowhere"), store.ScanRequest{}, bulk.Progress{}); err == nil {
		if _, err = e.Step(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a folder that is not there: %v", err)
		}
	}
	_, err := bulk.OpenExport(db, t.TempDir(), store.ScanRequest{}, bulk.Progress{Cursor: "1", Files: []bulk.File{{Name: "Patient", Bytes: 10}}})
	if !fault.Is(err, fault.Internal) {
		t.Errorf("a file that is shorter than it was: %v", err)
	}
	e := openExport(t, db, t.TempDir(), store.ScanRequest{At: 99}, bulk.Progress{})
	if _, err := e.Step(t.Context()); !fault.Is(err, fault.Invalid) {
		t.Errorf("a position that never was: %v", err)
	}
}
