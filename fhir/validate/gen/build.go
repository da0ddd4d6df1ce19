package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// table is what is written: nodes (types, and elements that have elements of their own) with their fields.
type table struct {
	nodes   []*node
	byPath  map[string]*node
	sets    []*valueSet // the first is none
	setAt   map[string]int
	targets []string // "|Patient|Group|", the first is any
	rules   []constraint
	ruleAt  map[constraint]int
	skipped []string // required bindings that cannot be enumerated
}

type node struct {
	name     string
	at       int
	resource bool // a concrete resource
	fields   []*field
	required uint64
	slots    int
	rules    []int
}

type field struct {
	name, element string // JSON member, and element without [x]
	kind          string
	slot          int
	many, bare    bool
	choice        bool
	node          *node
	nodePath      string
	set, targets  int
	rules         []int
	at            int
}

// kinds are the R4 primitives and the constants of fhir/validate that stand for them.
var kinds = map[string]string{
	"boolean": "kindBoolean", "integer": "kindInteger", "positiveInt": "kindPositiveInt", "unsignedInt": "kindUnsignedInt",
	"decimal": "kindDecimal", "string": "kindString", "markdown": "kindString", "code": "kindCode", "uri": "kindURI",
	"url": "kindURI", "canonical": "kindURI", "oid": "kindOID", "uuid": "kindUUID", "id": "kindID", "date": "kindDate",
	"dateTime": "kindDateTime", "instant": "kindInstant", "time": "kindTime", "base64Binary": "kindBase64",
	"xhtml": "kindXHTML", "http://hl7.org/fhirpath/System.String": "kindString",
}

func build(structures []*structure, sets map[string]*valueSet) (*table, error) {
	t := &table{
		byPath: map[string]*node{}, setAt: map[string]int{}, ruleAt: map[constraint]int{},
		sets: []*valueSet{{}}, targets: []string{""}, rules: []constraint{{}},
	}
	for _, s := range structures {
		if s.Kind != "primitive-type" {
			t.addNodes(s)
		}
	}
	for _, s := range structures {
		if s.Kind == "primitive-type" {
			continue
		}
		for _, e := range s.Snapshot.Element {
			if err := t.addElement(e, sets); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Path, err)
			}
		}
	}
	return t, t.resolve()
}

// addNodes makes a node of the type and of each element of it that others lie under.
func (t *table) addNodes(s *structure) {
	for i, e := range s.Snapshot.Element {
		next := ""
		if i+1 < len(s.Snapshot.Element) {
			next = s.Snapshot.Element[i+1].Path
		}
		if i > 0 && !strings.HasPrefix(next, e.Path+".") {
			continue
		}
		n := &node{name: e.Path, at: len(t.nodes), resource: i == 0 && s.Kind == "resource" && !s.Abstract}
		t.nodes = append(t.nodes, n)
		t.byPath[e.Path] = n
	}
}

func (t *table) addElement(e *element, sets map[string]*valueSet) error {
	rules := t.rulesOf(e)
	if n := t.byPath[e.Path]; n != nil {
		n.rules = rules
		rules = nil
	}
	dot := strings.LastIndexByte(e.Path, '.')
	if dot < 0 || e.Max == "0" {
		return nil
	}
	parent := t.byPath[e.Path[:dot]]
	slot := parent.slots
	parent.slots++
	if slot > 63 {
		return fmt.Errorf("more than 64 elements")
	}
	if e.Min > 0 {
		parent.required |= 1 << slot
	}
	name, choice := strings.CutSuffix(e.Path[dot+1:], "[x]")
	base := field{element: name, slot: slot, many: e.Max == "*", choice: choice, rules: rules}
	base.bare = slices.Contains(e.Representation, "xmlAttr")
	if e.ContentReference != "" {
		f := base
		f.name, f.kind, f.nodePath = name, "kindComplex", strings.TrimPrefix(e.ContentReference, "#")
		parent.fields = append(parent.fields, &f)
		return nil
	}
	if e.Binding.Strength == "required" {
		base.set = t.setOf(e, sets)
	}
	for _, typ := range e.Type {
		f := base
		f.name = name
		if choice {
			f.name = name + strings.ToUpper(typ.Code[:1]) + typ.Code[1:]
		}
		f.kind, f.nodePath = t.kindOf(e, typ)
		if parent.resource && name == "id" {
			f.kind = "kindID" // the definitions say System.String; it is an id all the same (R4, resource.html#id)
		}
		f.targets = t.targetsOf(typ)
		if slices.Contains(typ.Profile, "http://hl7.org/fhir/StructureDefinition/SimpleQuantity") {
			f.rules = append(slices.Clone(f.rules), t.ruleOf(simpleQuantity))
		}
		parent.fields = append(parent.fields, &f)
	}
	return nil
}

