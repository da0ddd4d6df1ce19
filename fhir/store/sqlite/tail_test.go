package sqlite_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/store"
)

// TestEntriesAreTheSameFromMemory reads the log while its newest commits are held in memory and after it was opened again, when they are not.
func TestEntriesAreTheSameFromMemory(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	const commits = 1_100 // more than are held
	for i := range commits {
		tx := store.Transaction{Author: fmt.Sprint("author ", i), Changes: []store.Change{bloodPressure(fmt.Sprint("o", i%700), "p", i)}}
		switch {
		case i%100 == 99:
			tx.Changes = append(tx.Changes, store.Change{Method: store.Delete, Type: "Observation", ID: fmt.Sprint("o", (i-1)%700)})
		case i == 700:
			for n := range 4_000 { // more bytes than are held
				tx.Changes = append(tx.Changes, bloodPressure(fmt.Sprint("many", n), "p", n))
			}
		}
		mustCommit(t, db, tx)
	}
	questions := []struct {
		after store.Seq
		limit int
	}{{0, 10}, {600, 50}, {699, 2}, {700, 1}, {commits - 390, 5}, {commits - 300, 1_000}, {commits - 1, 1}, {commits - 1, 7}, {commits, 3}, {commits + 5, 3}}
	var before [][]store.Entry
	for _, q := range questions {
		list, err := db.Entries(t.Context(), q.after, q.limit)
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, list)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Entries(t.Context(), commits-1, 1); err == nil {
		t.Error("a closed store gave an entry of the log")
	}
	db = mustOpen(t, dir)
	for i, q := range questions {
		after, err := db.Entries(t.Context(), q.after, q.limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(after, before[i]); diff != "" {
			t.Errorf("%d entries after %d: from the file (-), from memory (+)\n%s", q.limit, q.after, diff)
		}
		if want := min(q.limit, max(0, commits-int(q.after))); len(after) != want {
			t.Errorf("%d entries after %d, want %d", len(after), q.after, want)
		}
	}
}
