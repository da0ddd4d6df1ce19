// Package fhir is the wire form of HL7 FHIR R4 (4.0.1) resources: parsing, references, ids, OperationOutcome and a small
// builder. The bytes are the truth: a resource is read into a generic tree that points back into its own compact JSON, and
// what is stored and served again is that JSON, changed only where Stamp and RewriteReferences splice it. Nothing ever
// passes through a typed model, so extensions on primitives, contained resources and the text of decimals survive.
//
// It is pure: no network and no database, and no clock but the one behind NewID. It does not validate against profiles,
// cardinalities or terminologies. Every package that handles FHIR may call it.
package fhir

import (
	"slices"

	"khamxa/internal/fault"
)

// Limits of one resource. The size in bytes is the caller's to limit, before reading.
const (
	MaxDepth  = 64      // objects and arrays inside one another
	MaxTokens = 200_000 // values and member names together
)

// Resource is a parsed resource. Raw is its compact JSON (no white space between tokens, everything else as it was
// received) and must not be changed; Root is the tree over it. ID is "" when the resource has none yet.
type Resource struct {
	Type string
	ID   string
	Raw  []byte
	Root *Value
}

// IsType reports whether name is one of the 146 concrete resource types of R4.
func IsType(name string) bool {
	_, found := slices.BinarySearch(resourceTypes, name)
	return found
}

// Types are the 146 concrete resource types of R4 in alphabetical order.
func Types() []string { return slices.Clone(resourceTypes) }

// IsID reports whether s is a valid logical id: 1 to 64 of A-Z a-z 0-9 - . (R4, datatypes.html#id).
func IsID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// Parse reads one resource strictly, in one pass. It refuses what JSON or FHIR does not allow and what would be read
// differently by different programs: invalid UTF-8 or a byte order mark, duplicate member names, control characters and
// lone surrogates in strings, bytes after the end, more than MaxDepth levels or MaxTokens tokens, a resourceType that is
// missing, not first-class R4 or no string, an id outside the id grammar, a meta that is no object. The resource does not
// share memory with raw.
//
// Errors are fault.Invalid; Path is a FHIRPath-like place ("Patient.name[0].family") and the sentence ends with line and
// column, both counted from 1, columns in characters.
func Parse(raw []byte) (*Resource, error) {
	text := string(raw)
	s := scanner{text: text, doc: &document{text: text}}
	root, err := s.document()
	if err != nil {
		return nil, err
	}
	r, bad, why := resourceOf(root)
	if r == nil {
		return nil, s.semantic(root, bad, why)
	}
	return r, nil
}

// ResourceAt makes the resource that is nested in another one at v (Bundle.entry.resource, a contained resource) without
// parsing it again. Errors are fault.Invalid as in Parse, with the path inside the nested resource and no line.
func ResourceAt(v *Value) (*Resource, error) {
	r, bad, why := resourceOf(v)
	if r == nil {
		return nil, fault.New(fault.Invalid, "fhir.ResourceAt", why+".").At(bad)
	}
	return r, nil
}

// resourceOf checks what makes an object a resource. On failure it gives the path and a sentence without its full stop.
func resourceOf(root *Value) (r *Resource, path, why string) {
	if root.Kind() != Object {
		return nil, "Resource", "A resource must be a JSON object"
	}
	typ := root.Get("resourceType")
	switch {
	case typ == nil:
		return nil, "Resource", "The member resourceType is missing"
	case typ.kind != String:
		return nil, "Resource.resourceType", "The member resourceType must be a string"
	case !IsType(typ.text):
		return nil, "Resource.resourceType", "The resourceType " + quoteShort(typ.text) + " is not a resource type of FHIR R4"
	}
	id := root.Get("id")
	if id != nil && (id.kind != String || !IsID(id.text)) {
		return nil, typ.text + ".id", "The id must be a string of 1 to 64 letters, digits, '-' and '.'"
	}
	if meta := root.Get("meta"); meta != nil && meta.kind != Object {
		return nil, typ.text + ".meta", "The member meta must be an object"
	}
	return &Resource{Type: typ.text, ID: id.String(), Raw: root.Bytes(), Root: root}, "", ""
}
