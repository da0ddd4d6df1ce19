package search

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"khamxa/fhir"
)

const (
	ucumSystem = "http://unitsofmeasure.org"
	currencies = "urn:iso:std:iso:4217" // the system of Money.currency
)

// quantityAmount reads a Quantity. A comparator makes it everything on one side of its value: <5 is what lies below 5.
func quantityAmount(v *fhir.Value) (amount, bool) {
	value := v.Get("value")
	a := pointAmount(value)
	a.unitOf(v)
	switch v.Get("comparator").String() {
	case "<":
		a.lo, a.hiOpen = "", true
	case "<=":
		a.lo = ""
	case ">":
		a.hi, a.loOpen = "", true
	case ">=":
		a.hi = ""
	}
	return a, value.Kind() == fhir.Number
}

func (a *amount) unitOf(v *fhir.Value) {
	a.system, a.code, a.unit = v.Get("system").String(), v.Get("code").String(), v.Get("unit").String()
}

// rangeAmount reads a Range, both ends included. One whose ends have different units is left out.
func rangeAmount(v *fhir.Value) (amount, bool) {
	low, high := v.Get("low"), v.Get("high")
	hasLow, hasHigh := low.Get("value").Kind() == fhir.Number, high.Get("value").Kind() == fhir.Number
	a := amount{lo: low.Get("value").String(), hi: high.Get("value").String()}
	var other amount
	a.unitOf(low)
	other.unitOf(high)
	switch {
	case !hasLow && !hasHigh:
		return a, false
	case !hasLow:
		a.lo = ""
		a.unitOf(high)
	case !hasHigh:
		a.hi = ""
	case a.system != other.system || a.code != other.code || a.code == "" && a.unit != other.unit:
		return a, false
	}
	return a, true
}

// sampledAmount reads the bounds of SampledData: from the least to the greatest value of its data, which are multiplied by its
// factor and begin at its origin. Data that are errors (E) or beyond the limits of detection (L, U) do not count.
func sampledAmount(v *fhir.Value) (a amount, ok bool) {
	origin, ok := parseDecimal(v.Get("origin").Get("value").String())
	if !ok {
		return a, false
	}
	factor := decimal{value: big.NewRat(1, 1)}
	if f := v.Get("factor"); f.Kind() == fhir.Number {
		if factor, ok = parseDecimal(f.String()); !ok {
			return a, false
		}
	}
	least, most := bounds(v.Get("data").String())
	if least == nil {
		return a, false
	}
	if factor.value.Sign() < 0 {
		least, most = most, least
	}
	at := func(x *big.Rat) string {
		y := new(big.Rat).Mul(x, factor.value)
		y.Add(y, origin.value)
		places, _ := y.FloatPrec() // all are decimals, so there is an exact one
		return y.FloatString(places)
	}
	a.lo, a.hi = at(least), at(most)
	a.unitOf(v.Get("origin"))
	return a, true
}

// bounds are the least and the greatest of the numbers in a text, nil if there are none.
func bounds(data string) (least, most *big.Rat) {
	low, high := math.Inf(1), math.Inf(-1)
	for text := range strings.FieldsSeq(data) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f > low && f < high {
			continue
		}
		d, ok := parseDecimal(text)
		if !ok {
			continue
		}
		if least == nil || d.value.Cmp(least) < 0 {
			least, low = d.value, f
		}
		if most == nil || d.value.Cmp(most) > 0 {
			most, high = d.value, f
		}
	}
	return least, most
}

// canonical brings the amount to base units; ok is false when it is not in a UCUM unit.
func (a *amount) canonical(e *extent) (unit string, ok bool) {
	if a.system != ucumSystem || a.code == "" {
		return "", false
	}
	point := e.lo == e.hi
	if e.lo != nil {
		if e.lo, unit, ok = canonical(e.lo, a.code); !ok {
			return "", false
		}
	}
	switch {
	case point:
		e.hi = e.lo
	case e.hi != nil:
		e.hi, unit, ok = canonical(e.hi, a.code)
	}
	return unit, ok
}

// quantityTerm reads [prefix]number, [prefix]number|system|code or [prefix]number||code (R4, search.html#quantity), with the
// escapes of the parts.
func quantityTerm(name, text string) (term, error) {
	parts := split(text, '|')
	if len(parts) != 1 && len(parts) != 3 {
		return term{}, invalid(name, "The value of %s must be written number, number|system|code or number||unit.", name)
	}
	for i := range parts {
		var err error
		if parts[i], err = unescape(name, parts[i]); err != nil {
			return term{}, err
		}
	}
	t, err := numberTerm(name, parts[0])
	if err != nil || len(parts) == 1 {
		return t, err
	}
	t.system, t.code = parts[1], parts[2]
	t.hasSystem, t.anyCode = t.system != "", t.code == ""
	if t.system == ucumSystem && t.code != "" {
		t.toBase()
	}
	return t, nil
}

