//go:build conformance

package conformance_test

import (
	"encoding/json"
	"strconv"
	"strings"
)

// What a node means for the kinds number, quantity and uri (R4, search.html), as meaning_test.go does for the others.

func number(v any) (f float64, text string, ok bool) {
	n, _ := v.(json.Number)
	f, err := strconv.ParseFloat(n.String(), 64)
	return f, n.String(), err == nil
}

// homeUnits are those in which most amounts of their dimension are stated. Amounts in them have one key, by the number that is stated.
var homeUnits = map[string]bool{
	"mm[Hg]": true, "/min": true, "Cel": true, "kg": true, "cm": true, "kg/m2": true, "mmol/L": true, "mg/dL": true, "%": true, "min": true, "mL": true, "U/L": true,
}

// amounts: a number is searched as it is stated; a quantity in a UCUM unit that is no home unit also in base units. What is no point is wide.
func amounts(n *node, value any) (out []entry, known bool) {
	switch n.typ {
	case "decimal", "integer", "positiveInt", "unsignedInt":
		if f, _, ok := number(value); ok {
			out = append(out, numberEntry(f))
		}
	case "Money":
		if f, _, ok := number(member(value, "value")); ok {
			out = append(out, numberEntry(f))
		}
	case "Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity":
		f, _, ok := number(member(value, "value"))
		switch {
		case !ok:
		case member(value, "comparator") != nil:
			out = append(out, wide)
		default:
			out = append(out, numberEntry(f))
			if base, converted := n.unit.base(f); converted && !homeUnits[text(member(value, "code"))] {
				out = append(out, base)
			}
		}
	case "Range":
		low, lowText, hasLow := number(member(member(value, "low"), "value"))
		_, highText, hasHigh := number(member(member(value, "high"), "value"))
		switch {
		case hasLow && hasHigh && lowText == highText:
			out = append(out, numberEntry(low))
		case hasLow || hasHigh:
			out = append(out, wide)
		}
	case "SampledData":
		if strings.ContainsAny(text(member(value, "data")), "0123456789") {
			out = append(out, wide)
		}
	default:
		return nil, false
	}
	return out, true
}

// base is a value in base units.
func (u *unit) base(f float64) (e entry, ok bool) {
	if u == nil {
		return "", false
	}
	switch u.Scale {
	case "":
		return baseEntry(u.Unit, f*u.Factor), true
	case "Cel":
		return baseEntry("K", f+273.15), true
	case "degF":
		return baseEntry("K", (f+459.67)*5/9), true
	}
	return entry("a unit on the scale " + u.Scale), true
}

// uris: the version and the fragment of a canonical URL are no part of it.
func uris(typ string, value any) (out []entry, known bool) {
	url := text(value)
	switch typ {
	case "uri", "url", "oid", "uuid":
	case "canonical":
		url, _, _ = strings.Cut(url, "#")
		url, _, _ = strings.Cut(url, "|")
	default:
		return nil, false
	}
	if url != "" {
		out = append(out, uriEntry(url))
	}
	return out, true
}
