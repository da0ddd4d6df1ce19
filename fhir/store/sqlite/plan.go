package sqlite

import (
	"math"
	"slices"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
)

// How a search finds its candidates. Every clause that can drive names key ranges of the index that hold all its matches
// (and perhaps more). Ranges that hold few different keys are turned into those keys. The clause with the fewest index rows
// drives; the others are checked: by a look into the index where they are few keys, and in the end by Query.Match on the
// stored bytes. Candidates come in the order of rid, which is the order of creation.

const (
	probeFirst = 256    // index rows counted of each clause at first
	probeMost  = 65_536 // index rows counted at most; ranges that hold more are not collected in memory
	chunk      = 256    // candidates fetched at once
	keysMost   = 16     // different keys that a clause is turned into, at most
)

// way is one clause's way to its matches: single keys, or ranges.
type way struct {
	keys   []string
	ranges []search.Range // nil when keys says all
	rows   int            // index rows, counted up to probeMost
}

// plan is a driver and the cheap checks of the other clauses.
type plan struct {
	driver way
	checks [][]string // of each check, one of the keys must lead to the candidate
}

// makePlan chooses the driver. holder are the keys of the confinement, nil for none.
func makePlan(conn *lite.Conn, q *search.Query, holder []string) (*plan, error) {
	var ways []way
	for i := range q.Clauses {
		ranges, ok := q.Clauses[i].Ranges()
		if !ok {
			continue
		}
		w, err := wayOf(conn, ranges)
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	clauses := len(ways)
	if holder != nil {
		ways = append(ways, way{keys: holder})
	}
	best, err := fewest(conn, ways)
	if err != nil {
		return nil, err
	}
	p := &plan{driver: way{keys: []string{search.TypeKey(q.Type)}}}
	if best >= 0 && ways[best].ranges != nil && ways[best].rows >= probeMost {
		best = -1 // too many to collect: the whole type is streamed instead
	}
	if best >= 0 {
		p.driver = ways[best]
	}
	for i := range clauses { // the holder is read with the candidate itself
		if i != best && ways[i].ranges == nil {
			p.checks = append(p.checks, ways[i].keys)
		}
	}
	return p, nil
}

// fewest counts the ways' rows, only as far as is needed to compare them, and gives the index of the smallest; -1 for none.
// Among those that are all too large, one that can be streamed is taken. One that has no rival is not counted.
func fewest(conn *lite.Conn, ways []way) (int, error) {
	if len(ways) == 1 && ways[0].ranges == nil {
		return 0, nil
	}
	for limit := probeFirst; limit <= probeMost; limit *= 16 {
		best := -1
		for i := range ways {
			if err := ways[i].count(conn, limit); err != nil {
				return 0, err
			}
			if ways[i].rows < limit && (best < 0 || ways[i].rows < ways[best].rows) {
				best = i
			}
		}
		if best >= 0 {
			return best, nil
		}
	}
	for i := range ways {
		if ways[i].ranges == nil {
			return i, nil
		}
	}
	return len(ways) - 1, nil
}

// wayOf turns ranges into keys where they hold few different ones.
func wayOf(conn *lite.Conn, ranges []search.Range) (way, error) {
	var w way
	for _, r := range ranges {
		keys, all, err := keysIn(conn, r, keysMost-len(w.keys))
		if err != nil {
			return way{}, err
		}
		if !all {
			return way{ranges: ranges}, nil
		}
		w.keys = append(w.keys, keys...)
	}
	slices.Sort(w.keys)
	w.keys = slices.Compact(w.keys)
	return w, nil
}

// keysIn lists the different keys of a range, by jumping from one to the next; all is false if there are more than limit.
func keysIn(conn *lite.Conn, r search.Range, limit int) (keys []string, all bool, err error) {
	for lo := r.Lo; ; {
		found := ""
		err := run(conn, "SELECT min(k) FROM idx WHERE k >= ? AND k < ?",
			func(s *lite.Stmt) error { found = string(blob(s, 0)); return nil }, []byte(lo), []byte(r.Hi))
		if err != nil || found == "" {
			return keys, true, err
		}
		if len(keys) >= limit {
			return nil, false, nil
		}
		keys = append(keys, found)
		lo = found + "\x00"
	}
}

// count counts the way's index rows, up to limit.
func (w *way) count(conn *lite.Conn, limit int) error {
	w.rows = 0
	for _, r := range w.spans() {
		n, err := countUpTo(conn, r, limit)
		if err != nil {
			return err
		}
		if w.rows += n; w.rows >= limit {
			w.rows = limit
			return nil
		}
	}
	return nil
}

// countUpTo counts the index rows of a range. The usual limits stand in the statement: with a limit as a parameter SQLite
// would prepare it anew each time.
func countUpTo(conn *lite.Conn, r search.Range, limit int) (int, error) {
	query := ""
	switch {
	case limit <= probeFirst:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 256)"
	case limit <= 16*probeFirst:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 4096)"
	default:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 65536)"
	}
	n, err := number(conn, query, []byte(r.Lo), []byte(r.Hi))
	return int(n), err
}

