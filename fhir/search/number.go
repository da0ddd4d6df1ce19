package search

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"khamxa/fhir"
)

// Numbers are compared exactly, as fractions. What FHIR calls a decimal is written with at most maxDigits characters and an
// exponent of at most maxExponent; anything beyond is no number to a search, since a few characters (1e999999999) could ask
// for gigabytes.
const (
	maxDigits   = 200
	maxExponent = 400
)

// decimal is a number as it was written, taken apart: its value, and half of one unit in its last place. What is written as
// 100 is precise to 0.5, 100.00 to 0.005 and 1e2 to 50 (R4, search.html#number, whose own example for 1e2 forgets the zeros).
type decimal struct{ value, half *big.Rat }

// parseDecimal reads a number as JSON writes it; leading zeros, a leading plus and a bare ".5" are taken too, since people
// type them in queries.
func parseDecimal(s string) (d decimal, ok bool) {
	mantissa, exponent, written := strings.Cut(strings.ReplaceAll(s, "E", "e"), "e")
	power := 0
	if written {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -maxExponent || n > maxExponent {
			return decimal{}, false
		}
		power = n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !digitsOnly(strings.TrimLeft(whole, "+-")+fraction) || len(s) > maxDigits || len(whole) > 0 && strings.ContainsAny(whole[1:], "+-") {
		return decimal{}, false
	}
	digits, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return decimal{}, false
	}
	ulp := powerOfTen(power - len(fraction))
	return decimal{value: new(big.Rat).Mul(new(big.Rat).SetInt(digits), ulp), half: new(big.Rat).Mul(ulp, big.NewRat(1, 2))}, true
}

func digitsOnly(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func powerOfTen(n int) *big.Rat {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil)
	if n < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), p)
	}
	return new(big.Rat).SetInt(p)
}

// numberDigits is the length of a number in a key.
const numberDigits = 10

// encodeFloat writes a number so that the byte order of the text is the order of the numbers, to about eleven digits: numbers
// closer than that may share a key. The greater of two numbers never has the lesser key.
func encodeFloat(f float64) string { return base32(orderedBits(f)) }

// orderedBits are the first bits of a number, so mirrored that greater numbers have greater ones.
func orderedBits(f float64) uint64 {
	bits := math.Float64bits(f)
	switch {
	case f == 0: // -0 too
		bits = 1 << 63
	case bits>>63 == 1:
		bits = ^bits
	default:
		bits |= 1 << 63
	}
	return bits >> (64 - 5*numberDigits)
}

