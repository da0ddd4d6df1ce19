package rest

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// everything is one answer of $everything on its way.
type everything struct {
	s         *server
	c         *call
	asked     *everythingAsked
	patient   string // whose record is walked, "" for none
	encounter string // the reference of the encounter, "" for a patient's record

	at      store.Seq
	found   []store.Version
	size    int
	seen    map[string]bool // references that were met: in the record, or followed
	outward []string        // references to follow

	truncated bool // not all of what the record refers to fits on the page
}

// ofEncounter makes the question one about an encounter: of its patient's record, what refers to it. An encounter of no patient has no
// record; then there is only itself and what it refers to.
func (e *everything) ofEncounter(v *store.Version) error {
	e.encounter = v.Type + "/" + v.ID
	ids, err := patientsOf(v)
	if err != nil {
		return err
	}
	e.patient = ""
	if len(ids) > 0 {
		e.patient = ids[0]
		return nil
	}
	refs, err := referencesIn(v.Body)
	if err != nil {
		return err
	}
	e.at = v.Seq
	e.take(v, refs)
	return nil
}

// walk takes what is wanted of the record, after the place given, until the page is full. It gives the place of the next page, 0 for none.
func (e *everything) walk(ctx context.Context, from store.CompartmentRequest) (int64, error) {
	if e.patient == "" {
		return 0, nil
	}
	q := from
	q.Patient, q.Within, q.Since, q.Count = e.patient, e.c.access.Within, e.asked.since, min(e.asked.count, store.MaxCompartment)
	q.Types = e.mayShow()
	for walked := 0; ; {
		page, err := e.s.Charts.Compartment(ctx, q)
		if err != nil {
			return 0, err
		}
		e.at = page.At
		for i := range page.Resources {
			if err := e.consider(&page.Resources[i]); err != nil {
				return 0, err
			}
		}
		walked += len(page.Resources)
		q.At, q.After = page.At, page.Next
		left := e.asked.count - len(e.found)
		if page.Next == 0 || left <= 0 || e.size > mostBytes || walked >= mostWalked {
			return page.Next, nil
		}
		q.Count = min(left, store.MaxCompartment)
	}
}

// mayShow are the types that are wanted and that the caller may read.
func (e *everything) mayShow() []string {
	types := []string{}
	for _, typ := range fhir.Types() {
		if e.asked.shows(typ) && e.c.access.allows(typ, Read) {
			types = append(types, typ)
		}
	}
	return types
}

// consider takes a resource of the record if it is wanted.
func (e *everything) consider(v *store.Version) error {
	if e.asked.start != "" || e.asked.end != "" {
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return fault.Wrap(err, fault.Internal, "rest.consider", "A stored resource cannot be read. It has been written to the log.")
		}
		if !e.asked.inCare(r) {
			return nil
		}
	}
	refs, err := referencesIn(v.Body)
	if err != nil {
		return err
	}
	if e.encounter != "" && e.encounter != v.Type+"/"+v.ID && !slices.Contains(refs, e.encounter) {
		return nil
	}
	e.take(v, refs)
	return nil
}

func (e *everything) take(v *store.Version, refs []string) {
	e.found = append(e.found, *v)
	e.size += len(v.Body)
	e.seen[v.Type+"/"+v.ID] = true
	e.follow(refs)
}

// follows reports whether a reference leads to what goes with a record although it is not in it: what is about no person, and files. Other
// people's records do not; of an encounter the patient does.
func (e *everything) follows(ref string) bool {
	typ, id, _ := strings.Cut(ref, "/")
	if !e.asked.shows(typ) || !e.c.access.allows(typ, Read) {
		return false
	}
	switch typ {
	case "Binary", "Device", "DeviceMetric":
		return true
	case "Patient":
		return e.encounter != "" && id == e.patient
	default:
		return !search.Personal(typ)
	}
}

// outside reads what the record refers to, and what that refers to, within the caller's reach and up to what a page holds.
func (e *everything) outside(ctx context.Context) (included []store.Version, err error) {
	const atOnce = 100
	size := 0
	for range mostRounds {
		refs := e.outward
		e.outward = nil
		for some := range slices.Chunk(refs, atOnce) {
			if len(included) >= mostEverything || size > mostBytes {
				e.truncated = true
				return included, nil
			}
			list, err := e.s.Charts.ReadAt(ctx, e.at, some)
			if err != nil {
				return nil, err
			}
			for i := range list {
				v := &list[i]
				if !store.Visible(e.c.access.Within, v.Holder) || v.Updated.Before(e.asked.since) {
					continue
				}
				if err := e.include(v); err != nil {
					return nil, err
				}
				included = append(included, *v)
				size += len(v.Body)
			}
		}
	}
	return included, nil
}

// include notes what an included resource refers to.
func (e *everything) include(v *store.Version) error {
	refs, err := referencesIn(v.Body)
	e.follow(refs)
	return err
}

// follow takes the references that lead on, each once.
func (e *everything) follow(refs []string) {
	for _, ref := range refs {
		if !e.seen[ref] && e.follows(ref) {
			e.seen[ref] = true
			e.outward = append(e.outward, ref)
		}
	}
}

// page writes the Bundle. What the question is about comes first.
func (e *everything) page(included []store.Version, next int64, whole bool) (answer, error) {
	address := e.c.base + "/" + e.c.typ + "/" + e.c.id + "/" + e.c.rt.code
	self := address
	query := e.asked.values.Encode()
	if query != "" {
		self += "?" + query
	}
	links := []link{{"self", self}}
	total := len(e.found)
	if next != 0 {
		token, err := e.s.pages.seal(place{
			Kind: e.c.rt.code, Type: e.c.typ, ID: e.c.id, Query: query, At: e.at, Cursor: strconv.FormatInt(next, 10),
		}, e.c.access.Author)
		if err != nil {
			return answer{}, err
		}
		links = append(links, link{"next", address + "?" + pageParam + "=" + token})
	}
	if next != 0 || !whole {
		total = -1 // of all pages together, which nobody has counted
	}
	subject := slices.IndexFunc(e.found, func(v store.Version) bool { return v.Type == e.c.typ && v.ID == e.c.id })
	if subject > 0 {
		v := e.found[subject]
		copy(e.found[1:], e.found[:subject])
		e.found[0] = v
	}
	b := beginBundle("searchset", total, links, sizeOf(e.found)+sizeOf(included))
	a := answer{status: http.StatusOK, query: query}
	for _, v := range e.found {
		b.found(e.c.base, v, "match")
		a.shown = append(a.shown, v.Type+"/"+v.ID)
	}
	for _, v := range included {
		b.found(e.c.base, v, "include")
		a.shown = append(a.shown, v.Type+"/"+v.ID)
	}
	if e.truncated {
		b.outcome(fhir.OutcomeOf(notices(nil, true)...))
	}
	a.body = b.end()
	return a, nil
}
