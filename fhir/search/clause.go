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

	parts []term   // composite
	area  area     // near
	words []string // _text, _content
}

// match reports whether the resource satisfies the clause.
func (c *Clause) match(r *fhir.Resource) bool {
	switch c.Modifier {
	case MissingModifier:
		return c.terms[0].missing != c.Param.populated(r.Root)
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
	return !c.Param.each(r.Root, func(v *fhir.Value, p *path) bool { return !c.matchNode(r.Root, v, p) })
}

// matchNode reports whether the node has a value that satisfies a term.
func (c *Clause) matchNode(root, v *fhir.Value, p *path) bool {
	switch {
	case c.Param.Kind == Composite:
		return c.matchElement(root, v)
	case c.needsTerms():
		return !eachToken(v, p, func(t token) bool { return !c.isConcept(t) })
	case c.Modifier == IdentifierModifier:
		i, ok := identifierOf(v, p)
		return ok && c.any(func(q *term) bool { return q.matchToken(i) })
	case c.Param.searchesText():
		return c.any(func(q *term) bool { return q.matchWords(v) })
	}
	return satisfied(c.Param.Kind, c.Modifier, v, p, c.any)
}

// satisfied reports whether the node has a value that satisfies a term. some goes through the terms until its argument answers true of one.
func satisfied(kind Kind, m Modifier, v *fhir.Value, p *path, some func(func(*term) bool) bool) bool {
	switch kind {
	case Token:
		return tokenSatisfied(m, v, p, some)
	case String:
		return !eachText(v, p, func(text string, whole bool) bool {
			return !some(func(q *term) bool { return q.matchText(m, text, whole) })
		})
	case Date:
		return !eachInterval(v, p, func(i interval) bool {
			return !some(func(q *term) bool { return q.matchInterval(i) })
		})
	case Number:
		return !eachAmount(v, p, func(a *amount) bool {
			return !some(func(q *term) bool { return q.matchNumber(a) })
		})
	case Quantity:
		return !eachAmount(v, p, func(a *amount) bool {
			return !some(func(q *term) bool { return q.matchQuantity(a) })
		})
	case URI:
		return !eachURI(v, p, func(url, version string) bool {
			return !some(func(q *term) bool { return q.matchURI(m, url, version) })
		})
	case Reference:
		t := targetOf(v, p)
		return t.searchable() && some(func(q *term) bool { return q.matchTarget(t) })
	default: // near
		return some(func(q *term) bool { return q.area.holds(v) })
	}
}

func tokenSatisfied(m Modifier, v *fhir.Value, p *path, some func(func(*term) bool) bool) bool {
	switch m {
	case TextModifier:
		return !eachLabel(v, p, func(text string) bool {
			folded := Fold(text)
			return !some(func(q *term) bool { return q.startsPart(folded, true) })
		})
	case OfTypeModifier:
		return some(func(q *term) bool { return q.matchTyped(v, p) })
	default:
		return !eachToken(v, p, func(t token) bool {
			return !some(func(q *term) bool { return q.matchToken(t) })
		})
	}
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
// may overlap. ok is false for a clause that cannot drive: :missing=true, :not, :not-in, _text and _content.
func (c *Clause) Ranges() (ranges []Range, ok bool) {
	switch {
	case c.Modifier == NotModifier, c.Modifier == NotInModifier, c.Param.searchesText():
		return nil, false
	case c.Modifier == MissingModifier && c.terms[0].missing:
		return nil, false
	}
	for _, source := range c.Param.sources {
		ranges = c.keyRanges(source.prefix, ranges)
	}
	return ranges, true
}

// keyRanges are the ranges among the keys that begin with prefix.
func (c *Clause) keyRanges(prefix string, out []Range) []Range {
	switch {
	case c.Modifier == MissingModifier, c.Modifier == TextModifier:
		return append(out, PrefixRange(prefix))
	case c.needsTerms():
		out = c.conceptRanges(prefix+formToken, out)
	default:
		for i := range c.terms {
			out = c.termRanges(&c.terms[i], prefix, out)
		}
	}
	return append(out, ExactRange(prefix+formOverflow))
}

func (c *Clause) termRanges(t *term, prefix string, out []Range) []Range {
	switch {
	case c.Param.Kind == Composite:
		return t.compositeRanges(c.Param, prefix, out)
	case c.Modifier == IdentifierModifier:
		return t.tokenRanges(prefix+formIdentifier, out)
	case c.Param.Kind == Date:
		return t.dateRanges(prefix, c.together, out)
	}
	return t.ranges(c.Param.Kind, c.Modifier, prefix, out)
}

// ranges are the keys that can satisfy the term, of a parameter or a composite's part of the kind.
func (t *term) ranges(kind Kind, m Modifier, prefix string, out []Range) []Range {
	switch kind {
	case Token:
		return t.tokenRanges(prefix+formToken, out)
	case String:
		return t.textRanges(prefix+formString, m, out)
	case Date:
		return someValues.ranges(prefix, t.window(), out)
	case Number:
		return t.numberRanges(prefix, out)
	case Quantity:
		return t.quantityRanges(prefix, out)
	case URI:
		return t.uriRanges(prefix+formURI, m, out)
	case Reference:
		return t.targetRanges(prefix+formReference, out)
	default: // near
		return append(out, ExactRange(prefix+formPresence))
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
