package bulk

import (
	"net/url"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Filters are parsed _typeFilter parameters: of a type that has some, only what matches one of them is exported.
type Filters map[string][]*search.Query

// ParseFilters reads _typeFilter parameters ("Observation?status=final&date=ge2026-01-01"). What asks for more than the resource itself can
// tell (chains, _has, includes, sorting, value sets and subsumption) is Unsupported.
func ParseFilters(list []string) (Filters, error) {
	const op, at = "bulk.ParseFilters", "_typeFilter"
	if len(list) == 0 {
		return nil, nil
	}
	filters := Filters{}
	for _, text := range list {
		typ, query, ok := strings.Cut(text, "?")
		values, err := url.ParseQuery(query)
		if !ok || err != nil || !fhir.IsType(typ) {
			return nil, fault.New(fault.Invalid, op, "A _typeFilter is a search, as Observation?status=final.").At(at)
		}
		q, err := search.Parse(typ, values)
		if err != nil {
			return nil, err
		}
		simple := len(q.Links) == 0 && len(q.Members) == 0 && len(q.Parts) == 0 && len(q.Sort) == 0 && len(q.Include) == 0 && len(q.RevInclude) == 0
		for i := range q.Clauses {
			switch q.Clauses[i].Modifier {
			case search.InModifier, search.NotInModifier, search.BelowModifier, search.AboveModifier:
				simple = false
			default: // the resource alone can tell
			}
		}
		if !simple || values.Has("_summary") || values.Has("_elements") || values.Has("_count") || values.Has("_total") {
			return nil, fault.New(fault.Unsupported, op, "A _typeFilter takes the parameters of the type alone: no chains, _has, includes, sorting or value sets.").At(at)
		}
		filters[typ] = append(filters[typ], q)
	}
	return filters, nil
}

// pass reports whether a version is to be exported. What is deleted has nothing left to look at, and passes.
func (f Filters) pass(v *store.Version) (bool, error) {
	queries := f[v.Type]
	if len(queries) == 0 || v.Deleted {
		return true, nil
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return false, fault.Wrap(err, fault.Internal, "bulk.pass", "A stored resource is damaged. Run the check of the store.")
	}
	for _, q := range queries {
		if q.Match(r) {
			return true, nil
		}
	}
	return false, nil
}
