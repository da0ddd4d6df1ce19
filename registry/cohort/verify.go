package cohort

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Difference is one number of the counters that is not what a plain count gives.
type Difference struct {
	Commune         string
	Month           Month
	State           State
	Counted, Actual int // by the counters; by the plain count
}

// String says it in a sentence for the operator.
func (d Difference) String() string {
	return fmt.Sprintf("commune %q, %s, %s: the counters say %d, a plain count of the records gives %d", d.Commune, d.Month, d.State, d.Counted, d.Actual)
}

// Recorded is a store that is read both ways: by search, and as a log.
type Recorded interface {
	store.Store
	store.Log
}

// Verify counts every person in every month again, from the current resources alone and by plain loops that share nothing with the
// timelines, the fold or the counters but the clinical thresholds and limits (guideline), and gives every number in which the book differs.
// The book must have caught up, and no resource that matters to the programme may be written meanwhile: otherwise the error is fault.State.
// What does not matter may be, the audit trail above all, or a service in use could never be verified. progress may be nil; it is called
// with the number of resources read so far.
func Verify(ctx context.Context, db Recorded, b *Book, progress func(read int)) ([]Difference, error) {
	n := newNaive()
	at, _ := b.Position()
	read := 0
	for _, typ := range []string{"Patient", "EpisodeOfCare", "Observation", "Encounter", "MedicationDispense"} {
		err := each(ctx, db, typ, func(v store.Version) error {
			if read++; progress != nil && read%1000 == 0 {
				progress(read)
			}
			return n.take(v.Type, v.ID, v.Body)
		})
		if err != nil {
			return nil, err
		}
	}
	if progress != nil {
		progress(read)
	}
	differences := b.compare(n.count())
	return differences, quiet(ctx, db, at)
}

// each gives every current resource of a type, at one position of the log.
func each(ctx context.Context, st store.Store, typ string, f func(store.Version) error) error {
	values := url.Values{"_count": {fmt.Sprint(search.MaxCount)}}
	if typ == "Observation" {
		values.Set("code", "http://loinc.org|85354-9")
	}
	q, err := search.Parse(typ, values)
	if err != nil {
		return err
	}
	for request := (store.SearchRequest{Query: q}); ; { // the first page is of now
		page, err := st.Search(ctx, request)
		if err != nil {
			return err
		}
		for _, v := range page.Matches {
			if err := f(v); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		request.At, request.Cursor = page.At, page.Next
	}
}

// quiet reports whether nothing that the book follows was written after a commit: fault.State if something was.
func quiet(ctx context.Context, log store.Log, after store.Seq) error {
	for {
		entries, err := log.Entries(ctx, after, 1000)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			for _, c := range e.Changes {
				if follows(c.Type) {
					return fault.New(fault.State, "cohort.Verify", "Records were written while they were being counted.")
				}
			}
			after = e.Seq
		}
	}
}

// place of a number in a count.
type numberKey struct {
	commune string
	month   Month
	state   State
}

// compare holds the counters against a plain count whose last month is settled, in every month in which either can have a change and
// one more at each end.
func (b *Book) compare(actual map[numberKey]int, settled Month) []Difference {
	b.mu.RLock()
	defer b.mu.RUnlock()
	first, last := b.counters.span()
	communes := map[string]bool{}
	for k := range actual {
		first, last = min(first, k.month), max(last, k.month)
		communes[k.commune] = true
	}
	for _, c := range b.counters.Communes() {
		communes[c.String()] = true
	}
	var out []Difference
	if first > last {
		return nil
	}
	counted := make([]int, last-first+3)
	for _, code := range slices.Sorted(maps.Keys(communes)) {
		for _, s := range States() {
			clear(counted)
			b.counters.Sum(Cell{Programme: Hypertension, Definition: HEARTS360, State: s, Commune: CommuneOf(code)}, first-1, counted)
			for i, n := range counted {
				m := first - 1 + Month(i)
				want := actual[numberKey{code, min(m, settled), s}]
				if n != want {
					out = append(out, Difference{Commune: code, Month: m, State: s, Counted: n, Actual: want})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, c Difference) int {
		if a.Month != c.Month {
			return int(a.Month - c.Month)
		}
		return strings.Compare(a.Commune, c.Commune)
	})
	return out
}

// span is the first and last month in which any counter changes.
func (c *Counters) span() (first, last Month) {
	first, last = Forever-2, 0
	for _, s := range c.cells {
		first, last = min(first, s.base), max(last, s.base+Month(len(s.delta))-1)
	}
	return first, last
}
