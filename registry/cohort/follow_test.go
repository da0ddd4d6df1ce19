package cohort_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
	"khamxa/registry/cohort"
)

// memoryLog is a log in memory. Every entry's hash follows from its bodies and the hash before.
type memoryLog struct {
	mu      sync.Mutex
	entries []store.Entry
	grown   chan struct{}
	fail    int       // how many reads fail
	from    store.Seq // lowest position that was read after
}

func newLog() *memoryLog { return &memoryLog{grown: make(chan struct{}), from: 1 << 40} }

func (l *memoryLog) commit(changes ...store.EntryChange) store.Seq {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := sha256.New()
	if n := len(l.entries); n > 0 {
		h.Write(l.entries[n-1].Hash[:])
	}
	for _, c := range changes {
		h.Write(c.Body)
	}
	seq := store.Seq(len(l.entries) + 1)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(seq)))
	l.entries = append(l.entries, store.Entry{Seq: seq, Time: time.Unix(int64(seq), 0).UTC(), Changes: changes, Hash: [32]byte(h.Sum(nil))})
	close(l.grown)
	l.grown = make(chan struct{})
	return seq
}

func (l *memoryLog) Head(context.Context) (store.Seq, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return store.Seq(len(l.entries)), nil
}

func (l *memoryLog) Entries(_ context.Context, after store.Seq, limit int) ([]store.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail > 0 {
		l.fail--
		return nil, fault.New(fault.Unavailable, "memoryLog", "The log is away.")
	}
	l.from = min(l.from, after)
	if int(after) >= len(l.entries) {
		return nil, nil
	}
	return l.entries[after:min(int(after)+limit, len(l.entries))], nil
}

func (l *memoryLog) Await(ctx context.Context, after store.Seq) error {
	for {
		l.mu.Lock()
		ahead, grown := store.Seq(len(l.entries)) > after, l.grown
		l.mu.Unlock()
		if ahead {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var _ store.Log = (*memoryLog)(nil)

// person commits a person with one pressure.
func (l *memoryLog) person(n int, sys string) store.Seq {
	id := fmt.Sprintf("p%d", n)
	return l.commit(put(patientBody(id, "")), put(episodeBody("e-"+id, id, "tyt-14221", "active", "2025-01-10", "")),
		put(bpBody("o-"+id, id, "final", "2025-05-10T08:00:00+07:00", sys, "80")), put(visitBody("v-"+id, id, "finished", "AMB", "2025-05-10")))
}

// follow runs a follower until the test's end or stop.
func follow(t *testing.T, log store.Log, rs records.Store, logger *slog.Logger) (f *cohort.Follower, stop func()) {
	t.Helper()
	f = cohort.NewFollower(cohort.Options{Log: log, Records: rs, Logger: logger})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return f, stop
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func may2025(t *testing.T, f *cohort.Follower) cohort.Report {
	t.Helper()
	r, err := f.Figures(cohort.Query{Month: cohort.NewMonth(2025, time.May), Months: 12})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFollowerSeesCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, rs := newLog(), records.NewMemory(time.Now)
		log.person(1, "150")
		f, stop := follow(t, log, rs, quiet())
		<-f.Ready()
		if got := may2025(t, f).Total[11]; got.Numerator != 0 || got.Denominator != 1 {
			t.Errorf("at the start %d of %d, want 0 of 1", got.Numerator, got.Denominator)
		}
		seq := log.person(2, "130")
		if err := f.WaitFor(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
		if got := may2025(t, f); got.Total[11].Numerator != 1 || got.Total[11].Denominator != 2 || got.Position != seq {
			t.Errorf("after the commit %+v", got.Total[11])
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.WaitFor(ctx, seq+1); !fault.Is(err, fault.Timeout) {
			t.Errorf("waiting for a commit that does not come gives %v", err)
		}
		stop()
	})
}

// TestFollowerForgetsTheErased: a person whose record was erased counts no more, for who followed the erasure and for who reads the log
// after it, where the bodies are gone.
func TestFollowerForgetsTheErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLog()
		log.person(1, "150")
		log.person(2, "130")
		f, stop := follow(t, log, records.NewMemory(time.Now), quiet())
		<-f.Ready()
		if got := may2025(t, f).Total[11]; got.Denominator != 2 {
			t.Fatalf("%+v before the erasure", got)
		}
		var erased []store.EntryChange
		log.mu.Lock()
		for i, c := range log.entries[1].Changes {
			log.entries[1].Changes[i].Body = nil
			erased = append(erased, store.EntryChange{Method: store.Delete, Type: c.Type, ID: c.ID, Erased: true})
		}
		log.mu.Unlock()
		if err := f.WaitFor(t.Context(), log.commit(erased...)); err != nil {
			t.Fatal(err)
		}
		later, stopLater := follow(t, log, records.NewMemory(time.Now), quiet())
		<-later.Ready()
		if diff := cmp.Diff(may2025(t, later).Total, may2025(t, f).Total); diff != "" {
			t.Error(diff)
		}
		if got := may2025(t, f).Total[11]; got.Numerator != 0 || got.Denominator != 1 {
			t.Errorf("after the erasure %d of %d, want 0 of 1", got.Numerator, got.Denominator)
		}
		stop()
		stopLater()
	})
}

func TestFollowerRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLog()
		log.person(1, "130")
		log.fail = 3
		var lines bytes.Buffer
		f, stop := follow(t, log, records.NewMemory(time.Now), slog.New(slog.NewTextHandler(&lines, nil)))
		started := time.Now()
		<-f.Ready()
		if waited := time.Since(started); waited < 3*time.Second || waited > 10*time.Second {
			t.Errorf("three failures took %v", waited)
		}
		stop()
		if n := strings.Count(lines.String(), "trying again"); n != 3 {
			t.Errorf("%d log lines of failures, want 3:\n%s", n, lines.String())
		}
	})
}

