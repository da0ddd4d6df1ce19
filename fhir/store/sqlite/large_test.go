package sqlite_test

import (
	"fmt"
	"net/url"
	"testing"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// fillLarge writes n resources of no patient; every hundredth has the code "rare", all others "x".
func fillLarge(t testing.TB, db *sqlite.DB, n int) {
	t.Helper()
	const perCommit = 1000
	for from := 0; from < n; from += perCommit {
		tx := store.Transaction{Author: "system"}
		for i := from; i < min(from+perCommit, n); i++ {
			code := "x"
			if i%100 == 99 {
				code = "rare"
			}
			tx.Changes = append(tx.Changes, basicTx(fmt.Sprintf("b%06d", i), code).Changes...)
		}
		mustCommit(t, db, tx)
	}
}

func request(t testing.TB, typ, values string) store.SearchRequest {
	t.Helper()
	v, err := url.ParseQuery(values)
	if err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(typ, v)
	if err != nil {
		t.Fatal(err)
	}
	return store.SearchRequest{Query: q}
}

// What a search may cost is bounded, and what goes past the bound is still answered, in parts, or refused with a sentence.
func TestSearchesAmongMoreThanCanBeSorted(t *testing.T) {
	if raceDetector {
		t.Skip("twenty thousand resources take minutes under the race detector, and one goroutine does it all")
	}
	const n = store.MaxSorted + 2_000
	db := mustOpen(t, t.TempDir())
	fillLarge(t, db, n)

	t.Run("by lastUpdated, newest first", func(t *testing.T) {
		checkWalk(t, db, "_sort=-_lastUpdated&_count=200", 5, func(i int) string { return fmt.Sprintf("b%06d", n-1-i) })
	})
	t.Run("by lastUpdated, oldest first", func(t *testing.T) {
		checkWalk(t, db, "_sort=_lastUpdated&_count=200", 3, func(i int) string { return fmt.Sprintf("b%06d", i) })
	})
	t.Run("by id, downwards, among many codes", func(t *testing.T) {
		checkWalk(t, db, "_sort=-_id&_count=150&code=x,rare", 3, func(i int) string { return fmt.Sprintf("b%06d", n-1-i) })
	})
	t.Run("by lastUpdated and by id, without those of another code", func(t *testing.T) {
		for _, sort := range []string{"_lastUpdated", "_id", "created"} {
			checkWalk(t, db, "_count=200&code=x&_sort="+sort, 3, func(i int) string { return fmt.Sprintf("b%06d", i+i/99) })
			checkWalk(t, db, "_count=200&code=x&code:not=rare&_sort="+sort, 2, func(i int) string { return fmt.Sprintf("b%06d", i+i/99) })
		}
	})
	t.Run("few among them can be sorted", func(t *testing.T) {
		checkWalk(t, db, "_sort=-_id&_count=100&code=rare", 2, func(i int) string { return fmt.Sprintf("b%06d", n-1-100*i) })
	})
	t.Run("by what the index has in order", func(t *testing.T) {
		checkWalk(t, db, "_sort=code&_count=200", 3, func(i int) string {
			if i < n/100 {
				return fmt.Sprintf("b%06d", 100*i+99)
			}
			i -= n / 100
			return fmt.Sprintf("b%06d", i+i/99)
		})
		checkWalk(t, db, "_sort=-code&_count=200", 3, func(i int) string { return fmt.Sprintf("b%06d", i+i/99) })
		checkWalk(t, db, "_sort=created&_count=200", 3, func(i int) string { return fmt.Sprintf("b%06d", i) })
	})
	t.Run("by what is the same of too many is too costly", func(t *testing.T) {
		if _, err := db.Search(t.Context(), request(t, "Basic", "_sort=-code,-_id")); !fault.Is(err, fault.TooCostly) {
			t.Fatalf("Search: %v, want too-costly", err)
		}
	})
	t.Run("a page that looked at too much is cut short and goes on", func(t *testing.T) {
		req := request(t, "Basic", "code:not=x,rare")
		page, err := db.Search(t.Context(), req)
		if err != nil || len(page.Matches) != 0 || page.Next == "" {
			t.Fatalf("first page: %d matches, next %q, %v; want none and a next", len(page.Matches), page.Next, err)
		}
		req.Cursor, req.At = page.Next, page.At
		page, err = db.Search(t.Context(), req)
		if err != nil || len(page.Matches) != 0 || page.Next != "" {
			t.Fatalf("second page: %d matches, next %q, %v; want none and no next", len(page.Matches), page.Next, err)
		}
	})
	t.Run("a condition that looks at too much is refused", func(t *testing.T) {
		tx := basicTx("new", "y")
		tx.Absent = []store.Absence{{Query: request(t, "Basic", "code:not=x,rare").Query}}
		if _, err := db.Commit(t.Context(), tx); !fault.Is(err, fault.TooCostly) {
			t.Fatalf("Commit: %v, want too-costly", err)
		}
	})
	t.Run("totals", func(t *testing.T) {
		for values, want := range map[string]int{"": n, "&code=rare": n / 100, "&code=x": n - n/100} {
			page, err := db.Search(t.Context(), request(t, "Basic", "_count=1&_total=accurate"+values))
			if err != nil || page.Total != want {
				t.Errorf("Total of %q = %d, %v; want %d", values, page.Total, err, want)
			}
		}
	})
}

// checkWalk reads pages and compares the ids with what is wanted at each place.
func checkWalk(t *testing.T, db *sqlite.DB, values string, pages int, want func(i int) string) {
	t.Helper()
	req := request(t, "Basic", values)
	at := 0
	for range pages {
		page, err := db.Search(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Matches) == 0 {
			t.Fatalf("an empty page after %d matches", at)
		}
		for _, v := range page.Matches {
			if v.ID != want(at) {
				t.Fatalf("match %d is %s, want %s", at, v.ID, want(at))
			}
			at++
		}
		req.Cursor, req.At = page.Next, page.At
		if page.Next == "" {
			return
		}
	}
}

// All writers wait while the conditions of a commit are looked at, so what one commit may look at is bounded for all its conditions together,
// and what their links look at counts.
func TestConditionsOfACommitAreBounded(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	fillLarge(t, db, 900) // 891 with the code x
	cases := []struct {
		name, condition string
		conditions      int
		refused         bool
	}{
		{"some", "code=x&_content=nothing", 20, false},
		{"many", "code=x&_content=nothing", 30, true},
		{"some that chain", "subject:Basic.code=x&subject:Basic._content=nothing", 10, false},
		{"many that chain", "subject:Basic.code=x&subject:Basic._content=nothing", 30, true},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tx := basicTx(fmt.Sprintf("new%d", i), "y")
			for range c.conditions {
				tx.Absent = append(tx.Absent, store.Absence{Query: request(t, "Basic", c.condition).Query})
			}
			_, err := db.Commit(t.Context(), tx)
			if (err != nil) != c.refused || err != nil && !fault.Is(err, fault.TooCostly) {
				t.Errorf("got %v, want refused: %v", err, c.refused)
			}
		})
	}
}