// parseFloat is the float nearest to a number's text; ok is false for what parseDecimal does not read.
func parseFloat(s string) (f float64, ok bool) {
	if !readable(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// readable reports whether parseDecimal reads what a resource holds as a number.
func readable(s string) bool {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		return err == nil && -maxExponent <= n && n <= maxExponent && len(s) <= maxDigits
	}
	return len(s) <= maxDigits && s != ""
}

func encodeRat(r *big.Rat) string {
	f, _ := r.Float64()
	return encodeFloat(f)
}

// extent is what a value may be: a point, or everything between two bounds. A bound that is nil is infinite; one that is open
// does not belong to it. Ranges, comparators (<5) and sampled data are extents.
type extent struct {
	lo, hi         *big.Rat
	loOpen, hiOpen bool
}

// measure is the number of a query: the value itself, the half-open interval of its implicit precision, and what counts as
// about the same.
type measure struct{ value, lo, hi, aboutLo, aboutHi *big.Rat }

// measureOf widens a decimal by its precision, and by a tenth of its value for the prefix ap (R4, search.html#prefix).
func measureOf(d decimal) measure {
	m := measure{value: d.value, lo: new(big.Rat).Sub(d.value, d.half), hi: new(big.Rat).Add(d.value, d.half)}
	wide := new(big.Rat).Quo(new(big.Rat).Abs(d.value), big.NewRat(10, 1))
	if wide.Cmp(d.half) < 0 {
		wide = d.half
	}
	m.aboutLo, m.aboutHi = new(big.Rat).Sub(d.value, wide), new(big.Rat).Add(d.value, wide)
	return m
}

// satisfied compares a resource's extent with the query's number. eq and ne go by the query's implicit precision; the others
// by its exact value (R4, search.html#number). Of an extent that is no point, eq asks that all of it lies inside, sa and eb
// that all of it lies beyond, and the rest that some of it does: <5 may be less than 3.
func (m *measure) satisfied(prefix Prefix, v *extent) bool {
	switch prefix {
	case Ne:
		return !m.contains(v)
	case Gt:
		return v.hi == nil || v.hi.Cmp(m.value) > 0
	case Lt:
		return v.lo == nil || v.lo.Cmp(m.value) < 0
	case Ge:
		return v.reaches(m.value)
	case Le:
		return v.begins(m.value)
	case Sa:
		return v.lo != nil && (v.lo.Cmp(m.value) > 0 || v.loOpen && v.lo.Cmp(m.value) == 0)
	case Eb:
		return v.hi != nil && (v.hi.Cmp(m.value) < 0 || v.hiOpen && v.hi.Cmp(m.value) == 0)
	case Ap:
		return v.reaches(m.aboutLo) && v.begins(m.aboutHi)
	default: // eq, said or not
		return m.contains(v)
	}
}

// guess decides by floats whether a point satisfies the measure; sure is false where the point and a bound are too close for them to
// tell. It only saves time: what it is sure of is what satisfied says.
func (m *measure) guess(prefix Prefix, f float64) (yes, sure bool) {
	beyond := func(bound *big.Rat) int {
		b, _ := bound.Float64()
		switch margin := 1e-12 * math.Max(math.Abs(f), math.Abs(b)); {
		case math.IsInf(margin, 0):
			return 0
		case f-b > margin:
			return 1
		case b-f > margin:
			return -1
		}
		return 0
	}
	between := func(lo, hi *big.Rat) (yes, sure bool) {
		a, b := beyond(lo), beyond(hi)
		return a > 0 && b < 0, a < 0 || b > 0 || a > 0 && b < 0
	}
	switch prefix {
	case Gt, Ge, Sa:
		c := beyond(m.value)
		return c > 0, c != 0
	case Lt, Le, Eb:
		c := beyond(m.value)
		return c < 0, c != 0
	case Ap:
		return between(m.aboutLo, m.aboutHi)
	case Ne:
		yes, sure = between(m.lo, m.hi)
		return !yes, sure
	default: // eq
		return between(m.lo, m.hi)
	}
}

// contains reports whether the whole extent is equal to the number at its precision: lo <= v < hi.
func (m *measure) contains(v *extent) bool {
	if v.lo == nil || v.hi == nil || v.lo.Cmp(m.lo) < 0 {
		return false
	}
	c := v.hi.Cmp(m.hi)
	return c < 0 || c == 0 && v.hiOpen
}

// reaches reports whether some of the extent is x or more.
func (v *extent) reaches(x *big.Rat) bool {
	if v.hi == nil {
		return true
	}
	c := v.hi.Cmp(x)
	return c > 0 || c == 0 && !v.hiOpen
}

// begins reports whether some of the extent is x or less.
func (v *extent) begins(x *big.Rat) bool {
	if v.lo == nil {
		return true
	}
	c := v.lo.Cmp(x)
	return c < 0 || c == 0 && !v.loOpen
}

// ranges are the keys that begin with prefix and end with a number that can satisfy the measure, for values that are points.
// They are wider by one step at each end: a key in base units may have been computed in floats (see usualUnits).
func (m *measure) ranges(operator Prefix, prefix string, out []Range) []Range {
	r := PrefixRange(prefix)
	from := func(x *big.Rat) { r.Lo = prefix + encodeStep(x, -1) }
	upTo := func(x *big.Rat) { r.Hi = prefix + encodeStep(x, +1) + above }
	switch operator {
	case Ne:
	case Gt, Ge, Sa:
		from(m.value)
	case Lt, Le, Eb:
		upTo(m.value)
	case Ap:
		from(m.aboutLo)
		upTo(m.aboutHi)
	default: // eq
		from(m.lo)
		upTo(m.hi)
	}
	return append(out, r)
}

// encodeStep is the key that is so many steps from the number's.
func encodeStep(x *big.Rat, steps int) string {
	f, _ := x.Float64()
	return base32(orderedBits(f) + uint64(steps))
}

// numberTerm reads an optional prefix and a number.
func numberTerm(name, text string) (term, error) {
	prefix, rest, err := cutPrefix(name, text)
	if err != nil {
		return term{}, err
	}
	d, ok := parseDecimal(rest)
	if !ok {
		return term{}, invalid(name, "The value of %s is no number. Write 5.4, -2 or 1e-3, after a prefix such as ge where one is wanted.", name)
	}
	return term{prefix: prefix, stated: measureOf(d)}, nil
}

// numberRanges are the keys that can satisfy the term.
func (t *term) numberRanges(prefix string, out []Range) []Range {
	return append(t.stated.ranges(t.prefix, prefix+formNumber, out), ExactRange(prefix+formWide))
}

// amount is one value of a number or quantity parameter as the resource states it.
type amount struct {
	lo, hi         string // numbers; "" where it is unbounded. A point has the same on both sides
	loOpen, hiOpen bool

	system, code, unit string
}

// isPoint reports whether the amount is one number.
func (a *amount) isPoint() bool { return a.lo == a.hi && !a.loOpen && !a.hiOpen }

// extent reads the numbers; ok is false when they are none.
func (a *amount) extent() (e extent, ok bool) {
	e.loOpen, e.hiOpen = a.loOpen, a.hiOpen
	if a.lo != "" {
		d, ok := parseDecimal(a.lo)
		if !ok {
			return extent{}, false
		}
		e.lo = d.value
	}
	switch {
	case a.hi == "":
	case a.hi == a.lo:
		e.hi = e.lo
	default:
		d, ok := parseDecimal(a.hi)
		if !ok {
			return extent{}, false
		}
		e.hi = d.value
	}
	return e, e.lo != nil || e.hi != nil
}

// eachAmount calls f for the amounts of a node, until f answers false; it reports whether f never did. A node that states no
// number has none.
func eachAmount(v *fhir.Value, p *path, f func(*amount) bool) bool {
	var a amount
	ok := false
	switch p.leaf {
	case "Range":
		a, ok = rangeAmount(v)
	case "Money":
		a, ok = pointAmount(v.Get("value")), v.Get("value").Kind() == fhir.Number
		a.system, a.code = currencies, v.Get("currency").String()
	case "SampledData":
		a, ok = sampledAmount(v)
	case "decimal", "integer", "positiveInt", "unsignedInt":
		a, ok = pointAmount(v), v.Kind() == fhir.Number
	default: // Quantity and what specialises it
		a, ok = quantityAmount(v)
	}
	return !ok || f(&a)
}

func pointAmount(v *fhir.Value) amount { return amount{lo: v.String(), hi: v.String()} }

// matchNumber reports whether the amount satisfies the term, whatever its unit.
func (t *term) matchNumber(a *amount) bool {
	if a.isPoint() {
		if f, ok := parseFloat(a.lo); ok {
			if yes, sure := t.stated.guess(t.prefix, f); sure {
				return yes
			}
		}
	}
	e, ok := a.extent()
	return ok && t.stated.satisfied(t.prefix, &e)
}

func (x *extractor) number(prefix string, a *amount) {
	if !a.isPoint() {
		x.keys = append(x.keys, prefix+formWide)
		return
	}
	if f, ok := parseFloat(a.lo); ok {
		x.keys = append(x.keys, prefix+formNumber+encodeFloat(f))
	}
}