func TestCheckpoint(t *testing.T) {
	chunk := func(rs records.Store) records.Record {
		list, err := rs.List(context.Background(), "cohort/chunk/", "", 0)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d chunks, %v", len(list), err)
		}
		return list[0]
	}
	write := func(rs records.Store, r records.Record) {
		r.Version = records.Any
		if _, err := rs.Put(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	head := func(rs records.Store) records.Record {
		r, err := rs.Get(context.Background(), "cohort/checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		name    string
		harm    func(rs records.Store, log *memoryLog)
		resumes bool
	}{
		{"is used", func(records.Store, *memoryLog) {}, true},
		{"with a changed byte", func(rs records.Store, _ *memoryLog) {
			r := chunk(rs)
			r.Value[len(r.Value)/2] ^= 1
			write(rs, r)
		}, false},
		{"with a chunk that is gone", func(rs records.Store, _ *memoryLog) {
			if err := rs.Delete(context.Background(), chunk(rs).Key); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"of another format", func(rs records.Store, _ *memoryLog) {
			r := head(rs)
			r.Value = bytes.Replace(r.Value, []byte(`"Format":1`), []byte(`"Format":999`), 1)
			write(rs, r)
		}, false},
		{"with a head that is no JSON", func(rs records.Store, _ *memoryLog) {
			r := head(rs)
			r.Value = []byte("?")
			write(rs, r)
		}, false},
		{"of another log", func(_ records.Store, log *memoryLog) { log.entries[len(log.entries)-1].Hash[0] ^= 1 }, false},
		{"of a log that was longer", func(_ records.Store, log *memoryLog) { log.entries = log.entries[:2] }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, rs := newLog(), records.NewMemory(time.Now)
				for n := range 40 {
					log.person(n, []string{"130", "150"}[n%2])
				}
				log.commit(put(patientBody("p3", `,"deceasedDateTime":"2025-04"`)), put(dispenseBody("d", "p4", "completed", "2025-09-01")))
				f, stop := follow(t, log, rs, quiet())
				<-f.Ready()
				before := may2025(t, f)
				stop()
				c.harm(rs, log)
				log.from = 1 << 40
				var lines bytes.Buffer
				g, stop := follow(t, log, rs, slog.New(slog.NewTextHandler(&lines, nil)))
				<-g.Ready()
				after := may2025(t, g)
				if c.name != "of a log that was longer" {
					if diff := cmp.Diff(before, after); diff != "" {
						t.Error(diff)
					}
				} else if after.Total[11].Counted() != 2 {
					t.Errorf("%d people from a log of two commits", after.Total[11].Counted())
				}
				if resumed := log.from > 0; resumed != c.resumes {
					t.Errorf("resumed: %v, want %v", resumed, c.resumes)
				}
				if told := strings.Contains(lines.String(), "of no use"); told == c.resumes {
					t.Errorf("the log says:\n%s", lines.String())
				}
				// What comes after a resume is counted on: also the correction of a fact that came from the checkpoint.
				seq := log.commit(put(bpBody("o-p1", "p0", "final", "2025-05-11T08:00:00+07:00", "150", "80")))
				if err := g.WaitFor(t.Context(), seq); err != nil {
					t.Fatal(err)
				}
				if p, ok := g.Standing("p1", cohort.NewMonth(2025, time.May)); !ok || p.State != cohort.VisitedNoBP {
					t.Errorf("p1 is %v %v after losing the pressure, want visited without one", p.State, ok)
				}
				if p, ok := g.Standing("p0", cohort.NewMonth(2025, time.May)); !ok || p.State != cohort.Uncontrolled || p.LastBP.Systolic != 150 {
					t.Errorf("p0 is %+v %v after getting the pressure, want uncontrolled", p, ok)
				}
				stop()
				if list, err := rs.List(context.Background(), "cohort/", "", 0); err != nil || len(list) != 2 {
					t.Errorf("%d records are left (%v), want the head and one chunk", len(list), err)
				}
			})
		})
	}
}

