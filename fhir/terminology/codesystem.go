package terminology

import (
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// CodeSystem is a stored code system made ready for questions. It is immutable.
type CodeSystem struct {
	URL, Version, Name, Title string

	whole    bool // its resource holds the concepts: content is not "not-present" or "supplement"
	folds    bool // codes are compared without regard to case
	concepts []Concept
	index    map[string]int
	parents  [][]int
	children [][]int
}

// Concept is one concept as its code system has it.
type Concept struct {
	Code, Display, Definition string
	Abstract                  bool // not to be used as a value (property notSelectable)
	Inactive                  bool // property inactive, or status retired or deprecated
	Designations              []*fhir.Value
	Properties                []*fhir.Value
}

func (cs *CodeSystem) size() int { return len(cs.concepts) + 1 }

// ReadSystem reads a CodeSystem resource (R4, codesystem.html). Concepts stand under others by nesting, if the system does not
// say that its hierarchy means something other than is-a, and by the properties parent, subsumedBy and child. Invalid if a code is
// there twice; NotFound if it is no CodeSystem.
func ReadSystem(r *fhir.Resource) (*CodeSystem, error) {
	const op = "terminology.ReadSystem"
	if r.Type != "CodeSystem" {
		return nil, fault.New(fault.Invalid, op, "A CodeSystem is needed here.")
	}
	root := r.Root
	content := root.Get("content").String()
	cs := &CodeSystem{
		URL: root.Get("url").String(), Version: root.Get("version").String(), Name: root.Get("name").String(), Title: root.Get("title").String(),
		whole: content != "not-present" && content != "supplement", index: map[string]int{},
	}
	sensitive, stated := root.Get("caseSensitive").Bool()
	cs.folds = stated && !sensitive
	meaning := root.Get("hierarchyMeaning").String()
	if err := cs.read(root.Get("concept"), -1, meaning == "" || meaning == "is-a"); err != nil {
		return nil, err
	}
	for at := range cs.concepts {
		for _, p := range cs.concepts[at].Properties {
			other, ok := cs.find(p.Get("valueCode").String())
			if !ok {
				continue
			}
			switch p.Get("code").String() {
			case "parent", "subsumedBy":
				cs.link(other, at)
			case "child":
				cs.link(at, other)
			}
		}
	}
	return cs, nil
}

// read adds a list of concepts and those nested in them.
func (cs *CodeSystem) read(list *fhir.Value, parent int, subsumes bool) error {
	for v := list.First(); v != nil; v = v.Next() {
		c := Concept{
			Code: v.Get("code").String(), Display: v.Get("display").String(), Definition: v.Get("definition").String(),
			Designations: v.Get("designation").Items(), Properties: v.Get("property").Items(),
		}
		for _, p := range c.Properties {
			c.note(p)
		}
		if c.Code == "" {
			continue
		}
		key := cs.key(c.Code)
		if _, twice := cs.index[key]; twice {
			return fault.Newf(fault.Invalid, "terminology.ReadSystem", "The code system %s has the code %q twice.", clip(cs.URL), clip(c.Code))
		}
		at := len(cs.concepts)
		cs.index[key] = at
		cs.concepts = append(cs.concepts, c)
		cs.parents, cs.children = append(cs.parents, nil), append(cs.children, nil)
		if parent >= 0 && subsumes {
			cs.link(parent, at)
		}
		if err := cs.read(v.Get("concept"), at, subsumes); err != nil {
			return err
		}
	}
	return nil
}

// note takes what the properties that every code system may have say.
func (c *Concept) note(p *fhir.Value) {
	yes, _ := p.Get("valueBoolean").Bool()
	switch p.Get("code").String() {
	case "notSelectable":
		c.Abstract = c.Abstract || yes
	case "inactive":
		c.Inactive = c.Inactive || yes
	case "status":
		status := p.Get("valueCode").String()
		c.Inactive = c.Inactive || status == "retired" || status == "deprecated" || status == "inactive"
	}
}

func (cs *CodeSystem) link(parent, child int) {
	for _, p := range cs.parents[child] {
		if p == parent {
			return
		}
	}
	cs.parents[child] = append(cs.parents[child], parent)
	cs.children[parent] = append(cs.children[parent], child)
}

func (cs *CodeSystem) key(code string) string {
	if cs.folds {
		return strings.ToLower(code)
	}
	return code
}

func (cs *CodeSystem) find(code string) (int, bool) {
	at, ok := cs.index[cs.key(code)]
	return at, ok
}

// Lookup gives the concept of a code, with the codes right above and below it. NotFound if the system has no such code.
func (cs *CodeSystem) Lookup(code string) (c Concept, parents, children []string, err error) {
	at, ok := cs.find(code)
	if !ok {
		return Concept{}, nil, nil, noCode(cs, code)
	}
	return cs.concepts[at], cs.codes(cs.parents[at]), cs.codes(cs.children[at]), nil
}

func (cs *CodeSystem) codes(list []int) []string {
	codes := make([]string, len(list))
	for i, at := range list {
		codes[i] = cs.concepts[at].Code
	}
	return codes
}

// Subsumes is the code of how a stands to b (R4, valueset-concept-subsumption-outcome.html): equivalent, subsumes, subsumed-by or
// not-subsumed. NotFound if the system lacks either.
func (cs *CodeSystem) Subsumes(a, b string) (string, error) {
	x, ok := cs.find(a)
	if !ok {
		return "", noCode(cs, a)
	}
	y, ok := cs.find(b)
	if !ok {
		return "", noCode(cs, b)
	}
	switch {
	case x == y:
		return "equivalent", nil
	case cs.isBelow(y, x):
		return "subsumes", nil
	case cs.isBelow(x, y):
		return "subsumed-by", nil
	default:
		return "not-subsumed", nil
	}
}

func (cs *CodeSystem) isBelow(at, ancestor int) bool {
	for _, a := range cs.above(at) {
		if a == ancestor {
			return true
		}
	}
	return false
}

// below and above give a concept and all that it subsumes, or that subsumes it, each once. A circle ends where it began.
func (cs *CodeSystem) below(at int) []int { return walk(cs.children, at) }
func (cs *CodeSystem) above(at int) []int { return walk(cs.parents, at) }

func walk(edges [][]int, at int) []int {
	seen := map[int]bool{at: true}
	list := []int{at}
	for i := 0; i < len(list); i++ {
		for _, next := range edges[list[i]] {
			if !seen[next] {
				seen[next] = true
				list = append(list, next)
			}
		}
	}
	return list
}
