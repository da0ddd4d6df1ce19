package patch

import (
	"strconv"

	"khamxa/fhir"
)

// node is a JSON value that can be changed. What nobody has touched stays the bytes that it came as: numbers keep their text,
// strings their escapes, members their order.
type node struct {
	from   *fhir.Value // what it came as; its children are made when they are asked for
	opened bool
	object bool
	names  []string // of an object's members, one each
	kids   []*node
}

func nodeOf(v *fhir.Value) *node { return &node{from: v} }

func newArray(kids ...*node) *node { return &node{opened: true, kids: kids} }

func newObject() *node { return &node{opened: true, object: true} }

// kind says what the node is.
func (n *node) kind() fhir.Kind {
	switch {
	case n == nil:
		return fhir.Missing
	case n.from != nil:
		return n.from.Kind()
	case n.object:
		return fhir.Object
	}
	return fhir.Array
}

// open makes the children of an object or array.
func (n *node) open() {
	if n.opened {
		return
	}
	n.opened = true
	n.object = n.from.Kind() == fhir.Object
	n.kids = make([]*node, 0, n.from.Len())
	for m := n.from.First(); m != nil; m = m.Next() {
		n.kids = append(n.kids, nodeOf(m))
		if n.object {
			n.names = append(n.names, m.Name())
		}
	}
}

// get is the member of that name, nil if there is none.
func (n *node) get(name string) *node {
	if i := n.index(name); i >= 0 {
		return n.kids[i]
	}
	return nil
}

// index is the place of the member of that name, -1 if there is none.
func (n *node) index(name string) int {
	if n.kind() != fhir.Object {
		return -1
	}
	n.open()
	for i := range n.names {
		if n.names[i] == name {
			return i
		}
	}
	return -1
}

// items are the items of an array, nil for anything else. The slice is the node's own.
func (n *node) items() []*node {
	if n.kind() != fhir.Array {
		return nil
	}
	n.open()
	return n.kids
}

// set puts a member, at the end if it is new.
func (n *node) set(name string, v *node) {
	if i := n.index(name); i >= 0 {
		n.kids[i] = v
		return
	}
	n.open()
	n.names, n.kids = append(n.names, name), append(n.kids, v)
}

// insert puts a child before place i. name is that of an object's member.
func (n *node) insert(i int, name string, v *node) {
	n.open()
	n.kids = append(n.kids, nil)
	copy(n.kids[i+1:], n.kids[i:])
	n.kids[i] = v
	if n.object {
		n.names = append(n.names, "")
		copy(n.names[i+1:], n.names[i:])
		n.names[i] = name
	}
}

// remove takes out the child at place i.
func (n *node) remove(i int) *node {
	n.open()
	v := n.kids[i]
	n.kids = append(n.kids[:i], n.kids[i+1:]...)
	if n.object {
		n.names = append(n.names[:i], n.names[i+1:]...)
	}
	return v
}

// drop takes out a member if it is there.
func (n *node) drop(name string) {
	if i := n.index(name); i >= 0 {
		n.remove(i)
	}
}

// rename gives a member, which is there, another name where it stands.
func (n *node) rename(name, to string) {
	if i := n.index(name); i >= 0 {
		n.names[i] = to
	}
}

// text is the content of a string, or a number or boolean as it is written.
func (n *node) text() string {
	if n == nil || n.from == nil {
		return ""
	}
	return n.from.String()
}

// append writes the node's JSON.
func (n *node) append(b []byte) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	if !n.opened {
		return append(b, n.from.Bytes()...)
	}
	open, end := byte('['), byte(']')
	if n.object {
		open, end = '{', '}'
	}
	b = append(b, open)
	for i, kid := range n.kids {
		if i > 0 {
			b = append(b, ',')
		}
		if n.object {
			b = append(fhir.AppendQuoted(b, n.names[i]), ':')
		}
		b = kid.append(b)
	}
	return append(b, end)
}

// bytes is the node's JSON.
func (n *node) bytes() []byte { return n.append(nil) }

// itemIndex reads an index as RFC 6901 writes it: digits without leading zeros. -1 for anything else, and for what is past most.
func itemIndex(text string, most int) int {
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i > most || strconv.Itoa(i) != text {
		return -1
	}
	return i
}
