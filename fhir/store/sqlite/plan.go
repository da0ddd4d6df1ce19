package sqlite

import (
	"math"
	"slices"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
)

// How a search finds its candidates. Every condition that can drive names key ranges of the index that hold all its matches (and
// perhaps more). Ranges that hold few different keys are turned into those keys. A link to other resources (a chain, _has) is
// turned into keys by looking for the other resources first, when they are few (links.go). The condition with the fewest index
// rows drives; the others are checked: by a look into the index where they are few keys, and else by Query.Match and
// Query.Linked on the stored bytes. A candidate whose keys prove every condition is not parsed. Candidates come in the order of
// rid, which is the order of creation.

const (
	probeFirst    = 256    // index rows counted of each condition at first
	probeMost     = 65_536 // index rows counted at most; ranges that hold more are not collected in memory
	chunk         = 256    // candidates fetched at once
	collectAtOnce = 4_096  // index rows of ranges that are collected before it is known that they are needed
	keysMost      = 16     // different keys that ranges are turned into, and that a check looks for, at most
)

// judge tells from a key in one of a condition's ranges whether the resource that has it satisfies the condition.
type judge func(key string) search.Verdict

// way is one condition's way to its matches: single keys, or ranges.
type way struct {
	keys   []string
	ranges []search.Range // nil when keys says all
	rows   int            // index rows, counted up to probeMost
	proof  bool           // every resource that has one of the keys satisfies the condition
	judge  judge          // of ranges
	aside  bool           // another way has few rows, so this one is neither turned into keys nor counted
}

// plan is a driver and the cheap checks of the other conditions.
type plan struct {
	driver way
	checks [][]string // of each check, one of the keys must lead to the candidate
	sure   bool       // a candidate of the driver that passes the checks matches: nothing is left to compare

	among     []int64 // a candidate must be one of these, sorted; nil for no such check
	collected []int64 // the candidates of a driver that has ranges, sorted; nil for one that has keys
}

// anyOf judges for a condition that is satisfied when one of the clauses is.
func anyOf(clauses []search.Clause) judge {
	return func(key string) search.Verdict {
		verdict := search.Beside
		for i := range clauses {
			switch clauses[i].Judge(key) {
			case search.Holds:
				return search.Holds
			case search.Unsure:
				verdict = search.Unsure
			case search.Beside:
			}
		}
		return verdict
	}
}

// waysOf gives the ways of the query's own conditions; all is false when a condition has none. What is found by a span of values (a date, a
// number) comes last, and is set aside when another way has few rows: looking for its keys costs more than comparing those few.
func waysOf(conn *lite.Conn, q *search.Query) (ways []way, all bool, err error) {
	all = true
	few := false
	add := func(clauses []search.Clause) error {
		var ranges []search.Range
		for i := range clauses {
			some, ok := clauses[i].Ranges()
			if !ok {
				all = false
				return nil
			}
			ranges = append(ranges, some...)
		}
		if few {
			ways = append(ways, way{ranges: ranges, judge: anyOf(clauses), aside: true})
			return nil
		}
		w, err := wayOf(conn, ranges, anyOf(clauses))
		ways = append(ways, w)
		return err
	}
	spans := 0
	for i := range q.Clauses {
		if spanning(&q.Clauses[i]) {
			spans++
		} else if err := add(q.Clauses[i : i+1]); err != nil {
			return nil, false, err
		}
	}
	if len(q.Members) > 0 {
		if err := add(q.Members); err != nil {
			return nil, false, err
		}
	}
	if spans == 0 {
		return ways, all, nil
	}
	if few, err = anyFew(conn, ways); err != nil {
		return nil, false, err
	}
	for i := range q.Clauses {
		if spanning(&q.Clauses[i]) {
			if err := add(q.Clauses[i : i+1]); err != nil {
				return nil, false, err
			}
		}
	}
	return ways, all, nil
}

// spanning reports whether the clause is found by a span of values, in which there may be very many.
func spanning(c *search.Clause) bool {
	return c.Param.Kind == search.Date || c.Param.Kind == search.Number || c.Param.Kind == search.Quantity
}

// anyFew reports whether one of the ways has few rows.
func anyFew(conn *lite.Conn, ways []way) (bool, error) {
	for i := range ways {
		if err := ways[i].count(conn, fewRows); err != nil || ways[i].rows < fewRows {
			return err == nil, err
		}
	}
	return false, nil
}

// fewRows is how many index rows of one condition are so few that links are not answered first.
const fewRows = 64

