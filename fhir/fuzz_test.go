package fhir_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// FuzzParse: what is accepted is valid JSON by another reader too, its compact form is that reader's, and it is stable;
// what is refused is refused with a place and a sentence.
func FuzzParse(f *testing.F) {
	for _, raw := range samples(f) {
		f.Add(raw)
	}
	for _, raw := range []string{``, `{"resourceType":"Patient","a":[1,{"b":"\ud83d\ude00"}]}`, "{\"resourceType\":\"Basic\",\"x\":\"\xff\"}", `{"resourceType":"Basic","a":0.0e-1,"a":1}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := fhir.Parse(raw)
		if err != nil {
			if fault.CodeOf(err) != fault.Invalid || fault.PathOf(err) == "" || !strings.Contains(fault.MessageOf(err), "(line ") {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, raw); err != nil {
			t.Fatalf("accepted %q: %v", raw, err)
		}
		if !bytes.Equal(want.Bytes(), r.Raw) {
			t.Fatalf("compact form of %q is %q", raw, r.Raw)
		}
		again, err := fhir.Parse(r.Raw)
		if err != nil || !bytes.Equal(again.Raw, r.Raw) {
			t.Fatalf("%q again: %v", r.Raw, err)
		}
	})
}

// FuzzStamp checks what checkStamp says of every resource that Parse accepts.
func FuzzStamp(f *testing.F) {
	for _, raw := range samples(f) {
		f.Add(raw)
	}
	f.Add([]byte(`{"meta":{},"id":"x","resourceType":"Basic"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := fhir.Parse(raw); err == nil {
			checkStamp(t, r)
		}
	})
}
