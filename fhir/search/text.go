package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"khamxa/fhir"
)

// Fold is how text is compared in string searches: đ becomes d, marks are stripped after canonical decomposition, letters
// are lower case, and white space is single blanks between words. "Nguyễn  Thị Hoà" and "nguyen thi hoa" fold alike.
func Fold(s string) string {
	f := folder{out: make([]byte, 0, len(s))}
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			f.ascii(c)
			i++
			continue
		}
		// Character by character is enough: what reordering would change are marks, and those are dropped.
		p := norm.NFD.PropertiesString(s[i:])
		n := max(p.Size(), 1)
		switch d := p.Decomposition(); {
		case d != nil:
			for _, r := range string(d) {
				f.rune(r)
			}
		default:
			for _, r := range norm.NFD.String(s[i : i+n]) { // Hangul is decomposed by rule
				f.rune(r)
			}
		}
		i += n
	}
	return string(f.out)
}

// folder collects folded text.
type folder struct {
	out   []byte
	blank bool // white space is due before the next character
}

func (f *folder) ascii(c byte) {
	switch {
	case c == ' ' || c >= '\t' && c <= '\r':
		f.blank = len(f.out) > 0
		return
	case c >= 'A' && c <= 'Z':
		c += 'a' - 'A'
	}
	f.gap()
	f.out = append(f.out, c)
}

func (f *folder) rune(r rune) {
	switch {
	case r < utf8.RuneSelf:
		f.ascii(byte(r))
		return
	case unicode.Is(unicode.Mn, r):
		return
	case unicode.IsSpace(r):
		f.blank = len(f.out) > 0
		return
	case r == 'đ' || r == 'Đ': // has no decomposition
		r = 'd'
	default:
		r = unicode.ToLower(r)
	}
	f.gap()
	f.out = utf8.AppendRune(f.out, r)
}

func (f *folder) gap() {
	if f.blank {
		f.out = append(f.out, ' ')
		f.blank = false
	}
}

// words calls f with folded text and with what is left of it from each further word, at most maxWords times, until f answers
// false; it reports whether f never did.
func words(folded string, f func(string) bool) bool {
	const maxWords = 16
	for n := 0; n < maxWords && folded != ""; n++ {
		if !f(folded) {
			return false
		}
		_, folded, _ = strings.Cut(folded, " ")
	}
	return true
}

// nameParts and addressParts are the members of HumanName and Address that hold text (R4, search.html#string).
var (
	nameParts    = [...]string{"text", "family", "given", "prefix", "suffix"}
	addressParts = [...]string{"text", "line", "city", "district", "state", "postalCode", "country"}
)

// eachText calls f for the texts of a node, until f answers false; it reports whether f never did. whole says that the text
// is a full name or address in one string, which is searched from every word: in Vietnamese the given name comes last, and
// R4 leaves to the server how it matches HumanName and Address.
func eachText(v *fhir.Value, p *path, f func(text string, whole bool) bool) bool {
	switch p.leaf {
	case "HumanName":
		return eachPart(v, nameParts[:], f)
	case "Address":
		return eachPart(v, addressParts[:], f)
	}
	return v.Kind() != fhir.String || f(v.String(), false)
}

func eachPart(v *fhir.Value, parts []string, f func(string, bool) bool) bool {
	for _, name := range parts {
		m := v.Get(name)
		if m.Kind() == fhir.String && !f(m.String(), name == "text") {
			return false
		}
		if m.Kind() != fhir.Array {
			continue
		}
		for item := m.First(); item != nil; item = item.Next() {
			if item.Kind() == fhir.String && !f(item.String(), false) {
				return false
			}
		}
	}
	return true
}

// matchText reports whether the text satisfies the term under the modifier.
func (t *term) matchText(modifier Modifier, text string, whole bool) bool {
	switch modifier {
	case ExactModifier:
		return t.text == text && Fold(text) != ""
	case ContainsModifier:
		return strings.Contains(Fold(text), t.folded)
	default: // none, or one that says nothing about how texts are compared
		return t.startsPart(Fold(text), whole)
	}
}

// startsPart reports whether the folded text begins with the term or, where it is whole, one of its words does.
func (t *term) startsPart(folded string, whole bool) bool {
	if !whole {
		return strings.HasPrefix(folded, t.folded)
	}
	return !words(folded, func(rest string) bool { return !strings.HasPrefix(rest, t.folded) })
}

// textRanges are the keys that can satisfy the term.
func (t *term) textRanges(prefix string, modifier Modifier, out []Range) []Range {
	switch key := prefix + cut(t.folded, maxText); modifier {
	case ExactModifier:
		return append(out, ExactRange(key))
	case ContainsModifier:
		return append(out, PrefixRange(prefix))
	default:
		return append(out, PrefixRange(key))
	}
}
