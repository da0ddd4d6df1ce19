package validate_test

import (
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

// TestAccepted: what is right, and near what is wrong.
func TestAccepted(t *testing.T) {
	for _, c := range []struct{ name, body string }{
		{"nothing but a type", `{"resourceType":"Patient"}`},
		{"members in any order", `{"birthDate":"1970","name":[{"given":["A"],"family":"B"}],"resourceType":"Patient","active":true,"id":"1"}`},
		{"extensions beside a value", patient(`"birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"http://x","valueDateTime":"1970-01-01T10:00:00+07:00"}]}`)},
		{"extensions before the value", patient(`"_birthDate":{"id":"x"},"birthDate":"1970-01-01"`)},
		{"a required element by extension only", `{"resourceType":"Observation","_status":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},"code":{"text":"x"}}`},
		{"a required choice by extension only", `{"resourceType":"Patient","_deceasedBoolean":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}`},
		{"arrays that align", patient(`"name":[{"given":["A",null,"C"],"_given":[null,{"extension":[{"url":"http://x","valueCode":"a"}]},{"id":"x"}]}]`)},
		{"an array by extension only", patient(`"name":[{"_given":[{"extension":[{"url":"http://x","valueCode":"a"}]}]}]`)},
		{"extensions in extensions", extended(`"url":"http://x","extension":[{"url":"a","valueCode":"a"},{"url":"b","extension":[{"url":"c","valueCode":"a"}]}]`)},
		{"dates", patient(`"birthDate":"2000-02-29","extension":[{"url":"http://x","valueDate":"1999"},{"url":"http://x","valueDate":"1999-12"},{"url":"http://x","valueDate":"0001-01-01"}]`)},
		{"dateTimes", patient(`"extension":[{"url":"http://x","valueDateTime":"1999"},{"url":"http://x","valueDateTime":"1999-12-31T23:59:60Z"},{"url":"http://x","valueDateTime":"1999-12-31T23:59:59.123456-12:00"},{"url":"http://x","valueDateTime":"1999-12-31T00:00:00+14:00"}]`)},
		{"numbers", patient(`"extension":[{"url":"http://x","valueInteger":-2147483648},{"url":"http://x","valueInteger":2147483647},{"url":"http://x","valueDecimal":1.0e-10},{"url":"http://x","valueUnsignedInt":0}]`)},
		{"oid, uuid, time, base64", patient(`"extension":[{"url":"http://x","valueOid":"urn:oid:2.16.0.1"},{"url":"http://x","valueUuid":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},{"url":"http://x","valueTime":"23:59:59.5"},{"url":"http://x","valueBase64Binary":"aGVs\nbG8="}]`)},
		{"references", observation(`"performer":[{"reference":"Practitioner/1"},{"reference":"Practitioner/1/_history/2"},{"reference":"https://other.example/fhir/Organization/x"},{"reference":"https://other.example/somebody"},{"reference":"urn:uuid:C757873d-ec9a-4326-a141-556f43239520"},{"reference":"urn:oid:1.2.3"},{"reference":"Practitioner?identifier=x|1"},{"display":"somebody"},{"identifier":{"value":"1"},"type":"Practitioner"},{"reference":"Patient/1","type":"http://hl7.org/fhir/StructureDefinition/Patient"}]`)},
		{"contained and back", observation(`"contained":[{"resourceType":"Patient","id":"p"},{"resourceType":"Provenance","id":"v","target":[{"reference":"#"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"reference":"#p"}}]}],"subject":{"reference":"#p"}`)},
		{"any target", `{"resourceType":"List","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/1"}},{"item":{"reference":"Endpoint/1"}}]}`},
		{"entries have containers of their own", bundle(observation(`"contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}`))},
		{"a binding by the second coding", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://x","code":"a"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`},
		{"a currency of Vietnam", `{"resourceType":"Invoice","status":"issued","totalNet":{"value":50000,"currency":"VND"}}`},
		{"items in items", `{"resourceType":"QuestionnaireResponse","status":"completed","item":[{"linkId":"1","answer":[{"valueString":"x","item":[{"linkId":"2"}]}],"item":[{"linkId":"3"}]}]}`},
		{"narrative", div(`<h2 class="x" style="color: red; background: url('a.png')">A &amp; &#160;B</h2><!-- a --><p>x<br/>y</p><table border="1"><tr><td colspan="2">1</td></tr></table><a href="#x">x</a><a href="Patient/1?a=b:c">x</a><img src="data:image/png;base64,aGk=" alt="x"/><img src="#a" alt="x"/>`)},
		{"narrative in its own quotes", narrative(` <div xmlns='http://www.w3.org/1999/xhtml' lang='vi' xml:lang='vi'>Đã khám</div> `)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Write(r); err != nil {
				t.Errorf("refused: %s", fhir.Outcome(err))
			}
		})
	}
}