func TestApplyInOrder(t *testing.T) {
	b := cohort.NewBook()
	one := store.Entry{Seq: 1, Changes: []store.EntryChange{put(patientBody("p", ""))}}
	three := store.Entry{Seq: 3, Changes: []store.EntryChange{put(patientBody("q", ""))}}
	if err := b.Apply([]store.Entry{one, three}); !fault.Is(err, fault.State) {
		t.Errorf("a gap gives %v, want state", err)
	}
	if seq, _ := b.Position(); seq != 0 || b.People() != 0 {
		t.Errorf("half of it was applied: position %d, %d people", seq, b.People())
	}
	for range 2 {
		if err := b.Apply([]store.Entry{one}); err != nil {
			t.Fatal(err)
		}
	}
	if seq, _ := b.Position(); seq != 1 || b.People() != 1 {
		t.Errorf("applied twice: position %d, %d people", seq, b.People())
	}
}

// Readers ask while a writer applies; the race detector watches, and every report is of one moment: all states add up to a whole
// number of commits.
func TestReadersBesideWriter(t *testing.T) {
	b, log := cohort.NewBook(), newLog()
	for n := range 200 {
		log.person(n, []string{"130", "150"}[n%2])
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := b.Figures(cohort.Query{Month: cohort.NewMonth(2025, time.May), Months: 3})
				if err != nil || store.Seq(r.Total[2].Counted()) != r.Position {
					t.Errorf("%d people at position %d: %v", r.Total[2].Counted(), r.Position, err)
					return
				}
				if list, at := b.List(cohort.PeopleQuery{Month: cohort.NewMonth(2025, time.May)}); len(list) != int(at) {
					t.Errorf("%d people in the list at position %d", len(list), at)
					return
				}
			}
		})
	}
	for i := range log.entries {
		if err := b.Apply(log.entries[i : i+1]); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

// The plain count is a check: it notices a single counter that is off by one.
func TestVerifyNotices(t *testing.T) {
	b, log := cohort.NewBook(), newLog()
	log.person(1, "130")
	if err := b.Apply(log.entries); err != nil {
		t.Fatal(err)
	}
	var current []cohort.Resource
	for _, c := range log.entries[0].Changes {
		current = append(current, cohort.Resource{Type: c.Type, ID: c.ID, Body: c.Body})
	}
	if diffs, err := cohort.VerifyResources(b, current); err != nil || len(diffs) > 0 {
		t.Fatalf("before: %v %v", diffs, err)
	}
	m := cohort.NewMonth(2025, time.June)
	b.Distort(cohort.Cell{State: cohort.Controlled, Commune: cohort.CommuneOf("14221")}, m)
	diffs, err := cohort.VerifyResources(b, current)
	want := []cohort.Difference{{Commune: "14221", Month: m, State: cohort.Controlled, Counted: 2, Actual: 1}}
	if diff := cmp.Diff(want, diffs); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	if len(diffs) == 1 && !strings.Contains(diffs[0].String(), `commune "14221", 2025-06, controlled: the counters say 2`) {
		t.Errorf("the sentence is %q", diffs[0])
	}
	if diffs, err = cohort.VerifyResources(b, nil); err != nil || len(diffs) == 0 {
		t.Errorf("with no resources: %d differences, %v", len(diffs), err)
	}
}

func TestQueriesAreChecked(t *testing.T) {
	b := cohort.NewBook()
	for _, months := range []int{0, -1, cohort.MostMonths + 1} {
		var e *fault.Error
		if _, err := b.Figures(cohort.Query{Months: months}); !errors.As(err, &e) || e.Code != fault.Invalid || e.Path != "months" {
			t.Errorf("%d months give %v", months, err)
		}
	}
	for _, s := range []string{"", "2026", "2026-13", "2026-1", "1800-01", "forever"} {
		if m, err := cohort.ParseMonth(s); err == nil {
			t.Errorf("%q is read as %s", s, m)
		}
	}
	p, err := b.Figures(cohort.Query{Month: cohort.NewMonth(2026, 2), Months: 3, Current: cohort.NewMonth(2026, 1)})
	if err != nil || p.Total[0].Provisional || !p.Total[1].Provisional || !p.Total[2].Provisional {
		t.Errorf("the months that are not over are wrong: %+v %v", p.Total, err)
	}
	r, err := b.Figures(cohort.Query{Month: cohort.NewMonth(2026, 1), Months: 2, Communes: []string{"14221", "14221", "nonsense"}})
	if err != nil || len(r.Communes) != 1 || len(r.Total) != 2 || r.Total[0].High != 1 {
		t.Errorf("an empty book gives %+v, %v", r, err)
	}
	for _, s := range cohort.States() {
		if got, ok := cohort.ParseState(s.String()); !ok || got != s {
			t.Errorf("%s does not come back", s)
		}
	}
}
