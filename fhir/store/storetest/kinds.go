package storetest

var kindTests = []test{{"every kind of parameter", everyKind}}

// everyKind asks each kind of search parameter and modifier, alone and beside a clause that is more selective, so that each drives
// and is checked: the ranges of its keys must hold in the backend's order, and what has no keys must be found without.
func everyKind(s *suite) {
	quantity := func(value, unit string) string {
		return `{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}`
	}
	observation := func(id, code, value string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `","display":"Đường huyết"}]},"valueQuantity":` + value + `}`
	}
	s.commit(
		put(observation("a", "glucose", quantity("5.4", "mmol/L"))),
		put(observation("b", "glucose", quantity("-2", "mmol/L"))),
		put(observation("c", "weight", quantity("5400", "g"))),
		put(observation("d", "weight", quantity("5.4", "kg"))),
		put(observation("e", "weight", `{"value":5.4,"comparator":"<","unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}`)),
		put(`{"resourceType":"Observation","id":"f","status":"final","code":{"text":"HA"},"component":[`+
			`{"code":{"coding":[{"code":"sys"}]},"valueQuantity":`+quantity("150", "mm[Hg]")+`},{"code":{"coding":[{"code":"dia"}]},"valueQuantity":`+quantity("95", "mm[Hg]")+`}]}`),
		put(`{"resourceType":"RiskAssessment","id":"r","status":"final","subject":{"reference":"Patient/x"},"prediction":[{"probabilityDecimal":0.14}]}`),
		put(`{"resourceType":"ValueSet","id":"v","status":"active","url":"http://acme.org/fhir/ValueSet/123","meta":{"profile":["http://x/p|1"]}}`),
		put(`{"resourceType":"Location","id":"l","position":{"latitude":20.048,"longitude":106.224},"text":{"status":"generated","div":"<div>Trạm y tế</div>"}}`),
		put(`{"resourceType":"Location","id":"m","position":{"latitude":-20.048,"longitude":106.224},"name":"Trạm"}`),
		put(`{"resourceType":"Practitioner","id":"p","identifier":[{"type":{"coding":[{"system":"urn:t","code":"MD"}],"text":"Chứng chỉ"},"value":"7"}],"telecom":[{"system":"phone","value":"0912"}]}`),
	)
	const ucum = "|http://unitsofmeasure.org|"
	for _, ask := range []struct{ typ, values, want string }{
		{"Observation", "value-quantity=5.4", "a d"},
		{"Observation", "value-quantity=5.4" + ucum + "kg", "c d"},
		{"Observation", "value-quantity=5.400" + ucum + "kg", "c d"},
		{"Observation", "value-quantity=lt0" + ucum + "mmol/L", "b"},
		{"Observation", "value-quantity=lt6" + ucum + "kg", "c d e"},
		{"Observation", "value-quantity=lt5.4" + ucum + "kg&_id=c,d,e", "e"},
		{"Observation", "combo-value-quantity=ge150||mm[Hg]", "f"},
		{"Observation", "component-code-value-quantity=sys$gt140", "f"},
		{"Observation", "component-code-value-quantity=dia$gt140", ""},
		{"Observation", "code-value-quantity=glucose$lt0,weight$sa5000", "b c"},
		{"Observation", "combo-code-value-quantity=http://loinc.org|weight$5.4" + ucum + "kg&_id=d,e", "d"},
		{"Observation", "combo-code=dia", "f"},
		{"Observation", "code:text=duong&_sort=value-quantity", "c d e b a"},
		{"Observation", "code:text=duong&_sort=-value-quantity,_id", "a b c d e"},
		{"Observation", "value-quantity:missing=true", "f"},
		{"RiskAssessment", "probability=gt0.1", "r"},
		{"RiskAssessment", "probability=0.1", "r"},
		{"RiskAssessment", "probability=0.10", ""},
		{"ValueSet", "url=http://acme.org/fhir/ValueSet/123", "v"},
		{"ValueSet", "url:below=http://acme.org/fhir/", "v"},
		{"ValueSet", "url:above=http://acme.org/fhir/ValueSet/123/_history/5", "v"},
		{"ValueSet", "_profile=http://x/p", "v"},
		{"Location", "near=20|106|100|km", "l"},
		{"Location", "_text=y te", "l"},
		{"Location", "_content=tram", "l m"},
		{"Location", "_content=tram&name=tr", "m"},
		{"Practitioner", "identifier:of-type=urn:t|MD|7", "p"},
		{"Practitioner", "identifier:text=chung", "p"},
		{"Practitioner", "phone=0912", "p"},
		{"Practitioner", "email=0912", ""},
	} {
		s.equal(ask.typ+"?"+ask.values, s.find(ask.typ, ask.values), ask.want)
	}
}
