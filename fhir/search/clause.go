package search

import (
	"khamxa/fhir"
)

// term is one of a clause's values, parsed. Which members are used depends on the parameter's kind and the modifier.
type term struct {
	missing bool // :missing

	code, system       string // token, :identifier
	hasSystem, anyCode bool

	text, folded string // string

	typ, id, url, version string // reference

	prefix Prefix // date, number, quantity
	when   interval
	stated measure // number; quantity, with system and code of its unit

	base    measure // quantity in base units of UCUM
	unit    string
	hasBase bool
}

// match reports whether the resource satisfies the clause.
func (c *Clause) match(r *fhir.Resource) bool {
	switch c.Modifier {
	case MissingModifier:
		populated := !c.Param.each(r.Root, func(*fhir.Value, *path) bool { return false })
		return c.terms[0].missing != populated
	case NotModifier:
		return !c.some(r)
	case NotInModifier:
		return c.concepts != nil && !c.some(r)
	default: // the others say how a value is compared
		return c.some(r)
	}
}

// some reports whether a value of the parameter satisfies a term.
func (c *Clause) some(r *fhir.Resource) bool {
	return !c.Param.each(r.Root, func(v *fhir.Value, p *path) bool { return !c.matchNode(v, p) })
}

// matchNode reports whether the node has a value that satisfies a term.
func (c *Clause) matchNode(v *fhir.Value, p *path) bool {
	switch c.Param.Kind {
	case Token:
		return !eachToken(v, p, func(t token) bool {
			if c.needsTerms() {
				return !c.isConcept(t)
			}
			return !c.any(func(q *term) bool { return q.matchToken(t) })
		})
	case String:
		return !eachText(v, p, func(text string, whole bool) bool {
			return !c.any(func(q *term) bool { return q.matchText(c.Modifier, text, whole) })
		})
	case Date:
		return !eachInterval(v, p, func(i interval) bool {
			return !c.any(func(q *term) bool { return q.matchInterval(i) })
		})
	case Number:
		return !eachAmount(v, p, func(a *amount) bool {
			return !c.any(func(q *term) bool { return q.matchNumber(a) })
		})
	case Quantity:
		return !eachAmount(v, p, func(a *amount) bool {
			return !c.any(func(q *term) bool { return q.matchQuantity(a) })
		})
	case URI:
		return !eachURI(v, p, func(url, version string) bool {
			return !c.any(func(q *term) bool { return q.matchURI(c.Modifier, url, version) })
		})
	case Reference:
		return c.matchReference(v, p)
	default: // Parse refuses what is not served
		return false
	}
}

func (c *Clause) matchReference(v *fhir.Value, p *path) bool {
	if c.Modifier == IdentifierModifier {
		i, ok := identifierOf(v, p)
		return ok && c.any(func(q *term) bool { return q.matchToken(i) })
	}
	t := targetOf(v, p)
	return t.searchable() && c.any(func(q *term) bool { return q.matchTarget(t) })
}

func (c *Clause) any(f func(*term) bool) bool {
	for i := range c.terms {
		if f(&c.terms[i]) {
			return true
		}
	}
	return false
}

// Ranges are the key ranges to read when this clause drives the search: every resource that the whole query matches has at
// least one key in one of them. They hold more than what matches, the same resource may turn up several times, and ranges
// may overlap. ok is false for a clause that cannot drive: :missing=true, :not and :not-in.
func (c *Clause) Ranges() (ranges []Range, ok bool) {
	prefix := c.Param.prefix
	switch {
	case c.Modifier == NotModifier, c.Modifier == NotInModifier:
		return nil, false
	case c.Modifier == MissingModifier:
		if c.terms[0].missing {
			return nil, false
		}
		return []Range{PrefixRange(prefix)}, true
	}
	if c.needsTerms() {
		return append(c.conceptRanges(prefix+formToken, nil), ExactRange(prefix+formOverflow)), true
	}
	ranges = make([]Range, 0, 4*len(c.terms)+1)
	for i := range c.terms {
		ranges = c.terms[i].ranges(c, prefix, ranges)
	}
	return append(ranges, ExactRange(prefix+formOverflow)), true
}

func (t *term) ranges(c *Clause, prefix string, out []Range) []Range {
	switch c.Param.Kind {
	case Token:
		return t.tokenRanges(prefix+formToken, out)
	case String:
		return t.textRanges(prefix+formString, c.Modifier, out)
	case Date:
		return t.dateRanges(prefix, c.together, out)
	case Number:
		return t.numberRanges(prefix, out)
	case Quantity:
		return t.quantityRanges(prefix, out)
	case URI:
		return t.uriRanges(prefix+formURI, c.Modifier, out)
	case Reference:
		if c.Modifier == IdentifierModifier {
			return t.tokenRanges(prefix+formIdentifier, out)
		}
		return t.targetRanges(prefix+formReference, out)
	default: // Parse refuses what is not served
		return out
	}
}

// narrow lets date clauses with one term each on the same parameter share what they know: the value of a resource that has
// only one must satisfy them all (date=ge2026-01-01&date=lt2026-02-01).
func narrow(clauses []Clause) {
	for i := range clauses {
		c := &clauses[i]
		if c.Param.Kind != Date || c.Modifier != NoModifier {
			continue
		}
		c.together = window{everywhere, everywhere, everywhere}
		for j := range clauses {
			if o := &clauses[j]; o.Param == c.Param && o.Modifier == NoModifier && len(o.terms) == 1 {
				c.together = c.together.and(o.terms[0].window())
			}
		}
	}
}