// makePlan chooses the driver.
func (f *finder) makePlan(q *search.Query) (*plan, error) {
	conn := f.conn
	ways, all, err := waysOf(conn, q)
	if err != nil {
		return nil, err
	}
	if len(q.Links) > 0 {
		linked, whole, err := f.linkedWays(q, ways)
		if err != nil {
			return nil, err
		}
		ways, all = append(ways, linked...), all && whole
	}
	conditions := len(ways)
	if f.within != nil {
		ways = append(ways, way{keys: f.reach(q.Type)})
	}
	best, err := fewest(conn, ways)
	if err != nil {
		return nil, err
	}
	p := &plan{driver: way{keys: []string{search.TypeKey(q.Type)}}, sure: all}
	if best >= 0 && ways[best].ranges != nil && ways[best].rows >= probeMost {
		best = -1 // too many to collect: the whole type is streamed instead
	}
	if best >= 0 {
		p.driver = ways[best]
	}
	for i := range conditions { // the holder is read with the candidate itself
		switch {
		case i == best:
			if ways[i].ranges != nil && ways[i].rows <= collectAtOnce {
				err = p.collect(conn)
			}
			p.sure = p.sure && (p.driver.proof || p.driver.ranges != nil && p.collected == nil) // else it is seen when they are collected
		case ways[i].ranges == nil && len(ways[i].keys) <= keysMost:
			p.checks = append(p.checks, ways[i].keys)
			p.sure = p.sure && ways[i].proof
		default:
			p.sure = false
		}
	}
	return p, err
}

// linkedWays gives the ways of the links, unless one of the other ways has so few rows that the work is spared.
func (f *finder) linkedWays(q *search.Query, own []way) (ways []way, all bool, err error) {
	if few, err := anyFew(f.conn, own); err != nil || few {
		return nil, false, err
	}
	return f.related.ways(q)
}

// fewest counts the ways' rows, only as far as is needed to compare them, and gives the index of the smallest; -1 for none.
// Among those that are all too large, one that can be streamed is taken. One that has no rival is not counted.
func fewest(conn *lite.Conn, ways []way) (int, error) {
	if len(ways) == 1 && ways[0].ranges == nil {
		return 0, nil
	}
	for _, limit := range []int{fewRows, probeFirst, 16 * probeFirst, probeMost} {
		best, least := -1, limit
		for i := range ways {
			if err := ways[i].count(conn, least); err != nil {
				return 0, err
			}
			if ways[i].rows < least {
				best, least = i, ways[i].rows
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

// wayOf turns ranges into keys where they hold few different ones. A range of one key that proves the condition is that key; all
// others are looked up, for most are not there.
func wayOf(conn *lite.Conn, ranges []search.Range, judge judge) (way, error) {
	w := way{proof: true, judge: judge}
	looked := 0
	for _, r := range ranges {
		if key, ok := strings.CutSuffix(r.Hi, "\x00"); ok && key == r.Lo && judge(key) == search.Holds {
			w.keys = append(w.keys, key)
			continue
		}
		keys, all, err := keysIn(conn, r, keysMost-looked)
		if err != nil {
			return way{}, err
		}
		if !all {
			return way{ranges: ranges, judge: judge}, nil
		}
		looked += len(keys)
		for _, key := range keys {
			switch judge(key) {
			case search.Beside:
				continue
			case search.Unsure:
				w.proof = false
			case search.Holds:
			}
			w.keys = append(w.keys, key)
		}
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

// sample is how many of a way's keys are counted when there are many more: their number only decides what is the cheapest way.
const sample = 16

// count counts the way's index rows, up to limit. Of very many keys it counts some.
func (w *way) count(conn *lite.Conn, limit int) error {
	w.rows = 0
	if w.aside {
		w.rows = limit
		return nil
	}
	if n := len(w.keys); n > 4*sample {
		some := way{}
		for i := range sample {
			some.keys = append(some.keys, w.keys[i*n/sample])
		}
		err := some.count(conn, 1+limit*sample/n)
		w.rows = min(limit, max(some.rows*n/sample, n))
		return err
	}
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
	case limit <= fewRows:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 64)"
	case limit <= probeFirst:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 256)"
	case limit <= 16*probeFirst:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 4096)"
	case limit <= store.MaxSorted+1:
		query = "SELECT count(*) FROM (SELECT 1 FROM idx WHERE k >= ? AND k < ? LIMIT 20001)"
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

// atMost reports whether the driver has no more index rows than limit.
func (p *plan) atMost(conn *lite.Conn, limit int) (bool, error) {
	if p.collected != nil {
		p.driver.rows = len(p.collected)
		return p.driver.rows <= limit, nil
	}
	err := p.driver.count(conn, limit+1)
	return p.driver.rows <= limit, err
}

// passes makes the cheap checks of a candidate.
func (p *plan) passes(conn *lite.Conn, rid int64) (bool, error) {
	if p.among != nil {
		if _, found := slices.BinarySearch(p.among, rid); !found {
			return false, nil
		}
	}
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
