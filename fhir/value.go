package fhir

import (
	"iter"
	"strconv"
	"sync"
)

// Kind says what a Value is.
type Kind uint8

// The kinds. Missing is what a nil *Value says.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Value is one node of a parsed resource: a generic JSON tree in which number text, member order and every unknown member
// are kept. It is read-only and safe for concurrent reads.
//
// All methods work on a nil *Value, which behaves as a member that is not there, so paths can be chained:
//
//	r.Root.Get("name").At(0).Get("family").String()
type Value struct {
	doc   *document
	name  string // member name, "" in an array and at the root
	text  string // content of a string (unescaped), text of a number, "true" or "false"
	first *Value
	last  *Value
	next  *Value
	start int32 // place in doc.compact, end exclusive
	end   int32
	label int32 // where the member's name starts in doc.compact, start of the value when it has none
	count int32 // members or items
	kind  Kind
}

// document is what the nodes of one Parse share. The text as it was received lives on in the content of the strings anyway;
// it is kept whole for the places of errors.
type document struct {
	compact []byte
	text    string
	marked  sync.Once
	marks   []mark // see place.go
}

// Kind says what v is; Missing for nil.
func (v *Value) Kind() Kind {
	if v == nil {
		return Missing
	}
	return v.kind
}

// Name is the member name under which v stands in its object; "" for an array's item and for the root.
func (v *Value) Name() string {
	if v == nil {
		return ""
	}
	return v.name
}

// Get is the member of an object with that name, nil if there is none or v is no object. Names are compared exactly.
func (v *Value) Get(name string) *Value {
	if v == nil || v.kind != Object {
		return nil
	}
	for m := v.first; m != nil; m = m.next {
		if m.name == name {
			return m
		}
	}
	return nil
}

// At is the item of an array with that index (from 0), nil if there is none or v is no array.
func (v *Value) At(i int) *Value {
	if v == nil || v.kind != Array || i < 0 {
		return nil
	}
	m := v.first
	for ; m != nil && i > 0; i-- {
		m = m.next
	}
	return m
}

// Len is the number of members of an object or items of an array, 0 for anything else.
func (v *Value) Len() int {
	if v == nil {
		return 0
	}
	return int(v.count)
}

// First is the first member or item, nil if there is none. With Next it walks the children without allocating.
func (v *Value) First() *Value {
	if v == nil {
		return nil
	}
	return v.first
}

// Next is the member or item after v in its object or array, nil after the last.
func (v *Value) Next() *Value {
	if v == nil {
		return nil
	}
	return v.next
}

// Items are the items of an array, in order. A value that is no array has none.
func (v *Value) Items() []*Value {
	if v == nil || v.kind != Array {
		return nil
	}
	items := make([]*Value, 0, v.count)
	for m := v.first; m != nil; m = m.next {
		items = append(items, m)
	}
	return items
}

// Members walks the members of an object in the order they were written.
func (v *Value) Members() iter.Seq2[string, *Value] {
	return func(yield func(string, *Value) bool) {
		if v == nil || v.kind != Object {
			return
		}
		for m := v.first; m != nil; m = m.next {
			if !yield(m.name, m) {
				return
			}
		}
	}
}

// String is the content of a string, the text of a number as it was written ("6.30"), "true" or "false"; "" for
// anything else.
func (v *Value) String() string {
	if v == nil {
		return ""
	}
	return v.text
}

// IsString reports whether v is a string with that content.
func (v *Value) IsString(s string) bool { return v != nil && v.kind == String && v.text == s }

// Bool is the value of a boolean; ok is false for anything else.
func (v *Value) Bool() (value, ok bool) {
	if v == nil || v.kind != Bool {
		return false, false
	}
	return v.text == "true", true
}

// Float is a number's value for comparing and drawing. It is not for storing again: the text is the truth. ok is false for
// anything but a number within the range of float64.
func (v *Value) Float() (value float64, ok bool) {
	if v == nil || v.kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.text, 64)
	return f, err == nil
}

// Bytes is v's JSON in compact form. The slice is shared with the resource and must not be changed.
func (v *Value) Bytes() []byte {
	if v == nil {
		return nil
	}
	return v.doc.compact[v.start:v.end:v.end]
}
