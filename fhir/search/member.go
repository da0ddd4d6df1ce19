package search

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// CompartmentTypes are the types of resources that compartments are named after, sorted (R4, compartmentdefinition.html).
func CompartmentTypes() []string { return slices.Sorted(maps.Keys(compartments)) }

// ParseCompartment reads the parameters of a search within the compartment of one resource (R4, http.html#vsearch,
// compartmentdefinition.html): of one type, or of all types that the compartment can hold, written *. With * _type may name some
// of them. The resource that the compartment is named after is in it, whether it exists or not: then nothing is found.
//
// Errors are those of Parse; NotFound when there is no such compartment or it holds no such type.
func ParseCompartment(compartment, id, resourceType string, values url.Values) (*Query, error) {
	const op = "search.ParseCompartment"
	types := compartments[compartment]
	if types == nil || !fhir.IsID(id) {
		return nil, fault.Newf(fault.NotFound, op, "There is no such compartment. There are those of: %s.", strings.Join(CompartmentTypes(), ", "))
	}
	held := slices.DeleteFunc(slices.Sorted(maps.Keys(types)), func(typ string) bool { return members(compartment, id, typ) == nil })
	if resourceType != "*" {
		if !slices.Contains(held, resourceType) {
			return nil, fault.Newf(fault.NotFound, op, "The compartment of a %s holds no resources of that type. It holds: %s.",
				compartment, strings.Join(held, ", "))
		}
		q, err := Parse(resourceType, values)
		if err == nil {
			q.Members = members(compartment, id, resourceType)
		}
		return q, err
	}
	values = maps.Clone(values)
	if values == nil {
		values = url.Values{}
	}
	asked := values.Has("_type")
	if !asked {
		values.Set("_type", strings.Join(held, ","))
	}
	q, err := ParseSystem(values)
	if err != nil {
		return nil, err
	}
	if !asked {
		q.Values.Del("_type")
	}
	for _, part := range q.Parts {
		if part.Members = members(compartment, id, part.Type); part.Members == nil {
			return nil, invalid("_type", "The compartment of a %s holds no resources of type %s.", compartment, part.Type)
		}
	}
	return q, nil
}

// members are the clauses of which one must hold of a resource in the compartment; nil when the compartment holds none of the type.
func members(compartment, id, resourceType string) (list []Clause) {
	for _, code := range compartments[compartment][resourceType] {
		p := Lookup(resourceType, code)
		if p != nil && p.Kind == Reference && p.AllowsTarget(compartment) {
			list = append(list, Clause{Param: p, Modifier: TypeModifier, terms: []term{{typ: compartment, id: id}}})
		}
	}
	if resourceType == compartment { // written {def} in some definitions, left out in others
		list = append(list, Clause{Param: Lookup(resourceType, "_id"), terms: []term{{code: id}}})
	}
	return list
}
