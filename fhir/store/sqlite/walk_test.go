package sqlite_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/store"
)

// fillVaried keeps resources whose values are missing, the same, several, long and short.
func fillVaried(t *testing.T, put func(typ, id, body string)) {
	t.Helper()
	for i := range 60 {
		when := []string{
			fmt.Sprintf(`"effectiveDateTime":"2026-01-%02d"`, 1+i*7%28),
			fmt.Sprintf(`"effectivePeriod":{"start":"2026-01-%02d","end":"2026-03-01"}`, 1+i%28),
			`"effectiveDateTime":"2026"`,
			fmt.Sprintf(`"effectiveDateTime":"2026-02-%02d","effectiveInstant":"2026-01-%02dT00:00:00Z"`, 1+i%28, 1+i%28),
			`"valueString":"none"`,
			fmt.Sprintf(`"effectivePeriod":{"end":"2026-01-%02d"}`, 1+i%28),
		}[i%6]
		status := []string{"final", "preliminary"}[i%2]
		put("Observation", fmt.Sprintf("o%02d", i), fmt.Sprintf(`{"resourceType":"Observation","id":"o%02d","status":%q,"code":{"coding":[{"code":"c%d"},{"code":"c%d"}]},"subject":{"reference":"Patient/p%d"},%s}`,
			i, status, i%3, i%5, i%4, when))
		name := []string{
			fmt.Sprintf(`"name":[{"text":"Nguyễn Thị %c"},{"family":"%c"}]`, 'A'+rune(i%9), 'Z'-rune(i%7)),
			fmt.Sprintf(`"name":[{"family":"Trần","given":["%c","Đức"]}]`, 'A'+rune(i%9)),
			`"active":true`,
			fmt.Sprintf(`"name":[{"given":["%c"]}],"birthDate":"1960-01-%02d"`, 'a'+rune(i%9), 1+i%28),
		}[i%4]
		put("Patient", fmt.Sprintf("p%02d", i), fmt.Sprintf(`{"resourceType":"Patient","id":"p%02d",%s}`, i, name))
	}
}

// TestWalk: walking the keys gives what sorting in memory gives, page by page, however soon a page is cut short.
func TestWalk(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	tx := store.Transaction{Author: "system"}
	fillVaried(t, func(typ, id, body string) {
		tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: typ, ID: id, Body: []byte(body)})
	})
	mustCommit(t, db, tx)
	for _, c := range []struct{ typ, values string }{
		{"Observation", "_sort=date"},
		{"Observation", "_sort=-date"},
		{"Observation", "_sort=-date&status=final"},
		{"Observation", "_sort=date&code=c1"},
		{"Observation", "_sort=-date&date=ge2026-01-10&date=lt2026-01-20"},
		{"Observation", "_sort=date&date=2026-01"},
		{"Observation", "_sort=-date&date=ge2026-02"},
		{"Observation", "_sort=date&date=lt2027&patient=p1,p2"},
		{"Observation", "_sort=-date&date:missing=false"},
		{"Observation", "_sort=-date&date:missing=true"},
		{"Observation", "_sort=code"},
		{"Observation", "_sort=-code"},
		{"Observation", "_sort=code,-date,_id"},
		{"Observation", "_sort=-date,code"},
		{"Observation", "_sort=date,-_id"},
		{"Observation", "_sort=subject"},
		{"Observation", "_sort=-subject,-date&status:not=final"},
		{"Observation", "_sort=encounter"},
		{"Patient", "_sort=name"},
		{"Patient", "_sort=-name"},
		{"Patient", "_sort=family"},
		{"Patient", "_sort=-given,birthdate"},
		{"Patient", "_sort=birthdate,name"},
	} {
		for _, count := range []int{1, 3, 7, 100} {
			values := fmt.Sprintf("%s&_count=%d", c.values, count)
			q := request(t, c.typ, values).Query
			var want []string // of sorting in memory
			req := store.SearchRequest{Query: q}
			for {
				page, err := db.Search(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range page.Matches {
					want = append(want, v.ID)
				}
				if req.Cursor, req.At = page.Next, page.At; page.Next == "" {
					break
				}
			}
			for _, budget := range []int{1, 5, 1000} {
				if budget < 1000 && len(q.Sort) > 1 && count > 3 {
					continue
				}
				var got []string
				next := ""
				for pages := 0; pages == 0 || next != ""; pages++ {
					ids, then, ok, err := db.Walked(q, nil, next, budget)
					if err != nil || !ok || pages > 1000 {
						t.Fatalf("%s?%s: page %d: walked %v, %v", c.typ, values, pages, ok, err)
					}
					if len(ids) > count || budget == 1000 && then != "" && len(ids) < count {
						t.Fatalf("%s?%s: a page of %d", c.typ, values, len(ids))
					}
					got, next = append(got, ids...), then
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s?%s with a budget of %d: %s", c.typ, values, budget, diff)
				}
			}
			if len(want) == 0 || len(slices.Compact(slices.Sorted(slices.Values(want)))) != len(want) {
				t.Errorf("%s?%s: %v", c.typ, values, want)
			}
		}
	}
}
