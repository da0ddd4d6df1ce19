package fhir

import "bytes"

// Same reports whether two resources say the same: equal JSON, whatever the order of members and white space, but for
// meta.versionId and meta.lastUpdated, which the server sets. Strings are compared by content, numbers by their text, for the
// precision of a decimal is part of its meaning (R4, datatypes.html#decimal).
func Same(a, b *Resource) bool {
	if a.Type != b.Type {
		return false
	}
	return sameMembers(a.Root, b.Root, func(name string, x, y *Value) bool {
		if name != "meta" {
			return sameValue(x, y)
		}
		return sameMeta(x, y)
	})
}

// sameMeta compares what is left of meta without what the server sets. A meta with nothing left is like none.
func sameMeta(x, y *Value) bool {
	return sameMembers(x, y, func(name string, x, y *Value) bool {
		return name == "versionId" || name == "lastUpdated" || sameValue(x, y)
	})
}

// sameMembers compares two objects, nil for one that is not there, by a comparison of members, nil for a member that is not there.
func sameMembers(a, b *Value, same func(name string, x, y *Value) bool) bool {
	inA, inB := byName(a), byName(b)
	for m := a.First(); m != nil; m = m.next {
		if !same(m.name, m, inB(m.name)) {
			return false
		}
	}
	for m := b.First(); m != nil; m = m.next {
		if inA(m.name) == nil && !same(m.name, nil, m) {
			return false
		}
	}
	return true
}

// byName gives the way to an object's members: one by one where there are few, by a table where there are many.
func byName(v *Value) func(name string) *Value {
	const many = 32
	if v.Len() < many {
		return v.Get
	}
	table := make(map[string]*Value, v.count)
	for m := v.first; m != nil; m = m.next {
		table[m.name] = m
	}
	return func(name string) *Value { return table[name] }
}

func sameValue(a, b *Value) bool {
	if a == nil || b == nil || a.kind != b.kind || a.count != b.count {
		return false
	}
	switch {
	case a.kind != Object && a.kind != Array:
		return a.text == b.text
	case bytes.Equal(a.Bytes(), b.Bytes()):
		return true
	case a.kind == Object:
		return sameMembers(a, b, func(_ string, x, y *Value) bool { return sameValue(x, y) })
	}
	for x, y := a.first, b.first; x != nil; x, y = x.next, y.next {
		if !sameValue(x, y) {
			return false
		}
	}
	return true
}
