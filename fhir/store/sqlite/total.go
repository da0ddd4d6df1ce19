package sqlite

import (
	"math"

	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// total counts all matches, or estimates them when they are too many to count and the query takes an estimate.
func (f *finder) total() (int, error) {
	if n, ok, err := f.totalOfKeys(); ok || err != nil {
		return n, err
	}
	budget := f.counts
	if f.q.Total == search.TotalEstimate {
		budget = min(f.counts, f.guess)
	}
	n, seen, all, err := f.countUpTo(f.parts, budget)
	switch {
	case err != nil || all:
		return n, err
	case f.q.Total == search.TotalEstimate:
		return f.estimate(n, seen)
	}
	return 0, fault.Newf(fault.TooCostly, "store.Search",
		"Counting would look at more than %d resources. Narrow the search, or ask for an estimate or no total.", f.counts)
}

// totalOfKeys counts index rows where each of them is a match: every part is driven by one key that proves everything, and all of
// it may be seen.
func (f *finder) totalOfKeys() (n int, ok bool, err error) {
	if f.within != nil || f.at < f.applied {
		return 0, false, nil
	}
	for _, p := range f.parts {
		if !p.plan.sure || p.plan.collected != nil || len(p.plan.driver.keys) > 1 || len(p.plan.checks) > 0 {
			return 0, false, nil
		}
	}
	for _, p := range f.parts {
		some, err := rowsOf(f, p.plan.driver.keys)
		if err != nil {
			return 0, false, err
		}
		n += some
	}
	return n, true, nil
}

// rowsOf counts the index rows of keys.
func rowsOf(f *finder, keys []string) (rows int, err error) {
	for _, k := range keys {
		n, err := number(f.conn, "SELECT count(*) FROM idx WHERE k = ?", []byte(k))
		if err != nil {
			return 0, err
		}
		rows += int(n)
	}
	return rows, nil
}

// estimate scales the share of matches among some of the candidates, of which so many were seen, by how many candidates there are.
// For a caller who is confined it takes the candidates from what they may see: nothing out of reach goes into it, and what it says
// of the size of the store is the size of the caller's part.
func (f *finder) estimate(matches, seen int) (int, error) {
	parts := f.parts
	if f.within != nil {
		parts = make([]*part, len(f.parts))
		for i, p := range f.parts {
			parts[i] = &part{q: p.q, plan: &plan{driver: way{keys: f.reach(p.q.Type)}}}
		}
		n, some, all, err := f.countUpTo(parts, f.guess)
		if err != nil || all || some == 0 {
			return n, err
		}
		matches, seen = n, some
	}
	rows := 0
	for _, p := range parts {
		some, err := rowsOf(f, p.plan.driver.keys)
		if err != nil {
			return 0, err
		}
		rows += some + len(p.plan.collected)
	}
	return int(math.Round(float64(rows) * float64(matches) / float64(max(seen, 1)))), nil
}

// countUpTo counts the matches among the first candidates of the parts, at most limit of them; all says that there are no more.
func (f *finder) countUpTo(parts []*part, limit int) (n, seen int, all bool, err error) {
	before := *f
	f.parts, f.bare = parts, true
	defer func() { f.parts, f.bare = before.parts, before.bare }()
	err = f.each(func(c candidate) error {
		if seen == limit {
			return errStop
		}
		seen++
		_, ok, err := f.match(c)
		if ok {
			n++
		}
		return err
	})
	return n, seen, err == nil, stopped(err)
}
