package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/patch"
	"khamxa/internal/fault"
)

// op is one operation: its type, its path, and further parts.
func op(kind, path string, parts ...string) string {
	all := append([]string{`{"name":"type","valueCode":"` + kind + `"}`, fmt.Sprintf(`{"name":"path","valueString":%q}`, path)}, parts...)
	return `{"name":"operation","part":[` + strings.Join(all, ",") + `]}`
}

func name(n string) string          { return `{"name":"name","valueString":"` + n + `"}` }
func value(member string) string    { return `{"name":"value",` + member + `}` }
func number(n string, i int) string { return fmt.Sprintf(`{"name":%q,"valueInteger":%d}`, n, i) }
func parameters(ops ...string) string {
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(ops, ",") + `]}`
}

func applyParameters(t testing.TB, raw string, ops ...string) (string, error) {
	t.Helper()
	p, err := patch.ParseParameters(parse(t, parameters(ops...)))
	if err != nil {
		return "", err
	}
	r, err := p.Apply(parse(t, raw))
	if err != nil {
		return "", err
	}
	return string(r.Raw), nil
}

func resource(typ, members string) string {
	return strings.TrimSuffix(`{"resourceType":"`+typ+`","id":"a",`+members, ",") + `}`
}

// TestParameters: each operation of https://hl7.org/fhir/R4/fhirpatch.html on the forms of elements that JSON has.
func TestParameters(t *testing.T) {
	for _, tt := range []struct {
		name, typ, before, after string
		ops                      []string
	}{
		{"add a primitive", "Patient", ``, `"birthDate":"1930-01-01"`, []string{op("add", "Patient", name("birthDate"), value(`"valueDate":"1930-01-01"`))}},
		{"replace a primitive", "Patient", `"birthDate":"1920-01-01","gender":"male"`, `"birthDate":"1930-01-01","gender":"male"`, []string{op("replace", "Patient.birthDate", value(`"valueDate":"1930-01-01"`))}},
		{"delete a primitive", "Patient", `"birthDate":"1920-01-01"`, ``, []string{op("delete", "Patient.birthDate")}},
		{"delete a primitive with an id", "Patient", `"birthDate":"1920-01-01","_birthDate":{"id":"x"}`, ``, []string{op("delete", "Patient.birthDate")}},
		{"delete nothing", "Patient", `"active":true`, `"active":true`, []string{op("delete", "Patient.birthDate")}},
		{"add a datatype to a list that is not there", "Patient", ``, `"maritalStatus":{"text":"m"},"name":[{"family":"A"}]`, []string{op("add", "Patient", name("maritalStatus"), value(`"valueCodeableConcept":{"text":"m"}`)), op("add", "Patient", name("name"), value(`"valueHumanName":{"family":"A"}`))}},
		{"replace inside a datatype", "Patient", `"maritalStatus":{"text":"x","coding":[{"code":"M"}]}`, `"maritalStatus":{"text":"m","coding":[{"code":"M"}]}`, []string{op("replace", "Patient.maritalStatus.text", value(`"valueString":"m"`))}},
		{"add to a list", "Patient", `"identifier":[{"value":"1"}]`, `"identifier":[{"value":"1"},{"value":"2"}]`, []string{op("add", "Patient", name("identifier"), value(`"valueIdentifier":{"value":"2"}`))}},
		{"insert at the front, middle and end", "Patient", `"identifier":[{"value":"1"},{"value":"2"}]`, `"identifier":[{"value":"0"},{"value":"1"},{"value":"h"},{"value":"2"},{"value":"3"}]`, []string{
			op("insert", "Patient.identifier", number("index", 0), value(`"valueIdentifier":{"value":"0"}`)),
			op("insert", "Patient.identifier", number("index", 2), value(`"valueIdentifier":{"value":"h"}`)),
			op("insert", "Patient.identifier", number("index", 4), value(`"valueIdentifier":{"value":"3"}`)),
		}},
		{"insert into nothing", "Patient", ``, `"identifier":[{"value":"1"}]`, []string{op("insert", "Patient.identifier", number("index", 0), value(`"valueIdentifier":{"value":"1"}`))}},
		{"delete by index", "Patient", `"identifier":[{"value":"1"},{"value":"2"}]`, `"identifier":[{"value":"2"}]`, []string{op("delete", "Patient.identifier[0]")}},
		{"delete the last one", "Patient", `"active":true,"identifier":[{"value":"1"}]`, `"active":true`, []string{op("delete", "Patient.identifier[0]")}},
		{"delete by where", "Patient", `"identifier":[{"system":"a","value":"1"},{"system":"b","value":"2"}]`, `"identifier":[{"system":"a","value":"1"}]`, []string{op("delete", "Patient.identifier.where(system = 'b')")}},
		{"replace by where and", "Patient", `"telecom":[{"system":"phone","use":"home","value":"1"},{"system":"phone","use":"work","value":"2"}]`, `"telecom":[{"system":"phone","use":"home","value":"1"},{"system":"phone","use":"work","value":"3"}]`, []string{op("replace", "Patient.telecom.where(system='phone' and use = 'work').value", value(`"valueString":"3"`))}},
		{"where or, exists, empty, brackets", "Patient", `"telecom":[{"value":"1"},{"system":"email","value":"2"},{"system":"sms","period":{"start":"2020"}}]`, `"telecom":[{"value":"1"},{"system":"sms","period":{"start":"2020"}}]`, []string{op("delete", "telecom.where((system = 'fax' or system = 'email') and period.start.empty() and value.exists())")}},
		{"first and last", "Patient", `"name":[{"given":["A","B","C"]}]`, `"name":[{"given":["B"]}]`, []string{op("delete", "Patient.name.first().given.last()"), op("delete", "Patient.name.single().given.first()")}},
		{"move up and down", "Patient", `"name":[{"given":["A","B","C","D"]}]`, `"name":[{"given":["B","C","A","D"]}]`, []string{op("move", "Patient.name.given", number("source", 0), number("destination", 3)), op("move", "Patient.name.given", number("source", 3), number("destination", 2))}},
		{"move with extensions beside", "Patient", `"name":[{"given":["A","B"],"_given":[{"id":"a"}]}]`, `"name":[{"given":["B","A"],"_given":[null,{"id":"a"}]}]`, []string{op("move", "Patient.name[0].given", number("source", 0), number("destination", 1))}},
		{"delete an item with extensions beside", "Patient", `"name":[{"given":["A","B"],"_given":[null,{"id":"b"}]}]`, `"name":[{"given":["B"],"_given":[{"id":"b"}]}]`, []string{op("delete", "Patient.name[0].given[0]")}},
		{"delete the item that has the extensions", "Patient", `"name":[{"given":["A",null],"_given":[null,{"id":"b"}]}]`, `"name":[{"given":["A"]}]`, []string{op("delete", "Patient.name[0].given[1]")}},
		{"insert an item beside extensions", "Patient", `"name":[{"given":["A","B"],"_given":[null,{"id":"b"}]}]`, `"name":[{"given":["A","X","B"],"_given":[null,null,{"id":"b"}]}]`, []string{op("insert", "Patient.name[0].given", number("index", 1), value(`"valueString":"X"`))}},
		{"add an item with extensions", "Patient", `"name":[{"given":["A"]}]`, `"name":[{"given":["A","B"],"_given":[null,{"id":"b"}]}]`, []string{op("add", "Patient.name[0]", name("given"), value(`"valueString":"B","_valueString":{"id":"b"}`))}},
		{"add an item that has only extensions", "Patient", `"name":[{"given":["A"]}]`, `"name":[{"given":["A",null],"_given":[null,{"id":"b"}]}]`, []string{op("add", "Patient.name[0]", name("given"), value(`"_valueString":{"id":"b"}`))}},
		{"replace an item's value", "Patient", `"name":[{"given":["A","B"],"_given":[{"id":"a"}]}]`, `"name":[{"given":["X","B"]}]`, []string{op("replace", "Patient.name[0].given[0]", value(`"valueString":"X"`))}},
		{"an extension of a primitive", "Patient", `"birthDate":"1930-01-01"`, `"birthDate":"1930-01-01","_birthDate":{"extension":[{"url":"urn:x","valueString":"y"}]}`, []string{op("add", "Patient.birthDate", name("extension"), value(`"valueExtension":{"url":"urn:x","valueString":"y"}`))}},
		{"an extension by its url", "Patient", `"extension":[{"url":"urn:y"},{"url":"urn:x","valueString":"y"}]`, `"extension":[{"url":"urn:y"},{"url":"urn:x","valueBoolean":true}]`, []string{op("replace", "Patient.extension('urn:x').value", value(`"valueBoolean":true`))}},
		{"a choice", "Patient", ``, `"deceasedBoolean":true`, []string{op("add", "Patient", name("deceased"), value(`"valueBoolean":true`))}},
		{"a choice of another type", "Observation", `"status":"final","valueString":"x","_valueString":{"id":"s"},"note":[{"text":"n"}]`, `"status":"final","valueQuantity":{"value":6.30},"note":[{"text":"n"}]`, []string{op("replace", "Observation.value", value(`"valueQuantity":{"value":6.30}`))}},
		{"a choice by its type", "Observation", `"valueQuantity":{"value":6.30}`, `"valueQuantity":{"value":6.40}`, []string{op("replace", "Observation.value.ofType(Quantity).value", value(`"valueDecimal":6.40`))}},
		{"an element without a type of its own", "Patient", ``, `"contact":[{"relationship":[{"text":"r"},{"text":"s"}],"name":{"text":"a name"}}]`, []string{op("add", "Patient", name("contact"), value(`"part":[{"name":"relationship","valueCodeableConcept":{"text":"r"}},{"name":"relationship","valueCodeableConcept":{"text":"s"}},{"name":"name","valueHumanName":{"text":"a name"}}]`))}},
		{"inside an element without a type of its own", "Patient", `"contact":[{"name":{"text":"a"},"gender":"unknown"}]`, `"contact":[{"name":{"text":"b"},"gender":"unknown"}]`, []string{op("replace", "Patient.contact[0].name.text", value(`"valueString":"b"`))}},
		{"a resource inside", "Observation", `"contained":[{"resourceType":"Patient","id":"p","gender":"male"}]`, `"contained":[{"resourceType":"Patient","id":"p","gender":"female"},{"resourceType":"Basic"}]`, []string{op("replace", "Observation.contained.where(id = 'p').gender", value(`"valueCode":"female"`)), op("add", "Observation", name("contained"), value(`"resource":{"resourceType":"Basic"}`))}},
		{"numbers and booleans in where", "Observation", `"component":[{"valueQuantity":{"value":1.50}},{"valueQuantity":{"value":2}},{"valueBoolean":true}]`, `"component":[{"valueQuantity":{"value":2}}]`, []string{op("delete", "Observation.component.where(value.value = 1.5)"), op("delete", "Observation.component.where(value = true)")}},
		{"number text stays", "Observation", `"valueQuantity":{"value":6.300},"x":1.0E-22`, `"valueQuantity":{"value":6.300,"unit":"mmol/L"},"x":1.0E-22`, []string{op("add", "Observation.value", name("unit"), value(`"valueString":"mmol/L"`))}},
		{"one after the other", "Patient", ``, `"name":[{"family":"A","given":["B"]}]`, []string{op("add", "Patient", name("name"), value(`"valueHumanName":{"family":"A"}`)), op("add", "Patient.name[0]", name("given"), value(`"valueString":"B"`))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := applyParameters(t, resource(tt.typ, tt.before), tt.ops...)
			if want := resource(tt.typ, tt.after); err != nil || got != want {
				t.Errorf("%v\n%s", err, cmp.Diff(want, got))
			}
		})
	}
}

