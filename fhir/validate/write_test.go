package validate_test

import (
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/validate"
	"khamxa/internal/fault"
)

// wrong is a resource that must be refused: where, and with which issue code. Every case has exactly one finding, so that
// what is said beside it shows.
type wrong struct{ name, body, path, code string }

func patient(members string) string { return `{"resourceType":"Patient",` + members + `}` }

func observation(members string) string {
	return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + members + `}`
}

func bundle(resource string) string {
	return `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:8a3f6f2e-4f0e-4b52-9f0a-0d4a6d4b8a10","resource":` + resource + `}]}`
}

func extended(members string) string { return patient(`"extension":[{` + members + `}]`) }

func narrative(div string) string {
	return patient(`"text":{"status":"generated","div":"` + strings.ReplaceAll(div, `"`, `\"`) + `"}`)
}

func div(inside string) string {
	return narrative(`<div xmlns="http://www.w3.org/1999/xhtml">` + inside + `</div>`)
}

var wrongs = [...][]wrong{wrongStructure, wrongValues, wrongCodes, wrongReferences, wrongNested, wrongNarratives}

func TestRefused(t *testing.T) {
	count := 0
	names := map[string]bool{}
	for _, list := range wrongs {
		for _, c := range list {
			count++
			if names[c.name] {
				t.Errorf("two cases are called %q", c.name)
			}
			names[c.name] = true
			t.Run(c.name, func(t *testing.T) {
				r, err := fhir.Parse([]byte(c.body))
				if err != nil {
					t.Fatalf("the parser refuses it already: %v", err)
				}
				list := fhir.Issues(validate.Write(r))
				if len(list) != 1 {
					t.Fatalf("%d findings, want 1: %+v", len(list), list)
				}
				got := list[0]
				if got.Expression != c.path || got.Code != c.code {
					t.Errorf("%s at %s, want %s at %s: %s", got.Code, got.Expression, c.code, c.path, got.Text)
				}
				if got.Fault != fault.Invalid || got.Severity != "error" {
					t.Errorf("fault %s, severity %s", got.Fault, got.Severity)
				}
				if !strings.Contains(got.Text, "(line 1, column ") || !strings.HasSuffix(got.Text, ").") {
					t.Errorf("no place in %q", got.Text)
				}
			})
		}
	}
	if count < 150 {
		t.Errorf("%d wrong resources are too few", count)
	}
}

