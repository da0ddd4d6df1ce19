package search

import (
	"math/big"

	"khamxa/fhir/ucum"
)

// conversion is how values in one unit become values in base units: value * factor + offset. It is exact.
type conversion struct {
	code           string
	factor, offset *big.Rat
	unit           string

	approximate float64 // the factor, for keys; good only when there is no offset
	linear      bool
}

// usualUnits are the conversions of the units that most measurements are in, worked out once at start.
var usualUnits = conversions("mm[Hg]", "kPa", "/min", "{beats}/min", "Cel", "[degF]", "kg", "g", "[lb_av]", "cm", "m", "[in_i]", "kg/m2", "%", "1",
	"mmol/L", "umol/L", "mg/dL", "g/dL", "g/L", "mg/L", "ug/L", "ng/mL", "meq/L", "mmol/mol", "[iU]/L", "U/L", "10*9/L", "10*12/L", "10*3/uL", "10*6/uL", "fL", "pg",
	"mL", "L", "mg", "ug", "[iU]", "s", "min", "h", "d", "wk", "mo", "a", "mL/min/{1.73_m2}", "mg/g", "{score}")

func conversions(codes ...string) map[string]conversion {
	all := make(map[string]conversion, len(codes))
	for _, code := range codes {
		if c, ok := conversionOf(code); ok {
			all[code] = c
		}
	}
	return all
}

// homeUnits are, by base unit, the units that amounts of a dimension are mostly stated in. Such an amount is kept under the number
// that is stated and not in base units too: that is one key less for nearly every quantity. Whoever asks in another unit of
// the dimension looks at both, at stated numbers as the home unit has them and at base units.
var homeUnits = homesOf("mm[Hg]", "/min", "Cel", "kg", "cm", "kg/m2", "mmol/L", "mg/dL", "%", "min", "mL", "U/L")

func homesOf(codes ...string) map[string]conversion {
	homes := make(map[string]conversion, len(codes))
	for _, c := range conversions(codes...) {
		homes[c.unit] = c
	}
	return homes
}

// isHome reports whether the amount is stated in its dimension's home unit.
func (a *amount) isHome() bool {
	c, usual := usualUnits[a.code]
	return usual && a.system == ucumSystem && homeUnits[c.unit].code == a.code
}

// stated gives a measure in base units as the unit states it.
func (c *conversion) stated(m *measure) measure {
	back := func(x *big.Rat) *big.Rat {
		y := new(big.Rat).Sub(x, c.offset)
		return y.Quo(y, c.factor)
	}
	return measure{back(m.value), back(m.lo), back(m.hi), back(m.aboutLo), back(m.aboutHi)}
}

// conversionOf asks for the images of 0 and 1: every conversion of package ucum is a line.
func conversionOf(code string) (c conversion, ok bool) {
	if c.offset, c.unit, ok = ucum.Canonical(new(big.Rat), code); !ok {
		return c, false
	}
	c.factor, _, ok = ucum.Canonical(big.NewRat(1, 1), code)
	c.factor.Sub(c.factor, c.offset)
	c.approximate, _ = c.factor.Float64()
	c.code, c.linear = code, c.offset.Sign() == 0
	return c, ok
}

// canonical brings a value in a UCUM unit to base units.
func canonical(value *big.Rat, code string) (_ *big.Rat, unit string, ok bool) {
	if c, usual := usualUnits[code]; usual {
		r := new(big.Rat).Mul(value, c.factor)
		if c.offset.Sign() != 0 {
			r.Add(r, c.offset)
		}
		return r, c.unit, true
	}
	return ucum.Canonical(value, code)
}
