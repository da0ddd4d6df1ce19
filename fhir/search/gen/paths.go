package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// cursor is one way through the element tree: the steps in JSON, and the element or type reached.
type cursor struct {
	steps  []string
	at     string // element path whose children come next: "Patient.contact" or a data type "HumanName"
	typ    string // type of what is reached
	system string // of a code
}

var (
	whereLiteral = regexp.MustCompile(`^where\(([a-z]+)='([a-z\-]+)'\)$`)
	whereResolve = regexp.MustCompile(`^where\(resolve\(\) is ([A-Za-z]+)\)$`)
	asType       = regexp.MustCompile(`^as\(([A-Za-z]+)\)$`)
	infixAs      = regexp.MustCompile(`^\(?([A-Za-z.]+) as ([A-Za-z]+)\)?(.*)$`)
	pathStep     = regexp.MustCompile(`^[A-Za-z]+(\[0\])?$`)
)

// paths compiles the branches of a parameter's expression that apply to the base type into the table's path language:
//
//	step.step[member=literal].step[0]:Type      Type{Patient} where the reference must be to a Patient,
//	                                            code=SYSTEM where the binding implies the system
//
// Choices are spelled out (effectiveDateTime, effectivePeriod), so that nothing has to be guessed at run time.
func (d *definitions) paths(base string, p param) ([]string, error) {
	switch {
	case p.Expression == "":
		return textPaths[p.Code], nil
	case p.Type == "composite":
		return d.composite(base, p)
	}
	// The one expression that is a condition. It is evaluated by hand: search/token.go, deceased.
	if p.Expression == "Patient.deceased.exists() and Patient.deceased != false" {
		return []string{":deceased"}, nil
	}
	var paths []string
	for _, branch := range strings.Split(p.Expression, "|") {
		branch = infixAs.ReplaceAllString(strings.TrimSpace(branch), "$1.as($2)$3")
		root, rest, dotted := strings.Cut(branch, ".")
		if !dotted { // InsurancePlan.name is written without its type
			root, rest = base, branch
		}
		if root != base && root != "Resource" && root != "DomainResource" {
			continue
		}
		found, err := d.branch(cursor{at: base, typ: base}, rest, p.Type)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", branch, err)
		}
		for _, f := range found {
			if !slices.Contains(paths, f) {
				paths = append(paths, f)
			}
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no path in %q", p.Expression)
	}
	return paths, nil
}

// textPaths are those of the parameters for which the definitions have no expression. _query names a query, and is none itself.
var textPaths = map[string][]string{"_text": {"text.div:xhtml"}, "_content": {":Resource"}}

// branch compiles one dotted path that begins at the cursor.
func (d *definitions) branch(from cursor, expression, kind string) ([]string, error) {
	cursors, target, err := d.walk(from, expression)
	if err != nil {
		return nil, err
	}
	return leaves(cursors, kind, target)
}

// walk goes along a dotted path. target is the type that where(resolve() is Type) asks for.
func (d *definitions) walk(from cursor, expression string) (cursors []cursor, target string, err error) {
	cursors = []cursor{from}
	for _, step := range split(expression) {
		switch {
		case whereLiteral.MatchString(step):
			m := whereLiteral.FindStringSubmatch(step)
			for i := range cursors {
				last := len(cursors[i].steps) - 1
				cursors[i].steps[last] += "[" + m[1] + "=" + m[2] + "]"
			}
		case whereResolve.MatchString(step):
			target = "{" + whereResolve.FindStringSubmatch(step)[1] + "}"
		case asType.MatchString(step):
			want := asType.FindStringSubmatch(step)[1]
			cursors = slices.DeleteFunc(cursors, func(c cursor) bool { return !strings.EqualFold(c.typ, want) && superType[c.typ] != want })
		case pathStep.MatchString(step):
			var next []cursor
			for _, c := range cursors {
				next = append(next, d.step(c, step)...)
			}
			cursors = next
		default:
			return nil, "", fmt.Errorf("step %q is not understood", step)
		}
		if len(cursors) == 0 {
			return nil, "", fmt.Errorf("step %q leads nowhere", step)
		}
	}
	return cursors, target, nil
}

// leaves writes the cursors whose type can hold a value of the kind.
func leaves(cursors []cursor, kind, target string) ([]string, error) {
	var out []string
	for _, c := range cursors {
		if !slices.Contains(leafTypes[kind], c.typ) {
			continue
		}
		leaf := strings.Join(c.steps, ".") + ":" + c.typ + target
		if c.typ == "code" && c.system != "" {
			leaf += "=" + c.system
		}
		out = append(out, leaf)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no %s in types of %+v", kind, cursors)
	}
	return out, nil
}

// leafTypes are the data types that a parameter of the kind can be computed from (R4, search.html).
var leafTypes = map[string][]string{
	"token":     {"Coding", "CodeableConcept", "Identifier", "ContactPoint", "code", "boolean", "string", "id", "uri", "canonical"},
	"reference": {"Reference", "canonical", "uri", "Resource"},
	"string":    {"string", "markdown", "HumanName", "Address"},
	"date":      {"date", "dateTime", "instant", "Period", "Timing"},
	"number":    {"decimal", "integer", "positiveInt", "unsignedInt", "Range"},
	"quantity":  {"Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "Money", "Range", "SampledData"},
	"uri":       {"uri", "url", "canonical", "oid", "uuid"},
	"special":   {"BackboneElement"}, // Location.position
}

// superType is the type that a data type specialises, where "as" may ask for it (R4, datatypes.html).
var superType = map[string]string{
	"canonical": "uri", "url": "uri", "oid": "uri", "uuid": "uri", "code": "string", "id": "string", "markdown": "string",
	"Age": "Quantity", "Duration": "Quantity", "Count": "Quantity", "Distance": "Quantity",
}

// step goes one member further.
func (d *definitions) step(c cursor, step string) []cursor {
	name, index := step, ""
	if i := strings.IndexByte(step, '['); i >= 0 {
		name, index = step[:i], step[i:]
	}
	e := d.elements[c.at+"."+name]
	if e == nil {
		return nil
	}
	if e.ContentReference != "" {
		return []cursor{{steps: with(c.steps, step), at: strings.TrimPrefix(e.ContentReference, "#"), typ: "BackboneElement"}}
	}
	var next []cursor
	for _, t := range e.Type {
		n := cursor{steps: with(c.steps, name+index), at: t.Code, typ: t.Code}
		if strings.HasSuffix(e.Path, "[x]") {
			n.steps[len(n.steps)-1] = name + strings.ToUpper(t.Code[:1]) + t.Code[1:]
		}
		switch {
		case strings.HasPrefix(t.Code, "http://hl7.org/fhirpath/System."):
			n.typ = "id"
		case t.Code == "BackboneElement" || t.Code == "Element":
			n.at = c.at + "." + name
		case t.Code == "code" && e.Binding.Strength == "required":
			set, _, _ := strings.Cut(e.Binding.ValueSet, "|")
			n.system = d.systems[set]
		}
		next = append(next, n)
	}
	return next
}

func with(steps []string, step string) []string { return append(slices.Clone(steps), step) }

// split cuts an expression at the dots outside parentheses.
func split(expression string) []string {
	var steps []string
	depth, start := 0, 0
	for i, c := range expression {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case '.':
			if depth == 0 {
				steps = append(steps, expression[start:i])
				start = i + 1
			}
		}
	}
	return append(steps, expression[start:])
}
