package sqlite

import (
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
)

// inclusion collects what _include and _revinclude add to a page: each resource once, none that is a match of the page, none
// that the caller may not see. What :iterate says is followed from what was included as well, round by round, until nothing new
// is found.
type inclusion struct {
	f        *finder
	readable func(resourceType string) bool // nil for all
	present  map[string]bool                // types that the store has resources of
	seen     map[string]bool                // "Type/id" that is on the page or was looked at
	round    []included                     // what the last round found
	list     []store.Version
	size     int  // bytes of the list
	full     bool // there was more than MaxIncluded or MaxPage, or further than MaxRounds
}

// included is a resource that includes are followed from.
type included struct {
	name string
	res  *fhir.Resource
}

// included finds what is to be included with the matches.
func (f *finder) included(hits []hit, readable func(string) bool) ([]store.Version, bool, error) {
	if len(hits) == 0 || len(f.q.Include)+len(f.q.RevInclude) == 0 {
		return nil, false, nil
	}
	in := &inclusion{f: f, readable: readable, present: map[string]bool{}, seen: map[string]bool{}}
	from := make([]included, len(hits))
	for i := range hits {
		res, err := hits[i].resource()
		if err != nil {
			return nil, false, err
		}
		from[i] = included{hits[i].cur.typ + "/" + hits[i].cur.id, res}
		in.seen[from[i].name] = true
	}
	for rounds := 0; len(from) > 0 && !in.full; rounds++ {
		if rounds == store.MaxRounds {
			in.full = true
			break
		}
		in.round = nil
		if err := in.follow(from, rounds > 0); err != nil {
			return nil, false, err
		}
		from = in.round
	}
	return in.list, in.full, nil
}

