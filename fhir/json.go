package fhir

import (
	"errors"
	"strings"

	"khamxa/internal/fault"
)

// ParseJSON reads any JSON text as strictly as Parse reads a resource, within the same limits. It is for what comes with FHIR and
// is no resource, such as a JSON Patch. Errors are fault.Invalid with line and column; Path is "" or a place below the root.
func ParseJSON(raw []byte) (*Value, error) {
	s := scanner{text: string(raw), doc: &document{}}
	v, err := s.document()
	var f *fault.Error
	if errors.As(err, &f) {
		return nil, f.At(strings.TrimPrefix(strings.TrimPrefix(f.Path, "Resource"), "."))
	}
	return v, err
}

// AppendQuoted appends s as a JSON string, with nothing escaped that need not be. Characters that FHIR allows in no string are left out.
func AppendQuoted(b []byte, s string) []byte { return appendQuoted(b, s) }
