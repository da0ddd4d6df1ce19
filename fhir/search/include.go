package search

import (
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
)

// maxIncludes is the most _include and _revinclude that a search takes.
const maxIncludes = 50

func (q *Query) includes(name string, values []string) error {
	for _, value := range values {
		i, err := q.parseInclude(name, value)
		if err != nil {
			return err
		}
		if i.Source != "" && !i.Iterate && !q.searches(i.Source) {
			return invalid(name, "An _include of a search of %s must begin with that type, not %s; %s:iterate goes on from what was included.",
				q.typeNames(), i.Source, "_include")
		}
		q.Include = append(q.Include, i)
		q.Values.Add(name, value)
	}
	return q.notTooMany(name)
}

func (q *Query) revIncludes(name string, values []string) error {
	for _, value := range values {
		i, err := q.parseInclude(name, value)
		if err != nil {
			return err
		}
		if !i.Iterate && !q.pointedBy(i) {
			return invalid(name, "%s does not point to %s.", value, q.typeNames())
		}
		q.RevInclude = append(q.RevInclude, i)
		q.Values.Add(name, value)
	}
	return q.notTooMany(name)
}

func (q *Query) notTooMany(name string) error {
	if len(q.Include)+len(q.RevInclude) > maxIncludes {
		return invalid(name, "A search takes at most %d of _include and _revinclude together.", maxIncludes)
	}
	return nil
}

// searches reports whether the query is of the type, among others.
func (q *Query) searches(resourceType string) bool {
	return slices.ContainsFunc(q.Each(), func(part *Query) bool { return part.Type == resourceType })
}

// pointedBy reports whether a _revinclude can lead to a type that is searched.
func (q *Query) pointedBy(i Include) bool {
	return slices.ContainsFunc(q.Each(), func(part *Query) bool {
		return (i.Target == "" || i.Target == part.Type) && (i.Param == nil || i.Param.AllowsTarget(part.Type))
	})
}

// typeNames are the types that are searched, for a sentence.
func (q *Query) typeNames() string {
	if q.Parts == nil {
		return q.Type
	}
	return "these types"
}

// parseInclude reads *, Type:* or Type:parameter, the last two with :TargetType or without.
func (q *Query) parseInclude(name, value string) (Include, error) {
	_, modifier, _ := strings.Cut(name, ":")
	i := Include{Iterate: modifier != ""}
	parts := strings.Split(value, ":")
	if value == "*" {
		return i, nil
	}
	if len(parts) < 2 || len(parts) > 3 {
		return Include{}, invalid(name, "%s must be written Type:parameter, Type:parameter:TargetType, Type:* or *.", name)
	}
	i.Source = parts[0]
	if !fhir.IsType(i.Source) {
		return Include{}, invalid(name, "%s is not a resource type of FHIR R4.", strconv.Quote(i.Source))
	}
	if parts[1] != "*" {
		i.Param = Lookup(parts[0], parts[1])
		if i.Param == nil || i.Param.Kind != Reference {
			return Include{}, invalid(name, "%s has no reference parameter %s.", strconv.Quote(parts[0]), strconv.Quote(parts[1]))
		}
	}
	if len(parts) == 3 {
		i.Target = parts[2]
		if !fhir.IsType(i.Target) || i.Param != nil && !i.Param.AllowsTarget(i.Target) {
			return Include{}, invalid(name, "%s:%s cannot point to %s.", i.Source, parts[1], strconv.Quote(i.Target))
		}
	}
	return i, nil
}
