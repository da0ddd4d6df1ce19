package validate

// Shape is what the definitions say of a resource type, a datatype, or an element with elements of its own. The zero Shape is
// one that is not known: of a primitive, or of a resource whose type only its content says.
type Shape struct{ node uint16 }

// Member is one way in which JSON writes an element: the only one, or one for each type of a choice.
type Member struct {
	Name    string // "name", "valueQuantity"
	Repeats bool   // max is *: an array
	Inside  Shape  // what lies in it
}

// ShapeOf is the shape of a resource type; not known if R4 has no such type.
func ShapeOf(resourceType string) Shape { return Shape{nodeOf(resourceType)} }

// Known reports whether the shape says anything.
func (s Shape) Known() bool { return s.node != 0 }

// Members are the ways to write the element with that name, as FHIRPath names it: for "value" all of a choice. None if there is no
// such element.
func (s Shape) Members(element string) []Member {
	if s.node == 0 {
		return nil
	}
	var list []Member
	n := &nodes[s.node]
	for i := n.from; i < n.to; i++ {
		f := &fields[i]
		if f.elementName() == element {
			list = append(list, Member{Name: f.name, Repeats: f.flags&many != 0, Inside: Shape{f.node}})
		}
	}
	return list
}
