package shape_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/shape"
)

const tagged = `"meta":{"versionId":"3","tag":[{"code":"a"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED","display":"Resource encoded in summary mode"}]}`

func read(t *testing.T, raw string) *fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestShapes(t *testing.T) {
	patient := read(t, `{"resourceType":"Patient","id":"p","meta":{"versionId":"3","tag":[{"code":"a"}]},"implicitRules":"urn:x","text":{"status":"generated","div":"<div>x</div>"},
		"extension":[{"url":"urn:e","valueString":"x"}],"modifierExtension":[{"url":"urn:m","valueString":"x"}],"active":true,"name":[{"text":"An"}],
		"birthDate":"1958-03-01","_birthDate":{"extension":[{"url":"urn:e","valueString":"x"}]},"deceasedBoolean":false,"maritalStatus":{"text":"x"},
		"contact":[{"name":{"text":"y"}}],"communication":[{"language":{"text":"vi"}}],"link":[{"other":{"reference":"Patient/q"},"type":"seealso"}]}`)
	observation := read(t, `{"resourceType":"Observation","id":"o","text":{"status":"generated","div":"<div>x</div>"},"status":"final","category":[{"text":"c"}],"code":{"text":"x"},
		"subject":{"reference":"Patient/p"},"valueQuantity":{"value":6.30,"unit":"mmol/L"},"note":[{"text":"n"}],
		"component":[{"code":{"text":"s"},"valueInteger":120,"referenceRange":[{"text":"r"}]},{"code":{"text":"d"},"interpretation":[{"text":"i"}]}]}`)
	for _, tt := range []struct {
		name      string
		got, want string
	}{
		{"summary of a Patient", string(shape.Summary(patient)), `{"resourceType":"Patient","id":"p",` + tagged + `,"implicitRules":"urn:x","modifierExtension":[{"url":"urn:m","valueString":"x"}],"active":true,"name":[{"text":"An"}],` +
			`"birthDate":"1958-03-01","_birthDate":{"extension":[{"url":"urn:e","valueString":"x"}]},"deceasedBoolean":false,"link":[{"other":{"reference":"Patient/q"},"type":"seealso"}]}`},
		{"text of a Patient", string(shape.Text(patient)), `{"resourceType":"Patient","id":"p",` + tagged + `,"implicitRules":"urn:x","text":{"status":"generated","div":"<div>x</div>"},"modifierExtension":[{"url":"urn:m","valueString":"x"}]}`},
		{"elements of a Patient", string(shape.Elements(patient, []string{"birthDate", "deceased"})), `{"resourceType":"Patient","id":"p",` + tagged + `,"implicitRules":"urn:x","modifierExtension":[{"url":"urn:m","valueString":"x"}],` +
			`"birthDate":"1958-03-01","_birthDate":{"extension":[{"url":"urn:e","valueString":"x"}]},"deceasedBoolean":false}`},
		{"summary of an Observation", string(shape.Summary(observation)), `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"},"valueQuantity":{"value":6.30,"unit":"mmol/L"},` +
			`"component":[{"code":{"text":"s"},"valueInteger":120},{"code":{"text":"d"}}]}`},
		{"text of an Observation", string(shape.Text(observation)), `{"resourceType":"Observation","id":"o","text":{"status":"generated","div":"<div>x</div>"},"status":"final","code":{"text":"x"}}`},
		{"elements of an Observation", string(shape.Elements(observation, []string{"value", "note"})), `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":6.30,"unit":"mmol/L"},"note":[{"text":"n"}]}`},
		{"elements of an Observation, with the type", string(shape.Elements(observation, []string{"valueQuantity"})), `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":6.30,"unit":"mmol/L"}}`},
		{"elements that there are not", string(shape.Elements(observation, []string{"nope", "val"})), `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Error(diff)
			}
			if _, err := fhir.Parse([]byte(tt.got)); err != nil {
				t.Error(err)
			}
		})
	}
	if data := string(shape.Data(observation)); strings.Contains(data, `"text":{"status"`) || !strings.Contains(data, `"referenceRange"`) || !strings.Contains(data, `6.30`) {
		t.Errorf("data: %s", data)
	}
}

// TestEveryType: each type has a table, and its mandatory elements are in every shape.
func TestEveryType(t *testing.T) {
	for _, typ := range fhir.Types() {
		r := read(t, `{"resourceType":"`+typ+`","id":"x","meta":{"versionId":"1"},"text":{"status":"empty","div":"<div/>"},"nobody":"knows"}`)
		for _, shaped := range [][]byte{shape.Summary(r), shape.Text(r), shape.Elements(r, []string{"id"})} {
			text := string(shaped)
			if !strings.HasPrefix(text, `{"resourceType":"`+typ+`","id":"x","meta":{"versionId":"1","tag":[{`) || strings.Contains(text, "nobody") {
				t.Errorf("%s: %s", typ, text)
			}
		}
	}
	consent := read(t, `{"resourceType":"Consent","id":"c","status":"active","scope":{"text":"s"},"category":[{"text":"c"}],"patient":{"reference":"Patient/p"}}`)
	if got := string(shape.Elements(consent, []string{"patient"})); !strings.Contains(got, `"scope"`) || !strings.Contains(got, `"category"`) {
		t.Errorf("a mandatory element is left out: %s", got)
	}
}
