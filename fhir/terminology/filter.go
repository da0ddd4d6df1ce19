package terminology

import (
	"regexp"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// filters reads the filters of a part; a concept must pass all of them. https://hl7.org/fhir/R4/valueset.html#compositions
func (e *expander) filters(cs *CodeSystem, list *fhir.Value) (func(at int) bool, error) {
	var all []func(at int) bool
	for v := list.First(); v != nil; v = v.Next() {
		f, err := cs.filter(v.Get("property").String(), v.Get("op").String(), v.Get("value").String())
		if err != nil {
			return nil, err
		}
		if err := e.step(len(cs.concepts)); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return func(at int) bool {
		for _, f := range all {
			if !f(at) {
				return false
			}
		}
		return true
	}, nil
}

// filter is one filter of https://hl7.org/fhir/R4/valueset-filter-operator.html.
func (cs *CodeSystem) filter(property, op, value string) (func(at int) bool, error) {
	const path = "ValueSet.compose.include.filter"
	switch op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		return cs.hierarchy(op, value)
	case "=":
		return func(at int) bool { return slices.Contains(cs.values(at, property), value) }, nil
	case "in", "not-in":
		options := strings.Split(value, ",")
		for i := range options {
			options[i] = strings.TrimSpace(options[i])
		}
		return func(at int) bool {
			has := slices.ContainsFunc(cs.values(at, property), func(v string) bool { return slices.Contains(options, v) })
			return has == (op == "in")
		}, nil
	case "exists":
		return func(at int) bool { return (len(cs.values(at, property)) > 0) == (value == "true") }, nil
	case "regex":
		if len(value) > maxRegex {
			return nil, fault.Newf(fault.TooCostly, "terminology.filter", "A regular expression has at most %d bytes.", maxRegex).At(path)
		}
		re, err := regexp.Compile("^(?:" + value + ")$") // the whole value must match, as in XML Schema
		if err != nil {
			return nil, fault.New(fault.Invalid, "terminology.filter", "The regular expression of a filter cannot be read.").At(path)
		}
		return func(at int) bool { return slices.ContainsFunc(cs.values(at, property), re.MatchString) }, nil
	default:
		return nil, fault.Newf(fault.Unsupported, "terminology.filter", "The filter operator %q is not served.", clip(op)).At(path)
	}
}

// hierarchy is a filter on where a concept stands. The property that it names says nothing: only the code does.
func (cs *CodeSystem) hierarchy(op, value string) (func(at int) bool, error) {
	of, ok := cs.find(value)
	if !ok {
		return nil, noCode(cs, value)
	}
	edge := cs.below
	if op == "generalizes" {
		edge = cs.above
	}
	in := map[int]bool{}
	for _, at := range edge(of) {
		in[at] = true
	}
	switch op {
	case "is-not-a":
		return func(at int) bool { return !in[at] }, nil
	case "descendent-of":
		return func(at int) bool { return in[at] && at != of }, nil
	default:
		return func(at int) bool { return in[at] }, nil
	}
}

// values are those of a property of a concept: one of the code system's own, or of those that every concept has.
func (cs *CodeSystem) values(at int, property string) []string {
	c := &cs.concepts[at]
	switch property {
	case "code", "concept":
		return []string{c.Code}
	case "display":
		return []string{c.Display}
	case "definition":
		return []string{c.Definition}
	case "parent", "subsumedBy":
		return cs.codes(cs.parents[at])
	case "child":
		return cs.codes(cs.children[at])
	}
	var list []string
	for _, p := range c.Properties {
		if !p.Get("code").IsString(property) {
			continue
		}
		for name, v := range p.Members() {
			switch {
			case name == "valueCoding":
				list = append(list, v.Get("code").String())
			case strings.HasPrefix(name, "value"):
				list = append(list, v.String())
			}
		}
	}
	return list
}
