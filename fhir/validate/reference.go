package validate

import (
	"strings"

	"khamxa/fhir"
)

// definitions is how the names of types begin as canonical URLs, which Reference.type may be.
const definitions = "http://hl7.org/fhir/StructureDefinition/"

// reference checks the form of a Reference and the type that it names. R4, references.html.
func (c *checker) reference(v *fhir.Value, f *field) {
	stated := strings.TrimPrefix(v.Get("type").String(), definitions)
	if stated != "" && fhir.IsType(stated) && !mayBe(targets[f.targets], stated) {
		c.wrong(v.Get("type"), value, "This element may refer to "+named(targets[f.targets])+" only")
	}
	literal := v.Get("reference")
	if literal.Kind() != fhir.String || literal.String() == "" {
		return // nothing, or told already
	}
	typ, why := c.target(literal.String())
	switch {
	case why != "":
		c.wrong(literal, value, why)
	case typ == "":
	case !mayBe(targets[f.targets], typ):
		c.wrong(literal, value, "This element may refer to "+named(targets[f.targets])+" only, and this is a "+typ)
	case stated != "" && fhir.IsType(stated) && stated != typ:
		c.wrong(literal, value, "The type of the reference is said to be "+stated+", and it names a "+typ)
	}
}

// target is the type that a literal reference names, "" when it does not say, or why it is none.
func (c *checker) target(text string) (typ, why string) {
	if strings.HasPrefix(text, "#") {
		return c.local(text[1:])
	}
	switch ref := fhir.ParseReference(text); ref.Kind {
	case fhir.Local, fhir.Remote:
		return ref.Type, ""
	case fhir.URN:
		if strings.HasPrefix(text, "urn:uuid:") && !isUUID(strings.ToLower(text)) {
			return "", "A reference by urn:uuid must have 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12"
		}
		if strings.HasPrefix(text, "urn:oid:") && !isOID(text) {
			return "", "A reference by urn:oid must be numbers with dots between them"
		}
		return "", ""
	case fhir.OtherURL:
		return "", ""
	default:
		if typ, query, ok := strings.Cut(text, "?"); ok && query != "" && fhir.IsType(typ) {
			return typ, "" // conditional, http.html#trules
		}
		return "", "A reference is Type/id, an absolute URL, urn:uuid: or urn:oid:, or # and the id of a contained resource"
	}
}

// local finds the contained resource with that id. "#" alone names the resource that contains the one being read.
func (c *checker) local(id string) (typ, why string) {
	if id == "" {
		if c.inside {
			return c.holder.Get("resourceType").String(), ""
		}
		return "", "\"#\" alone names the container, and is for contained resources only"
	}
	for v := c.holder.Get("contained").First(); v != nil; v = v.Next() {
		if v.Get("id").IsString(id) {
			return v.Get("resourceType").String(), ""
		}
	}
	return "", "No contained resource has this id"
}

// named writes the allowed types for a sentence.
func named(set string) string {
	return strings.Join(strings.Split(strings.Trim(set, "|"), "|"), ", ")
}
