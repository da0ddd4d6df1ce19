package sqlite_test

import (
	"fmt"
	"testing"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// keepReadings keeps n readings of one patient of the organisation; every third is final, the others are preliminary.
func keepReadings(t *testing.T, db *sqlite.DB, organisation string, n int) {
	t.Helper()
	tx := store.Transaction{Author: "system", Changes: []store.Change{{
		Method: store.Put, Type: "Patient", ID: "p-" + organisation,
		Body: fmt.Appendf(nil, `{"resourceType":"Patient","id":"p-%s","managingOrganization":{"reference":"Organization/%s"}}`, organisation, organisation),
	}}}
	for i := range n {
		status := "preliminary"
		if i%3 == 0 {
			status = "final"
		}
		id := fmt.Sprintf("%s-%d", organisation, i)
		tx.Changes = append(tx.Changes, store.Change{
			Method: store.Put, Type: "Observation", ID: id,
			Body: fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"status":%q,"subject":{"reference":"Patient/p-%s"}}`, id, status, organisation),
		})
	}
	mustCommit(t, db, tx)
}

// TestEstimate: an estimate is of what the caller sees. What is out of reach changes it by nothing.
func TestEstimate(t *testing.T) {
	query := func(values map[string][]string) *search.Query {
		values["_total"] = []string{"estimate"}
		q, err := search.Parse("Observation", values)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	all, final := query(map[string][]string{}), query(map[string][]string{"status": {"final"}})
	mine := []string{"Organization/a"}
	db := mustOpen(t, t.TempDir())
	keepReadings(t, db, "a", 90)
	for _, others := range []int{0, 600} {
		if others > 0 {
			keepReadings(t, db, "b", others)
		}
		for _, c := range []struct {
			name         string
			q            *search.Query
			within       []string
			budget, want int
		}{
			{"all of mine, counted", all, mine, 1000, 90},
			{"all of mine, too many to count", all, mine, 60, 90},
			{"some of mine, too many to count", final, mine, 15, 30},
			{"some of mine, counted from what is mine", final, mine, 89, 30},
			{"without confinement", final, nil, 15, (90 + others) / 3},
			{"of nobody", all, []string{store.Nobody}, 15, 0},
		} {
			got, err := db.Total(c.q, c.within, c.budget, c.budget)
			if err != nil || got != c.want {
				t.Errorf("%s, and %d of others: %d, %v; want %d", c.name, others, got, err, c.want)
			}
		}
	}
	accurate, err := search.Parse("Observation", map[string][]string{"status": {"final"}, "_total": {"accurate"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Total(accurate, mine, 15, 15); !fault.Is(err, fault.TooCostly) {
		t.Errorf("an accurate total of too many: %v, want too-costly", err)
	}
}
