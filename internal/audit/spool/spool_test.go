package spool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"khamxa/internal/audit"
	"khamxa/internal/audit/spool"
	"khamxa/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is what a spool brings its batches into: it keeps each id once.
type log struct {
	mu   sync.Mutex
	kept map[string]spool.Batch
	fail error
}

func (l *log) keep(_ context.Context, batches []spool.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	if l.kept == nil {
		l.kept = map[string]spool.Batch{}
	}
	for _, b := range batches {
		l.kept[b.ID] = b
	}
	return nil
}

func (l *log) failWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// seen are all references in the log, sorted.
func (l *log) seen() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.kept {
		for _, s := range b.Shown {
			all = append(all, s.Objects...)
		}
	}
	slices.Sort(all)
	return all
}

func open(t *testing.T, dir string, l *log) *spool.Spool {
	t.Helper()
	s, err := spool.Open(t.Context(), spool.Options{Dir: dir, Keep: l.keep})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(object string) spool.Entry {
	return spool.Entry{Event: audit.Event{
		Kind: "fhir.read", Action: audit.Read, Outcome: audit.Success, Who: "Device/client-1", When: time.Now().UTC(), Objects: []string{object},
	}}
}

func mustRecord(t *testing.T, s *spool.Spool, objects ...string) {
	t.Helper()
	for _, o := range objects {
		if err := s.Record(read(o)); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "audit-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestWindow: what was recorded is in a file at once, in the log when the window is over, and then in no file.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, l := t.TempDir(), &log{}
		s := open(t, dir, l)
		mustRecord(t, s, "Patient/1", "Patient/2", "Patient/1")
		if got := s.Waiting(); got != 3 || len(files(t, dir)) != 1 || len(l.seen()) != 0 {
			t.Errorf("%d wait in %q, and the log has %q", got, files(t, dir), l.seen())
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if diff := cmp.Diff([]string{"Patient/1", "Patient/2"}, l.seen()); diff != "" || s.Waiting() != 0 || len(files(t, dir)) != 0 {
			t.Errorf("%d wait in %q (-want +got)\n%s", s.Waiting(), files(t, dir), diff)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFlush: what asks for the trail waits for nothing.
func TestFlush(t *testing.T) {
	dir, l := t.TempDir(), &log{}
	s := open(t, dir, l)
	mustRecord(t, s, "Patient/1")
	if err := s.Flush(t.Context()); err != nil || len(l.seen()) != 1 {
		t.Errorf("%q, %v", l.seen(), err)
	}
	mustRecord(t, s, "Patient/2")
	if err := s.Close(); err != nil || len(l.seen()) != 2 || len(files(t, dir)) != 0 {
		t.Errorf("after the end the log has %q, the folder %q, %v", l.seen(), files(t, dir), err)
	}
	if err := s.Record(read("Patient/3")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a closed spool says %v", err)
	}
}

// TestLeftBehind: what a process left is brought in by the next one, the same batches under the same ids however often it is done, and a line
// that was not written completely is left out.
func TestLeftBehind(t *testing.T) {
	dir, l := t.TempDir(), &log{}
	s := open(t, dir, l)
	for i := range 2*audit.MaxObjects + 10 {
		mustRecord(t, s, fmt.Sprintf("Patient/%d", i))
	}
	left := files(t, dir)
	if len(left) != 1 {
		t.Fatal(left)
	}
	raw, err := os.ReadFile(left[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	first := l.kept
	for name, content := range map[string][]byte{
		"as it was":     raw,
		"a torn end":    append(slices.Clone(raw), raw[:40]...),
		"zeros":         append(slices.Clone(raw), make([]byte, 4096)...),
		"another crash": raw,
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(left[0], content, 0o600); err != nil {
				t.Fatal(err)
			}
			l.kept = nil
			s := open(t, dir, l)
			if diff := cmp.Diff(first, l.kept); diff != "" || len(files(t, dir)) != 0 {
				t.Errorf("in the folder is %q (-want +got)\n%s", files(t, dir), diff)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLogThatFails: events wait while the log does not take them, are brought in when it does, and reading ends when it takes too long.
func TestLogThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{}
		s := open(t, t.TempDir(), l)
		l.failWith(fault.New(fault.Unavailable, "log", "The disk is full."))
		mustRecord(t, s, "Patient/1")
		time.Sleep(time.Minute)
		mustRecord(t, s, "Patient/2")
		time.Sleep(2 * time.Minute)
		if err := s.Record(read("Patient/3")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("after three minutes it says %v", err)
		}
		l.failWith(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		mustRecord(t, s, "Patient/4")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"Patient/1", "Patient/2", "Patient/4"}, l.seen()); diff != "" {
			t.Error("(-want +got)\n" + diff)
		}
	})
}

// TestRefused: what the log will never take is set aside, and what comes after it goes on.
func TestRefused(t *testing.T) {
	dir, l := t.TempDir(), &log{}
	s := open(t, dir, l)
	l.failWith(fault.New(fault.Invalid, "log", "That is no event."))
	mustRecord(t, s, "Patient/1")
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	l.failWith(nil)
	mustRecord(t, s, "Patient/2")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	left := files(t, dir)
	if len(left) != 1 || !strings.HasSuffix(left[0], ".refused") || cmp.Diff([]string{"Patient/2"}, l.seen()) != "" {
		t.Errorf("set aside are %q, the log has %q", left, l.seen())
	}
}

// TestNoFile: an event that cannot be written is an error.
func TestNoFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, &log{})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(read("Patient/1")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("it says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestTogether: many readers at once lose nothing.
func TestTogether(t *testing.T) {
	l := &log{}
	s := open(t, t.TempDir(), l)
	var want []string
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for w := range 8 {
		for i := range 100 {
			want = append(want, fmt.Sprintf("Patient/%d-%d", w, i))
		}
		wg.Go(func() {
			var err error
			for i := range 100 {
				err = errors.Join(err, s.Record(read(fmt.Sprintf("Patient/%d-%d", w, i))))
				if i%40 == 0 {
					err = errors.Join(err, s.Flush(t.Context()))
				}
			}
			errs <- err
		})
	}
	wg.Wait()
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, l.seen()); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := &log{}
	s, err := spool.Open(b.Context(), spool.Options{Dir: b.TempDir(), Keep: l.keep})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if err := s.Record(read(fmt.Sprint("Observation/", i))); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
