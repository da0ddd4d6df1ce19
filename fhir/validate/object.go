package validate

import (
	"strings"

	"khamxa/fhir"
)

// resource checks a resource: the root, the resource of an entry or a parameter.
func (c *checker) resource(v *fhir.Value) {
	holder, inside := c.holder, c.inside
	c.holder, c.inside = v, false
	c.typed(v)
	c.holder, c.inside = holder, inside
}

// typed checks an object with a resourceType.
func (c *checker) typed(v *fhir.Value) {
	if v.Kind() != fhir.Object {
		c.wrong(v, structure, "A resource must be an object, and this is "+what(v))
		return
	}
	typ := v.Get("resourceType")
	n := uint16(0)
	if typ.Kind() == fhir.String {
		n = nodeOf(typ.String())
	}
	switch {
	case typ == nil:
		c.report(finding{at: v, lack: "resourceType", code: required, text: "The resource has no resourceType, which is its first member"})
	case n == 0:
		c.wrong(typ, structure, "This is not the name of a resource type of FHIR R4")
	default:
		c.members(v, &nodes[n], true)
	}
}

// object checks an element that is an object. valued says that it has a value beside it, as the extensions of a primitive may.
func (c *checker) object(v *fhir.Value, n *node, valued bool) {
	if v.Kind() != fhir.Object {
		c.wrong(v, structure, "An element of type "+n.name+" is an object, and this is "+what(v))
		return
	}
	if v.Len() == 0 {
		c.wrong(v, structure, "An object must not be empty; leave the element out")
		return
	}
	seen := c.members(v, n, false)
	if seen == 1 && v.Len() == 1 && !valued {
		// The first slot of every element is its id. R4, ele-1.
		c.wrong(v, invariant, "An element must have a value or children besides its id")
	}
	if n == &nodes[nodeExtension] {
		c.extension(v, seen)
	}
}

// extension checks an Extension's own rule. R4, ext-1.
func (c *checker) extension(v *fhir.Value, seen uint64) {
	has := func(slot int) bool { return seen>>slot&1 == 1 }
	switch nested, valued := has(slotExtensionExtension), has(slotExtensionValue); {
	case nested && valued:
		c.wrong(v, invariant, "An extension has a value or extensions of its own, not both")
	case !nested && !valued:
		c.wrong(v, invariant, "An extension must have a value or extensions of its own")
	}
}

// members checks what is in an object, and that what must be in it is. It gives a bit for each slot that was seen.
func (c *checker) members(v *fhir.Value, n *node, isResource bool) (seen uint64) {
	list := fields[n.from:n.to]
	after := 0
	for m := v.First(); m != nil; m = m.Next() {
		name := m.Name()
		if isResource && name == "resourceType" {
			continue
		}
		companion := len(name) > 1 && name[0] == '_'
		if companion {
			name = name[1:]
		}
		i := find(list, name, after)
		if i < 0 || companion && (!list[i].kind.primitive() || list[i].flags&bare != 0) {
			c.unknown(m, n, i >= 0)
			continue
		}
		f := &list[i]
		after = i
		if bit := uint64(1) << f.slot; seen&bit == 0 {
			seen |= bit
		} else if f.flags&choice != 0 {
			c.oneOf(v, m, list, f)
		}
		if companion {
			c.companion(v, m, f)
		} else {
			c.element(v, m, f)
		}
	}
	if lacking := n.required &^ seen; lacking != 0 {
		c.lacking(v, list, lacking)
	}
	return seen
}

// unknown reports a member that the definitions do not have.
func (c *checker) unknown(m *fhir.Value, n *node, known bool) {
	text := n.name + " has no element " + quoted(m.Name())
	switch {
	case known:
		text = "Only primitive elements have a member that begins with an underscore"
	case m.Name() == "resourceType":
		text = "Only resources have a resourceType"
	}
	c.report(finding{at: m, name: true, code: structure, text: text})
}

// oneOf reports the second type of a choice. A value and its companion are one.
func (c *checker) oneOf(v, m *fhir.Value, list []field, f *field) {
	for other := v.First(); other != m; other = other.Next() {
		i := find(list, strings.TrimPrefix(other.Name(), "_"), 0)
		if i >= 0 && list[i].slot == f.slot && list[i].name != f.name {
			c.report(finding{at: m, name: true, code: structure, text: "The element " + f.elementName() + "[x] may have one type only, and " + list[i].name + " is there already"})
			return
		}
	}
}

