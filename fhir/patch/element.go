package patch

import (
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

// place is one element of a resource: the value of a member or an item of one, with what stands beside it under "_" (id and
// extensions of a primitive).
type place struct {
	in     *node          // the object that has the member; nil for the resource itself
	of     validate.Shape // of that object
	name   string
	member string
	item   int            // -1 when the member is no array
	shape  validate.Shape // of the element
	own    *node          // the resource itself, when in is nil
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

// rootOf is the place of the resource itself.
func rootOf(n *node) place {
	return place{own: n, item: -1, shape: validate.ShapeOf(n.get("resourceType").text())}
}

// inside is the shape of what is in an object: a resource inside the resource says its type.
func (p *place) inside() validate.Shape {
	if typ := p.value().get("resourceType"); typ != nil && p.in != nil {
		return validate.ShapeOf(typ.text())
	}
	return p.shape
}

// children are the elements with that name in an element.
func (p *place) children(name string) (found []place) {
	object := p.value()
	if p.in != nil && object.kind() != fhir.Object {
		if object = p.beside(); name != "extension" && name != "id" {
			return nil
		}
	}
	if object.kind() != fhir.Object {
		return nil
	}
	shape := p.inside()
	list := members(shape, name)
	for _, e := range list {
		n := max(len(object.get(e.Name).items()), len(object.get("_"+e.Name).items()))
		single := object.get(e.Name) != nil || object.get("_"+e.Name) != nil
		for i := range n {
			found = append(found, place{in: object, of: shape, name: name, member: e.Name, item: i, shape: e.Inside})
		}
		if n == 0 && single && object.get(e.Name).kind() != fhir.Array {
			found = append(found, place{in: object, of: shape, name: name, member: e.Name, item: -1, shape: e.Inside})
		}
	}
	return found
}

// members are the ways to write an element. Everything has extensions, also where the type is not known.
func members(shape validate.Shape, name string) []validate.Member {
	if list := shape.Members(name); list != nil || name != "extension" {
		return list
	}
	return []validate.Member{{Name: name, Repeats: true, Inside: extension()}}
}

// extension is the shape of an Extension.
func extension() validate.Shape { return validate.ShapeOf("Patient").Members("extension")[0].Inside }

// eval follows steps from some elements. why says what is wrong; past the budget nothing is found.
func (b *budget) eval(from []place, steps []step) (found []place, why string) {
	found = from
	for i := range steps {
		st := &steps[i]
		switch st.kind {
		case member:
			found = b.childrenOf(found, st.name)
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
			found = slices.DeleteFunc(slices.Clone(found), func(p place) bool { return !b.holds(&p, st.cond) })
		}
	}
	return found, ""
}

// childrenOf are the elements with that name in some elements.
func (b *budget) childrenOf(all []place, name string) (found []place) {
	for i := range all {
		some := all[i].children(name)
		if b.look(len(some) + 1) {
			return nil
		}
		found = append(found, some...)
	}
	return found
}

// is reports whether an element of a choice, or a resource, is of that type.
func (p *place) is(typ string) bool {
	if v := p.value(); v.kind() == fhir.Object && v.get("resourceType") != nil {
		return v.get("resourceType").text() == typ
	}
	return len(p.member) > len(typ) && strings.EqualFold(p.member[len(p.member)-len(typ):], typ)
}

// holds evaluates a condition on an element.
func (b *budget) holds(p *place, c *condition) bool {
	switch c.op {
	case "and":
		return b.holds(p, c.of) && b.holds(p, c.with)
	case "or":
		return b.holds(p, c.of) || b.holds(p, c.with)
	}
	found, _ := b.eval([]place{*p}, c.path)
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
