package fhir

import (
	"math"
	"strconv"
	"strings"
)

// scanner reads one JSON text into a tree of Values and, when the text has white space between tokens, writes the compact
// form beside it. Until the first white space the compact form is the text itself, so nothing is copied.
type scanner struct {
	text   string
	pos    int
	doc    *document
	out    []byte // compact form so far, when it differs from the text
	apart  bool   // whether it differs
	copied int    // text up to here is in out
	tokens int
	stack  []frame // open objects and arrays
	slab   []Value // unused nodes
	typ    string  // resourceType, once seen, for the paths of errors
}

// frame is one open object or array, and where in it the scanner is.
type frame struct {
	v      *Value
	member string // name of the member being read, "" between members
	index  int    // of the item being read
	names  map[string]struct{}
}

// document reads the whole text.
func (s *scanner) document() (*Value, error) {
	if int64(len(s.text)) > math.MaxInt32 {
		return nil, s.fail(0, "The text is longer than 2 GiB")
	}
	if strings.HasPrefix(s.text, "\ufeff") {
		return nil, s.fail(0, "The text begins with a byte order mark, which JSON does not allow")
	}
	s.space()
	root, err := s.value(nil, "", s.at())
	if err != nil {
		return nil, err
	}
	s.space()
	if s.pos < len(s.text) {
		return nil, s.fail(s.pos, "There is more text after the end of the resource")
	}
	if s.apart {
		s.doc.compact = append(s.out, s.text[s.copied:]...)
	} else {
		s.doc.compact = []byte(s.text)
	}
	return root, nil
}

// at is where the next byte of the text stands in the compact form.
func (s *scanner) at() int32 {
	if !s.apart {
		return int32(s.pos)
	}
	return int32(len(s.out) + s.pos - s.copied)
}

// space skips white space and leaves it out of the compact form.
func (s *scanner) space() {
	start := s.pos
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
			continue
		}
		break
	}
	if s.pos == start {
		return
	}
	if !s.apart {
		s.apart = true
		s.out = make([]byte, 0, len(s.text))
	}
	s.out = append(s.out, s.text[s.copied:start]...)
	s.copied = s.pos
}

// node takes a Value from the slab and hangs it under its parent.
func (s *scanner) node(parent *Value, name string, label int32, kind Kind) *Value {
	if len(s.slab) == 0 {
		// A token takes about ten bytes of a usual resource.
		s.slab = make([]Value, min(max(16, (len(s.text)-s.pos)/16), 512))
	}
	v := &s.slab[0]
	s.slab = s.slab[1:]
	*v = Value{doc: s.doc, name: name, kind: kind, start: s.at(), label: label}
	if parent != nil {
		if parent.last == nil {
			parent.first = v
		} else {
			parent.last.next = v
		}
		parent.last = v
		parent.count++
	}
	return v
}

// token counts one token against MaxTokens.
func (s *scanner) token() error {
	s.tokens++
	if s.tokens > MaxTokens {
		return s.fail(s.pos, "The resource has more than "+strconv.Itoa(MaxTokens)+" names and values")
	}
	return nil
}

// value reads the value at pos.
func (s *scanner) value(parent *Value, name string, label int32) (*Value, error) {
	if err := s.token(); err != nil {
		return nil, err
	}
	if s.pos >= len(s.text) {
		return nil, s.fail(s.pos, "The text ends where a value should be")
	}
	switch c := s.text[s.pos]; {
	case c == '{':
		return s.container(s.node(parent, name, label, Object))
	case c == '[':
		return s.container(s.node(parent, name, label, Array))
	case c == '"':
		v := s.node(parent, name, label, String)
		text, err := s.str()
		if err != nil {
			return nil, err
		}
		v.text, v.end = text, s.at()
		if name == "resourceType" && len(s.stack) == 1 && IsType(text) {
			s.typ = text
		}
		return v, nil
	case c == '-' || c >= '0' && c <= '9':
		v := s.node(parent, name, label, Number)
		text, err := s.number()
		if err != nil {
			return nil, err
		}
		v.text, v.end = text, s.at()
		return v, nil
	default:
		return s.literal(parent, name, label)
	}
}

