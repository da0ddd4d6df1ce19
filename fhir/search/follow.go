package search

import (
	"slices"

	"khamxa/fhir"
)

// Targets are the local resources ("Type/id", each once, in order) that the include leads to from r, for _include.
func (i Include) Targets(r *fhir.Resource) []string {
	if i.Source != "" && r.Type != i.Source {
		return nil
	}
	var out distinct
	if i.Param != nil {
		i.targets(i.Param, r, &out)
		return out.list
	}
	for _, p := range Params(r.Type) {
		if p.Kind == Reference {
			i.targets(p, r, &out)
		}
	}
	return out.list
}

// distinct is a list that has each text once. A List or Group may name tens of thousands.
type distinct struct {
	list []string
	seen map[string]struct{} // nil while the list is short
}

func (d *distinct) add(text string) {
	const short = 32
	if len(d.list) < short {
		if !slices.Contains(d.list, text) {
			d.list = append(d.list, text)
		}
		return
	}
	if d.seen == nil {
		d.seen = make(map[string]struct{}, 2*short)
		for _, one := range d.list {
			d.seen[one] = struct{}{}
		}
	}
	if _, known := d.seen[text]; !known {
		d.seen[text] = struct{}{}
		d.list = append(d.list, text)
	}
}

func (i Include) targets(p *Param, r *fhir.Resource, out *distinct) {
	p.each(r.Root, func(v *fhir.Value, path *path) bool {
		t := targetOf(v, path)
		if t.id == "" || i.Target != "" && t.typ != i.Target {
			return true
		}
		out.add(t.typ + "/" + t.id)
		return true
	})
}

// Ways are the reference parameters that the include goes along when it goes backwards to a resource of the type, each with its
// source; for _revinclude.
func (i Include) Ways(resourceType string) []Include {
	if i.Target != "" && i.Target != resourceType {
		return nil
	}
	if i.Param != nil {
		if !i.Param.AllowsTarget(resourceType) {
			return nil
		}
		return []Include{{Source: i.Source, Param: i.Param, Target: resourceType}}
	}
	sources := Types()
	if i.Source != "" {
		sources = []string{i.Source}
	}
	var out []Include
	for _, source := range sources {
		for _, p := range Params(source) {
			if p.Kind == Reference && p.AllowsTarget(resourceType) {
				out = append(out, Include{Source: source, Param: p, Target: resourceType})
			}
		}
	}
	return out
}

// Ranges are the keys of the resources that may point to the reference ("Type/id"), for a way of _revinclude: a superset, to be
// checked with PointsTo.
func (i Include) Ranges(reference string) []Range {
	ref := fhir.ParseReference(reference)
	t := term{typ: ref.Type, id: ref.ID}
	prefix := i.Param.sources[0].prefix // a reference parameter has one
	return append(t.targetRanges(prefix+formReference, nil), ExactRange(prefix+formOverflow))
}

// PointsTo reports whether r is of type Source and points to the reference ("Type/id") by the parameter.
func (i Include) PointsTo(r *fhir.Resource, reference string) bool {
	return slices.Contains(Include{Source: i.Source, Param: i.Param}.Targets(r), reference)
}
