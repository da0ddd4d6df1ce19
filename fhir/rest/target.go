package rest

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// target is what a reference by search ("Patient?identifier=system|value") of a transaction points to. It must match one
// resource, stored or put by the transaction itself, among those that the caller may see; and it still must when the transaction
// gets to the log. https://hl7.org/fhir/R4/http.html#trules
type target struct {
	cond *condition
	to   string // "Patient/1"
}

// searches reads a reference by search, which is relative; ok is false for any other.
func searches(reference string) (typ, query string, ok bool) {
	typ, query, ok = strings.Cut(reference, "?")
	return typ, query, ok && fhir.IsType(typ)
}

// findTargets resolves the references by search of a transaction.
func (s *server) findTargets(ctx context.Context, access Access, u *unit) error {
	u.targets = nil
	for _, w := range u.writes {
		if w.source == nil || w.existing != nil || !w.c.searching {
			continue
		}
		var bad error
		fhir.RewriteReferences(w.source, func(reference string) (string, bool) {
			if bad == nil {
				bad = s.findTarget(ctx, access, u, w, reference)
			}
			return "", false
		})
		if bad != nil {
			return bad
		}
	}
	return nil
}

func (s *server) findTarget(ctx context.Context, access Access, u *unit, w *write, reference string) error {
	typ, query, ok := searches(reference)
	if !ok || u.targets[reference] != nil {
		return nil
	}
	fail := func(err error) error {
		var f *fault.Error
		if errors.As(err, &f) {
			err = f.At(placeOf(w.source, reference))
		}
		return within(err, w.path)
	}
	if u.entries == nil {
		return fail(fault.New(fault.Unsupported, "rest.findTarget", "References by search (Patient?identifier=...) are resolved in transactions only: name the resource, or send this as a transaction."))
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return fail(fault.New(fault.Invalid, "rest.findTarget", "The search in the reference is not well formed."))
	}
	asking := *w.c
	asking.typ = typ
	t := &target{}
	if t.cond, err = asking.criteria(values, "A reference by search"); err != nil {
		return fail(err)
	}
	if len(t.cond.query.Links) > 0 { // what the transaction puts could not be judged
		return fail(fault.New(fault.Unsupported, "rest.findTarget", "A reference by search takes no chained parameters and no _has."))
	}
	if err := s.findAll(ctx, access, t.cond); err != nil {
		return fail(err)
	}
	switch found := u.among(t.cond); len(found) {
	case 1:
		t.to = found[0]
	case 0:
		return fail(fault.New(fault.Precondition, "rest.findTarget", "Nothing matches the reference by search, or nothing that you may see; nothing was changed."))
	default:
		return fail(fault.New(fault.Precondition, "rest.findTarget", "More than one resource matches the reference by search; nothing was changed. Make it narrower."))
	}
	if u.targets == nil {
		u.targets = map[string]*target{}
	}
	u.targets[reference] = t
	return nil
}

// among gives what matches once the transaction is done: what was found, but for what it deletes or replaces, and what it puts.
func (u *unit) among(cond *condition) []string {
	found := map[string]bool{}
	for _, v := range cond.found {
		found[v.Type+"/"+v.ID] = true
	}
	for _, w := range each(u.writes) {
		if w.change.Type != cond.query.Type || w.moot() {
			continue
		}
		delete(found, w.change.Type+"/"+w.change.ID)
		if w.source != nil && cond.query.Match(w.source) {
			found[w.change.Type+"/"+w.change.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// placeOf is the place of the first reference with that text: "Observation.subject.reference".
func placeOf(r *fhir.Resource, reference string) string {
	var walk func(v *fhir.Value, path string) string
	walk = func(v *fhir.Value, path string) string {
		i := 0
		for m := v.First(); m != nil; m = m.Next() {
			at := path + "." + m.Name()
			if v.Kind() == fhir.Array {
				at = path + "[" + strconv.Itoa(i) + "]"
				i++
			}
			if m.Name() == "reference" && m.IsString(reference) {
				return at
			}
			if inside := walk(m, at); inside != "" {
				return inside
			}
		}
		return ""
	}
	return walk(r.Root, r.Type)
}
