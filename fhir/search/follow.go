package search

import (
	"slices"

	"khamxa/fhir"
)

// Targets are the local resources ("Type/id", each once, in order) that the include leads to from r, for _include.
func (i Include) Targets(r *fhir.Resource) []string {
	if r.Type != i.Source {
		return nil
	}
	var out []string
	i.Param.each(r.Root, func(v *fhir.Value, p *path) bool {
		t := targetOf(v, p)
		if t.id == "" || i.Target != "" && t.typ != i.Target {
			return true
		}
		if ref := t.typ + "/" + t.id; !slices.Contains(out, ref) {
			out = append(out, ref)
		}
		return true
	})
	return out
}

// Ranges are the keys of the resources that may point to the reference ("Type/id"), for _revinclude: a superset, to be
// checked with PointsTo.
func (i Include) Ranges(reference string) []Range {
	ref := fhir.ParseReference(reference)
	t := term{typ: ref.Type, id: ref.ID}
	ranges := t.targetRanges(i.Param.prefix+formReference, nil)
	return append(ranges, ExactRange(i.Param.prefix+formOverflow))
}

// PointsTo reports whether r is of type Source and points to the reference ("Type/id") by the parameter.
func (i Include) PointsTo(r *fhir.Resource, reference string) bool {
	return slices.Contains(Include{Source: i.Source, Param: i.Param}.Targets(r), reference)
}
