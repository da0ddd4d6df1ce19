package patch

import (
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

// valueMember is the member of a parameter part that holds its value: "valueString", "_valueString" when it has extensions only,
// "resource"; nil when the value is in parts.
func valueMember(part *fhir.Value) *fhir.Value {
	var beside *fhir.Value
	for name, m := range part.Members() {
		switch {
		case name == "resource", strings.HasPrefix(name, "value"):
			return m
		case strings.HasPrefix(name, "_value"):
			beside = m
		}
	}
	return beside
}

// valueType is the type of the value as the members of a choice end: "Quantity", "String".
func valueType(part *fhir.Value) string {
	return strings.TrimPrefix(strings.TrimPrefix(valueMember(part).Name(), "_"), "value")
}

// build makes the value that a part describes, and what stands beside it under "_"; nil for nothing.
func (o *change) build(part *fhir.Value, inside validate.Shape) (v, beside *node, err error) {
	if m := valueMember(part); m != nil {
		if other := part.Get("_value" + valueType(part)); other != nil {
			beside = nodeOf(other)
		}
		if strings.HasPrefix(m.Name(), "_") {
			return nil, beside, nil
		}
		return nodeOf(m), beside, nil
	}
	parts := part.Get("part").Items()
	if len(parts) == 0 {
		return nil, nil, wrong(o.at, "The value is empty.")
	}
	p := &place{own: newObject(), item: -1, shape: inside}
	for _, one := range parts {
		e, err := o.target(p, one.Get("name").String(), one)
		if err != nil {
			return nil, nil, err
		}
		v, beside, err := o.build(one, e.Inside)
		if err != nil {
			return nil, nil, err
		}
		if e.Repeats {
			insertAt(p.own, e.Name, max(len(p.own.get(e.Name).items()), len(p.own.get("_"+e.Name).items())), v, beside)
		} else {
			put(p.own, e.Name, v, beside)
		}
	}
	return p.own, nil, nil
}

// put sets a single element and what stands beside it.
func put(object *node, member string, v, beside *node) {
	for _, one := range [...]struct {
		name string
		n    *node
	}{{member, v}, {"_" + member, beside}} {
		if one.n == nil {
			object.drop(one.name)
		} else {
			object.set(one.name, one.n)
		}
	}
}

// insertAt puts an item into the list of an element, and what stands beside it into the other one. An element that is written as
// one value, though it is a list, becomes one.
func insertAt(object *node, member string, i int, v, beside *node) {
	for _, one := range [...]struct {
		name string
		n    *node
	}{{member, v}, {"_" + member, beside}} {
		array := object.get(one.name)
		switch {
		case array == nil && one.n == nil:
			continue
		case array == nil:
			array = newArray()
			object.set(one.name, array)
		case array.kind() != fhir.Array:
			array = newArray(array)
			object.set(one.name, array)
		}
		if one.n == nil && i >= len(array.items()) {
			continue
		}
		fill(array, i)
		array.insert(i, "", one.n)
	}
	trim(object, member)
}

// setItem replaces an item of a list; nil leaves null in its place.
func setItem(object *node, name string, i int, n *node) {
	array := object.get(name)
	if array == nil {
		if n == nil {
			return
		}
		array = newArray()
		object.set(name, array)
	}
	fill(array, i+1)
	array.kids[i] = n
}

// fill makes a list at least n long, with nulls.
func fill(array *node, n int) {
	array.open()
	for len(array.kids) < n {
		array.kids = append(array.kids, nil)
	}
}

// trim takes nulls off the end of both lists of an element, and takes out a list that has nothing else. The items of the two belong
// together, so nulls stay where the other list goes on.
func trim(object *node, member string) {
	for _, name := range [...]string{"_" + member, member} {
		array := object.get(name)
		if array.kind() != fhir.Array {
			continue
		}
		array.open()
		n := len(array.kids)
		other := len(object.get(strings.TrimPrefix("_"+name, "__")).items())
		for n > 0 && array.kids[n-1].empty() && (name != member || n > other) {
			n--
		}
		if array.kids = array.kids[:n]; !array.holdsAny() {
			object.drop(name)
		}
	}
	if array := object.get(member); array.kind() == fhir.Array {
		fill(array, len(object.get("_"+member).items()))
	}
}

func (n *node) empty() bool { return n == nil || n.kind() == fhir.Null }

func (n *node) holdsAny() bool {
	for _, kid := range n.kids {
		if !kid.empty() {
			return true
		}
	}
	return false
}

// putBeside sets what stands under "_" of a primitive.
func (p *place) putBeside(n *node) {
	if p.item < 0 {
		p.in.set("_"+p.member, n)
		return
	}
	setItem(p.in, "_"+p.member, p.item, n)
}

// delete takes an element out, and the list that it was the last item of.
func (p *place) delete() {
	if p.item < 0 {
		p.in.drop(p.member)
		p.in.drop("_" + p.member)
		return
	}
	for _, name := range [...]string{p.member, "_" + p.member} {
		if array := p.in.get(name); p.item < len(array.items()) {
			array.remove(p.item)
		}
	}
	trim(p.in, p.member)
}
