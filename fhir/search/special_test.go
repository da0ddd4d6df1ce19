package search_test

import (
	"testing"

	"khamxa/fhir/search"
)

func TestNear(t *testing.T) {
	// The health station of Hải Thịnh, and what is how far from it.
	station := read(t, `{"resourceType":"Location","position":{"latitude":20.0480,"longitude":106.2240}}`)
	dateLine := read(t, `{"resourceType":"Location","position":{"latitude":0.0,"longitude":179.9}}`)
	for query, want := range map[string]bool{
		"near=20.048|106.224": true, "near=20.048|106.224|0|km": true,
		"near=20.4200|106.1683|42|km": true, "near=20.4200|106.1683|41|km": false, // Nam Định, 41.8 km
		"near=20.4200|106.1683|42": true, "near=20.4200|106.1683|42000|m": true, "near=20.4200|106.1683|25.5|[mi_i]": false, "near=20.4200|106.1683|26.5|[mi_i]": true,
		"near=20.4200|106.1683": true, "near=21.0285|105.8542": false, // Hà Nội
		"near=21.0285|105.8542,20|106.2": true, "near=-20.048|106.224|100": false,
		"near:missing=false": true, "near:missing=true": false,
	} {
		if got := asked(t, station, query); got != want {
			t.Errorf("%s: match is %v", query, got)
		}
	}
	if !asked(t, dateLine, "near=0|-179.9|23|km") {
		t.Error("the way over the date line is not found")
	}
	if asked(t, read(t, `{"resourceType":"Location","position":{"latitude":20.0480}}`), "near=20|106") {
		t.Error("half a position is near")
	}
}

func TestText(t *testing.T) {
	r := read(t, `{"resourceType":"Condition","id":"c1","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Tăng huyết áp</p><p>&gt;&nbsp;m&#7913;c 140</p></div>"},
		"code":{"text":"Hypertension"},"note":[{"text":"Uống thuốc đều"}],"stage":[{"assessment":[{"display":"lần 2"}]}],"abatementAge":{"value":61},
		"evidence":[{"extension":[{"url":"urn:x","valueAttachment":{"data":"Qk9P"}}]}]}`)
	for query, want := range map[string]bool{
		"_text=huyết áp": true, "_text=AP huyet": true, "_text=tang,giam": true, "_text=muc": true, "_text=140": true, "_text=huyet": true, "_text=uyet": false,
		"_text=tang ap 150": false, "_text=xmlns": false, "_text=hypertension": false, "_text=generated": false, "_text:missing=false": true,
		"_content=hypertension thuoc": true, "_content=tang deu": true, "_content=61": true, "_content=generated": true, "_content=qk9p": false, "_content=w3": false, "_content=c1": true,
		"_content=khong": false, "_content=lan&_text=ap": true,
	} {
		if got := asked(t, r, query); got != want {
			t.Errorf("%s: match is %v", query, got)
		}
	}
	if asked(t, read(t, `{"resourceType":"Condition"}`), "_text=a") || !asked(t, read(t, `{"resourceType":"Condition"}`), "_text:missing=true") {
		t.Error("there is no narrative")
	}
	for _, query := range []string{"_text=a", "_content=a", "_text:missing=false"} {
		if _, ok := parse(t, "Condition", query).Clauses[0].Ranges(); ok {
			t.Errorf("%s can drive", query)
		}
	}
}

