package search

import (
	"strconv"
	"strings"

	"khamxa/fhir"
)

// hasPrefix begins the name of a reverse chained parameter (R4, search.html#has).
const hasPrefix = "_has:"

// has reads Type:parameter:rest, which follows _has: in the name. rest is a parameter of Type, with its modifier; it may be a
// chain or another _has.
func (k *linker) has(resourceType, name, value string, depth int) (Link, error) {
	parts := strings.SplitN(name, ":", 3)
	if len(parts) < 3 || parts[2] == "" {
		return Link{}, k.unknown("_has must be written _has:Type:reference:parameter, as in _has:Observation:patient:code.")
	}
	typ, code := parts[0], parts[1]
	if !fhir.IsType(typ) {
		return Link{}, k.unknown("%s is not a resource type of FHIR R4.", strconv.Quote(typ))
	}
	p := Lookup(typ, code)
	if p == nil || p.Kind != Reference {
		return Link{}, k.unknown("%s has no reference parameter %s.", typ, strconv.Quote(code))
	}
	if !p.AllowsTarget(resourceType) {
		return Link{}, k.unknown("%s:%s does not point to %s. It points to: %s.", typ, code, resourceType, targetList(p))
	}
	inner, err := k.inner(typ, parts[2], value, depth)
	return Link{Param: p, Reverse: true, Inner: []*Query{inner}, outer: resourceType}, err
}

// list reads _list=42: the resources that the entries of List/42 name (R4, search.html#list). The functional lists, whose names
// begin with '$', are not served.
func (q *Query) list(value string) error {
	if strings.HasPrefix(value, "$") {
		return unsupported("_list", "The functional list %s is not served; _list takes the id of a List.", strconv.Quote(value))
	}
	if !fhir.IsID(value) {
		return invalid("_list", "_list must be the id of a List.")
	}
	q.Links = append(q.Links, Link{
		Param: Lookup("List", "item"), Reverse: true, outer: q.Type,
		Inner: []*Query{{Type: "List", Clauses: []Clause{{Param: Lookup("List", "_id"), terms: []term{{code: value}}}}}},
	})
	return nil
}
