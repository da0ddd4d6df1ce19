package search

import (
	"strings"

	"khamxa/fhir"
)

// target is what one value of a reference parameter points to: a resource of this server (typ and id), or something
// elsewhere (url, without a version), or nothing that can be searched. canonical is the version that a canonical URL names.
type target struct {
	typ, id   string
	url       string
	canonical string
}

// targetOf reads a node.
func targetOf(v *fhir.Value, p *path) (t target) {
	switch p.leaf {
	case "Reference":
		return referenceTarget(v)
	case "Resource":
		return target{typ: v.Get("resourceType").String(), id: v.Get("id").String()}
	}
	// canonical and uri
	t.url, t.canonical = splitCanonical(v.String())
	return t
}

// referenceTarget reads a Reference.
func referenceTarget(v *fhir.Value) target {
	ref := fhir.ParseReference(v.Get("reference").String())
	switch ref.Kind {
	case fhir.Local:
		return target{typ: ref.Type, id: ref.ID}
	case fhir.Remote, fhir.URN, fhir.OtherURL:
		return target{typ: ref.Type, url: ref.Unversioned()}
	case fhir.NoReference, fhir.Contained:
	}
	return target{}
}

// pointsTo answers where(resolve() is Type) from the reference's text, or else from its type member, without resolving it.
func pointsTo(v *fhir.Value, resourceType string) bool {
	if typ := fhir.ParseReference(v.Get("reference").String()).Type; typ != "" {
		return typ == resourceType
	}
	return v.Get("type").IsString(resourceType)
}

// splitCanonical takes the version and the fragment off a canonical URL (R4, references.html#canonical).
func splitCanonical(text string) (url, version string) {
	text, _, _ = strings.Cut(text, "#")
	url, version, _ = strings.Cut(text, "|")
	return url, version
}

// searchable reports whether the target can be found by a reference term.
func (t target) searchable() bool { return t.id != "" || t.url != "" }

// targetKey is the value of a target's key.
func targetKey(t target) string {
	if t.id != "" {
		return cut(t.id, maxToken) + separator + cut(t.typ, maxToken)
	}
	return cut(t.url, maxToken) + separator
}

// identifierOf gives the token of a Reference's logical identifier.
func identifierOf(v *fhir.Value, p *path) (token, bool) {
	if p.leaf != "Reference" {
		return token{}, false
	}
	i := v.Get("identifier")
	t := token{system: i.Get("system").String(), code: i.Get("value").String()}
	return t, t != token{}
}

// matchTarget reports whether the target satisfies the term: id, Type/id, or an absolute or canonical URL.
func (t *term) matchTarget(v target) bool {
	if t.url != "" {
		return v.url == t.url && (t.version == "" || t.version == v.canonical)
	}
	return v.id == t.id && (t.typ == "" || t.typ == v.typ)
}

// targetRanges are the keys that can satisfy the term.
func (t *term) targetRanges(prefix string, out []Range) []Range {
	switch {
	case t.url != "":
		return append(out, ExactRange(prefix+targetKey(target{url: t.url})))
	case t.typ != "":
		return append(out, ExactRange(prefix+targetKey(target{typ: t.typ, id: t.id})))
	}
	id := prefix + cut(t.id, maxToken)
	return append(out, Range{id + separator, id + above})
}
