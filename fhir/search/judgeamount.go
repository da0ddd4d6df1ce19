package search

import "strings"

// provenAmount reports whether a key of the form shows that its number or quantity satisfies the term. A key in the stated form says
// nothing of the unit; what lies within a step of a bound is left open.
func (t *term) provenAmount(form, value string) bool {
	switch {
	case form == formNumber && !t.hasBase && !t.hasSystem && t.code == "":
		return t.stated.proven(t.prefix, value)
	case form == formBase && t.hasBase:
		digits, ok := strings.CutPrefix(value, unitKey(t.unit))
		return ok && t.base.proven(t.prefix, digits)
	}
	return false
}

// proven compares the digits of a key, which are as far as one step from those of the number.
func (m *measure) proven(prefix Prefix, digits string) bool {
	if len(digits) != numberDigits {
		return false
	}
	switch prefix {
	case Gt, Ge, Sa:
		return digits > encodeStep(m.value, +1)
	case Lt, Le, Eb:
		return digits < encodeStep(m.value, -1)
	case Ap:
		return digits > encodeStep(m.aboutLo, +1) && digits < encodeStep(m.aboutHi, -1)
	case Ne:
		return digits < encodeStep(m.lo, -1) || digits > encodeStep(m.hi, +1)
	default: // eq
		return digits > encodeStep(m.lo, +1) && digits < encodeStep(m.hi, -1)
	}
}

// provenURI reports whether a key's URL shows that the term is satisfied.
func (t *term) provenURI(m Modifier, url string) bool {
	return len(url) < maxToken && t.version == "" && t.matchURI(m, url, "")
}

// provenParts reports whether a composite's key shows that the term is satisfied: it holds the code of the first part without its
// system, and a key of the second; there may be no third.
func (t *term) provenParts(p *Param, value string) bool {
	code, second, ok := strings.Cut(value, separator)
	a := &t.parts[0]
	if !ok || len(t.parts) != 2 || len(second) < 2 || a.hasSystem || a.anyCode || len(code) >= maxToken || code != a.code {
		return false
	}
	b, form, rest := &t.parts[1], second[:2], second[2:]
	switch p.parts[1].kind {
	case Token:
		return form == formToken && b.provenToken(rest)
	case Number, Quantity:
		return b.provenAmount(form, rest)
	case String:
		return form == formString && len(b.folded) <= maxText && strings.HasPrefix(rest, b.folded)
	default:
		return false
	}
}
