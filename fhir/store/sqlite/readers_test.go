package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// TestWhatTakesAMomentDoesNotWait: with as many searches as there may be, and the check or the backup beside them, resources and
// records are read and written as ever. More searches wait, and so does a second check.
func TestWhatTakesAMomentDoesNotWait(t *testing.T) {
	q, err := search.Parse("Patient", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, readers := range []int{0, 1, 4, 16} {
		db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Readers: readers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		mustCommit(t, db, basicTx("a", "x"))
		endSearches, endCheck := db.OccupyLong(), db.OccupySlow()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, readErr := db.Read(ctx, "Basic", "a")
		_, writeErr := db.Commit(ctx, basicTx("b", "x"))
		_, putErr := db.Put(ctx, records.Record{Key: "k", Value: []byte("v"), Version: records.Any})
		_, getErr := db.Get(ctx, "k")
		_, historyErr := db.History(ctx, store.HistoryRequest{Type: "Basic", ID: "a"})
		for what, err := range map[string]error{"Read": readErr, "Commit": writeErr, "Put": putErr, "Get": getErr, "History": historyErr} {
			if err != nil {
				t.Errorf("%d readers: %s waits behind searches and the check: %v", readers, what, err)
			}
		}
		cancel()
		brief, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, searchErr := db.Search(brief, store.SearchRequest{Query: q})
		_, entriesErr := db.Entries(brief, 0, 1)
		_, verifyErr := db.Verify(brief, nil)
		backupErr := db.Backup(brief, filepath.Join(t.TempDir(), "copy"))
		for what, err := range map[string]error{"Search": searchErr, "Entries": entriesErr, "Verify": verifyErr, "Backup": backupErr} {
			if !fault.Is(err, fault.Timeout) {
				t.Errorf("%d readers: %s takes what is kept for others: %v", readers, what, err)
			}
		}
		cancel()
		endSearches()
		if _, err := db.Search(t.Context(), store.SearchRequest{Query: q}); err != nil {
			t.Errorf("%d readers: a search waits for the check: %v", readers, err)
		}
		endCheck()
		if findings, err := db.Verify(t.Context(), nil); err != nil || len(findings) > 0 {
			t.Errorf("%d readers: %v, %v", readers, findings, err)
		}
	}
}
