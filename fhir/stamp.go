package fhir

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// InstantFormat is how Stamp writes a time: UTC with milliseconds, a valid FHIR instant whose text sorts as the time does.
const InstantFormat = "2006-01-02T15:04:05.000Z"

// splice replaces the bytes from start to end, offsets in the document's compact form.
type splice struct {
	start, end int32
	with       string
}

// Stamp gives the resource's JSON with id, meta.versionId and meta.lastUpdated set. Values that are there are replaced where
// they stand; an id that is missing goes right after resourceType, a missing meta right after the id, missing members of
// meta to its beginning. Every other byte of Raw stays as it is. Stamping twice with the same values changes nothing more.
func (r *Resource) Stamp(id, versionID string, updated time.Time) []byte {
	var cuts []splice
	idText := string(appendQuoted(nil, id))
	version := string(appendQuoted(nil, versionID))
	instant := `"` + updated.UTC().Format(InstantFormat) + `"`

	after := r.Root.Get("resourceType").end
	if v := r.Root.Get("id"); v != nil {
		cuts = append(cuts, splice{v.start, v.end, idText})
		after = v.end
	} else {
		cuts = append(cuts, splice{after, after, `,"id":` + idText})
	}
	meta := r.Root.Get("meta")
	if meta == nil {
		cuts = append(cuts, splice{after, after, `,"meta":{"versionId":` + version + `,"lastUpdated":` + instant + `}`})
		return r.apply(cuts)
	}
	var missing []string
	for _, m := range [...]struct{ name, text string }{{"versionId", version}, {"lastUpdated", instant}} {
		if v := meta.Get(m.name); v != nil {
			cuts = append(cuts, splice{v.start, v.end, m.text})
		} else {
			missing = append(missing, `"`+m.name+`":`+m.text)
		}
	}
	if len(missing) > 0 {
		with := strings.Join(missing, ",")
		if meta.count > 0 {
			with += ","
		}
		cuts = append(cuts, splice{meta.start + 1, meta.start + 1, with})
	}
	return r.apply(cuts)
}

// apply makes the cuts. Cuts at the same place keep their order.
func (r *Resource) apply(cuts []splice) []byte {
	slices.SortStableFunc(cuts, func(a, b splice) int { return int(a.start) - int(b.start) })
	size := len(r.Raw)
	for _, c := range cuts {
		size += len(c.with) - int(c.end-c.start)
	}
	out := make([]byte, 0, size)
	at := r.Root.start
	for _, c := range cuts {
		out = append(out, r.Raw[at-r.Root.start:c.start-r.Root.start]...)
		out = append(out, c.with...)
		at = c.end
	}
	return append(out, r.Raw[at-r.Root.start:]...)
}

// RewriteReferences gives the resource's JSON with its literal references replaced: f is asked for every string member named
// "reference" (Reference.reference, at any depth, contained resources included) and answers with the new text and true, or
// false to leave it. Narrative, identifiers and canonical URLs are not touched. Without a replacement the result is Raw.
func RewriteReferences(r *Resource, f func(reference string) (string, bool)) []byte {
	var cuts []splice
	var walk func(v *Value)
	walk = func(v *Value) {
		for m := v.first; m != nil; m = m.next {
			if m.kind == String && m.name == "reference" {
				if with, ok := f(m.text); ok {
					cuts = append(cuts, splice{m.start, m.end, string(appendQuoted(nil, with))})
				}
			}
			walk(m)
		}
	}
	walk(r.Root)
	if len(cuts) == 0 {
		return r.Raw
	}
	return r.apply(cuts)
}

// appendQuoted writes s as a JSON string. Characters that FHIR does not allow in a string are left out, and bytes that are
// no UTF-8 become U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < ' ':
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