// lacking reports the elements that must be there and are not.
func (c *checker) lacking(v *fhir.Value, list []field, slots uint64) {
	for i := range list {
		if f := &list[i]; slots>>f.slot&1 == 1 {
			slots &^= 1 << f.slot
			name := f.elementName()
			shown := name
			if f.flags&choice != 0 {
				shown += "[x]"
			}
			c.report(finding{at: v, lack: name, code: required, text: "The element " + shown + " is required, and it is not here"})
		}
	}
}

// element checks a member under its own name: once, or as an array.
func (c *checker) element(v, m *fhir.Value, f *field) {
	if f.flags&many == 0 {
		if m.Kind() == fhir.Array {
			c.wrong(m, structure, "The element "+f.elementName()+" occurs at most once and is written without an array")
			return
		}
		c.value(m, f)
		return
	}
	if m.Kind() != fhir.Array {
		c.wrong(m, structure, "The element "+f.elementName()+" may repeat, so it is written as an array even when there is one")
		return
	}
	if m.Len() == 0 {
		c.wrong(m, structure, "An array must not be empty; leave the element out")
		return
	}
	i := 0
	for item := m.First(); item != nil; item = item.Next() {
		if item.Kind() != fhir.Null || !f.kind.primitive() {
			c.value(item, f)
		} else if companionOf(v, f).At(i).Kind() != fhir.Object {
			c.wrong(item, structure, "A null in an array stands for a value that has only extensions, and there are none for this one")
		}
		i++
	}
}

// companionOf is the member with the ids and extensions of a primitive element, nil if there is none.
func companionOf(v *fhir.Value, f *field) *fhir.Value {
	for m := v.First(); m != nil; m = m.Next() {
		if name := m.Name(); len(name) == len(f.name)+1 && name[0] == '_' && name[1:] == f.name {
			return m
		}
	}
	return nil
}

// companion checks the ids and extensions of a primitive element ("_birthDate"). R4, json.html#primitive.
func (c *checker) companion(v, m *fhir.Value, f *field) {
	values := v.Get(f.name)
	if f.flags&many == 0 {
		c.object(m, &nodes[nodeElement], values != nil)
		return
	}
	if m.Kind() != fhir.Array || m.Len() == 0 {
		c.wrong(m, structure, "The element "+f.elementName()+" may repeat, so its extensions are written as an array that is not empty")
		return
	}
	if values.Kind() == fhir.Array && values.Len() != m.Len() {
		c.wrong(m, structure, "The arrays "+f.name+" and _"+f.name+" must have as many items, with null where there is nothing")
	}
	i := 0
	for item := m.First(); item != nil; item = item.Next() {
		if item.Kind() != fhir.Null {
			at := values.At(i).Kind()
			c.object(item, &nodes[nodeElement], at != fhir.Missing && at != fhir.Null)
		} else if values == nil {
			c.wrong(item, structure, "There is neither a value nor an extension at this place of the array")
		}
		i++
	}
}

// value checks one value.
func (c *checker) value(v *fhir.Value, f *field) {
	switch {
	case v.Kind() == fhir.Null:
		c.wrong(v, structure, "An element must not be null; leave it out")
	case f.kind.primitive():
		c.primitive(v, f)
	case f.kind == kindResource:
		if f.name == "contained" {
			c.contained(v)
		} else {
			c.resource(v)
		}
	default:
		c.object(v, &nodes[f.node], false)
		if v.Kind() != fhir.Object {
			return
		}
		switch f.kind {
		case kindReference:
			c.reference(v, f)
		case kindConcept:
			c.concept(v, f)
		case kindCoding:
			c.coding(v, f)
		default: // nothing more to say of other objects
		}
	}
}

// contained checks a contained resource. R4, references.html#contained.
func (c *checker) contained(v *fhir.Value) {
	if c.inside {
		c.wrong(v, structure, "A contained resource must not contain resources itself")
		return
	}
	id := v.Get("id")
	switch {
	case v.Kind() != fhir.Object: // told below
	case id == nil:
		c.report(finding{at: v, lack: "id", code: required, text: "A contained resource needs an id, which references name as #id"})
	case c.holder.Get("contained").Kind() == fhir.Array:
		for other := c.holder.Get("contained").First(); other != v && other != nil; other = other.Next() {
			if other.Get("id").IsString(id.String()) {
				c.wrong(id, invariant, "Another contained resource has this id already")
				break
			}
		}
	}
	c.inside = true
	c.typed(v)
	c.inside = false
}

// what names the kind of a value for a sentence.
func what(v *fhir.Value) string {
	switch v.Kind() {
	case fhir.Null:
		return "null"
	case fhir.Bool:
		return "a boolean"
	case fhir.Number:
		return "a number"
	case fhir.String:
		return "a string"
	case fhir.Array:
		return "an array"
	case fhir.Object:
		return "an object"
	default:
		return "nothing"
	}
}
