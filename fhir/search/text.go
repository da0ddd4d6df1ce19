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
	b := make([]byte, 0, len(s))
	blank := false
	s = norm.NFD.String(s)
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = len(b) > 0
			continue
		case unicode.Is(unicode.Mn, r):
			continue
		case r == 'đ' || r == 'Đ': // has no decomposition
			r = 'd'
		default:
			r = unicode.ToLower(r)
		}
		if blank {
			b = append(b, ' ')
			blank = false
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
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
	}
	folded := Fold(text)
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
