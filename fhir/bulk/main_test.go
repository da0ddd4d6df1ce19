package bulk_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the time of the tests' stores.
var now = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// open opens an empty store.
func open(t testing.TB) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// text is a source in memory.
func text(name, content string) bulk.Source {
	return bulk.Source{Name: name, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

// refusals collects what is refused.
type refusals struct{ list []bulk.Refusal }

func (r *refusals) add(one bulk.Refusal) error {
	r.list = append(r.list, one)
	return nil
}

func (r *refusals) lines() []string {
	var out []string
	for _, one := range r.list {
		out = append(out, one.String())
	}
	slices.Sort(out)
	return out
}

// load imports into the store and gives the sum and the refusals.
func load(t testing.TB, s bulk.Committer, change func(*bulk.ImportOptions), sources ...bulk.Source) (bulk.Sum, []string) {
	t.Helper()
	var told refusals
	o := bulk.ImportOptions{Store: s, Author: "system", Clock: clock, Refused: told.add}
	if change != nil {
		change(&o)
	}
	sum, err := bulk.Import(t.Context(), o, sources)
	if err != nil {
		t.Fatalf("Import: %v", err)
	}
	return sum, told.lines()
}

// body reads a current resource without meta.
func body(t testing.TB, s store.Store, typ, id string) string {
	t.Helper()
	v, err := s.Read(t.Context(), typ, id)
	if err != nil {
		t.Fatalf("Read(%s/%s): %v", typ, id, err)
	}
	before, rest, ok := strings.Cut(string(v.Body), `,"meta":{`)
	if !ok {
		return before
	}
	_, after, _ := strings.Cut(rest, "}")
	return before + after
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	if errors.Join(err, w.Close()) != nil {
		panic("gzip")
	}
	return b.String()
}

func zstandard(s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = w.Close() }()
	return string(w.EncodeAll([]byte(s), nil))
}

// ledger is a Committer that keeps what it is given, and refuses what it is told to.
type ledger struct {
	mu      sync.Mutex
	commits [][]string
	refuse  func(store.Transaction) error
	hold    func() // called before each commit
}

func (l *ledger) Commit(_ context.Context, tx store.Transaction) (store.Receipt, error) {
	if l.hold != nil {
		l.hold()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		if err := l.refuse(tx); err != nil {
			return store.Receipt{}, err
		}
	}
	var names []string
	var written []store.Written
	for _, c := range tx.Changes {
		names = append(names, c.Type+"/"+c.ID)
		written = append(written, store.Written{Type: c.Type, ID: c.ID, VersionID: "1", Created: true, Body: c.Body})
	}
	l.commits = append(l.commits, names)
	return store.Receipt{Seq: store.Seq(len(l.commits)), Changes: written}, nil
}

func unavailable() error { return fault.New(fault.Unavailable, "test", "The store is down.") }
