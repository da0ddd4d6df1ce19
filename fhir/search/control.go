package search

import (
	"strconv"
	"strings"

	"khamxa/fhir"
)

// controlNames are the parameters that say how the result is given, in the order in which they are listed to people.
var controlNames = []string{"_count", "_include", "_revinclude", "_sort", "_summary", "_total", "_format", "_pretty"}

// control is what reads a parameter that says how the result is given; nil if it is none.
func control(name string) func(q *Query, name string, values []string) error {
	base, modifier, _ := strings.Cut(name, ":")
	switch base {
	case "_include", "_revinclude":
		if modifier != "" {
			return refuse("The modifier :" + modifier + " of " + base + " is not served yet.")
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
	case "_format":
		return once((*Query).format)
	case "_pretty":
		return once((*Query).pretty)
	case "_elements", "_contained", "_containedType", "_list", "_filter", "_type":
		return refuse("The parameter " + name + " is not served yet.")
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
	switch value {
	case "false":
		return nil
	case "count":
		q.Count, q.Total = 0, TotalAccurate
		q.Values.Set("_summary", value)
		q.Values.Del("_count")
		return nil
	case "true", "text", "data":
		return unsupported("_summary", "Of _summary only count and false are served.")
	}
	return invalid("_summary", "_summary must be count or false.")
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

// sort reads _sort=-date,name.
func (q *Query) sort(value string) error {
	for code := range strings.SplitSeq(value, ",") {
		code, descending := strings.CutPrefix(code, "-")
		p := Lookup(q.Type, code)
		switch {
		case p == nil:
			return invalid("_sort", "%s has no search parameter %s to sort by. It has: %s.", q.Type, strconv.Quote(code), served(q.Type))
		case !p.Kind.Served():
			return unsupported("_sort", "The parameter %s is of type %s, which cannot be sorted by yet.", code, p.Kind)
		}
		q.Sort = append(q.Sort, SortKey{Param: p, Descending: descending})
	}
	q.Values.Set("_sort", value)
	return nil
}

func (q *Query) includes(name string, values []string) error {
	for _, value := range values {
		i, err := parseInclude(name, value)
		if err != nil {
			return err
		}
		if i.Source != q.Type {
			return invalid(name, "An _include of a search of %s must begin with %s, not %s.", q.Type, q.Type, i.Source)
		}
		q.Include = append(q.Include, i)
		q.Values.Add(name, value)
	}
	return nil
}

func (q *Query) revIncludes(name string, values []string) error {
	for _, value := range values {
		i, err := parseInclude(name, value)
		if err != nil {
			return err
		}
		if i.Target != "" && i.Target != q.Type || !i.Param.AllowsTarget(q.Type) {
			return invalid(name, "%s does not point to %s.", value, q.Type)
		}
		q.RevInclude = append(q.RevInclude, i)
		q.Values.Add(name, value)
	}
	return nil
}

// parseInclude reads Type:parameter[:Target].
func parseInclude(name, value string) (Include, error) {
	parts := strings.Split(value, ":")
	if value == "*" || len(parts) == 2 && parts[1] == "*" {
		return Include{}, unsupported(name, "%s takes one parameter at a time; * is not served yet.", name)
	}
	if len(parts) < 2 || len(parts) > 3 {
		return Include{}, invalid(name, "%s must be written Type:parameter or Type:parameter:TargetType.", name)
	}
	p := Lookup(parts[0], parts[1])
	if p == nil || p.Kind != Reference {
		return Include{}, invalid(name, "%s has no reference parameter %s.", strconv.Quote(parts[0]), strconv.Quote(parts[1]))
	}
	i := Include{Source: parts[0], Param: p}
	if len(parts) == 3 {
		i.Target = parts[2]
		if !fhir.IsType(i.Target) || !p.AllowsTarget(i.Target) {
			return Include{}, invalid(name, "%s:%s cannot point to %s.", i.Source, p.Code, strconv.Quote(i.Target))
		}
	}
	return i, nil
}
