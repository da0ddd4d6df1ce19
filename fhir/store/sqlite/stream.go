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
func (p *plan) candidates(conn *lite.Conn) source {
	if p.collected == nil {
		return merged(conn, p.driver.keys)
	}
	return func(after int64) ([]int64, error) {
		i, found := slices.BinarySearch(p.collected, after)
		if found {
			i++
		}
		return p.collected[i:min(i+chunk, len(p.collected))], nil
	}
}

// merged streams the resources that have any of the keys. The first time it reads few: most searches want one page.
func merged(conn *lite.Conn, keys []string) source {
	const (
		few  = "SELECT rid FROM idx WHERE k = ? AND rid > ? ORDER BY rid LIMIT 32"
		many = "SELECT rid FROM idx WHERE k = ? AND rid > ? ORDER BY rid LIMIT 256"
	)
	query, limit := few, 32
	return func(after int64) ([]int64, error) {
		var rids []int64
		end := int64(0) // beyond it a key may have more
		for _, k := range keys {
			n := 0
			err := run(conn, query, func(s *lite.Stmt) error {
				rids = append(rids, s.ColumnInt64(0))
				n++
				return nil
			}, []byte(k), after)
			if err != nil {
				return nil, err
			}
			if last := len(rids) - 1; n == limit && (end == 0 || rids[last] < end) {
				end = rids[last]
			}
		}
		query, limit = many, chunk
		if len(keys) <= 1 {
			return rids, nil
		}
		slices.Sort(rids)
		rids = slices.Compact(rids)
		if end > 0 {
			i, _ := slices.BinarySearch(rids, end)
			rids = rids[:i+1]
		}
		return rids, nil
	}
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
func (f *finder) stream(after int64) *stream {
	s := &stream{lanes: make([]lane, len(f.parts))}
	for i, p := range f.parts {
		s.lanes[i] = lane{part: p, source: p.plan.candidates(f.conn), last: after}
	}
	return s
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
