package sqlite

import (
	"slices"
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// facts are what the derived tables need to know of one body. They depend on the body alone, except for _lastUpdated and the
// holder, which keysOf adds.
type facts struct {
	keys     []string // sorted, without duplicates
	patients []string // ids of the patients in whose compartment it is, sorted
	holder   string   // of a Patient: managingOrganization, "" if none
}

// factsOf works out the facts of a parsed resource, stamped or not.
func factsOf(r *fhir.Resource) facts {
	index := search.Extract(r)
	updated := r.Type + "|_lastUpdated|"
	f := facts{
		keys:     slices.DeleteFunc(slices.Clone(index.Keys), func(k string) bool { return strings.HasPrefix(k, updated) }),
		patients: slices.Clone(index.Patients),
	}
	if r.Type == "Patient" {
		ref := fhir.ParseReference(r.Root.Get("managingOrganization").Get("reference").String())
		if ref.Kind == fhir.Local && ref.Type == "Organization" {
			f.holder = ref.Unversioned()
		}
	}
	slices.Sort(f.patients)
	return f
}

// keysOf are all keys of a current resource: those of its body, the time of its version, its holders.
func keysOf(f facts, typ string, updated time.Time, holder string) []string {
	keys := make([]string, 0, len(f.keys)+3)
	keys = append(keys, f.keys...)
	keys = append(keys, search.UpdatedKey(typ, updated))
	keys = append(keys, holderKeys(typ, holder)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// holderKeys are the keys by which a search confined to holders finds the resource. They hold the type, so that they stay
// selective; a resource that everybody may see has one too, and what nobody holds has one that nobody looks for. They are sorted.
func holderKeys(typ, holder string) []string {
	if holder == "" {
		return []string{holderKey(typ, "")}
	}
	var keys []string
	for h := range strings.FieldsSeq(holder) {
		keys = append(keys, holderKey(typ, h))
	}
	slices.Sort(keys)
	return keys
}

func holderKey(typ, holder string) string { return search.HolderKey(holder) + "|" + typ }

// current is the newest version of a resource as the table res has it; the zero value means that there never was one.
type current struct {
	rid      int64
	typ, id  string
	vid      int64
	place    int64
	time     time.Time
	deleted  bool
	holder   string
	patients string // ids with a space between them
}

// live reports whether the resource exists and is not deleted.
func (c *current) live() bool { return c.rid != 0 && !c.deleted }

const (
	currentColumns = "r.rid, r.type, r.id, r.vid, r.place, r.time, r.deleted, r.holder, r.patients"

	// The body comes by a subquery: SQLite prepares a join with parameters anew at every use, which costs more than the read.
	bodyColumn = "(SELECT b.data FROM body b WHERE b.place = r.place)"
	currentRow = "SELECT " + currentColumns + ", " + bodyColumn + " FROM res r WHERE "
)

func scanCurrent(s *lite.Stmt) current {
	return current{
		rid: s.ColumnInt64(0), typ: s.ColumnText(1), id: s.ColumnText(2), vid: s.ColumnInt64(3), place: s.ColumnInt64(4),
		time: time.UnixMilli(s.ColumnInt64(5)).UTC(), deleted: s.ColumnBool(6), holder: s.ColumnText(7), patients: s.ColumnText(8),
	}
}

// currentOf finds the newest version of a resource.
func currentOf(conn *lite.Conn, typ, id string) (cur current, err error) {
	err = run(conn, "SELECT "+currentColumns+" FROM res r WHERE r.type = ? AND r.id = ?",
		func(s *lite.Stmt) error { cur = scanCurrent(s); return nil }, typ, id)
	return cur, err
}

// bodyAt reads a body; nil for a deleted version or one that was erased.
func bodyAt(conn *lite.Conn, place int64) (body []byte, err error) {
	err = run(conn, "SELECT data FROM body WHERE place = ?", func(s *lite.Stmt) error { body = blob(s, 0); return nil }, place)
	return body, err
}

// version makes the port's form of a version.
func (c *current) version(body []byte) store.Version {
	return store.Version{
		Type: c.typ, ID: c.id, VersionID: versionID(c.vid), Seq: seqOf(c.place), Updated: c.time, Deleted: c.deleted,
		Body: body, Holder: c.holder,
	}
}

// prior are the facts of the version that is at a place, and whether it says the same as what is to replace it (looked at for
// Change.IfChanged only); the zero value is no version.
type prior struct {
	place int64
	facts facts
	same  bool
}

// priorOf works out the facts of the version that is current now, which a later writer may rely on if it is still current.
func priorOf(conn *lite.Conn, d *draft) (prior, error) {
	cur, err := currentOf(conn, d.change.Type, d.change.ID)
	if err != nil || !cur.live() {
		return prior{}, err
	}
	p := prior{place: cur.place}
	r, err := storedAt(conn, cur.place)
	if err != nil || r == nil {
		return p, err
	}
	p.same = d.change.IfChanged && d.res != nil && fhir.Same(r, d.res)
	if !p.same {
		p.facts = factsOf(r)
	}
	return p, nil
}

// storedAt reads and parses a stored body; nil for one that was erased.
func storedAt(conn *lite.Conn, place int64) (*fhir.Resource, error) {
	body, err := bodyAt(conn, place)
	if err != nil || body == nil {
		return nil, err
	}
	return parseStored(body)
}

// factsAt works out the facts of a stored body. An erased one has none.
func factsAt(conn *lite.Conn, place int64) (facts, error) {
	r, err := storedAt(conn, place)
	if err != nil || r == nil {
		return facts{}, err
	}
	return factsOf(r), nil
}

// parseStored parses a body of the store. That it cannot be parsed is not the caller's fault.
func parseStored(body []byte) (*fhir.Resource, error) {
	r, err := fhir.Parse(body)
	return r, fault.Wrap(err, fault.Internal, "sqlite.parseStored", "A stored resource is damaged. Run the check of the store.")
}
