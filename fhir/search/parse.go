package search

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// maxName is the most bytes of a parameter's name, with modifiers and chains: an error repeats it.
const maxName = 300

// maxTerms is the most values that one query may hold, all clauses together.
const maxTerms = 1000

// Parse reads the parameters of a search of one resource type (R4, search.html). It is strict: a parameter, modifier or
// prefix that it does not know is an error, because a typing mistake that is ignored returns everybody.
//
// Errors are *fault.Error: Invalid for what is wrong, Unsupported for what R4 has and is not served, TooCostly for too many
// values, links or links in a row. Path is the parameter's name and the sentence says what is possible.
func Parse(resourceType string, values url.Values) (*Query, error) {
	if !fhir.IsType(resourceType) {
		return nil, invalid("_type", "%q is not a resource type of FHIR R4.", resourceType)
	}
	if values.Has("_type") {
		return nil, invalid("_type", "_type is for searches of several types; this one is of %s.", resourceType)
	}
	q := newQuery()
	q.Type = resourceType
	return q.read(values)
}

// ParseSystem reads the parameters of a search of several types: those that _type names, or else all (R4,
// http.html#search, search.html#_type). Every parameter must be one of each of the types. Errors are as Parse's.
func ParseSystem(values url.Values) (*Query, error) {
	types := Types()
	if list, ok := values["_type"]; ok {
		types = strings.Split(strings.Join(list, ","), ",")
		for _, typ := range types {
			if !fhir.IsType(typ) {
				return nil, invalid("_type", "%s is not a resource type of FHIR R4.", strconv.Quote(typ))
			}
		}
		slices.Sort(types)
		types = slices.Compact(types)
	}
	q := newQuery()
	for _, typ := range types {
		q.Parts = append(q.Parts, &Query{Type: typ})
	}
	if values.Has("_type") {
		q.Values.Set("_type", strings.Join(types, ","))
		values = maps.Clone(values)
		values.Del("_type")
	}
	return q.read(values)
}

func newQuery() *Query {
	return &Query{Count: DefaultCount, Total: TotalNone, Values: url.Values{}}
}

// read reads all parameters into a query whose type, or parts, are there already, and gives it back.
func (q *Query) read(values url.Values) (*Query, error) {
	links := &linker{left: MaxLinks}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := q.parameter(links, name, values[name]); err != nil {
			return nil, plainFault(err)
		}
	}
	if q.Summary == SummaryText && len(q.Include)+len(q.RevInclude) > 0 {
		return nil, invalid("_summary", "_summary=text cannot be asked for together with _include or _revinclude.")
	}
	terms := 0
	_ = q.eachClause(func(c *Clause) error { terms += len(c.terms); return nil }) // f never fails
	if len(q.Parts) > 0 {
		terms /= len(q.Parts)
	}
	if terms > maxTerms {
		return nil, fault.Newf(fault.TooCostly, "search.Parse", "A search may hold at most %d values; this one has %d.", maxTerms, terms)
	}
	for _, part := range q.Each() {
		narrow(part.Clauses)
	}
	return q, nil
}

// plainFault takes off what only this package marks errors with.
func plainFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return err
}

// parameter reads all values of one name.
func (q *Query) parameter(links *linker, name string, values []string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		return fault.Newf(fault.Invalid, "search.Parse", "The name of a search parameter is empty, longer than %d bytes, or holds characters that no name has.", maxName)
	}
	for _, value := range values {
		if strings.ContainsFunc(value, unicode.IsControl) || !utf8.ValidString(value) {
			return invalid(name, "The value of %s holds control characters or is not UTF-8.", name)
		}
	}
	if read := control(name); read != nil {
		return read(q, name, values)
	}
	links.name = name
	for _, value := range values {
		for _, part := range q.Each() {
			if err := part.ask(links, name, value); err != nil {
				return err
			}
		}
		q.Values.Add(name, value)
	}
	return nil
}

// ask adds one name=value to a query of one type.
func (q *Query) ask(links *linker, name, value string) error {
	if isLink(name) {
		l, err := links.link(q.Type, name, value, 1)
		q.Links = append(q.Links, l)
		return err
	}
	c, err := q.clause(name, value)
	q.Clauses = append(q.Clauses, c)
	return err
}

