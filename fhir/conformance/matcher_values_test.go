//go:build conformance

package conformance_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
)

// phrase is a text that is searched; one that holds a whole name or address is searched from each of its words.
type phrase struct {
	text  string
	whole bool
}

func phrasesOf(l leaf) (out []phrase) {
	members := map[string][]string{
		"HumanName": {"text", "family", "given", "prefix", "suffix"}, "Address": {"text", "line", "city", "district", "state", "postalCode", "country"},
	}[l.typ]
	if members == nil {
		return []phrase{{text(l.value), false}}
	}
	for _, name := range members {
		switch v := member(l.value, name).(type) {
		case string:
			out = append(out, phrase{v, name == "text"})
		case []any:
			for _, s := range v {
				out = append(out, phrase{text(s), false})
			}
		}
	}
	return out
}

func meetsText(modifier string, l leaf, value string) bool {
	return slices.ContainsFunc(phrasesOf(l), func(p phrase) bool {
		switch {
		case modifier == "exact":
			return p.text == value
		case modifier == "contains":
			return strings.Contains(folded(p.text), folded(value))
		case p.whole:
			return startsWord(p.text, value)
		}
		return strings.HasPrefix(folded(p.text), folded(value))
	})
}

// target is what a reference points to: a resource here, or a URL without its version.
type target struct{ typ, id, url, version string }

func targetOf(l leaf) (t target) {
	switch l.typ {
	case "Reference":
		ref := text(member(l.value, "reference"))
		switch m := literal.FindStringSubmatch(ref); {
		case ref == "" || strings.HasPrefix(ref, "#"):
		case m != nil && m[1] == "" && fhir.IsType(m[2]):
			t.typ, t.id = m[2], m[3]
		case m != nil && fhir.IsType(m[2]):
			t.url = m[1] + m[2] + "/" + m[3]
		case strings.Contains(ref, ":"):
			t.url = ref
		}
	case "canonical", "uri":
		t.url, _, _ = strings.Cut(text(l.value), "#")
		t.url, t.version, _ = strings.Cut(t.url, "|")
	default:
		t.typ, t.id = text(member(l.value, "resourceType")), text(member(l.value, "id"))
	}
	return t
}

func meetsReference(modifier string, l leaf, value string) bool {
	if modifier == "identifier" {
		i := member(l.value, "identifier")
		p := pair{system: text(member(i, "system")), code: text(member(i, "value"))}
		return p != (pair{}) && meetsPair(p, value)
	}
	t, value := targetOf(l), unescaped(value)
	typ, id, typed := strings.Cut(value, "/")
	switch {
	case strings.Contains(value, ":"):
		url, version, _ := strings.Cut(value, "|")
		return t.url == url && (version == "" || version == t.version)
	case modifier != "":
		return t.typ == modifier && (t.id == value || value == modifier+"/"+t.id) && t.id != ""
	case typed:
		return t.typ == typ && t.id == id
	}
	return t.id == value && t.id != ""
}

// prefixed takes the comparison off a value.
func prefixed(value string) (prefix, rest string) {
	if len(value) > 2 && slices.Contains([]string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}, value[:2]) {
		return value[:2], value[2:]
	}
	return "eq", value
}

// meetsTime: eq is that the resource's time lies within the query's; ap is within its own length around it, as documented.
func meetsTime(l leaf, value string) bool {
	prefix, value := prefixed(value)
	lo, hi, ok, _ := interval(l.typ, l.value)
	from, to, good := span(value)
	if !ok || !good {
		return false
	}
	within := from <= lo && hi <= to
	switch prefix {
	case "ne":
		return !within
	case "gt":
		return hi > to
	case "lt":
		return lo < from
	case "ge":
		return hi > to || within
	case "le":
		return lo < from || within
	case "sa":
		return lo >= to
	case "eb":
		return hi <= from
	case "ap":
		return lo < to+(to-from) && hi > from-(to-from)
	}
	return within
}

// stretch is what an amount may be: between two ends, of which one may be open or missing (nil).
type stretch struct {
	lo, hi         *big.Rat
	loOpen, hiOpen bool

	system, code, unit string
}

func rat(v any) *big.Rat {
	n, _ := v.(json.Number)
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil
	}
	return r
}

func stretchOf(l leaf) (s stretch, ok bool) {
	of := func(v any) {
		s.system, s.code, s.unit = text(member(v, "system")), text(member(v, "code")), text(member(v, "unit"))
	}
	switch l.typ {
	case "decimal", "integer", "positiveInt", "unsignedInt":
		s.lo = rat(l.value)
		s.hi = s.lo
	case "Money":
		s.lo = rat(member(l.value, "value"))
		s.hi = s.lo
		s.system, s.code = "urn:iso:std:iso:4217", text(member(l.value, "currency"))
	case "Range":
		low, high := member(l.value, "low"), member(l.value, "high")
		s.lo, s.hi = rat(member(low, "value")), rat(member(high, "value"))
		of(low)
		if s.lo == nil {
			of(high)
		}
	case "SampledData": // "1 2.5 E 3 L" on its origin, in all of the population
		origin := rat(member(member(l.value, "origin"), "value"))
		s.lo, s.hi = new(big.Rat).Add(origin, big.NewRat(1, 1)), new(big.Rat).Add(origin, big.NewRat(3, 1))
		of(member(l.value, "origin"))
	default:
		s.lo = rat(member(l.value, "value"))
		s.hi = s.lo
		of(l.value)
		switch text(member(l.value, "comparator")) {
		case "<":
			s.lo, s.hiOpen = nil, true
		case "<=":
			s.lo = nil
		case ">":
			s.hi, s.loOpen = nil, true
		case ">=":
			s.hi = nil
		}
	}
	return s, s.lo != nil || s.hi != nil
}

