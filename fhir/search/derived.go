package search

import (
	"cmp"
	"slices"

	"khamxa/fhir"
)

// Many parameters say what others say already: phonetic reads the same names as name, email the telecom values of one system,
// and combo-code is code and component-code together. Their keys would only repeat the others', so none are kept: such a
// parameter is derived, and looked for among the keys of its sources. That finds more than it matches, and the check of the
// resource does the rest.
//
// References are not derived, because a chain needs the one exact key of a reference; nor are dates, whose forms depend on how
// many values a parameter has.

// derive finds the sources of one type's parameters. Those with the most paths are looked at first, so that a sum is derived from
// its parts and not the other way about; of two that say the same, the first by name keeps its keys.
func derive(params []*Param) {
	order := slices.Clone(params)
	slices.SortFunc(order, func(a, b *Param) int {
		return cmp.Or(cmp.Compare(len(b.paths), len(a.paths)), cmp.Compare(b.Code, a.Code))
	})
	derived := map[*Param]bool{}
	for _, p := range order {
		derived[p] = p.coveredBy(params, derived) != nil
	}
	for _, p := range params {
		p.sources = []*Param{p}
		if derived[p] {
			p.sources = p.coveredBy(params, derived)
		}
	}
}

// coveredBy are the parameters that are not derived themselves and together have all the keys that p would have; nil if there
// are none.
func (p *Param) coveredBy(params []*Param, derived map[*Param]bool) (sources []*Param) {
	if p.Kind == Reference || p.Kind == Date || p.Kind == Special {
		return nil
	}
	for i := range p.paths {
		at := slices.IndexFunc(params, func(o *Param) bool {
			return o != p && o.Kind == p.Kind && !derived[o] && slices.EqualFunc(p.parts, o.parts, part.equal) &&
				slices.ContainsFunc(o.paths, func(b path) bool { return p.paths[i].within(&b) })
		})
		if at < 0 {
			return nil
		}
		if !slices.Contains(sources, params[at]) {
			sources = append(sources, params[at])
		}
	}
	return sources
}

// within reports whether everything that a leads to is also led to by b, as the same data type.
func (a *path) within(b *path) bool {
	if a.leaf != b.leaf || a.system != b.system || a.fromRoot != b.fromRoot || b.target != "" && b.target != a.target {
		return false
	}
	return slices.EqualFunc(a.steps, b.steps, func(s, o step) bool {
		return s.name == o.name && (o.where == "" || o.where == s.where && o.equal == s.equal) && (!o.firstOnly || s.firstOnly)
	})
}

func (a part) equal(b part) bool {
	return a.kind == b.kind && slices.EqualFunc(a.paths, b.paths, func(x, y path) bool { return x.within(&y) && y.within(&x) })
}

// Derived reports whether no keys of the parameter are kept, because other parameters' hold the same. Ranges know.
func (p *Param) Derived() bool { return p.sources[0] != p }

// Keys are the keys that the parameter has for the resource, sorted, each once: what Extract gives of it, or would if it were not
// derived.
func (p *Param) Keys(r *fhir.Resource) []string {
	var x extractor
	x.param(p, r.Root)
	slices.Sort(x.keys)
	return slices.Compact(x.keys)
}
