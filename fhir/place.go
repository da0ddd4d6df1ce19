package fhir

import (
	"sort"
	"unicode/utf8"
)

// mark is one place in the text that was parsed and in its compact form; never inside a string.
type mark struct {
	compact, text int32 // offsets in bytes
	line, column  int32 // from 1; a column is a character
}

// markEvery is how far marks are apart, in bytes of text: what a question for a place walks at most, but for long strings.
const markEvery = 4096

// Position is where v stands in the text that was parsed, its white space counted: line and column from 1, a column being a
// character. For the resource inside a Bundle that is the Bundle's text. Both are 0 for nil. The first question for a document
// walks it once; it is meant for errors.
func (v *Value) Position() (line, column int) {
	if v == nil {
		return 0, 0
	}
	return v.doc.position(v.start)
}

// NamePosition is Position of the name of a member; of the value itself when it has none.
func (v *Value) NamePosition() (line, column int) {
	if v == nil {
		return 0, 0
	}
	return v.doc.position(v.label)
}

// Holds reports whether w is v or lies inside it.
func (v *Value) Holds(w *Value) bool {
	return v != nil && w != nil && v.doc == w.doc && v.start <= w.start && w.end <= v.end
}

// position finds the token that begins at offset in the compact form.
func (d *document) position(offset int32) (line, column int) {
	d.marked.Do(func() {
		d.marks = append(d.marks, mark{line: 1, column: 1})
		for last := d.marks[0]; int(last.text) < len(d.text); d.marks = append(d.marks, last) {
			last = d.walk(last, int32(len(d.compact)), last.text+markEvery)
		}
	})
	i := sort.Search(len(d.marks), func(i int) bool { return d.marks[i].compact > offset })
	at := d.walk(d.marks[max(i-1, 0)], offset, int32(len(d.text)))
	return int(at.line), int(at.column)
}

// walk goes on from a mark to the token at offset in the compact form, or to the first place at or after limit in the text
// that is in no string.
func (d *document) walk(m mark, offset, limit int32) mark {
	quoted := false
	for int(m.text) < len(d.text) {
		c := d.text[m.text]
		space := !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		if !quoted && !space && (m.compact >= offset || m.text >= limit) {
			return m
		}
		if quoted && c == '\\' {
			m.text, m.compact, m.column = m.text+1, m.compact+1, m.column+1
		}
		if c == '"' {
			quoted = !quoted
		}
		m.text++
		if !space {
			m.compact++
		}
		switch {
		case c == '\n':
			m.line, m.column = m.line+1, 1
		case utf8.RuneStart(c):
			m.column++
		}
	}
	return m
}