// follow goes one step from each of the resources. In later rounds only what says :iterate is followed.
func (in *inclusion) follow(from []included, later bool) error {
	for _, r := range from {
		if in.full { // nothing more is looked up, so nothing would end this at the deadline
			return nil
		}
		for _, include := range in.f.q.Include {
			if later && !include.Iterate {
				continue
			}
			if err := in.forward(include, r); err != nil {
				return err
			}
		}
		for _, include := range in.f.q.RevInclude {
			if later && !include.Iterate {
				continue
			}
			if err := in.backward(include, r.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// again reports whether anything is followed from what is included.
func (in *inclusion) again() bool {
	for _, list := range [][]search.Include{in.f.q.Include, in.f.q.RevInclude} {
		for _, include := range list {
			if include.Iterate {
				return true
			}
		}
	}
	return false
}

// add includes a version unless the caller may not see it or there is no more room. res may be nil.
func (in *inclusion) add(v store.Version, res *fhir.Resource) (err error) {
	switch {
	case v.Deleted || v.Body == nil || !store.Visible(in.f.within, v.Holder):
		return nil
	case len(in.list) >= store.MaxIncluded || in.size > store.MaxPage:
		in.full = true
		return nil
	}
	in.list = append(in.list, v)
	in.size += len(v.Body)
	if !in.again() {
		return nil
	}
	if res == nil {
		if res, err = parseStored(v.Body); err != nil {
			return err
		}
	}
	in.round = append(in.round, included{v.Type + "/" + v.ID, res})
	return nil
}

func (in *inclusion) mayRead(typ string) bool { return in.readable == nil || in.readable(typ) }

// forward follows the include to what a resource points to, in the state of the page's position.
func (in *inclusion) forward(include search.Include, from included) error {
	for _, name := range include.Targets(from.res) {
		if in.seen[name] || in.full {
			continue
		}
		in.seen[name] = true
		typ, id, _ := strings.Cut(name, "/")
		if !in.mayRead(typ) {
			continue
		}
		v, err := versionAt(in.f.conn, typ, id, in.f.at, in.f.within)
		if err != nil {
			return err
		}
		if err := in.add(v, nil); err != nil {
			return err
		}
	}
	return nil
}

// versionAt is the version of a resource at a position of the log; Deleted if there was none, or none that was the caller's to see.
func versionAt(conn *lite.Conn, typ, id string, at store.Seq, within []string) (store.Version, error) {
	v := store.Version{Deleted: true}
	var cur current
	err := run(conn, currentRow+"r.type = ? AND r.id = ?",
		func(s *lite.Stmt) error { cur = scanCurrent(s); v = cur.version(blob(s, 9)); return nil }, typ, id)
	if err != nil || cur.rid == 0 || seqOf(cur.place) <= at {
		return v, err
	}
	v = store.Version{Deleted: true}
	err = run(conn, `SELECT vid, place, time, deleted, (SELECT b.data FROM body b WHERE b.place = h.place)
		FROM hist h WHERE rid = CAST(? AS INTEGER) AND place < ? ORDER BY vid DESC LIMIT 1`,
		func(s *lite.Stmt) error {
			old := cur
			old.vid, old.place, old.deleted = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnBool(3)
			old.time = time.UnixMilli(s.ColumnInt64(2)).UTC()
			v = old.version(blob(s, 4))
			return nil
		}, cur.rid, placeOf(at+1, 0))
	if err != nil || v.Deleted {
		return v, err
	}
	if mine, err := wasVisible(conn, within, typ, v.Body); err != nil || !mine {
		return store.Version{Deleted: true}, err
	}
	return v, nil
}

// wasVisible reports whether an older version is a confined caller's to see, of a resource whose holder today is within reach: it must not be
// from the time when the resource was in the record of somebody who is out of reach. The versions of a Patient go with the Patient.
func wasVisible(conn *lite.Conn, within []string, typ string, body []byte) (bool, error) {
	if within == nil || typ == "Patient" || body == nil {
		return true, nil
	}
	r, err := parseStored(body)
	if err != nil {
		return false, err
	}
	patients := search.Patients(r)
	for _, id := range patients {
		p, err := currentOf(conn, "Patient", id)
		if err != nil || p.rid != 0 && store.Visible(within, p.holder) {
			return err == nil, err
		}
	}
	return len(patients) == 0, nil
}

// backward finds the resources that point to one.
func (in *inclusion) backward(include search.Include, name string) error {
	typ, _, _ := strings.Cut(name, "/")
	for _, way := range include.Ways(typ) {
		if in.full || !in.mayRead(way.Source) {
			continue
		}
		present, err := in.has(way.Source)
		if err != nil {
			return err
		}
		if !present {
			continue
		}
		if err := in.along(way, name); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the store has resources of the type, so that * does not look for what cannot be there.
func (in *inclusion) has(typ string) (bool, error) {
	present, known := in.present[typ]
	if known {
		return present, nil
	}
	keys, _, err := keysIn(in.f.conn, search.ExactRange(search.TypeKey(typ)), 1)
	in.present[typ] = len(keys) > 0
	return len(keys) > 0, err
}

// along finds those that point to a resource by one parameter.
func (in *inclusion) along(way search.Include, name string) error {
	w, err := wayOf(in.f.conn, way.Ranges(name), func(string) search.Verdict { return search.Unsure })
	if err != nil {
		return err
	}
	source := merged(in.f.conn, w.keys)
	for last := int64(0); !in.full; {
		rids, err := source(last)
		if err != nil || len(rids) == 0 {
			return err
		}
		for _, rid := range rids {
			last = rid
			if err := in.pointing(way, name, rid); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointing includes the candidate if it points to the resource.
func (in *inclusion) pointing(way search.Include, name string, rid int64) error {
	var cur current
	var body []byte
	err := run(in.f.conn, currentRow+"r.rid = ?",
		func(s *lite.Stmt) error { cur, body = scanCurrent(s), blob(s, 9); return nil }, rid)
	own := cur.typ + "/" + cur.id
	if err != nil || body == nil || !cur.live() || seqOf(cur.place) > in.f.at || in.seen[own] || !store.Visible(in.f.within, cur.holder) {
		return err
	}
	r, err := parseStored(body)
	if err != nil || !way.PointsTo(r, name) {
		return err
	}
	in.seen[own] = true
	return in.add(cur.version(body), r)
}
