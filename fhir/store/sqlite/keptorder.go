package sqlite

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// Two orders are columns of the table res: _lastUpdated (the place in the log) and _id. A search in one of them needs no
// body to know where a candidate stands, so candidates are read and checked only until the page is full, and a search
// with very many candidates can walk the column's index instead of collecting them.

// kept reports whether the sort keys are one of the two orders.
func kept(keys []search.SortKey) bool {
	return len(keys) == 1 && (keys[0].Param.Code == "_lastUpdated" || keys[0].Param.Code == "_id")
}

// spot is where a candidate stands in a kept order: the column's value.
type spot struct {
	candidate
	place int64
	id    string
}

// text is the spot's sort value in a cursor, the same as sortValues gives.
func (s *spot) text(column string) string {
	if column == "id" {
		return s.id
	}
	return placeText(s.place)
}

// keptOrder is one of the two orders and a direction.
type keptOrder struct {
	column     string
	descending bool
}

// compare orders two spots. Resources of several types may have the same id: then the order of creation decides.
func (o keptOrder) compare(a, b *spot) int {
	c := cmp.Compare(a.place, b.place)
	if o.column == "id" {
		c = strings.Compare(a.id, b.id)
	}
	if o.descending {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(a.rid, b.rid))
}

// inKeptOrder finds the page after from. When the budget ends first, next continues where it ended.
func (f *finder) inKeptOrder(from cursor) (hits []hit, next *cursor, err error) {
	key := f.q.Sort[0]
	o := keptOrder{column: "place", descending: key.Descending}
	if key.Param.Code == "_id" {
		o.column = "id"
	}
	start, err := o.start(from)
	if err != nil || f.q.Count == 0 {
		return nil, nil, err
	}
	spots, err := f.spots(o, start)
	if err != nil {
		return nil, nil, err
	}
	for {
		list, err := spots(start)
		if err != nil || len(list) == 0 {
			return hits, nil, err
		}
		for i := range list {
			if f.budget--; f.budget < 0 {
				return hits, &cursor{RID: start.rid, Values: []string{start.text(o.column)}}, nil
			}
			h, ok, err := f.match(list[i].candidate)
			if err != nil {
				return nil, nil, err
			}
			if ok && f.full(len(hits)) {
				end := &hits[len(hits)-1]
				values, err := sortValues(end)
				return hits, &cursor{RID: end.cur.rid, Values: values}, err
			}
			if ok {
				hits = append(hits, h)
				f.size += len(h.body)
			}
			start = list[i]
		}
	}
}

// start is the spot that a page begins after.
func (o keptOrder) start(from cursor) (spot, error) {
	s := spot{candidate: candidate{rid: from.RID}}
	if len(from.Values) == 0 {
		if o.descending {
			s.place, s.id = noSeq, "~" // above every character of an id
		}
		return s, nil
	}
	if s.id = from.Values[0]; o.column == "id" {
		return s, nil
	}
	var err error
	if s.place, err = strconv.ParseInt(from.Values[0], 16, 64); err != nil {
		return spot{}, fault.Wrap(err, fault.Invalid, "store.Search", "The page link is not one of this search.")
	}
	return s, nil
}

// spots opens the way to the candidates in order: collected and sorted when they are few, or few among many of their type;
// else by walking the types.
func (f *finder) spots(o keptOrder, start spot) (func(after spot) ([]spot, error), error) {
	rows, err := f.rows(collectMost)
	if err != nil {
		return nil, err
	}
	few := rows <= collectMost
	if few && rows > chunk {
		whole := 0
		for _, p := range f.parts {
			n, err := countUpTo(f.conn, search.ExactRange(search.TypeKey(p.q.Type)), 16*probeFirst)
			if err != nil {
				return nil, err
			}
			whole += n
		}
		few = whole >= 4*rows || whole >= collectMost
	}
	if !few {
		return f.walk(o), nil
	}
	var list []spot
	err = f.each(func(c candidate) error {
		return run(f.conn, "SELECT place, id FROM res WHERE rid = ?", func(s *lite.Stmt) error {
			list = append(list, spot{c, s.ColumnInt64(0), s.ColumnText(1)})
			return nil
		}, c.rid)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b spot) int { return o.compare(&a, &b) })
	i, found := slices.BinarySearchFunc(list, start, func(a, b spot) int { return o.compare(&a, &b) })
	if found {
		i++
	}
	list = list[i:]
	return func(spot) ([]spot, error) {
		all := list
		list = nil
		return all, nil
	}, nil
}

// collectMost is how many candidates of a search in a kept order are collected.
const collectMost = 4_000

// walk reads the types' resources along the column's index. What the driver would have proved of them is checked.
func (f *finder) walk(o keptOrder) func(after spot) ([]spot, error) {
	direction := " >= ? ORDER BY " + o.column
	if o.descending {
		direction = " <= ? ORDER BY " + o.column + " DESC"
	}
	query := "SELECT rid, place, id FROM res WHERE type = CAST(? AS TEXT) AND " + o.column + direction + " LIMIT 256"
	parts := make([]*part, len(f.parts))
	for i, p := range f.parts {
		parts[i] = &part{q: p.q, plan: p.plan.asCheck(p.q.Type)}
	}
	return func(after spot) (list []spot, err error) {
		var end *spot // beyond it a type may have more
		for _, p := range parts {
			some, err := f.walkPart(p, query, o, after)
			if err != nil {
				return nil, err
			}
			if n := len(some); n == chunk && (end == nil || o.compare(&some[n-1], end) < 0) {
				end = &some[n-1]
			}
			list = append(list, some...)
		}
		slices.SortFunc(list, func(a, b spot) int { return o.compare(&a, &b) })
		list = slices.DeleteFunc(list, func(s spot) bool { return o.compare(&s, &after) <= 0 || end != nil && o.compare(&s, end) > 0 })
		return list, nil
	}
}

// walkPart reads the next resources of one type, that at the spot itself among them.
func (f *finder) walkPart(p *part, query string, o keptOrder, after spot) (list []spot, err error) {
	value := any(after.place)
	if o.column == "id" {
		value = after.id
	}
	err = run(f.conn, query, func(s *lite.Stmt) error {
		list = append(list, spot{candidate{s.ColumnInt64(0), p}, s.ColumnInt64(1), s.ColumnText(2)})
		return nil
	}, p.q.Type, value)
	return list, err
}
