package sqlite

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
	candidate
	values []string
	hit    hit // only of one that goes on the page at once
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
func sortValues(h *hit) ([]string, error) {
	return sortValuesAfter(h, make([]string, 0, len(h.part.q.Sort)))
}

// sortValuesAfter adds the values that are not known yet.
func sortValuesAfter(h *hit, values []string) ([]string, error) {
	for _, k := range h.part.q.Sort[len(values):] {
		switch k.Param.Code {
		case "_lastUpdated":
			values = append(values, placeText(h.cur.place))
		case "_id":
			values = append(values, h.cur.id)
		default:
			res, err := h.resource()
			if err != nil {
				return nil, err
			}
			values = append(values, k.Value(res))
		}
	}
	return values, nil
}

func placeText(place int64) string { return fmt.Sprintf("%016x", place) }

// sorted finds the page after from in the order of the sort keys. all is how many matches there are, -1 when they were not all
// looked at: among many candidates the keys are walked (walk.go), else all matches are sorted in memory.
func (f *finder) sorted(from cursor) (hits []hit, next *cursor, all int, err error) {
	rows, err := f.rows(walkFrom)
	if err != nil {
		return nil, nil, 0, err
	}
	many := rows > walkFrom && f.q.Count > 0
	if many {
		page, err := f.walked(from, walkLook)
		if err == nil && page != nil && !page.cut {
			return page.hits, page.next, -1, nil
		}
	}
	if rows, err = f.rows(store.MaxSorted); err != nil {
		return nil, nil, 0, err
	}
	if rows <= store.MaxSorted {
		return f.sortedInMemory(from)
	}
	if many {
		page, err := f.walked(from, pageBudget)
		if err != nil {
			return nil, nil, 0, err
		}
		if page != nil {
			return page.hits, page.next, -1, nil
		}
	}
	return nil, nil, 0, tooMany()
}

// sortedInMemory finds all matches, sorts them and takes the page after from.
func (f *finder) sortedInMemory(from cursor) (hits []hit, next *cursor, all int, err error) {
	list, err := f.rank()
	if err != nil {
		return nil, nil, 0, err
	}
	all, f.size = len(list), 0
	slices.SortFunc(list, func(a, b ranked) int { return order(f.q.Sort, &a, &b) })
	if len(from.Values) > 0 {
		last := ranked{candidate: candidate{rid: from.RID}, values: from.Values}
		list = slices.DeleteFunc(list, func(r ranked) bool { return order(f.q.Sort, &r, &last) <= 0 })
	}
	if f.q.Count == 0 {
		return nil, nil, all, nil
	}
	if len(list) > f.q.Count {
		list = list[:f.q.Count]
		end := list[len(list)-1]
		next = &cursor{RID: end.rid, Values: end.values}
	}
	for i := range list {
		h, _, err := f.match(list[i].candidate)
		if err != nil {
			return nil, nil, 0, err
		}
		hits = append(hits, h)
		if f.size += len(h.body); f.full(i+1) && i+1 < len(list) {
			return hits, &cursor{RID: list[i].rid, Values: list[i].values}, all, nil
		}
	}
	return hits, next, all, nil
}

// rank finds all matches and what they are sorted by.
func (f *finder) rank() ([]ranked, error) {
	var all []ranked
	err := f.each(func(c candidate) error {
		h, ok, err := f.match(c)
		if err != nil || !ok {
			return err
		}
		values, err := sortValues(&h)
		all = append(all, ranked{candidate: c, values: values})
		return err
	})
	return all, err
}
