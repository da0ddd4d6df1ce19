package search

import (
	"html"
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"khamxa/fhir"
	"khamxa/fhir/ucum"
)

// The parameters of the kind special: near, _text and _content.
//
// None of them has keys of its own beyond presence. There are few places, so a search near one looks at all that have a position.
// The words of narratives and contents would be most of the index (a narrative alone has some hundred), for a question that
// is hardly ever asked without another one; so _text and _content check what the other clauses find, or else the whole type.

// usualKilometres is how far "near" is when no distance is given; R4 leaves it to the server.
const usualKilometres = 50

// area is what lies within a distance of a place (WGS84).
type area struct{ latitude, longitude, metres float64 }

// nearTerm reads latitude|longitude|distance|unit; the distance and its unit (a UCUM length, km if it is not given) may be left out
// (R4, location.html#search).
func nearTerm(name, text string) (term, error) {
	parts := split(text, '|')
	var numbers [3]float64
	numbers[2] = usualKilometres
	metres := 1000.0
	for i, part := range parts[:min(len(parts), 4)] {
		if i >= 2 && part == "" {
			continue
		}
		if i == 3 {
			one, unit, ok := ucum.Canonical(big.NewRat(1, 1), part)
			if !ok || unit != "m" {
				return term{}, invalid(name, "The unit of the distance in %s must be a length in UCUM: km, m or [mi_i].", name)
			}
			metres, _ = one.Float64()
			continue
		}
		f, ok := parseFloat(part)
		if _, exact := parseDecimal(part); !ok || !exact {
			return term{}, invalid(name, "The value of %s must be written latitude|longitude|distance|unit, as in 20.2447|106.2311|10|km.", name)
		}
		numbers[i] = f
	}
	a := area{numbers[0], numbers[1], numbers[2] * metres}
	if len(parts) < 2 || len(parts) > 4 || math.Abs(a.latitude) > 90 || math.Abs(a.longitude) > 180 || a.metres < 0 {
		return term{}, invalid(name, "The value of %s must be written latitude|longitude|distance|unit, with degrees from -90 to 90 and from -180 to 180.", name)
	}
	return term{area: a}, nil
}

// holds reports whether the position (Location.position) lies within the area, over the great circle.
func (a *area) holds(position *fhir.Value) bool {
	latitude, ok := position.Get("latitude").Float()
	longitude, ok2 := position.Get("longitude").Float()
	if !ok || !ok2 {
		return false
	}
	const earth, degree = 6_371_008.8, math.Pi / 180
	dy, dx := math.Sin((latitude-a.latitude)*degree/2), math.Sin((longitude-a.longitude)*degree/2)
	h := dy*dy + math.Cos(latitude*degree)*math.Cos(a.latitude*degree)*dx*dx
	return 2*earth*math.Asin(math.Min(1, math.Sqrt(h))) <= a.metres
}

// searchesText reports whether the parameter is _text or _content.
func (p *Param) searchesText() bool {
	return p.Kind == Special && (p.Code == "_text" || p.Code == "_content")
}

// wordsTerm reads the words of a text search: all of them must be there.
func wordsTerm(name, text string) (term, error) {
	t := term{words: wordsOf(Fold(text))}
	if len(t.words) == 0 {
		return term{}, invalid(name, "The value of %s holds no word to search for.", name)
	}
	return t, nil
}

func wordsOf(folded string) []string { return strings.FieldsFunc(folded, isNoWord) }

func isNoWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// matchWords reports whether each of the term's words begins a word somewhere in the node: in the narrative (_text), or in any text
// or number of the resource (_content). Order does not count, nor do case and marks.
func (t *term) matchWords(v *fhir.Value) bool {
	missing := slices.Clone(t.words)
	eachContent(v, func(text string) bool {
		for _, word := range wordsOf(Fold(text)) {
			missing = slices.DeleteFunc(missing, func(m string) bool { return strings.HasPrefix(word, m) })
		}
		return len(missing) > 0
	})
	return len(missing) == 0
}

// eachContent calls f for every text and number below a node, until f answers false; it reports whether f never did. Of XHTML it
// is what a person reads; the members named data are left out, which hold encoded bytes.
func eachContent(v *fhir.Value, f func(string) bool) bool {
	switch v.Kind() {
	case fhir.String, fhir.Number:
		if v.Name() == "div" {
			return f(plain(v.String()))
		}
		return f(v.String())
	case fhir.Array, fhir.Object:
		for m := v.First(); m != nil; m = m.Next() {
			if m.Name() != "data" && !eachContent(m, f) {
				return false
			}
		}
	default: // null and booleans hold no words
	}
	return true
}

// plain is the text of XHTML: tags are blanks, character references are characters.
func plain(xhtml string) string {
	var b strings.Builder
	for xhtml != "" {
		text, rest, _ := strings.Cut(xhtml, "<")
		b.WriteString(text)
		b.WriteByte(' ')
		_, xhtml, _ = strings.Cut(rest, ">")
	}
	return html.UnescapeString(b.String())
}
