// Package ucum reads codes of the Unified Code for Units of Measure (https://ucum.org/ucum, version 2.1, the case sensitive
// form that FHIR uses) and brings values to base units, exactly.
//
// The base units are m s g rad K C cd. Everything else is a rational number of a product of them, so 1 mm[Hg] is 133322 g.m-1.s-2
// and 1 mmol/L is 602213670000000000000000 m-3: to UCUM a mole is a number of things, so amounts and masses differ in dimension and
// are never converted into each other. Pi is the number of 65 digits in UCUM's table.
//
// Arbitrary units ([iU], [arb'U], ...) measure nothing but themselves: each is a dimension of its own. So are the units on
// scales that are no ratio ([pH], B, Np, [p'diop], ...): their values are compared, not converted. The temperature scales Cel, [degF] and
// [degRe] are converted to K. Annotations ({RBCs}) say what is counted and are left out of the dimension, as UCUM wants.
//
// It knows nothing of FHIR's Quantity and nothing of which unit suits which analyte. It is pure; anything may call it. Search
// indexes quantities with it and validation checks codes with it.
package ucum

import (
	"math/big"
	"strconv"
	"strings"
)

// Limits on a code. No unit in use comes near them; a stranger's code stays cheap.
const (
	maxCode     = 256  // bytes
	maxDepth    = 8    // of parentheses
	maxExponent = 99   // of a component or of a base unit in the result, either sign
	maxDigits   = 18   // of one factor
	maxBits     = 4096 // of numerator or denominator of the whole
)

// Canonical brings a value in a UCUM unit to base units. The result is exact, and the value is not changed. The unit is a product
// in a fixed order with fixed spelling, "1" for a number: two codes measure the same dimension just when their units
// are equal strings. An arbitrary unit, and a unit on a logarithmic or other scale, stands in it for itself. ok is false when the
// code is no UCUM unit, or longer than 256 bytes, or so large or small that the factor has over 4096 bits.
func Canonical(value *big.Rat, code string) (canonical *big.Rat, unit string, ok bool) {
	q, ok := parse(code)
	if !ok || value == nil {
		return nil, "", false
	}
	canonical = new(big.Rat).Mul(value, q.factor)
	if q.scale != nil && q.scale.offset {
		canonical.Add(canonical, q.scale.before)
		canonical.Mul(canonical, q.scale.after)
		return canonical, "K", true
	}
	return canonical, q.unit(), true
}

// Valid reports whether the code is a UCUM unit within the limits of Canonical. The empty string is none: UCUM writes the number one as "1".
// Blanks within an annotation are taken although UCUM forbids them, because HL7's own list of common units has them.
func Valid(code string) bool {
	_, ok := parse(code)
	return ok
}

// quantity is a factor of a product of dimensions. A term of a special unit has its scale, and its factor is the prefix.
type quantity struct {
	factor *big.Rat
	dims   []dim // sorted by symbol, no zero power
	scale  *scale
}

type dim struct {
	symbol string
	power  int
}

// scale is a special unit: one whose value is no multiple of anything.
type scale struct {
	offset        bool     // an offset scale of temperature; else one that is never converted
	before, after *big.Rat // of an offset scale: K = (value + before) * after
}

// unit spells the dimensions.
func (q quantity) unit() string {
	if len(q.dims) == 0 {
		return "1"
	}
	var b strings.Builder
	for i, d := range q.dims {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(d.symbol)
		if d.power != 1 {
			b.WriteString(strconv.Itoa(d.power))
		}
	}
	return b.String()
}

// one is the number one.
func one() quantity { return quantity{factor: big.NewRat(1, 1)} }

// times is q * r^sign for sign 1 or -1. ok is false for a special unit, which takes no part in products, and for a factor over the limit.
func (q quantity) times(r quantity, sign int) (_ quantity, ok bool) {
	if q.scale != nil || r.scale != nil {
		return quantity{}, false
	}
	f := new(big.Rat)
	if sign < 0 {
		f.Quo(q.factor, r.factor)
	} else {
		f.Mul(q.factor, r.factor)
	}
	product := quantity{factor: f, dims: merge(q.dims, r.dims, sign)}
	return product, product.fits()
}

// power is q^n.
func (q quantity) power(n int) (_ quantity, ok bool) {
	if q.scale != nil {
		return quantity{}, false
	}
	magnitude := int64(max(n, -n))
	if int64(max(q.factor.Num().BitLen(), q.factor.Denom().BitLen())-1)*magnitude > maxBits {
		return quantity{}, false
	}
	e := big.NewInt(magnitude)
	num, den := new(big.Int).Exp(q.factor.Num(), e, nil), new(big.Int).Exp(q.factor.Denom(), e, nil)
	if n < 0 {
		num, den = den, num
	}
	f := new(big.Rat).SetFrac(num, den)
	dims := make([]dim, 0, len(q.dims))
	for _, d := range q.dims {
		if n != 0 {
			dims = append(dims, dim{d.symbol, d.power * n})
		}
	}
	raised := quantity{factor: f, dims: dims}
	return raised, raised.fits()
}

// fits reports whether q is within the limits, so that its unit can be read again.
func (q quantity) fits() bool {
	for _, d := range q.dims {
		if d.power > maxExponent || d.power < -maxExponent {
			return false
		}
	}
	return q.factor.Sign() != 0 && q.factor.Num().BitLen() <= maxBits && q.factor.Denom().BitLen() <= maxBits
}

// merge adds the powers of two sorted lists, the second times sign.
func merge(a, b []dim, sign int) []dim {
	sum := make([]dim, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch strings.Compare(a[0].symbol, b[0].symbol) {
		case -1:
			sum, a = append(sum, a[0]), a[1:]
		case 1:
			sum, b = append(sum, dim{b[0].symbol, sign * b[0].power}), b[1:]
		default:
			if p := a[0].power + sign*b[0].power; p != 0 {
				sum = append(sum, dim{a[0].symbol, p})
			}
			a, b = a[1:], b[1:]
		}
	}
	sum = append(sum, a...)
	for _, d := range b {
		sum = append(sum, dim{d.symbol, sign * d.power})
	}
	return sum
}
