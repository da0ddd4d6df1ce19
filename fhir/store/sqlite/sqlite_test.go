package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/store/storetest"
	"khamxa/internal/records"
	"khamxa/internal/records/recordstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is a store that can be damaged and restored by the suite.
type backend struct {
	*sqlite.DB
	dir string
}

func openBackend(t *testing.T, dir string, clock func() time.Time) storetest.Backend {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Clock: clock})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return backend{db, dir}
}

func TestStore(t *testing.T) { storetest.Run(t, openBackend) }

func TestRecords(t *testing.T) {
	recordstest.Run(t, func(t *testing.T, clock func() time.Time) records.Store {
		db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Clock: clock})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	})
}

// TamperBody implements storetest.Tamperer: it flips a bit in the last string of the body.
func (b backend) TamperBody(t *testing.T, seq store.Seq) {
	t.Helper()
	if err := sqlite.Flip(b.dir, "body", "data", fmt.Sprintf("place = %d", int64(seq)<<14), -6); err != nil {
		t.Fatal(err)
	}
}

// TamperChain implements storetest.Tamperer: it flips a bit in the commit's time.
func (b backend) TamperChain(t *testing.T, seq store.Seq) {
	t.Helper()
	if err := sqlite.Flip(b.dir, "log", "entry", fmt.Sprintf("seq = %d", seq), 12); err != nil {
		t.Fatal(err)
	}
}

// AppendWithoutApplying implements storetest.Crasher.
func (b backend) AppendWithoutApplying(t *testing.T, tx store.Transaction) {
	t.Helper()
	if err := sqlite.AppendWithoutApplying(b.dir, tx); err != nil {
		t.Fatal(err)
	}
}

// AppendPurgeWithoutApplying implements storetest.PurgeCrasher.
func (b backend) AppendPurgeWithoutApplying(t *testing.T, p store.Purge) {
	t.Helper()
	if err := sqlite.AppendPurgeWithoutApplying(b.dir, p); err != nil {
		t.Fatal(err)
	}
}

// FindBytes implements storetest.Finder.
func (b backend) FindBytes(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}

// Restore implements storetest.Restorer.
func (b backend) Restore(t *testing.T, file, dir string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, sqlite.FileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
