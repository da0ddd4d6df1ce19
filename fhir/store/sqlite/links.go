package sqlite

import (
	"slices"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// How links to other resources (chains, _has, _list) are answered. Where the inner query finds few resources, they are found first:
// what they lead to becomes keys, by which the outer search is driven or checked. Else the outer candidates are taken one by one
// and the other resources are read for each.
//
// All of it is at the search's position of the log and within the caller's reach: a resource that the caller may not see, or that
// did not match at that position, counts as little as one that is not there. Of the current index only resources are believed that
// were not changed since that position; those that were are read in their older version. That is exact as long as no more than
// changedMost resources of the inner type were changed between two pages. When more were, a reverse link that is answered candidate by
// candidate may miss one whose only reason is among them.
const (
	innerMost   = 1_000  // matches of an inner query that is answered first
	innerLooks  = 2_000  // candidates that are parsed for it
	provenLooks = 20_000 // candidates for it that need not be parsed
	changedMost = 1_000  // resources changed since the position that are looked at
	pointLooks  = 20_000 // candidates that are read to learn whether any of them points to one resource
)

// related answers what links ask, for one search and its inner queries. It implements search.Related.
type related struct {
	f       *finder
	looks   int  // the finder's budget
	left    *int // what all conditions of a commit may still look at, since all writers wait; nil for a search, which has a deadline
	answers map[question]bool
	found   map[*search.Query]map[string]bool // by inner query: all references that a link holds for; nil for too many
	changed map[*search.Query]*lately
}

// question is whether a resource satisfies an inner query, or one that does points to it.
type question struct {
	inner     *search.Query
	reference string
	reverse   bool
}

// lately are the resources that were changed since the search's position and satisfied the inner query at it. all is false when
// more were changed than are looked at.
type lately struct {
	list []*fhir.Resource
	all  bool
}

var _ search.Related = (*related)(nil)

func newRelated(f *finder) *related {
	return &related{
		f: f, looks: f.budget, answers: map[question]bool{},
		found: map[*search.Query]map[string]bool{}, changed: map[*search.Query]*lately{},
	}
}

// look takes one resource that is read off what a commit may look at.
func (r *related) look() error {
	if r.left == nil {
		return nil
	}
	if *r.left--; *r.left < 0 {
		return tooMuchToCheck()
	}
	return nil
}

// ways gives the ways of the query's links whose inner queries find few resources; all is false when another link is left.
func (r *related) ways(q *search.Query) (ways []way, all bool, err error) {
	all = true
	for i := range q.Links {
		l := &q.Links[i]
		w := way{proof: true}
		few := true
		for _, inner := range l.Inner {
			needs, err := r.first(l, inner)
			if err != nil {
				return nil, false, err
			}
			few = few && needs != nil
			for ref := range needs {
				w.keys = append(w.keys, l.Key(ref))
			}
		}
		if !few {
			all = false
			continue
		}
		if err := w.overflow(r.f.conn, l); err != nil {
			return nil, false, err
		}
		ways = append(ways, w)
	}
	return ways, all, nil
}

// overflow adds the key of resources that have more references than are kept in the index, if there is any.
func (w *way) overflow(conn *lite.Conn, l *search.Link) error {
	key := l.Overflow()
	if key == "" {
		return nil
	}
	n, err := countUpTo(conn, search.ExactRange(key), 1)
	if n > 0 {
		w.keys, w.proof = append(w.keys, key), false
	}
	return err
}

// first finds every resource that satisfies the inner query and gives the references that the link holds for; nil when they
// are too many.
func (r *related) first(l *search.Link, inner *search.Query) (map[string]bool, error) {
	if needs, ok := r.found[inner]; ok {
		return needs, nil
	}
	needs, err := r.findFirst(l, inner)
	r.found[inner] = needs
	return needs, err
}

func (r *related) findFirst(l *search.Link, inner *search.Query) (map[string]bool, error) {
	late, err := r.lately(inner)
	if err != nil || !late.all {
		return nil, err
	}
	f, err := r.inner(inner)
	if err != nil {
		return nil, err
	}
	looks := provenLooks
	if !f.parts[0].plan.sure || l.Reverse {
		looks = innerLooks // each is parsed
	}
	looks = min(looks, r.looks)
	if !l.Reverse && f.countedByRows() {
		looks = min(looks, innerMost)
	}
	if few, err := f.atMost(looks); err != nil || !few {
		return nil, err
	}
	f.bare = !l.Reverse
	needs, matches := map[string]bool{}, 0
	err = f.each(func(c candidate) error {
		if err := r.look(); err != nil {
			return err
		}
		h, ok, err := f.match(c)
		if err != nil || !ok {
			return err
		}
		if matches++; matches > innerMost {
			return errStop
		}
		return r.collect(needs, l, &h)
	})
	if err != nil {
		return nil, stopped(err)
	}
	for _, res := range late.list {
		for _, ref := range l.Needs(res) {
			needs[ref] = true
		}
	}
	return needs, nil
}

// collect adds what one match of an inner query makes the link hold for.
func (r *related) collect(needs map[string]bool, l *search.Link, h *hit) error {
	if !l.Reverse {
		needs[h.cur.typ+"/"+h.cur.id] = true
		return nil
	}
	res, err := h.resource()
	if err != nil {
		return err
	}
	for _, ref := range l.Needs(res) {
		needs[ref] = true
	}
	return nil
}

// inner is a finder of the inner query, at the same position and for the same caller.
func (r *related) inner(q *search.Query) (*finder, error) {
	f := &finder{conn: r.f.conn, q: q, within: r.f.within, at: r.f.at, applied: r.f.applied, related: r}
	return f, f.prepare()
}

// lately looks at the resources of the inner type that were changed since the search's position.
func (r *related) lately(inner *search.Query) (*lately, error) {
	if late := r.changed[inner]; late != nil {
		return late, nil
	}
	late := &lately{all: true}
	r.changed[inner] = late
	if r.f.at >= r.f.applied {
		return late, nil
	}
	var ids []string
	err := run(r.f.conn, "SELECT id FROM res WHERE type = ? AND place >= ? LIMIT 1001",
		func(s *lite.Stmt) error { ids = append(ids, s.ColumnText(0)); return nil }, inner.Type, placeOf(r.f.at+1, 0))
	if err != nil {
		return nil, err
	}
	if len(ids) > changedMost {
		late.all = false
		return late, nil
	}
	for _, id := range ids {
		res, err := r.satisfying(inner.Type, id, inner)
		if err != nil {
			return nil, err
		}
		if res != nil {
			late.list = append(late.list, res)
		}
	}
	return late, nil
}

// satisfying is the resource at the search's position if it may be seen and satisfies the query, else nil.
func (r *related) satisfying(typ, id string, q *search.Query) (*fhir.Resource, error) {
	if err := r.look(); err != nil {
		return nil, err
	}
	v, err := versionAt(r.f.conn, typ, id, r.f.at, r.f.within)
	if err != nil || v.Deleted || v.Body == nil || !store.Visible(r.f.within, v.Holder) {
		return nil, err
	}
	res, err := parseStored(v.Body)
	if err != nil || !q.Match(res) {
		return nil, err
	}
	if ok, err := q.Linked(res, r); err != nil || !ok {
		return nil, err
	}
	return res, nil
}

// Matching implements search.Related.
func (r *related) Matching(references []string, inner *search.Query) (bool, error) {
	found := r.found[inner]
	for _, ref := range references {
		if found != nil {
			if found[ref] {
				return true, nil
			}
			continue
		}
		q := question{inner: inner, reference: ref}
		ok, known := r.answers[q]
		if !known {
			typ, id, _ := strings.Cut(ref, "/")
			res, err := r.satisfying(typ, id, inner)
			if err != nil {
				return false, err
			}
			ok = res != nil
			r.answers[q] = ok
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// Pointing implements search.Related.
func (r *related) Pointing(reference string, by *search.Param, inner *search.Query) (bool, error) {
	if found := r.found[inner]; found != nil {
		return found[reference], nil
	}
	q := question{inner: inner, reference: reference, reverse: true}
	if ok, known := r.answers[q]; known {
		return ok, nil
	}
	ok, err := r.pointing(reference, by, inner)
	r.answers[q] = ok
	return ok, err
}

func (r *related) pointing(reference string, by *search.Param, inner *search.Query) (bool, error) {
	late, err := r.lately(inner)
	if err != nil {
		return false, err
	}
	way := search.Include{Source: by.Type, Param: by}
	if slices.ContainsFunc(late.list, func(res *fhir.Resource) bool { return way.PointsTo(res, reference) }) {
		return true, nil
	}
	f, err := r.inner(inner.PointingTo(reference, by))
	if err != nil {
		return false, err
	}
	f.bare = true
	found, looks := false, min(pointLooks, r.looks)
	err = f.each(func(c candidate) error {
		if err := r.look(); err != nil {
			return err
		}
		if looks--; looks < 0 {
			return fault.New(fault.TooCostly, "store.Search",
				"The search would look at too many resources that point to one and the same. Narrow what is asked of them.")
		}
		_, ok, err := f.match(c)
		if ok {
			found = true
			return errStop
		}
		return err
	})
	return found, stopped(err)
}
