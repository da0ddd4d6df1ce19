package sqlite

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// cursor is where the next page begins: after the match with these sort values (none in the order of creation) and this rid.
// It also carries the total that the first page counted, -1 if none was asked for.
type cursor struct {
	RID    int64    `json:"r"`
	Values []string `json:"v,omitempty"`
	Total  int      `json:"t"`
}

// seal writes a cursor as the opaque text of Page.Next. It holds sort values, which may be names: whoever hands it to a
// client encrypts it.
func (c *cursor) seal() string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // cannot happen: integers and strings
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// openCursor reads a cursor of a query with that many sort keys; "" is the beginning.
func openCursor(text string, keys int) (cursor, error) {
	c := cursor{Total: -1}
	if text == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err == nil && (c.RID < 0 || c.Total < -1 || len(c.Values) != keys) {
		err = fmt.Errorf("a cursor of %d values", len(c.Values))
	}
	return c, fault.Wrap(err, fault.Invalid, "store.Search", "The page link is not one of this search.")
}

// ranked is a match and what it is sorted by.
type ranked struct {
	rid    int64
	values []string
}

// order compares two matches as the query's sort keys say; a missing value comes last in either direction, and the order of
// creation decides between equals.
func order(keys []search.SortKey, a, b *ranked) int {
	for i, k := range keys {
		x, y := a.values[i], b.values[i]
		switch {
		case x == y:
			continue
		case x == "":
			return 1
		case y == "":
			return -1
		case k.Descending:
			return strings.Compare(y, x)
		default:
			return strings.Compare(x, y)
		}
	}
	return cmp.Compare(a.rid, b.rid)
}

// sortValues are what a match is sorted by. _lastUpdated is replaced by the place in the log, which has the same order and
// no equals.
func sortValues(keys []search.SortKey, h *hit) []string {
	values := make([]string, len(keys))
	for i, k := range keys {
		switch k.Param.Code {
		case "_lastUpdated":
			values[i] = placeText(h.cur.place)
		case "_id":
			values[i] = h.cur.id
		default:
			values[i] = k.Value(h.res)
		}
	}
	return values
}

func placeText(place int64) string { return fmt.Sprintf("%016x", place) }

// sorted finds all matches, sorts them in memory and takes the page after from. total becomes the number of matches if the
// query asks for it.
func (f *finder) sorted(from cursor, total *int) ([]hit, *cursor, error) {
	all, err := f.rank()
	if err != nil {
		return nil, nil, err
	}
	if *total < 0 && f.q.Total != "" && f.q.Total != search.TotalNone {
		*total = len(all)
	}
	slices.SortFunc(all, func(a, b ranked) int { return order(f.q.Sort, &a, &b) })
	if from.RID != 0 {
		last := ranked{rid: from.RID, values: from.Values}
		i := slices.IndexFunc(all, func(r ranked) bool { return order(f.q.Sort, &r, &last) > 0 })
		if i < 0 {
			return nil, nil, nil
		}
		all = all[i:]
	}
	var next *cursor
	if len(all) > f.q.Count {
		all = all[:f.q.Count]
		if len(all) > 0 {
			end := all[len(all)-1]
			next = &cursor{RID: end.rid, Values: end.values}
		}
	}
	hits := make([]hit, 0, len(all))
	for i := range all {
		h, _, err := f.match(all[i].rid)
		if err != nil {
			return nil, nil, err
		}
		hits = append(hits, h)
	}
	return hits, next, nil
}

// rank finds all matches and what they are sorted by.
func (f *finder) rank() ([]ranked, error) {
	source, err := f.plan.candidates(f.conn)
	if err != nil {
		return nil, err
	}
	var all []ranked
	for last := int64(0); ; {
		rids, err := source(last)
		if err != nil || len(rids) == 0 {
			return all, err
		}
		for _, rid := range rids {
			h, ok, err := f.match(rid)
			if err != nil {
				return nil, err
			}
			if ok {
				all = append(all, ranked{rid: rid, values: sortValues(f.q.Sort, &h)})
			}
			last = rid
		}
	}
}

// scanned finds the page after from among more candidates than can be sorted, by walking the type's resources in an order
// that a table keeps: by _lastUpdated or by _id. Any other order is refused.
func (f *finder) scanned(from cursor) (hits []hit, next *cursor, err error) {
	key := f.q.Sort[0]
	query, start, err := scanOf(key, from)
	if len(f.q.Sort) > 1 || err != nil {
		return nil, nil, fault.Newf(fault.TooCostly, "store.Search",
			"Sorting would look at more than %d resources. Narrow the search, for example by patient or date, or sort by _lastUpdated or _id.", store.MaxSorted)
	}
	if f.q.Count == 0 {
		return nil, nil, nil
	}
	for {
		var rids []int64
		var value any
		err := run(f.conn, query, func(s *lite.Stmt) error {
			rids = append(rids, s.ColumnInt64(0))
			if value = any(s.ColumnText(1)); key.Param.Code == "_lastUpdated" {
				value = s.ColumnInt64(1)
			}
			return nil
		}, f.q.Type, start, chunk)
		if err != nil || len(rids) == 0 {
			return hits, nil, err
		}
		for _, rid := range rids {
			h, ok, err := f.match(rid)
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
		}
		if start = value; f.budget < chunk {
			return hits, &cursor{RID: rids[len(rids)-1], Values: []string{scanText(value)}}, nil
		}
		f.budget -= len(rids)
	}
}

// scanText is a scan's position as a sort value.
func scanText(value any) string {
	if place, ok := value.(int64); ok {
		return placeText(place)
	}
	return fmt.Sprint(value)
}

// scanOf is the statement that walks a type in the order of the key, and where it starts.
func scanOf(key search.SortKey, from cursor) (query string, start any, err error) {
	column := map[string]string{"_lastUpdated": "place", "_id": "id"}[key.Param.Code]
	if column == "" {
		return "", nil, errStop
	}
	if column == "place" {
		start = int64(0)
		if key.Descending {
			start = int64(noSeq)
		}
	} else {
		start = ""
		if key.Descending {
			start = "~" // above every character of an id
		}
	}
	if len(from.Values) > 0 {
		start = from.Values[0]
		if column == "place" {
			var place int64
			if _, err := fmt.Sscanf(from.Values[0], "%x", &place); err != nil {
				return "", nil, err
			}
			start = place
		}
	}
	if key.Descending {
		return "SELECT rid, " + column + " FROM res WHERE type = ? AND " + column + " < ? ORDER BY " + column + " DESC LIMIT ?", start, nil
	}
	return "SELECT rid, " + column + " FROM res WHERE type = ? AND " + column + " > ? ORDER BY " + column + " LIMIT ?", start, nil
}