// clause reads one name[:modifier]=value[,value].
func (q *Query) clause(name, value string) (Clause, error) {
	code, modifier, _ := strings.Cut(name, ":")
	p := Lookup(q.Type, code)
	if p == nil {
		return Clause{}, invalid(name, "%s has no search parameter %s. It has: %s.", q.Type, strconv.Quote(code), served(q.Type))
	}
	if !p.Served() {
		return Clause{}, unsupported(name, "This server has no named queries, so the parameter %s means nothing to it.", code)
	}
	c := Clause{Param: p}
	targetType, err := c.modifier(name, modifier)
	if err != nil {
		return Clause{}, err
	}
	if value == "" {
		return Clause{}, invalid(name, "The parameter %s has no value.", name)
	}
	for _, text := range split(value, ',') {
		t, err := c.term(name, text)
		if err == nil && targetType != "" {
			err = t.confine(name, targetType)
		}
		if err != nil {
			return Clause{}, err
		}
		c.terms = append(c.terms, t)
	}
	if c.Modifier == MissingModifier && len(c.terms) > 1 {
		return Clause{}, invalid(name, ":missing takes one value, true or false.")
	}
	return c, nil
}

// modifiers are those that each kind takes.
var modifiers = map[Kind][]Modifier{
	Token:     {MissingModifier, NotModifier, TextModifier, InModifier, NotInModifier, BelowModifier, AboveModifier, OfTypeModifier},
	String:    {MissingModifier, ExactModifier, ContainsModifier},
	Date:      {MissingModifier},
	Reference: {MissingModifier, IdentifierModifier, TypeModifier},
	Number:    {MissingModifier},
	Quantity:  {MissingModifier},
	URI:       {MissingModifier, BelowModifier, AboveModifier},
	Composite: {MissingModifier},
	Special:   {MissingModifier},
}

// modifier sets the clause's modifier and gives the resource type that [type] names.
func (c *Clause) modifier(name, text string) (targetType string, err error) {
	if !strings.Contains(name, ":") {
		return "", nil
	}
	m := Modifier(text)
	if c.Param.Kind == Reference && fhir.IsType(text) {
		if !c.Param.AllowsTarget(text) {
			return "", invalid(name, "%s cannot point to %s. It points to: %s.", c.Param.Code, text, strings.Join(c.Param.Targets, ", "))
		}
		c.Modifier = TypeModifier
		return text, nil
	}
	if !slices.Contains(modifiers[c.Param.Kind], m) || m == TypeModifier {
		return "", invalid(name, "The parameter %s does not take the modifier %s. It takes: %s.",
			c.Param.Code, strconv.Quote(":"+text), joinModifiers(modifiers[c.Param.Kind]))
	}
	c.Modifier = m
	return "", nil
}

func joinModifiers(list []Modifier) string {
	var b strings.Builder
	for i, m := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(":" + string(m))
	}
	return b.String()
}

// served lists the names that a search of the type may use.
func served(resourceType string) string {
	var names []string
	for _, p := range Params(resourceType) {
		if p.Served() {
			names = append(names, p.Code)
		}
	}
	return strings.Join(append(names, controlNames...), ", ")
}

// split cuts at the separators that no backslash escapes; the backslashes stay.
func split(s string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape takes away the backslashes of \, \| \$ and \\ (R4, search.html#escaping). Any other backslash is an error.
func unescape(name, s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			if i == len(s) || !strings.ContainsRune(`,|$\`, rune(s[i])) {
				return "", invalid(name, `A backslash in the value of %s must be followed by a comma, '|', '$' or another backslash.`, name)
			}
		}
		b = append(b, s[i])
	}
	return string(b), nil
}

func invalid(name, format string, args ...any) error {
	return fault.Newf(fault.Invalid, "search.Parse", format, args...).At(name)
}

func unsupported(name, format string, args ...any) error {
	return fault.Newf(fault.Unsupported, "search.Parse", format, args...).At(name)
}

// Serves reports whether a search of the type takes a parameter of that name, whatever its modifier and value. Names of chained
// parameters and _has are followed.
func Serves(resourceType, name string) bool {
	base, _, _ := strings.Cut(name, ":")
	if isLink(name) {
		_, err := (&linker{name: name, left: MaxLinks}).link(resourceType, name, "x", 1)
		return !errors.As(err, &errUnknown{}) && !fault.Is(err, fault.Unsupported)
	}
	if slices.Contains(controlNames, base) {
		return true
	}
	p := Lookup(resourceType, base)
	return p != nil && p.Served()
}