// spans are the way's ranges, whichever form it has.
func (w *way) spans() []search.Range {
	if w.ranges != nil {
		return w.ranges
	}
	spans := make([]search.Range, 0, len(w.keys))
	for _, k := range w.keys {
		spans = append(spans, search.ExactRange(k))
	}
	return spans
}

// source gives the next candidates after a rid, in order; none at the end.
type source func(after int64) ([]int64, error)

// candidates opens the plan's driver: keys are streamed and merged, ranges collected and sorted.
func (p *plan) candidates(conn *lite.Conn) (source, error) {
	if p.driver.ranges == nil {
		return merged(conn, p.driver.keys), nil
	}
	var rids []int64
	for _, r := range p.driver.ranges {
		err := run(conn, "SELECT rid FROM idx WHERE k >= ? AND k < ?",
			func(s *lite.Stmt) error { rids = append(rids, s.ColumnInt64(0)); return nil }, []byte(r.Lo), []byte(r.Hi))
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(rids)
	rids = slices.Compact(rids)
	return func(after int64) ([]int64, error) {
		i, found := slices.BinarySearch(rids, after)
		if found {
			i++
		}
		return rids[i:min(i+chunk, len(rids))], nil
	}, nil
}

// merged streams the resources that have any of the keys.
func merged(conn *lite.Conn, keys []string) source {
	return func(after int64) ([]int64, error) {
		var rids []int64
		for _, k := range keys {
			err := run(conn, "SELECT rid FROM idx WHERE k = ? AND rid > ? ORDER BY rid LIMIT ?",
				func(s *lite.Stmt) error { rids = append(rids, s.ColumnInt64(0)); return nil }, []byte(k), after, chunk)
			if err != nil {
				return nil, err
			}
		}
		if len(keys) > 1 {
			slices.Sort(rids)
			rids = slices.Compact(rids)
		}
		return rids[:min(chunk, len(rids))], nil
	}
}

// atMost reports whether the driver has no more index rows than limit.
func (p *plan) atMost(conn *lite.Conn, limit int) (bool, error) {
	err := p.driver.count(conn, limit+1)
	return p.driver.rows <= limit, err
}

// passes makes the cheap checks of a candidate.
func (p *plan) passes(conn *lite.Conn, rid int64) (bool, error) {
	for _, keys := range p.checks {
		found := false
		for _, k := range keys {
			n, err := number(conn, "SELECT count(*) FROM idx WHERE k = ? AND rid = ?", []byte(k), rid)
			if err != nil {
				return false, err
			}
			if found = n > 0; found {
				break
			}
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

// noSeq is a position after every commit, for searches at "now" on the writer's connection.
const noSeq = math.MaxInt64