// R4, search.html#token, the modifiers :text and :of-type.
func TestTokenModifiers(t *testing.T) {
	patient := `{"resourceType":"Patient","gender":"female","identifier":[
		{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"},{"code":"local"}],"text":"Số bệnh án"},"system":"urn:a","value":"446053"},
		{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SS"}]},"value":"12345"}],
		"meta":{"tag":[{"system":"urn:t","code":"x","display":"Đợt tầm soát"}]},"maritalStatus":{"text":"Góa"}}`
	condition := `{"resourceType":"Condition","code":{"coding":[{"code":"I10","display":"Tăng huyết áp vô căn (nguyên phát)"}],"text":"THA độ 1"}}`
	tests := []struct {
		raw, query string
		want       bool
	}{
		{condition, "code:text=tang huyet", true},
		{condition, "code:text=Huyết áp", true},
		{condition, "code:text=tha", true},
		{condition, "code:text=I10", false},
		{condition, "code:text=uyet", false},
		{condition, "code:text=sot,do 1", true},
		{patient, "identifier:text=benh an", true},
		{patient, "identifier:text=446053", false},
		{patient, "_tag:text=tam soat", true},
		{patient, "gender:text=female", false},
		{patient, "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053", true},
		{patient, "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345", false},
		{patient, "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|12345", true},
		{patient, "identifier:of-type=|local|446053", true},
		{patient, "identifier:of-type=|MR|446053", false},
		{patient, "email:missing=true", true},
		{patient, "identifier:not=446053", false},
		{patient, "identifier:not=urn:b|446053", true},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			if got := asked(t, read(t, tt.raw), tt.query); got != tt.want {
				t.Errorf("match is %v", got)
			}
		})
	}
}

// Derived parameters: found among the keys of others, matched by themselves.
func TestDerived(t *testing.T) {
	r := read(t, `{"resourceType":"Patient","telecom":[{"system":"email","value":"a@b.vn"},{"system":"phone","value":"0912"}],"name":[{"text":"Trần Hoà"}]}`)
	for query, want := range map[string]bool{
		"email=A@b.vn": true, "phone=a@b.vn": false, "email=0912": false, "phone=0912": true, "telecom=0912": true, "phonetic=hoa": true, "phonetic=tran h": true, "phonetic=x": false,
		"email:missing=false": true, "email:missing=true": false, "phonetic:exact=Trần Hoà": true,
	} {
		if got := asked(t, r, query); got != want {
			t.Errorf("%s: match is %v", query, got)
		}
	}
	observation := read(t, `{"resourceType":"Observation","code":{"coding":[{"code":"a"}]},"component":[{"code":{"coding":[{"code":"b"}]}}]}`)
	for query, want := range map[string]bool{"combo-code=a": true, "combo-code=b": true, "code=b": false, "component-code=a": false} {
		if got := asked(t, observation, query); got != want {
			t.Errorf("%s: match is %v", query, got)
		}
	}
	encounter := read(t, `{"resourceType":"Encounter","subject":{"reference":"Group/a"},"participant":[{"individual":{"type":"Practitioner","identifier":{"value":"7"}}},{"individual":{"reference":"https://x.vn/fhir/Practitioner/b"}}]}`)
	for query, want := range map[string]bool{
		"patient=a": false, "subject=a": true, "subject=Group/a": true, "patient:missing=true": true, "practitioner:identifier=7": true, "practitioner=https://x.vn/fhir/Practitioner/b": true,
		"practitioner:missing=false": true,
	} {
		if got := asked(t, encounter, query); got != want {
			t.Errorf("%s: match is %v", query, got)
		}
	}
	q := parse(t, "Encounter", "patient=a")
	for _, key := range search.Extract(encounter).Keys {
		if q.Clauses[0].Judge(key) == search.Holds {
			t.Errorf("%s shows that a Group is a Patient", key)
		}
	}
	if key := "Encounter|subject|r|a\x01Patient"; q.Clauses[0].Judge(key) != search.Holds {
		t.Errorf("%s does not show the patient", key)
	}
	derived := 0
	for _, typ := range search.Types() {
		for _, p := range search.Params(typ) {
			if !p.Derived() {
				continue
			}
			derived++
			if p.Kind == search.Date || p.Code == "name" || p.Code == "code" || p.Code == "identifier" || p.Code == "subject" && search.Lookup(typ, "patient").Derived() {
				t.Errorf("%s.%s should have keys of its own", typ, p.Code)
			}
		}
	}
	if derived != 79 {
		t.Errorf("%d parameters are derived", derived)
	}
	keys := search.Lookup("Patient", "phonetic").Keys(r)
	if len(keys) != 2 || keys[0] != "Patient|phonetic|s|hoa" {
		t.Errorf("its own keys would be %q", keys)
	}
}
