package sqlite

import (
	"slices"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
)

// source gives the next candidates after a rid, in order; none at the end.
type source func(after int64) ([]int64, error)

// collect reads the candidates of a driver that has ranges, without those whose key is not why they would match.
func (p *plan) collect(conn *lite.Conn) error {
	rids, proof := []int64{}, true
	for _, r := range p.driver.ranges {
		err := run(conn, "SELECT rid, k FROM idx WHERE k >= ? AND k < ?", func(s *lite.Stmt) error {
			verdict := search.Unsure
			if p.driver.judge != nil {
				verdict = p.driver.judge(string(blob(s, 1)))
			}
			switch verdict {
			case search.Beside:
				return nil
			case search.Unsure:
				proof = false
			case search.Holds:
			}
			rids = append(rids, s.ColumnInt64(0))
			return nil
		}, []byte(r.Lo), []byte(r.Hi))
		if err != nil {
			return err
		}
	}
	slices.Sort(rids)
	p.collected, p.driver.proof = slices.Compact(rids), proof
	return nil
}

// candidates opens the plan's driver: keys are streamed and merged, ranges were collected.
func (p *plan) candidates(conn *lite.Conn) (source, error) {
	if p.driver.ranges == nil {
		return merged(conn, p.driver.keys), nil
	}
	if p.collected == nil {
		if err := p.collect(conn); err != nil {
			return nil, err
		}
		p.sure = p.sure && p.driver.proof
	}
	return func(after int64) ([]int64, error) {
		i, found := slices.BinarySearch(p.collected, after)
		if found {
			i++
		}
		return p.collected[i:min(i+chunk, len(p.collected))], nil
	}, nil
}

// rowQueries are how many index rows of one key are read at once: few at first, for most searches want one page. The cast keeps SQLite
// from preparing the statement anew at every use, which costs five times what the reading does: it looks into the value of a plain parameter
// that is compared with a column when there is an ORDER BY.
var rowQueries = [...]struct {
	limit int
	query string
}{
	{4, "SELECT rid FROM idx WHERE k = CAST(? AS BLOB) AND rid > ? ORDER BY rid LIMIT 4"},
	{32, "SELECT rid FROM idx WHERE k = CAST(? AS BLOB) AND rid > ? ORDER BY rid LIMIT 32"},
	{chunk, "SELECT rid FROM idx WHERE k = CAST(? AS BLOB) AND rid > ? ORDER BY rid LIMIT 256"},
}

// keyLane is the stream of the resources that have one key.
type keyLane struct {
	key   []byte
	ready []int64
	size  int // of the next read, in rowQueries
	done  bool
}

// fill reads on behind a rid.
func (l *keyLane) fill(conn *lite.Conn, after int64) error {
	q := &rowQueries[l.size]
	l.ready = l.ready[:0]
	err := run(conn, q.query, func(s *lite.Stmt) error {
		l.ready = append(l.ready, s.ColumnInt64(0))
		return nil
	}, l.key, after)
	l.done = len(l.ready) < q.limit
	l.size = min(l.size+1, len(rowQueries)-1)
	return err
}

// merged streams the resources that have any of the keys. It is asked for what comes after the last that it gave.
func merged(conn *lite.Conn, keys []string) source {
	first := 1
	if len(keys) > keysMost {
		first = 0
	}
	lanes := make([]keyLane, len(keys))
	for i, k := range keys {
		lanes[i] = keyLane{key: []byte(k), size: first}
	}
	if len(lanes) == 1 {
		return func(after int64) ([]int64, error) {
			if lanes[0].done {
				return nil, nil
			}
			err := lanes[0].fill(conn, after)
			return slices.Clone(lanes[0].ready), err
		}
	}
	wanted := 32
	return func(after int64) (out []int64, err error) {
		for len(out) < wanted {
			next, err := least(conn, lanes, after)
			if err != nil || next == 0 {
				return out, err
			}
			out, after = append(out, next), next
		}
		wanted = chunk
		return out, nil
	}
}

// least gives the least rid of all lanes above the last one, 0 at the end.
func least(conn *lite.Conn, lanes []keyLane, after int64) (next int64, err error) {
	for i := range lanes {
		l := &lanes[i]
		for len(l.ready) > 0 && l.ready[0] <= after {
			l.ready = l.ready[1:]
		}
		if len(l.ready) == 0 && !l.done {
			if err := l.fill(conn, after); err != nil {
				return 0, err
			}
		}
		if len(l.ready) > 0 && (next == 0 || l.ready[0] < next) {
			next = l.ready[0]
		}
	}
	return next, nil
}

// candidate is a resource that may match, and the part of the query that it may match.
type candidate struct {
	rid  int64
	part *part
}

// lane is one part's stream of candidates.
type lane struct {
	part   *part
	source source
	ready  []int64
	last   int64
	done   bool
}

// stream gives the candidates of all parts in the order of creation.
type stream struct{ lanes []lane }

// stream opens the parts' drivers behind a rid.
func (f *finder) stream(after int64) (*stream, error) {
	s := &stream{lanes: make([]lane, len(f.parts))}
	for i, p := range f.parts {
		source, err := p.plan.candidates(f.conn)
		if err != nil {
			return nil, err
		}
		s.lanes[i] = lane{part: p, source: source, last: after}
	}
	return s, nil
}

// next gives the next candidate; ok is false at the end.
func (s *stream) next() (c candidate, ok bool, err error) {
	var best *lane
	for i := range s.lanes {
		l := &s.lanes[i]
		if len(l.ready) == 0 && !l.done {
			if l.ready, err = l.source(l.last); err != nil {
				return candidate{}, false, err
			}
			l.done = len(l.ready) == 0
		}
		if !l.done && (best == nil || l.ready[0] < best.ready[0]) {
			best = l
		}
	}
	if best == nil {
		return candidate{}, false, nil
	}
	best.last, best.ready = best.ready[0], best.ready[1:]
	return candidate{best.last, best.part}, true, nil
}
