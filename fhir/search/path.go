package search

import (
	"slices"
	"strings"

	"khamxa/fhir"
)

//go:generate go run ./gen ${R4}

// row is one line of the generated table.
type row struct {
	typ, code string
	kind      Kind
	url       string // below http://hl7.org/fhir/SearchParameter/
	paths     string // separated by spaces, see compilePaths
	targets   string // separated by spaces; "" for any
}

// table holds the parameters by resource type, sorted by code. It is made once at start and never changed.
var table = compile(rows[:])

// compile makes the parameters of the generated rows, which are sorted by type and code.
func compile(rows []row) map[string][]*Param {
	t := make(map[string][]*Param, 146)
	params := make([]Param, len(rows))
	for i, r := range rows {
		p := &params[i]
		*p = Param{
			Type: r.typ, Code: r.code, Kind: r.kind, URL: "http://hl7.org/fhir/SearchParameter/" + r.url,
			prefix: r.typ + "|" + r.code + "|",
		}
		if r.targets != "" {
			p.Targets = strings.Split(r.targets, " ")
		}
		p.compilePaths(r.paths)
		t[r.typ] = append(t[r.typ], p)
	}
	for _, list := range t {
		derive(list)
	}
	return t
}

// compilePaths reads the paths of a row; for a composite parameter also its parts, each after a dollar and its kind.
func (p *Param) compilePaths(text string) {
	paths := &p.paths
	for words := strings.Fields(text); len(words) > 0; words = words[1:] {
		if words[0] == "$" {
			p.parts = append(p.parts, part{kind: kindOf(words[1])})
			paths = &p.parts[len(p.parts)-1].paths
			words = words[1:]
			continue
		}
		*paths = append(*paths, compilePath(words[0]))
	}
}

// kindOf is the kind that the table writes as it stands in this package.
func kindOf(name string) Kind {
	return Kind(slices.IndexFunc(kindNames[:], func(s string) bool { return strings.EqualFold(s, name) }))
}

// path leads from a resource to the values of a parameter.
type path struct {
	steps  []step
	leaf   string // the data type at its end
	target string // with leaf Reference: only references to this type
	system string // with leaf code: the code system that the binding implies

	fromRoot bool // of a composite's part: from the resource, not from the element
}

// step goes to a member; arrays are gone through item by item.
type step struct {
	name         string
	firstOnly    bool   // [0]
	where, equal string // [where=equal]: only objects whose member has this value
}

// compilePath reads the table's path language: steps separated by dots, each with an optional [0] or [member=literal];
// after a colon the data type, with {Type} or =SYSTEM. A slash in front of a composite's part begins at the resource.
func compilePath(text string) path {
	var p path
	route, leaf, _ := strings.Cut(text, ":")
	leaf, p.system, _ = strings.Cut(leaf, "=")
	leaf, target, _ := strings.Cut(leaf, "{")
	p.leaf, p.target = leaf, strings.TrimSuffix(target, "}")
	route, p.fromRoot = strings.CutPrefix(route, "/")
	if route == "" {
		return p
	}
	for name := range strings.SplitSeq(route, ".") {
		name, filter, _ := strings.Cut(name, "[")
		s := step{name: name}
		if filter == "0]" {
			s.firstOnly = true
		} else {
			s.where, s.equal, _ = strings.Cut(strings.TrimSuffix(filter, "]"), "=")
		}
		p.steps = append(p.steps, s)
	}
	return p
}

// each calls f for every node that the path leads to, until f answers false; it reports whether f never did.
func (p *path) each(v *fhir.Value, f func(*fhir.Value, *path) bool) bool {
	return p.walk(v, 0, f)
}

func (p *path) walk(v *fhir.Value, depth int, f func(*fhir.Value, *path) bool) bool {
	if depth == len(p.steps) {
		return p.target != "" && !pointsTo(v, p.target) || f(v, p)
	}
	s := &p.steps[depth]
	m := v.Get(s.name)
	if m.Kind() != fhir.Array {
		return !s.takes(m) || p.walk(m, depth+1, f)
	}
	for item := m.First(); item != nil; item = item.Next() {
		if s.takes(item) && !p.walk(item, depth+1, f) {
			return false
		}
		if s.firstOnly {
			break
		}
	}
	return true
}

func (s *step) takes(v *fhir.Value) bool {
	switch v.Kind() {
	case fhir.Missing, fhir.Null, fhir.Array:
		return false
	default: // a value
		return s.where == "" || v.Get(s.where).IsString(s.equal)
	}
}

// each calls f for every node of the parameter in the resource, until f answers false; it reports whether f never did.
func (p *Param) each(root *fhir.Value, f func(*fhir.Value, *path) bool) bool {
	for i := range p.paths {
		if !p.paths[i].each(root, f) {
			return false
		}
	}
	return true
}