func TestParametersRefused(t *testing.T) {
	before := resource("Patient", `"active":true,"identifier":[{"value":"1"},{"value":"2"}],"birthDate":"1930"`)
	text := value(`"valueString":"x"`)
	for _, tt := range []struct{ name, op, words string }{
		{"no operation", `{"name":"other"}`, "operation"},
		{"no parts", `{"name":"operation"}`, "type"},
		{"another part", op("delete", "Patient.active", `{"name":"spam"}`), "spam"},
		{"no path", op("delete", ""), "path"},
		{"no name", op("add", "Patient", text), "name"},
		{"no value", op("replace", "Patient.active"), "value"},
		{"no index", op("insert", "Patient.identifier", text), "index"},
		{"a bad index", op("insert", "Patient.identifier", text, number("index", -1)), "index"},
		{"no destination", op("move", "Patient.identifier", number("source", 0)), "destination"},
		{"an empty value", op("add", "Patient", name("gender"), `{"name":"value"}`), "empty"},
		{"an element that is none", op("add", "Patient", name("family"), text), "family"},
		{"a choice without that type", op("add", "Patient", name("deceased"), text), "deceased"},
		{"an element that is there", op("add", "Patient", name("active"), value(`"valueBoolean":true`)), "already"},
		{"replace of nothing", op("replace", "Patient.gender", text), "nothing"},
		{"replace of several", op("replace", "Patient.identifier.value", text), "2 elements"},
		{"delete of several", op("delete", "Patient.identifier"), "2 elements"},
		{"delete of the whole", op("delete", "Patient"), "whole"},
		{"single of several", op("delete", "Patient.identifier.single()"), "single"},
		{"insert past the end", op("insert", "Patient.identifier", number("index", 3), value(`"valueIdentifier":{}`)), "2 items"},
		{"insert where no list is", op("insert", "Patient.birthDate", number("index", 0), value(`"valueDate":"1931"`)), "no list"},
		{"insert by an item", op("insert", "Patient.identifier[0]", number("index", 0), text), "list"},
		{"insert into several", op("insert", "Patient.identifier.type.coding", number("index", 0), text), "0 elements"},
		{"move past the end", op("move", "Patient.identifier", number("source", 0), number("destination", 2)), "2 items"},
		{"a function that is not served", op("delete", "Patient.identifier.select(value)"), "select"},
		{"no end of a string", op("delete", "Patient.identifier.where(value = 'x)"), "without an end"},
		{"no end of a bracket", op("delete", "Patient.identifier[0"), "]"},
		{"no number", op("delete", "Patient.identifier[x]"), "number"},
		{"no comparison", op("delete", "Patient.identifier.where(value > 1)"), "needs ="},
		{"no literal", op("delete", "Patient.identifier.where(value = use)"), "literal"},
		{"more after the end", op("delete", "Patient.active spam"), "character 16"},
		{"a long path", op("delete", strings.Repeat("a.", 1001)+"a"), "2000 bytes"},
		{"many steps", op("delete", strings.Repeat("a.", 70)+"a"), "64 steps"},
		{"deep brackets", op("delete", "a.where("+strings.Repeat("(", 500)+"a = 1"+strings.Repeat(")", 500)+")"), "64 steps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := applyParameters(t, before, tt.op)
			if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(fault.PathOf(err), "Parameters.parameter[0]") || !strings.Contains(fault.MessageOf(err), tt.words) || !strings.HasSuffix(fault.MessageOf(err), ".") {
				t.Errorf("%v at %q, want it to say %q", err, fault.PathOf(err), tt.words)
			}
		})
	}
	if _, err := applyParameters(t, before, op("replace", "Patient.id", value(`"valueId":"b"`))); !fault.Is(err, fault.Invalid) || fault.PathOf(err) != "Patient.id" {
		t.Errorf("the id: %v", err)
	}
	large := resource("Patient", `"name":[`+strings.TrimSuffix(strings.Repeat(`{"family":"x"},`, 20_000), ",")+`]`)
	costly := strings.TrimSuffix(strings.Repeat(op("delete", "Patient.name.where(family = 'y')")+",", patch.MaxOperations), ",")
	if _, err := applyParameters(t, large, costly); !fault.Is(err, fault.TooCostly) {
		t.Errorf("too costly: %v", err)
	}
	if _, err := patch.ParseParameters(parse(t, `{"resourceType":"Basic"}`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("no Parameters: %v", err)
	}
	many := strings.TrimSuffix(strings.Repeat(op("delete", "Patient.active")+",", patch.MaxOperations+1), ",")
	if _, err := applyParameters(t, before, many); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too many: %v", err)
	}
}
