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

// spot is where a resource stands in a kept order: rid and the column's value.
type spot struct {
	rid   int64
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

// inKeptOrder finds the page after from. When the budget ends first, next continues where it ended.
func (f *finder) inKeptOrder(from cursor) (hits []hit, next *cursor, err error) {
	key := f.q.Sort[0]
	column := "place"
	if key.Param.Code == "_id" {
		column = "id"
	}
	start, err := startOf(column, key.Descending, from)
	if err != nil || f.q.Count == 0 {
		return nil, nil, err
	}
	spots, err := f.spots(column, key.Descending, start)
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
				return hits, &cursor{RID: start.rid, Values: []string{start.text(column)}}, nil
			}
			h, ok, err := f.match(list[i].rid)
			if err != nil {
				return nil, nil, err
			}
			if ok && len(hits) == f.q.Count {
				end := &hits[len(hits)-1]
				return hits, &cursor{RID: end.cur.rid, Values: sortValues(f.q.Sort, end)}, nil
			}
			if ok {
				hits = append(hits, h)
			}
			start = list[i]
		}
	}
}

// startOf is the spot that a page begins after.
func startOf(column string, descending bool, from cursor) (spot, error) {
	s := spot{rid: from.RID}
	if len(from.Values) == 0 {
		if descending {
			s.place, s.id = noSeq, "~" // above every character of an id
		}
		return s, nil
	}
	if s.id = from.Values[0]; column == "id" {
		return s, nil
	}
	var err error
	if s.place, err = strconv.ParseInt(from.Values[0], 16, 64); err != nil {
		return spot{}, fault.Wrap(err, fault.Invalid, "store.Search", "The page link is not one of this search.")
	}
	return s, nil
}

// spots opens the way to the candidates in order: collected and sorted when they are few, or few among many of their type;
// else by walking the type.
func (f *finder) spots(column string, descending bool, start spot) (func(after spot) ([]spot, error), error) {
	few, err := f.plan.atMost(f.conn, collectMost)
	if err != nil {
		return nil, err
	}
	if few && f.plan.driver.rows > chunk {
		whole := way{keys: []string{search.TypeKey(f.q.Type)}}
		if err := whole.count(f.conn, 4*f.plan.driver.rows); err != nil {
			return nil, err
		}
		few = whole.rows >= 4*f.plan.driver.rows
	}
	if !few {
		return f.walk(column, descending), nil
	}
	var list []spot
	err = f.each(func(rid int64) error {
		return run(f.conn, "SELECT place, id FROM res WHERE rid = ?", func(s *lite.Stmt) error {
			list = append(list, spot{rid, s.ColumnInt64(0), s.ColumnText(1)})
			return nil
		}, rid)
	})
	if err != nil {
		return nil, err
	}
	compare := func(a, b spot) int {
		c := cmp.Compare(a.place, b.place)
		if column == "id" {
			c = strings.Compare(a.id, b.id)
		}
		if descending {
			return -c
		}
		return c
	}
	slices.SortFunc(list, compare)
	i, found := slices.BinarySearchFunc(list, start, compare)
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

// walk reads the type's resources along the column's index.
func (f *finder) walk(column string, descending bool) func(after spot) ([]spot, error) {
	query := "SELECT rid, place, id FROM res WHERE type = ? AND " + column + " > ? ORDER BY " + column + " LIMIT ?"
	if descending {
		query = "SELECT rid, place, id FROM res WHERE type = ? AND " + column + " < ? ORDER BY " + column + " DESC LIMIT ?"
	}
	return func(after spot) (list []spot, err error) {
		value := any(after.place)
		if column == "id" {
			value = after.id
		}
		err = run(f.conn, query, func(s *lite.Stmt) error {
			list = append(list, spot{s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnText(2)})
			return nil
		}, f.q.Type, value, chunk)
		return list, err
	}
}
