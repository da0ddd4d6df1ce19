package patch_test

import (
	"errors"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/patch"
	"khamxa/internal/fault"
)

// FuzzPatch: no patch makes anything but a resource of the same type and id, or an error of ours.
func FuzzPatch(f *testing.F) {
	const before = `{"resourceType":"Patient","id":"a","active":true,"name":[{"given":["A","B"],"_given":[null,{"id":"b"}]}],"deceasedBoolean":false,"contact":[{"name":{"text":"x"}}]}`
	for _, doc := range []string{
		`[{"op":"add","path":"/name/-","value":{"family":"C"}},{"op":"test","path":"/active","value":true}]`,
		`[{"op":"copy","from":"/name","path":"/name/0/x"},{"op":"move","from":"/name/0/given/1","path":"/name/0/given/0"},{"op":"remove","path":"/contact"}]`,
		parameters(op("add", "Patient.name[0]", name("given"), value(`"valueString":"C"`))),
		parameters(op("delete", "Patient.name.where(given.exists() or family = 'x').given.first()"), op("insert", "Patient.contact", number("index", 0), value(`"part":[{"name":"gender","valueCode":"male"}]`))),
		parameters(op("move", "Patient.name.given", number("source", 1), number("destination", 0)), op("replace", "Patient.deceased", value(`"valueDateTime":"2026"`))),
	} {
		f.Add(before, doc)
	}
	f.Fuzz(func(t *testing.T, raw, doc string) {
		r, err := fhir.Parse([]byte(raw))
		if err != nil {
			return
		}
		var p *patch.Patch
		if params, bad := fhir.Parse([]byte(doc)); bad == nil {
			p, err = patch.ParseParameters(params)
		} else {
			p, err = patch.ParseJSON([]byte(doc))
		}
		var after *fhir.Resource
		if err == nil {
			after, err = p.Apply(r)
		}
		var ours *fault.Error
		switch {
		case err != nil && !errors.As(err, &ours):
			t.Errorf("%T: %v", err, err)
		case err == nil && (after.Type != r.Type || after.ID != r.ID):
			t.Errorf("%s/%s became %s/%s", r.Type, r.ID, after.Type, after.ID)
		}
	})
}