var wrongStructure = []wrong{
	{"unknown element", patient(`"nmae":[{"family":"A"}]`), "Patient.nmae", "structure"},
	{"unknown element below", patient(`"name":[{"famly":"A"}]`), "Patient.name[0].famly", "structure"},
	{"unknown element in the second", patient(`"name":[{"family":"A"},{"famly":"A"}]`), "Patient.name[1].famly", "structure"},
	{"an element of another resource", patient(`"status":"final"`), "Patient.status", "structure"},
	{"case matters", patient(`"Active":true`), "Patient.Active", "structure"},
	{"an element of R5", patient(`"name":[{"use":"official","given":["A"],"fullName":"A"}]`), "Patient.name[0].fullName", "structure"},
	{"XML's value", patient(`"active":{"value":true}`), "Patient.active", "structure"},
	{"resourceType of an element", patient(`"name":[{"resourceType":"HumanName","family":"A"}]`), "Patient.name[0].resourceType", "structure"},
	{"fhir_comments", patient(`"fhir_comments":["x"]`), "Patient.fhir_comments", "structure"},
	{"a choice without type", observation(`"value":1`), "Observation.value", "structure"},
	{"a type that the choice does not have", observation(`"valueDecimal":1.5`), "Observation.valueDecimal", "structure"},
	{"a choice's type in lower case", observation(`"valuequantity":{"value":1}`), "Observation.valuequantity", "structure"},
	{"two types of a choice", observation(`"valueString":"a","valueInteger":1`), "Observation.value", "structure"},
	{"two types, one by extension only", observation(`"valueString":"a","_valueInteger":{"extension":[{"url":"http://x","valueCode":"a"}]}`), "Observation.value", "structure"},
	{"two types of deceased", patient(`"deceasedBoolean":true,"deceasedDateTime":"2020-01-01"`), "Patient.deceased", "structure"},
	{"a companion of a complex element", patient(`"_name":[{"extension":[{"url":"http://x","valueCode":"a"}]}]`), "Patient.name", "structure"},
	{"a companion of an element's id", patient(`"name":[{"id":"a","family":"A","_id":{"id":"b"}}]`), "Patient.name[0].id", "structure"},
	{"a companion of an extension's url", extended(`"url":"http://x","_url":{"id":"a"},"valueCode":"a"`), "Patient.extension[0].url", "structure"},
	{"a companion of nothing", patient(`"_nmae":{"id":"a"}`), "Patient._nmae", "structure"},
	{"an underscore alone", patient(`"_":{"id":"a"}`), "Patient._", "structure"},
	{"a companion that is a string", patient(`"birthDate":"1970-01-01","_birthDate":"x"`), "Patient.birthDate", "structure"},
	{"an empty companion", patient(`"birthDate":"1970-01-01","_birthDate":{}`), "Patient.birthDate", "structure"},
	{"an unknown element in a companion", patient(`"birthDate":"1970-01-01","_birthDate":{"value":"x"}`), "Patient.birthDate.value", "structure"},
	{"a companion with only an id and no value", patient(`"_birthDate":{"id":"x"}`), "Patient.birthDate", "invariant"},
	{"a companion array for one", patient(`"_birthDate":[{"id":"x"}]`), "Patient.birthDate", "structure"},
	{"one companion for an array", patient(`"name":[{"given":["A"],"_given":{"id":"x"}}]`), "Patient.name[0].given", "structure"},
	{"an empty companion array", patient(`"name":[{"given":["A"],"_given":[]}]`), "Patient.name[0].given", "structure"},
	{"companions that do not align", patient(`"name":[{"given":["A","B"],"_given":[{"id":"x"}]}]`), "Patient.name[0].given", "structure"},
	{"a null without companion", patient(`"name":[{"given":["A",null]}]`), "Patient.name[0].given[1]", "structure"},
	{"a null whose companion is null", patient(`"name":[{"given":["A",null],"_given":[{"id":"x"},null]}]`), "Patient.name[0].given[1]", "structure"},
	{"a null companion without value", patient(`"name":[{"_given":[null,{"extension":[{"url":"http://x","valueCode":"a"}]}]}]`), "Patient.name[0].given[0]", "structure"},
	{"a null", patient(`"active":null`), "Patient.active", "structure"},
	{"a null object", patient(`"maritalStatus":null`), "Patient.maritalStatus", "structure"},
	{"a null array", patient(`"name":null`), "Patient.name", "structure"},
	{"a null in an array of objects", patient(`"name":[null]`), "Patient.name[0]", "structure"},
	{"an empty object", patient(`"maritalStatus":{}`), "Patient.maritalStatus", "structure"},
	{"an empty object in an array", patient(`"name":[{"family":"A"},{}]`), "Patient.name[1]", "structure"},
	{"an empty array", patient(`"name":[]`), "Patient.name", "structure"},
	{"an empty array of strings", patient(`"name":[{"given":[]}]`), "Patient.name[0].given", "structure"},
	{"an element with an id only", patient(`"name":[{"id":"x"}]`), "Patient.name[0]", "invariant"},
	{"one where an array is wanted", patient(`"name":{"family":"A"}`), "Patient.name", "structure"},
	{"a string where an array is wanted", patient(`"name":[{"given":"A"}]`), "Patient.name[0].given", "structure"},
	{"an array where one is wanted", patient(`"gender":["male"]`), "Patient.gender", "structure"},
	{"an array of objects where one is wanted", patient(`"maritalStatus":[{"text":"x"}]`), "Patient.maritalStatus", "structure"},
	{"an array in an array", patient(`"name":[[{"family":"A"}]]`), "Patient.name[0]", "structure"},
	{"a string where an object is wanted", patient(`"maritalStatus":"M"`), "Patient.maritalStatus", "structure"},
	{"a number where an object is wanted", observation(`"valueQuantity":5`), "Observation.value", "structure"},
	{"an object where a string is wanted", patient(`"name":[{"family":{"text":"A"}}]`), "Patient.name[0].family", "structure"},
	{"no status", `{"resourceType":"Observation","code":{"text":"x"}}`, "Observation.status", "required"},
	{"no code", `{"resourceType":"Observation","status":"final"}`, "Observation.code", "required"},
	{"no code in a component", observation(`"component":[{"valueString":"a"}]`), "Observation.component[0].code", "required"},
	{"no code in the second component", observation(`"component":[{"code":{"text":"a"}},{"valueString":"a"}]`), "Observation.component[1].code", "required"},
	{"no link's other", patient(`"link":[{"type":"refer"}]`), "Patient.link[0].other", "required"},
	{"no language of a communication", patient(`"communication":[{"preferred":true}]`), "Patient.communication[0].language", "required"},
	{"no narrative status", patient(`"text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}`), "Patient.text.status", "required"},
	{"no narrative div", patient(`"text":{"status":"empty"}`), "Patient.text.div", "required"},
	{"no medication", `{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/1"}}`, "MedicationStatement.medication", "required"},
	{"no author of a composition", `{"resourceType":"Composition","status":"final","type":{"text":"x"},"date":"2020","title":"x"}`, "Composition.author", "required"},
	{"no class of an encounter", `{"resourceType":"Encounter","status":"finished"}`, "Encounter.class", "required"},
	{"no subject of a condition", `{"resourceType":"Condition"}`, "Condition.subject", "required"},
	{"no url of an extension", extended(`"valueCode":"a"`), "Patient.extension[0].url", "required"},
	{"an extension without value", extended(`"url":"http://x"`), "Patient.extension[0]", "invariant"},
	{"an extension with both", extended(`"url":"http://x","valueCode":"a","extension":[{"url":"b","valueCode":"a"}]`), "Patient.extension[0]", "invariant"},
	{"an extension with two values", extended(`"url":"http://x","valueCode":"a","valueString":"b"`), "Patient.extension[0].value", "structure"},
	{"an extension with a value of no type", extended(`"url":"http://x","valueCode":"a","value":"a"`), "Patient.extension[0].value", "structure"},
	{"an empty list of extensions", patient(`"extension":[]`), "Patient.extension", "structure"},
	{"an extension that is none", patient(`"extension":["x"]`), "Patient.extension[0]", "structure"},
	{"a wrong extension deep down", patient(`"birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"http://x"}]}`), "Patient.birthDate.extension[0]", "invariant"},
	{"a modifier extension of a data type", patient(`"name":[{"family":"A","modifierExtension":[{"url":"http://x","valueCode":"a"}]}]`), "Patient.name[0].modifierExtension", "structure"},
	{"a meta with an unknown element", patient(`"meta":{"version":"1"}`), "Patient.meta.version", "structure"},
}