// literal reads true, false or null.
func (s *scanner) literal(parent *Value, name string, label int32) (*Value, error) {
	rest := s.text[s.pos:]
	for _, l := range [...]struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if !strings.HasPrefix(rest, l.text) {
			continue
		}
		v := s.node(parent, name, label, l.kind)
		if l.kind == Bool {
			v.text = l.text
		}
		s.pos += len(l.text)
		v.end = s.at()
		return v, nil
	}
	return nil, s.fail(s.pos, "A value should be here, not "+s.here())
}

// container reads the object or array v, whose opening bracket is at pos.
func (s *scanner) container(v *Value) (*Value, error) {
	if len(s.stack) == MaxDepth {
		return nil, s.fail(s.pos, "There are more than "+strconv.Itoa(MaxDepth)+" levels of objects and arrays")
	}
	s.stack = append(s.stack, frame{v: v})
	closing := byte('}')
	if v.kind == Array {
		closing = ']'
	}
	s.pos++
	s.space()
	if s.pos < len(s.text) && s.text[s.pos] == closing {
		return s.shut(v), nil
	}
	for {
		if err := s.child(v); err != nil {
			return nil, err
		}
		s.space()
		if s.pos >= len(s.text) {
			return nil, s.fail(s.pos, "The text ends inside "+bracket(v))
		}
		switch s.text[s.pos] {
		case closing:
			return s.shut(v), nil
		case ',':
			s.pos++
			s.space()
			s.stack[len(s.stack)-1].index++
		default:
			return nil, s.fail(s.pos, "A comma or the end of "+bracket(v)+" should be here, not "+s.here())
		}
	}
}

// shut takes the closing bracket of v.
func (s *scanner) shut(v *Value) *Value {
	s.pos++
	v.end = s.at()
	s.stack = s.stack[:len(s.stack)-1]
	return v
}

func bracket(v *Value) string {
	if v.kind == Array {
		return "the array"
	}
	return "the object"
}

// child reads one item, or one name and its value.
func (s *scanner) child(parent *Value) error {
	if parent.kind == Array {
		_, err := s.value(parent, "", s.at())
		return err
	}
	label, start := s.at(), s.pos
	if s.pos >= len(s.text) {
		return s.fail(s.pos, "The text ends inside the object")
	}
	if s.text[s.pos] != '"' {
		return s.fail(s.pos, "A member name in double quotes should be here, not "+s.here())
	}
	if err := s.token(); err != nil {
		return err
	}
	name, err := s.str()
	if err != nil {
		return err
	}
	f := &s.stack[len(s.stack)-1]
	f.member = name
	if f.has(name) {
		return s.fail(start, "The member "+quoteShort(name)+" is there twice")
	}
	s.space()
	if s.pos >= len(s.text) || s.text[s.pos] != ':' {
		return s.fail(s.pos, "A colon should follow the member name "+quoteShort(name))
	}
	s.pos++
	s.space()
	if _, err = s.value(parent, name, label); err != nil {
		return err
	}
	// The stack may have grown meanwhile, so f is not used any more.
	s.stack[len(s.stack)-1].member = ""
	return nil
}

// has reports whether the object already has a member of that name. Objects of FHIR have few members and are compared one
// by one; a hostile one with many gets a set.
func (f *frame) has(name string) bool {
	if f.v.count < 64 {
		return f.v.Get(name) != nil
	}
	if f.names == nil {
		f.names = make(map[string]struct{}, 2*f.v.count)
		for m := f.v.first; m != nil; m = m.next {
			f.names[m.name] = struct{}{}
		}
	}
	if _, ok := f.names[name]; ok {
		return true
	}
	f.names[name] = struct{}{}
	return false
}
