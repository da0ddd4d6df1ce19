package seed_test

import (
	"context"
	"testing"
	"time"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/validate/validatetest"
	"khamxa/internal/fault"
	"khamxa/registry/cohort"
	"khamxa/registry/seed"
)

func open(t *testing.T) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir(), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		validatetest.Log(t, db)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Through a real store: the population is written, counted by the follower and by the plain count, and not written twice.
func TestIntoStore(t *testing.T) {
	ctx := context.Background()
	db := open(t)
	o := seed.Options{Patients: 120, Months: 24, Seed: 3, Now: now}
	progress := 0
	o.Progress = func(patients, _ int) { progress = patients }
	sum, err := seed.Into(ctx, db, o)
	if err != nil {
		t.Fatal(err)
	}
	if progress != 120 || sum.Patients != 120 {
		t.Errorf("progress ended at %d, %d patients", progress, sum.Patients)
	}
	f := cohort.NewFollower(cohort.Options{Log: db, Records: db})
	if err := f.CatchUp(ctx); err != nil {
		t.Fatal(err)
	}
	diffs, err := cohort.Verify(ctx, db, f.Book, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diffs {
		t.Error(d)
	}
	r, err := f.Figures(cohort.Query{Month: cohort.MonthOf(now), Months: 18})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Total[17].Counted(); n < 50 {
		t.Errorf("%d people are counted, want most of %d", n, sum.Enrolled)
	}
	before, err := db.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Into(ctx, db, o); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second run gives %v, want a conflict", err)
	}
	if after, err := db.Head(ctx); err != nil || after != before {
		t.Errorf("the refused run moved the log from %d to %d (%v)", before, after, err)
	}
	trail := store.Transaction{Author: "system", Changes: []store.Change{{Method: store.Put, Type: "AuditEvent", ID: "seen", Body: []byte(`{"resourceType":"AuditEvent","id":"seen","type":{"code":"rest"},"recorded":"2026-11-20T08:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}`)}}}
	if _, err := db.Commit(ctx, trail); err != nil {
		t.Fatal(err)
	}
	if _, err := cohort.Verify(ctx, db, f.Book, nil); err != nil {
		t.Errorf("verifying beside somebody who reads gives %v", err)
	}
	tx, _ := seed.Demo(now)
	if _, err := db.Commit(ctx, tx); err != nil {
		t.Errorf("the demonstration patient beside a population: %v", err)
	}
	if _, err := cohort.Verify(ctx, db, f.Book, nil); !fault.Is(err, fault.State) {
		t.Errorf("verifying a book that is behind gives %v, want state", err)
	}
}

func BenchmarkInto(b *testing.B) {
	for range b.N {
		db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		sum, err := seed.Into(context.Background(), db, seed.Options{Patients: 2000, Months: 24, Seed: 1, Now: now})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(sum.Resources), "resources")
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
