package sqlite

import (
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
)

// inclusion collects what _include and _revinclude add to a page: each resource once, none that is a match of the page, none
// that the caller may not see.
type inclusion struct {
	f    *finder
	seen map[string]bool // "Type/id" that is on the page or was looked at
	list []store.Version
	full bool // there was more than MaxIncluded
}

// included finds what is to be included with the matches.
func (f *finder) included(hits []hit) ([]store.Version, bool, error) {
	if len(hits) == 0 || len(f.q.Include)+len(f.q.RevInclude) == 0 {
		return nil, false, nil
	}
	in := &inclusion{f: f, seen: make(map[string]bool)}
	for i := range hits {
		in.seen[hits[i].cur.typ+"/"+hits[i].cur.id] = true
	}
	for i := range hits {
		for _, include := range f.q.Include {
			if err := in.forward(include, &hits[i]); err != nil {
				return nil, false, err
			}
		}
		for _, include := range f.q.RevInclude {
			if err := in.reverse(include, hits[i].cur.typ+"/"+hits[i].cur.id); err != nil {
				return nil, false, err
			}
		}
	}
	return in.list, in.full, nil
}

// add includes a version unless the caller may not see it or there is no more room.
func (in *inclusion) add(v store.Version) {
	switch {
	case v.Deleted || v.Body == nil || !store.Visible(in.f.within, v.Holder):
	case len(in.list) >= store.MaxIncluded:
		in.full = true
	default:
		in.list = append(in.list, v)
	}
}

// forward follows the include from a match to what it points to, in the state of the page's position.
func (in *inclusion) forward(include search.Include, h *hit) error {
	for _, name := range include.Targets(h.res) {
		if in.seen[name] || in.full {
			continue
		}
		in.seen[name] = true
		typ, id, _ := strings.Cut(name, "/")
		v, err := versionAt(in.f.conn, typ, id, in.f.at)
		if err != nil {
			return err
		}
		in.add(v)
	}
	return nil
}

// versionAt is the version of a resource at a position of the log; Deleted if there was none.
func versionAt(conn *lite.Conn, typ, id string, at store.Seq) (store.Version, error) {
	v := store.Version{Deleted: true}
	var cur current
	err := run(conn, currentRow+"r.type = ? AND r.id = ?",
		func(s *lite.Stmt) error { cur = scanCurrent(s); v = cur.version(blob(s, 9)); return nil }, typ, id)
	if err != nil || cur.rid == 0 || seqOf(cur.place) <= at {
		return v, err
	}
	v = store.Version{Deleted: true}
	err = run(conn, `SELECT vid, place, time, deleted, (SELECT b.data FROM body b WHERE b.place = h.place)
		FROM hist h WHERE rid = ? AND place < ? ORDER BY vid DESC LIMIT 1`,
		func(s *lite.Stmt) error {
			old := cur
			old.vid, old.place, old.deleted = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnBool(3)
			old.time = time.UnixMilli(s.ColumnInt64(2)).UTC()
			v = old.version(blob(s, 4))
			return nil
		}, cur.rid, placeOf(at+1, 0))
	return v, err
}

// reverse finds the resources that point to a match.
func (in *inclusion) reverse(include search.Include, name string) error {
	w, err := wayOf(in.f.conn, include.Ranges(name))
	if err != nil {
		return err
	}
	source, err := (&plan{driver: w}).candidates(in.f.conn)
	if err != nil {
		return err
	}
	for last := int64(0); !in.full; {
		rids, err := source(last)
		if err != nil || len(rids) == 0 {
			return err
		}
		for _, rid := range rids {
			last = rid
			if err := in.pointing(include, name, rid); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointing includes the candidate if it points to the match.
func (in *inclusion) pointing(include search.Include, name string, rid int64) error {
	var cur current
	var body []byte
	err := run(in.f.conn, currentRow+"r.rid = ?",
		func(s *lite.Stmt) error { cur, body = scanCurrent(s), blob(s, 9); return nil }, rid)
	own := cur.typ + "/" + cur.id
	if err != nil || body == nil || !cur.live() || seqOf(cur.place) > in.f.at || in.seen[own] || !store.Visible(in.f.within, cur.holder) {
		return err
	}
	r, err := parseStored(body)
	if err != nil {
		return err
	}
	if include.PointsTo(r, name) {
		in.seen[own] = true
		in.add(cur.version(body))
	}
	return nil
}
