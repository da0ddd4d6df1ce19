package search

import (
	"strings"

	"khamxa/fhir"
)

// A composite parameter compares values that belong together: those of one element, say the code and the value of one component of
// an Observation (R4, search.html#composite). Its paths lead to the elements, its parts to the values of each.

// part is one component of a composite parameter.
type part struct {
	kind  Kind
	paths []path
}

// each calls f for every node of the part, until f answers false; it reports whether f never did.
func (a *part) each(root, element *fhir.Value, f func(*fhir.Value, *path) bool) bool {
	for i := range a.paths {
		from := element
		if a.paths[i].fromRoot {
			from = root
		}
		if !a.paths[i].each(from, f) {
			return false
		}
	}
	return true
}

// whole reports whether the element has a node for every part.
func (p *Param) whole(root, element *fhir.Value) bool {
	for i := len(p.parts) - 1; i >= 0; i-- { // what is hardly ever there, the value, comes last
		if p.parts[i].each(root, element, func(*fhir.Value, *path) bool { return false }) {
			return false
		}
	}
	return true
}

// populated reports whether the resource has a node of the parameter; of a composite one, an element with all its parts.
func (p *Param) populated(root *fhir.Value) bool {
	return !p.each(root, func(v *fhir.Value, _ *path) bool { return !p.whole(root, v) })
}

// compositeTerm reads values separated by dollars, one for each part: http://loinc.org|8480-6$gt140. A dollar within a value is
// escaped.
func (c *Clause) compositeTerm(name, text string) (term, error) {
	texts := split(text, '$')
	if len(texts) != len(c.Param.parts) {
		return term{}, invalid(name, "The value of %s must be %d values separated by $: %s.", name, len(c.Param.parts), c.Param.form())
	}
	t := term{parts: make([]term, len(texts))}
	for i, text := range texts {
		if text == "" {
			return term{}, invalid(name, "The value of %s lacks a part; it must be %s.", name, c.Param.form())
		}
		var err error
		if t.parts[i], err = c.plainTerm(c.Param.parts[i].kind, name, text); err != nil {
			return term{}, err
		}
	}
	return t, nil
}

// form says how a value of a composite parameter is written.
func (p *Param) form() string {
	kinds := make([]string, len(p.parts))
	for i := range p.parts {
		kinds[i] = p.parts[i].kind.String()
	}
	return strings.Join(kinds, "$")
}

// matchElement reports whether the element satisfies all parts of a term at once.
func (c *Clause) matchElement(root, element *fhir.Value) bool {
	return c.any(func(t *term) bool {
		for i := range t.parts {
			a, q := &c.Param.parts[i], &t.parts[i]
			one := func(test func(*term) bool) bool { return test(q) }
			if a.each(root, element, func(v *fhir.Value, p *path) bool { return !satisfied(a.kind, NoModifier, v, p, one) }) {
				return false
			}
		}
		return true
	})
}

// composite adds the keys of an element: for each code of its first part, which is a token in all of R4, and each key of its second
// part, the code and the key. Systems of the first part and what comes after the second are left to the check of the resource.
// The second part stands after the code in the same forms as in a parameter of its own, so that its ranges are the same.
func (x *extractor) composite(p *Param, root, element *fhir.Value) {
	if !p.whole(root, element) {
		return
	}
	start := len(x.keys)
	p.parts[0].each(root, element, func(code *fhir.Value, way *path) bool {
		return eachToken(code, way, func(t token) bool {
			prefix := p.prefix + formComposite + cut(t.code, maxToken) + separator
			p.parts[1].each(root, element, func(v *fhir.Value, way *path) bool {
				x.node(p.parts[1].kind, prefix, v, way)
				return len(x.keys) < start+maxKeys
			})
			for _, d := range x.dates {
				x.keys = someValues.keys(prefix, d, x.keys)
			}
			x.dates = x.dates[:0]
			return len(x.keys) < start+maxKeys
		})
	})
}

// compositeRanges are the keys that can satisfy the term.
func (t *term) compositeRanges(p *Param, prefix string, out []Range) []Range {
	first, second := &t.parts[0], &t.parts[1]
	if first.anyCode {
		return append(out, PrefixRange(prefix+formComposite))
	}
	return second.ranges(p.parts[1].kind, NoModifier, prefix+formComposite+cut(first.code, maxToken)+separator, out)
}
