package sqlite_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"khamxa/fhir/store"
)

// TestEntriesAreTheSameFromMemory reads the log while its newest commits are held in memory and after it was opened again, when they are not.
func TestEntriesAreTheSameFromMemory(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	const commits, writers = 1_100, 50 // more than are held
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < commits; i += writers {
				tx := store.Transaction{Author: fmt.Sprint("author ", i), Changes: []store.Change{bloodPressure(fmt.Sprint("o", i), "p", i)}}
				switch {
				case i%7 == 6 && i >= writers:
					tx.Changes = append(tx.Changes, store.Change{Method: store.Delete, Type: "Observation", ID: fmt.Sprint("o", i-writers)})
				case i == 700:
					for n := range 4_000 { // about as many bytes as are held
						tx.Changes = append(tx.Changes, bloodPressure(fmt.Sprint("many", n), "p", n))
					}
				}
				if _, err := db.Commit(t.Context(), tx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
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
		if !reflect.DeepEqual(after, before[i]) { // cmp.Diff would take seconds for so many bytes
			t.Errorf("%d entries after %d: the file and memory gave different ones", q.limit, q.after)
		}
		if want := min(q.limit, max(0, commits-int(q.after))); len(after) != want {
			t.Errorf("%d entries after %d, want %d", len(after), q.after, want)
		}
	}
}