func (t *table) kindOf(e *element, typ elementType) (kind, node string) {
	switch {
	case kinds[typ.Code] != "":
		return kinds[typ.Code], ""
	case typ.Code == "Resource":
		return "kindResource", ""
	case typ.Code == "Reference":
		return "kindReference", typ.Code
	case typ.Code == "Coding":
		return "kindCoding", typ.Code
	case typ.Code == "CodeableConcept":
		return "kindConcept", typ.Code
	case typ.Code == "BackboneElement" || typ.Code == "Element":
		return "kindComplex", e.Path
	}
	return "kindComplex", typ.Code
}

// targetsOf is the place of the set of allowed targets of a reference; 0 for any.
func (t *table) targetsOf(typ elementType) int {
	if typ.Code != "Reference" {
		return 0
	}
	var names []string
	for _, p := range typ.TargetProfile {
		name := strings.TrimPrefix(p, "http://hl7.org/fhir/StructureDefinition/")
		if name == "Resource" {
			return 0
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return 0
	}
	slices.Sort(names)
	text := "|" + strings.Join(names, "|") + "|"
	if i := slices.Index(t.targets, text); i >= 0 {
		return i
	}
	t.targets = append(t.targets, text)
	return len(t.targets) - 1
}

// setOf is the place of the value set that the element's codes must be from; 0 when it cannot be enumerated.
func (t *table) setOf(e *element, sets map[string]*valueSet) int {
	url, _, _ := strings.Cut(e.Binding.ValueSet, "|")
	if i, ok := t.setAt[url]; ok {
		return i
	}
	v := sets[url]
	if v == nil || len(v.codes) == 0 {
		t.skipped = append(t.skipped, url)
		t.setAt[url] = 0
		return 0
	}
	t.setAt[url] = len(t.sets)
	t.sets = append(t.sets, v)
	return len(t.sets) - 1
}

// trace is a call that gives its input back, and writes it to the process's output: what is in a resource belongs there least of all.
var trace = regexp.MustCompile(`\.trace\('[^']*'(, *[^()]*)?\)`)

// rulesOf are the invariants of an element, without those that fhir/validate checks by hand on every element.
func (t *table) rulesOf(e *element) (list []int) {
	for _, c := range e.Constraint {
		if c.Key == "ele-1" || c.Key == "ext-1" || c.Expression == "" {
			continue
		}
		c.Expression = trace.ReplaceAllString(c.Expression, "")
		list = append(list, t.ruleOf(c))
	}
	return list
}

// ruleOf is the place of an invariant in the table.
func (t *table) ruleOf(c constraint) int {
	i, ok := t.ruleAt[c]
	if !ok {
		i = len(t.rules)
		t.ruleAt[c] = i
		t.rules = append(t.rules, c)
	}
	return i
}

// simpleQuantity is what the profile SimpleQuantity of Quantity adds, the only profile that base definitions use.
var simpleQuantity = constraint{"sqt-1", "error", "The comparator is not used on a SimpleQuantity", "comparator.empty()"}

// resolve turns the names of nodes into nodes, and numbers the fields.
func (t *table) resolve() error {
	at := 0
	for _, n := range t.nodes {
		for _, f := range n.fields {
			f.at = at
			at++
			if f.nodePath == "" {
				continue
			}
			if f.node = t.byPath[f.nodePath]; f.node == nil {
				return fmt.Errorf("%s.%s: no node %s", n.name, f.name, f.nodePath)
			}
		}
	}
	return nil
}
