package search

import (
	"slices"
	"strconv"
	"strings"

	"khamxa/internal/fault"
)

// controlNames are the parameters that say how the result is given, in the order in which they are listed to people.
var controlNames = []string{
	"_has", "_list", "_count", "_elements", "_include", "_revinclude", "_sort", "_summary", "_total", "_format", "_pretty",
}

// ControlNames are the parameters that are no search parameters of a type: those that say how the result is given, _has and
// _list. The slice must not be changed.
func ControlNames() []string { return controlNames }

// control is what reads a parameter that says how the result is given; nil if it is none.
func control(name string) func(q *Query, name string, values []string) error {
	base, modifier, _ := strings.Cut(name, ":")
	if base == "_include" || base == "_revinclude" {
		if modifier != "" && modifier != "iterate" && modifier != "recurse" {
			return refuse("The modifier :" + modifier + " of " + base + " is not served; it takes :iterate.")
		}
		if base == "_include" {
			return (*Query).includes
		}
		return (*Query).revIncludes
	}
	switch name {
	case "_count":
		return once((*Query).count)
	case "_sort":
		return once((*Query).sort)
	case "_total":
		return once((*Query).total)
	case "_summary":
		return once((*Query).summary)
	case "_elements":
		return (*Query).elements
	case "_format":
		return once((*Query).format)
	case "_pretty":
		return once((*Query).pretty)
	case "_list":
		return once((*Query).listed)
	case "_contained":
		return once((*Query).contained)
	case "_containedType":
		return refuse("Contained resources are not searched, so _containedType is not served.")
	case "_filter":
		return refuse("The expressions of _filter are not served; write what is meant as parameters.")
	case "_query":
		return refuse("There are no named queries, so _query is not served.")
	case "_type":
		return refuse("_type is for searches of the whole server, not of a compartment.")
	}
	return nil
}

func refuse(sentence string) func(*Query, string, []string) error {
	return func(_ *Query, name string, _ []string) error { return unsupported(name, "%s", sentence) }
}

// once refuses a parameter that is there twice or empty.
func once(read func(q *Query, value string) error) func(*Query, string, []string) error {
	return func(q *Query, name string, values []string) error {
		if len(values) != 1 || values[0] == "" {
			return invalid(name, "The parameter %s must be there once, with one value.", name)
		}
		return read(q, values[0])
	}
}

func (q *Query) count(value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return invalid("_count", "_count must be a whole number from 0 to %d.", MaxCount)
	}
	q.Count = min(int(n), MaxCount)
	if q.Count == 0 {
		q.Total = TotalAccurate
	}
	q.Values.Set("_count", strconv.Itoa(q.Count))
	return nil
}

func (q *Query) total(value string) error {
	mode := TotalMode(value)
	switch mode {
	case TotalNone, TotalEstimate, TotalAccurate:
	default:
		return invalid("_total", "_total must be none, estimate or accurate.")
	}
	if q.Count > 0 { // with no matches asked for, the total is all there is
		q.Total = mode
		q.Values.Set("_total", value)
	}
	return nil
}

func (q *Query) summary(value string) error {
	switch mode := Summary(value); mode {
	case "false":
		return nil
	case SummaryCount:
		q.Count, q.Total = 0, TotalAccurate
		q.Values.Del("_count")
	case SummaryTrue, SummaryText, SummaryData:
		if len(q.Elements) > 0 {
			return invalid("_summary", "_summary and _elements cannot be asked for together.")
		}
	default:
		return invalid("_summary", "_summary must be true, text, data, count or false.")
	}
	q.Summary = Summary(value)
	q.Values.Set("_summary", value)
	return nil
}

// elements reads _elements=identifier,name; it may be there several times.
func (q *Query) elements(name string, values []string) error {
	for element := range strings.SplitSeq(strings.Join(values, ","), ",") {
		element = strings.TrimSpace(element)
		if typ, member, ok := strings.Cut(element, "."); ok && typ == q.Type && q.Type != "" {
			element = member
		}
		if !isElement(element) {
			return invalid(name, "_elements is a list of members of the resource, as in identifier,name.")
		}
		if !slices.Contains(q.Elements, element) {
			q.Elements = append(q.Elements, element)
		}
	}
	q.Values.Set(name, strings.Join(q.Elements, ","))
	return nil
}

// isElement reports whether the text looks like the name of a member. Whether the resource has it is not asked: of several types
// only some may.
func isElement(name string) bool {
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool { return !letter(r) }) < 0
}

// listed reads _list into every part.
func (q *Query) listed(value string) error {
	for _, part := range q.Each() {
		if err := part.list(value); err != nil {
			return err
		}
	}
	q.Values.Set("_list", value)
	return nil
}

// contained takes _contained=false, which asks for what is done anyway.
func (q *Query) contained(value string) error {
	if value == "false" {
		return nil
	}
	return unsupported("_contained", "Contained resources are not searched; _contained may only be false.")
}

func (q *Query) format(value string) error {
	media, _, _ := strings.Cut(value, ";")
	switch strings.TrimSpace(media) {
	case "json", "text/json", "application/json", "application/fhir+json", "application/fhir json":
		return nil
	}
	return unsupported("_format", "Only JSON is served: application/fhir+json.")
}

func (q *Query) pretty(value string) error {
	if value != "true" && value != "false" {
		return invalid("_pretty", "_pretty must be true or false.")
	}
	return nil
}

// sort reads _sort=-date,name into every part.
func (q *Query) sort(value string) error {
	codes := strings.Split(value, ",")
	if len(codes) > maxSort {
		return fault.Newf(fault.TooCostly, "search.Parse", "A search is sorted by at most %d parameters.", maxSort).At("_sort")
	}
	for _, part := range q.Each() {
		for _, code := range codes {
			code, descending := strings.CutPrefix(code, "-")
			p := Lookup(part.Type, code)
			switch {
			case p == nil:
				return invalid("_sort", "%s has no search parameter %s to sort by. It has: %s.", part.Type, strconv.Quote(code), served(part.Type))
			case p.Kind == Composite || p.Kind == Special:
				return unsupported("_sort", "The parameter %s is of type %s, which has no order to sort by.", code, p.Kind)
			}
			part.Sort = append(part.Sort, SortKey{Param: p, Descending: descending})
		}
	}
	q.Sort = q.Each()[0].Sort
	q.Values.Set("_sort", value)
	return nil
}

// maxSort is the most parameters that _sort takes.
const maxSort = 8
