package search

import (
	"cmp"
	"slices"
	"strings"

	"khamxa/fhir"
)

// Many parameters say what others say already: patient is subject where that is a Patient, phonetic reads the same names as name,
// email the telecom values of one system, and combo-code is code and component-code together. Their keys would only repeat the
// others', so none are kept: such a parameter is derived, and looked for among the keys of its sources. That may find more than
// it matches, and the check of the resource does the rest.
//
// A reference parameter is derived from one other only, and only when it reads the very same references: a chain needs the one exact
// key of a reference. Dates are not derived, for their forms depend on how many values a parameter has.

// source is a parameter whose keys are looked at for another one. whole says that each of its keys, but for references to other
// types than the derived parameter reads, is one that the other would have too.
type source struct {
	*Param
	whole bool
}

// derive finds the sources of one type's parameters. Those with the most paths are looked at first, so that a sum is derived from
// its parts and not the other way about; then those that read references to one type only; of two that say the same, the first by
// name keeps its keys.
func derive(params []*Param) {
	order := slices.Clone(params)
	slices.SortFunc(order, func(a, b *Param) int {
		return cmp.Or(cmp.Compare(len(b.paths), len(a.paths)), cmp.Compare(b.only(), a.only()), cmp.Compare(b.Code, a.Code))
	})
	derived := map[*Param]bool{}
	for _, p := range order {
		derived[p] = p.coveredBy(params, derived) != nil
	}
	for _, p := range params {
		p.sources = []source{{p, true}}
		if !derived[p] {
			continue
		}
		p.sources = nil
		for _, o := range p.coveredBy(params, derived) {
			p.sources = append(p.sources, source{o, o.Kind == Reference || o.isWithin(p)})
		}
	}
}

// coveredBy are the parameters that are not derived themselves and together have all the keys that p would have; nil if there
// are none.
func (p *Param) coveredBy(params []*Param, derived map[*Param]bool) (sources []*Param) {
	if p.Kind == Date || p.Kind == Special {
		return nil
	}
	for i := range p.paths {
		at := slices.IndexFunc(params, func(o *Param) bool {
			return o != p && o.Kind == p.Kind && !derived[o] && slices.EqualFunc(p.parts, o.parts, part.equal) &&
				(p.Kind != Reference || p.narrows(o)) && slices.ContainsFunc(o.paths, func(b path) bool { return p.paths[i].within(&b) })
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

// isWithin reports whether everything that p reads is also read by o.
func (p *Param) isWithin(o *Param) bool {
	return !slices.ContainsFunc(p.paths, func(a path) bool {
		return !slices.ContainsFunc(o.paths, func(b path) bool { return a.within(&b) })
	})
}

// narrows reports whether p reads just what o reads, or of that the references to one type.
func (p *Param) narrows(o *Param) bool {
	return slices.EqualFunc(p.paths, o.paths, func(a, b path) bool {
		target := a.target
		a.target = b.target
		return a.within(&b) && b.within(&a) && (target == b.target || b.target == "" && target == p.only())
	})
}

// only is the type that all paths of a reference parameter ask for; "" if they do not, or not for the same.
func (p *Param) only() string {
	if len(p.paths) == 0 || slices.ContainsFunc(p.paths, func(a path) bool { return a.target != p.paths[0].target }) {
		return ""
	}
	return p.paths[0].target
}

// within reports whether everything that p leads to is also led to by o, as the same data type.
func (p *path) within(o *path) bool {
	if p.leaf != o.leaf || p.system != o.system || p.fromRoot != o.fromRoot || o.target != "" && o.target != p.target {
		return false
	}
	return slices.EqualFunc(p.steps, o.steps, func(s, o step) bool {
		return s.name == o.name && (o.where == "" || o.where == s.where && o.equal == s.equal) && (!o.firstOnly || s.firstOnly)
	})
}

func (a part) equal(b part) bool {
	return a.kind == b.kind && slices.EqualFunc(a.paths, b.paths, func(x, y path) bool { return x.within(&y) && y.within(&x) })
}

// Derived reports whether no keys of the parameter are kept, because other parameters' hold the same. Ranges know.
func (p *Param) Derived() bool { return p.sources[0].Param != p }

// proof is what stands in a key after the parameter's or a source's prefix. ok is false when the key is of neither, or of a source
// that has keys which are not the parameter's.
func (p *Param) proof(key string) (rest string, ok bool) {
	for _, s := range p.sources {
		if rest, ok := strings.CutPrefix(key, s.prefix); ok {
			return rest, s.whole
		}
	}
	return "", false
}

// shows reports whether the value of a reference key of the parameter's source is one that the parameter would have itself.
func (p *Param) shows(value string) bool {
	only := p.only()
	return !p.Derived() || only == "" || strings.HasSuffix(value, separator+only)
}

// Keys are the keys that the parameter has for the resource, sorted, each once: what Extract gives of it, or would if it were not
// derived.
func (p *Param) Keys(r *fhir.Resource) []string {
	var x extractor
	x.param(p, r.Root)
	slices.Sort(x.keys)
	return slices.Compact(x.keys)
}