// base units: value * factor + offset, by UCUM's own tables.
var bases = map[string]struct{ unit, factor, offset string }{
	"mmol/L": {"m-3", "602213670000000000000000", "0"}, "mg/dL": {"g.m-3", "10", "0"}, "g/L": {"g.m-3", "1000", "0"}, "g/dL": {"g.m-3", "10000", "0"},
	"mm[Hg]": {"g.m-1.s-2", "133322", "0"}, "kPa": {"g.m-1.s-2", "1000000", "0"}, "Cel": {"K", "1", "273.15"}, "[degF]": {"K", "5/9", "45967/180"},
	"/min": {"s-1", "1/60", "0"}, "kg": {"g", "1000", "0"}, "g": {"g", "1", "0"}, "%": {"1", "1/100", "0"}, "min": {"s", "60", "0"}, "a": {"s", "31557600", "0"}, "d": {"s", "86400", "0"},
}

func toBase(r *big.Rat, code string) (*big.Rat, string) {
	b, ok := bases[code]
	if !ok || r == nil {
		return nil, b.unit
	}
	factor, _ := new(big.Rat).SetString(b.factor)
	offset, _ := new(big.Rat).SetString(b.offset)
	return factor.Mul(factor, r).Add(factor, offset), b.unit
}

// asked is the number of a query: exactly, as far as it is precise, and about.
type asked struct {
	prefix                  string
	value, lo, hi, from, to *big.Rat
}

func askedOf(value string) (a asked, ok bool) {
	a.prefix, value = prefixed(value)
	if a.value, ok = new(big.Rat).SetString(value); !ok {
		return a, false
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(value), "e")
	power, _ := strconv.Atoi(exponent)
	_, fraction, _ := strings.Cut(mantissa, ".")
	half := big.NewRat(1, 2)
	ten := big.NewRat(10, 1)
	for range max(power-len(fraction), 0) {
		half.Mul(half, ten)
	}
	for range max(len(fraction)-power, 0) {
		half.Quo(half, ten)
	}
	about := new(big.Rat).Quo(new(big.Rat).Abs(a.value), ten)
	if about.Cmp(half) < 0 {
		about = half
	}
	a.lo, a.hi = new(big.Rat).Sub(a.value, half), new(big.Rat).Add(a.value, half)
	a.from, a.to = new(big.Rat).Sub(a.value, about), new(big.Rat).Add(a.value, about)
	return a, true
}

// met compares: a point by itself, a stretch by whether it lies within (eq), wholly beyond (sa, eb), or reaches (the others).
func (a asked) met(s stretch) bool {
	within := s.lo != nil && s.hi != nil && s.lo.Cmp(a.lo) >= 0 && (s.hi.Cmp(a.hi) < 0 || s.hiOpen && s.hi.Cmp(a.hi) == 0)
	above := func(x *big.Rat, same bool) bool { // some of it is greater than x, or just x
		return s.hi == nil || s.hi.Cmp(x) > 0 || same && !s.hiOpen && s.hi.Cmp(x) == 0
	}
	below := func(x *big.Rat, same bool) bool {
		return s.lo == nil || s.lo.Cmp(x) < 0 || same && !s.loOpen && s.lo.Cmp(x) == 0
	}
	switch a.prefix {
	case "ne":
		return !within
	case "gt":
		return above(a.value, false)
	case "lt":
		return below(a.value, false)
	case "ge":
		return above(a.value, true)
	case "le":
		return below(a.value, true)
	case "sa":
		return !below(a.value, true) && s.lo != nil
	case "eb":
		return !above(a.value, true) && s.hi != nil
	case "ap":
		return above(a.from, true) && below(a.to, true)
	}
	return within
}

func meetsNumber(l leaf, value string) bool {
	a, good := askedOf(value)
	s, ok := stretchOf(l)
	return good && ok && a.met(s)
}

func meetsQuantity(l leaf, value string) bool {
	parts := separated(value, '|')
	a, good := askedOf(parts[0])
	s, ok := stretchOf(l)
	if !good || !ok {
		return false
	}
	if len(parts) == 1 {
		return a.met(s)
	}
	const ucum = "http://unitsofmeasure.org"
	system, code := unescaped(parts[1]), unescaped(parts[2])
	if _, known := bases[code]; system == ucum && known {
		if s.system != ucum {
			return false
		}
		var unit, other string
		for _, r := range []**big.Rat{&a.value, &a.lo, &a.hi, &a.from, &a.to} {
			*r, unit = toBase(*r, code)
		}
		s.lo, other = toBase(s.lo, s.code)
		s.hi, _ = toBase(s.hi, s.code)
		return unit == other && a.met(s)
	}
	switch {
	case system != "" && system != s.system:
		return false
	case code == "" || code == s.code || system == "" && code == s.unit:
		return a.met(s)
	}
	return false
}

// meetsURI: the same text; below, one that goes on from it part by part; above, the other way about.
func meetsURI(modifier string, l leaf, value string) bool {
	url, version := text(l.value), ""
	if l.typ == "canonical" {
		url, _, _ = strings.Cut(url, "#")
		url, version, _ = strings.Cut(url, "|")
	}
	goesOn := func(from, to string) bool {
		rest, ok := strings.CutPrefix(to, from)
		return ok && (rest == "" || strings.HasSuffix(from, "/") || strings.IndexByte("/?#", rest[0]) >= 0)
	}
	asked, askedVersion := value, ""
	if l.typ == "canonical" {
		asked, askedVersion, _ = strings.Cut(value, "|")
	}
	switch modifier {
	case "below":
		return goesOn(asked, url)
	case "above":
		return goesOn(url, asked)
	}
	return url == asked && url != "" && (askedVersion == "" || askedVersion == version)
}
