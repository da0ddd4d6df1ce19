package validate_test

import (
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

const bloodPressure = `{"resourceType":"Observation","id":"bp-1","meta":{"versionId":"1","lastUpdated":"2026-11-20T08:00:00.000Z","profile":["http://hl7.org/fhir/StructureDefinition/bp"]},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}]},"subject":{"reference":"Patient/p-1"},"encounter":{"reference":"Encounter/e-1"},"effectiveDateTime":"2026-11-20T08:00:00+07:00","issued":"2026-11-20T08:00:00+07:00","performer":[{"reference":"Practitioner/d-1"}],"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":91,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

const person = `{"resourceType":"Patient","id":"p-1","meta":{"versionId":"1","lastUpdated":"2026-11-20T08:00:00.000Z"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Nguyễn Thị Hoà, nữ, sinh 1958</p></div>"},"extension":[{"url":"http://example.org/ethnicity","valueCodeableConcept":{"coding":[{"system":"http://example.org/e","code":"01","display":"Kinh"}]}}],"identifier":[{"use":"official","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"NI"}]},"system":"http://example.org/cccd","value":"001158000001"}],"active":true,"name":[{"use":"official","text":"Nguyễn Thị Hoà","family":"Nguyễn","given":["Thị","Hoà"]}],"telecom":[{"system":"phone","value":"0900000000","use":"mobile"}],"gender":"female","birthDate":"1958-03-04","address":[{"use":"home","text":"Thôn 1","line":["Thôn 1"],"city":"Xã A","state":"Tỉnh B","country":"VN"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]},"contact":[{"relationship":[{"text":"con"}],"name":{"text":"A"},"telecom":[{"system":"phone","value":"0900000001"}]}],"managingOrganization":{"reference":"Organization/tyt-1"}}`

func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct{ name, body string }{{"observation", bloodPressure}, {"patient", person}} {
		b.Run(c.name, func(b *testing.B) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := validate.Write(r); err != nil {
					b.Fatal(fhir.Issues(err))
				}
			}
		})
	}
}

// TestAllocations: what is right costs no memory.
func TestAllocations(t *testing.T) {
	for _, c := range []struct{ name, body string }{{"observation", bloodPressure}, {"patient", person}} {
		t.Run(c.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(100, func() { _ = validate.Write(r) }); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
