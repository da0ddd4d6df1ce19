package rest

import (
	"bytes"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// referencesIn are the local references anywhere in a stored resource, without versions, in the order of the text: what its elements
// "reference" and "url" say. The text is not parsed, which would cost most of what $everything costs: in JSON a quote inside of a string has a
// backslash before it, so a name between quotes that a colon follows is the name of an element. Where a backslash might hide a name or
// stands in a value, or where there is white space between them, it is parsed after all.
func referencesIn(body []byte) (refs []string, err error) {
	if bytes.Contains(body, []byte(`\u`)) || bytes.Contains(body, []byte(`\"reference"`)) || bytes.Contains(body, []byte(`\"url"`)) {
		return referencesOf(body)
	}
	for rest := body; ; {
		i := bytes.IndexByte(rest, ':')
		if i < 0 {
			return refs, nil
		}
		name, value := rest[:i], rest[i+1:]
		rest = value
		if !bytes.HasSuffix(name, []byte(`"reference"`)) && !bytes.HasSuffix(name, []byte(`"url"`)) {
			if i > 0 && (name[i-1] == ' ' || name[i-1] == '\t' || name[i-1] == '\n' || name[i-1] == '\r') && spaced(name) {
				return referencesOf(body)
			}
			continue
		}
		if len(value) == 0 || value[0] != '"' {
			return referencesOf(body)
		}
		end := bytes.IndexByte(value[1:], '"')
		if end < 0 || bytes.IndexByte(value[1:1+end], '\\') >= 0 {
			return referencesOf(body)
		}
		if ref := fhir.ParseReference(string(value[1 : 1+end])); ref.Kind == fhir.Local {
			refs = append(refs, ref.Unversioned())
		}
		rest = value[1+end:]
	}
}

// spaced reports whether a name that may matter stands before white space.
func spaced(name []byte) bool {
	name = bytes.TrimRight(name, " \t\r\n")
	return bytes.HasSuffix(name, []byte(`"reference"`)) || bytes.HasSuffix(name, []byte(`"url"`))
}

// referencesOf is referencesIn by parsing.
func referencesOf(body []byte) (refs []string, err error) {
	r, err := fhir.Parse(body)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "rest.referencesOf", "A stored resource cannot be read. It has been written to the log.")
	}
	var walk func(v *fhir.Value)
	walk = func(v *fhir.Value) {
		for m := v.First(); m != nil; m = m.Next() {
			switch m.Kind() {
			case fhir.Object, fhir.Array:
				walk(m)
			case fhir.String:
				if m.Name() != "reference" && m.Name() != "url" {
					continue
				}
				if ref := fhir.ParseReference(m.String()); ref.Kind == fhir.Local {
					refs = append(refs, ref.Unversioned())
				}
			default: // no reference
			}
		}
	}
	walk(r.Root)
	return refs, nil
}