// toBase brings the measure to base units, if the term's code is a UCUM unit.
func (t *term) toBase() {
	in := [...]*big.Rat{t.stated.value, t.stated.lo, t.stated.hi, t.stated.aboutLo, t.stated.aboutHi}
	var out [len(in)]*big.Rat
	for i, x := range in {
		var ok bool
		if out[i], t.unit, ok = canonical(x, t.code); !ok {
			t.unit = ""
			return
		}
	}
	t.base, t.hasBase = measure{out[0], out[1], out[2], out[3], out[4]}, true
}

// matchQuantity reports whether the amount satisfies the term. A number alone asks for the value in whatever unit. A UCUM unit
// asks for every amount of the same dimension, converted exactly. Other units, and a code without a system, must be written
// the same: the code, or for number||unit the code or the unit as people read it.
func (t *term) matchQuantity(a *amount) bool {
	switch {
	case t.hasBase:
		return t.matchBase(a)
	case t.hasSystem && a.system != t.system:
		return false
	case t.anyCode, t.code == "", t.code == a.code, !t.hasSystem && t.code == a.unit:
		return t.matchNumber(a)
	}
	return false
}

// matchBase compares in base units.
func (t *term) matchBase(a *amount) bool {
	if f, unit, ok := a.approximate(); ok {
		if unit != t.unit {
			return false
		}
		if yes, sure := t.base.guess(t.prefix, f); sure {
			return yes
		}
	}
	e, ok := a.extent()
	if !ok {
		return false
	}
	unit, ok := a.canonical(&e)
	return ok && unit == t.unit && t.base.satisfied(t.prefix, &e)
}

// approximate is a point in a usual unit, in base units as a float that is wrong by less than one step of a key. ok is false for
// other amounts, and near the ends of what a float can hold.
func (a *amount) approximate() (f float64, unit string, ok bool) {
	c, usual := usualUnits[a.code]
	if !usual || !c.linear || a.system != ucumSystem || !a.isPoint() {
		return 0, "", false
	}
	f, ok = parseFloat(a.lo)
	return f * c.approximate, c.unit, ok && math.Abs(f) > 1e-250 && math.Abs(f) < 1e250
}

// quantityRanges are the keys that can satisfy the term.
func (t *term) quantityRanges(prefix string, out []Range) []Range {
	if !t.hasBase {
		return t.numberRanges(prefix, out)
	}
	out = t.base.ranges(t.prefix, prefix+formBase+t.unitKey(), out)
	if home, ok := homeUnits[t.unit]; ok {
		m := home.stated(&t.base)
		out = m.ranges(t.prefix, prefix+formNumber, out)
	}
	return append(out, ExactRange(prefix+formWide))
}

func (t *term) unitKey() string { return unitKey(t.unit) }

// unitKey stands before the number of an amount in base units.
func unitKey(unit string) string { return cut(unit, maxToken) + separator }

func (x *extractor) quantity(prefix string, a *amount) {
	x.number(prefix, a)
	if !a.isPoint() || a.system != ucumSystem || a.isHome() {
		return
	}
	if f, unit, ok := a.approximate(); ok {
		x.keys = append(x.keys, prefix+formBase+unit+separator+encodeFloat(f))
		return
	}
	if e, ok := a.extent(); ok {
		if unit, ok := a.canonical(&e); ok {
			x.keys = append(x.keys, prefix+formBase+unitKey(unit)+encodeRat(e.lo))
		}
	}
}

// sortAmount is what an amount is sorted by: its lower end, or else its upper one, so that <5 stands at 5; for a quantity after its
// unit, both in base units where they can be.
func sortAmount(a *amount, withUnit bool) string {
	e, ok := a.extent()
	if !ok {
		return ""
	}
	unit := ""
	if withUnit {
		if base, ok := a.canonical(&e); ok {
			unit = unitKey(base)
		} else {
			unit = unitKey(strconv.Quote(a.code))
		}
	}
	if e.lo == nil {
		return unit + encodeRat(e.hi)
	}
	return unit + encodeRat(e.lo)
}
