//go:build conformance

package conformance_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// ranked puts the items in the order that _sort asks for: by each key in turn, of several values the least when ascending and the
// greatest when descending, those without a value last, and equals in the order of creation.
func (w *world) ranked(items []*item, keys []string) []*item {
	values := map[*item][]string{}
	for _, it := range items {
		for _, key := range keys {
			code, descending := strings.CutPrefix(key, "-")
			values[it] = append(values[it], w.rank(it, code, descending))
		}
	}
	out := slices.Clone(items)
	slices.SortStableFunc(out, func(x, y *item) int {
		for i, key := range keys {
			a, b := values[x][i], values[y][i]
			switch {
			case a == b:
				continue
			case a == "":
				return 1
			case b == "":
				return -1
			case strings.HasPrefix(key, "-"):
				return strings.Compare(b, a)
			}
			return strings.Compare(a, b)
		}
		return 0
	})
	return out
}

// rank is a text in whose order the values of a parameter are; "" for none. What was written in the same millisecond was still
// written one after the other.
func (w *world) rank(it *item, code string, descending bool) (best string) {
	if code == "_lastUpdated" {
		return fmt.Sprintf("%09d", it.written)
	}
	kind := w.kind(it.typ, code)
	for _, l := range it.nodes[code] {
		for _, s := range ranks(kind, l) {
			if s != "" && (best == "" || (s > best) == descending) {
				best = s
			}
		}
	}
	return best
}

// ranks are what the values of a node are sorted by: tokens by code, then system; references by id, then type; times by their start,
// then their end; texts folded, a name or address by the first of its parts; quantities by unit, then value.
func ranks(kind string, l leaf) (out []string) {
	switch kind {
	case "token":
		for _, p := range pairsOf(l) {
			if p.anyCase {
				p.code = strings.ToLower(p.code)
			}
			out = append(out, p.code+"\x01"+p.system)
		}
	case "string":
		for _, p := range phrasesOf(l) {
			if f := folded(p.text); f != "" {
				return []string{f}
			}
		}
	case "reference":
		switch t := targetOf(l); {
		case t.id != "":
			out = append(out, t.id+"\x01"+t.typ)
		case t.url != "":
			out = append(out, t.url+"\x01")
		}
	case "date":
		if lo, hi, ok, _ := interval(l.typ, l.value); ok {
			out = append(out, fmt.Sprintf("%020d%020d", lo-beginning, hi-beginning))
		}
	case "uri":
		url := text(l.value)
		if l.typ == "canonical" {
			url, _, _ = strings.Cut(url, "#")
			url, _, _ = strings.Cut(url, "|")
		}
		out = append(out, url)
	case "number", "quantity":
		if s, ok := stretchOf(l); ok {
			out = append(out, rankAmount(kind, s))
		}
	}
	return out
}

// rankAmount goes by the lower end, or where there is none by the upper one.
func rankAmount(kind string, s stretch) string {
	at := s.lo
	if at == nil {
		at = s.hi
	}
	if kind == "number" {
		return rankNumber(at)
	}
	inBase, unit := toBase(at, s.code)
	if s.system != "http://unitsofmeasure.org" || unit == "" {
		inBase, unit = at, strconv.Quote(s.code)
	}
	return unit + "\x01" + rankNumber(inBase)
}

// rankNumber is in the order of the numbers.
func rankNumber(r *big.Rat) string {
	f, _ := r.Float64()
	bits := math.Float64bits(f)
	switch {
	case f == 0:
		bits = 1 << 63
	case bits>>63 == 1:
		bits = ^bits
	default:
		bits |= 1 << 63
	}
	return fmt.Sprintf("%016x", bits)
}
