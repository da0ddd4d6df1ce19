package fhir

import "strings"

// ReferenceKind says how a literal reference names its target.
type ReferenceKind uint8

// The kinds of references (R4, references.html#literal).
const (
	NoReference ReferenceKind = iota // not a reference that can be followed
	Local                            // "Patient/1", "Patient/1/_history/2": a resource of this server
	Remote                           // "https://other.example/fhir/Patient/1": a resource of some server, by its URL
	URN                              // "urn:uuid:..." or "urn:oid:...": another entry of the same Bundle
	Contained                        // "#x": a resource inside this one
	OtherURL                         // any other absolute URL, a canonical one for instance
)

// Reference is a literal reference, taken apart. Text is the whole as written. Base (with its final slash) is set for Remote
// only; Type and ID for Local and Remote; Version where the reference names one; Fragment for Contained.
type Reference struct {
	Kind     ReferenceKind
	Text     string
	Base     string
	Type     string
	ID       string
	Version  string
	Fragment string
}

// ParseReference takes a literal reference apart. Text that is no reference gives NoReference.
func ParseReference(text string) Reference {
	switch {
	case strings.HasPrefix(text, "#"):
		return Reference{Kind: Contained, Text: text, Fragment: text[1:]}
	case strings.HasPrefix(text, "urn:"):
		return Reference{Kind: URN, Text: text}
	}
	ref, ok := splitReference(text)
	absolute := strings.Contains(text, "://")
	switch {
	case ok && ref.Base == "":
		ref.Kind = Local
	case ok && absolute:
		ref.Kind = Remote
	case absolute:
		ref = Reference{Kind: OtherURL}
	default:
		ref = Reference{}
	}
	ref.Text = text
	return ref
}

// splitReference reads [base/]Type/id[/_history/version].
func splitReference(text string) (Reference, bool) {
	var ref Reference
	rest := text
	if i := strings.LastIndex(rest, "/_history/"); i >= 0 {
		ref.Version = rest[i+len("/_history/"):]
		if !IsID(ref.Version) {
			return ref, false
		}
		rest = rest[:i]
	}
	i := strings.LastIndexByte(rest, '/')
	if i < 0 || !IsID(rest[i+1:]) {
		return ref, false
	}
	ref.ID, rest = rest[i+1:], rest[:i]
	ref.Type = rest[strings.LastIndexByte(rest, '/')+1:]
	ref.Base = rest[:len(rest)-len(ref.Type)]
	return ref, IsType(ref.Type)
}

// Unversioned is the reference without its version: "Patient/1", "https://other.example/fhir/Patient/1"; other kinds as
// written.
func (r Reference) Unversioned() string {
	if r.Version == "" {
		return r.Text
	}
	return r.Base + r.Type + "/" + r.ID
}
