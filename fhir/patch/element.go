package patch

import (
	"slices"
	"strings"

	"khamxa/fhir"
)

// Shape is what R4 defines of a type or of an element with elements of its own.
type Shape interface {
	// Elements are the JSON members that the element with that name may be written as: one, or one for each type of a choice
	// ("value": "valueQuantity", "valueString", ...); none if there is no such element.
	Elements(name string) []Element
}

// Element is one JSON member of a Shape.
type Element struct {
	Member  string
	Repeats bool  // an array
	Inside  Shape // nil for a primitive, and for a resource of any type
}

// place is one element of a resource: the value of a member or an item of one, with what stands beside it under "_" (id and
// extensions of a primitive).
type place struct {
	in     *node // the object that has the member; nil for the resource itself
	of     Shape // of that object
	name   string
	member string
	item   int   // -1 when the member is no array
	shape  Shape // of the element
	own    *node // the resource itself, when in is nil
}

// value is the element's JSON, nil when only "_" has something.
func (p *place) value() *node {
	if p.in == nil {
		return p.own
	}
	return part(p.in.get(p.member), p.item)
}

// beside is what "_" has of the element, nil for nothing.
func (p *place) beside() *node { return part(p.in.get("_"+p.member), p.item) }

// part is an item of an array, or the value itself; JSON null counts as nothing.
func part(v *node, item int) *node {
	if item >= 0 {
		items := v.items()
		if item >= len(items) {
			return nil
		}
		v = items[item]
	}
	if v == nil || v.kind() == fhir.Null {
		return nil
	}
	return v
}

// shapes gives the shape of each resource type.
type shapes func(resourceType string) Shape

// rootOf is the place of the resource itself.
func (s shapes) rootOf(n *node) place {
	return place{own: n, item: -1, shape: s(n.get("resourceType").text())}
}

// inside is the shape of what is in an object: a resource inside the resource says its type.
func (s shapes) inside(p *place) Shape {
	if p.shape == nil {
		if typ := p.value().get("resourceType"); typ != nil {
			return s(typ.text())
		}
	}
	return p.shape
}

// children are the elements with that name in an element.
func (s shapes) children(p *place, name string) (found []place) {
	object := p.value()
	if p.in != nil && object.kind() != fhir.Object {
		if object = p.beside(); name != "extension" && name != "id" {
			return nil
		}
	}
	if object.kind() != fhir.Object {
		return nil
	}
	list := []Element{{Member: name}}
	shape := s.inside(p)
	if shape != nil {
		list = shape.Elements(name)
	} else if name == "extension" {
		list = extensions()
	}
	for _, e := range list {
		n := max(len(object.get(e.Member).items()), len(object.get("_"+e.Member).items()))
		single := object.get(e.Member) != nil || object.get("_"+e.Member) != nil
		for i := range n {
			found = append(found, place{in: object, of: shape, name: name, member: e.Member, item: i, shape: e.Inside})
		}
		if n == 0 && single && object.get(e.Member).kind() != fhir.Array {
			found = append(found, place{in: object, of: shape, name: name, member: e.Member, item: -1, shape: e.Inside})
		}
	}
	return found
}

// extensions is the element that everything has, for where a type is not known.
func extensions() []Element { return []Element{{Member: "extension", Repeats: true}} }

// eval follows steps from some elements. why says what is wrong.
func (s shapes) eval(from []place, steps []step) (found []place, why string) {
	found = from
	for i := range steps {
		st := &steps[i]
		switch st.kind {
		case member:
			var next []place
			for i := range found {
				next = append(next, s.children(&found[i], st.name)...)
			}
			found = next
		case item, last:
			at := st.number
			if st.kind == last {
				at = len(found) - 1
			}
			if at < 0 || at >= len(found) {
				return nil, ""
			}
			found = found[at : at+1 : at+1]
		case single:
			if len(found) > 1 {
				return nil, "names more than one element where it says single()"
			}
		case ofType:
			found = slices.DeleteFunc(slices.Clone(found), func(p place) bool { return !p.is(st.name) })
		case where:
			var kept []place
			for i := range found {
				if s.holds(&found[i], st.cond) {
					kept = append(kept, found[i])
				}
			}
			found = kept
		}
	}
	return found, ""
}

// is reports whether an element of a choice, or a resource, is of that type.
func (p *place) is(typ string) bool {
	if v := p.value(); v.kind() == fhir.Object && v.get("resourceType") != nil {
		return v.get("resourceType").text() == typ
	}
	return len(p.member) > len(typ) && strings.EqualFold(p.member[len(p.member)-len(typ):], typ)
}

// holds evaluates a condition on an element.
func (s shapes) holds(p *place, c *condition) bool {
	switch c.op {
	case "and":
		return s.holds(p, c.of) && s.holds(p, c.with)
	case "or":
		return s.holds(p, c.of) || s.holds(p, c.with)
	}
	found, _ := s.eval([]place{*p}, c.path)
	switch c.op {
	case "exists":
		return len(found) > 0
	case "empty":
		return len(found) == 0
	}
	if len(found) != 1 { // a comparison with nothing or with several is no truth
		return false
	}
	return found[0].equals(c) == (c.op == "=")
}

func (p *place) equals(c *condition) bool {
	v := p.value()
	switch v.kind() {
	case fhir.String:
		return c.quoted && v.text() == c.literal
	case fhir.Number:
		return !c.quoted && sameNumber(v.text(), c.literal)
	case fhir.Bool:
		return !c.quoted && v.text() == c.literal
	default:
		return false
	}
}
