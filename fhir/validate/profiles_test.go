package validate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	ofPressure = "urn:khamxa:profile:blood-pressure"
	ofFasting  = "urn:khamxa:profile:glucose-fasting"
	ofRandom   = "urn:khamxa:profile:glucose-random"
	ofHbA1c    = "urn:khamxa:profile:hba1c"
	ofHb       = "urn:khamxa:profile:haemoglobin"
	ofPatient  = "urn:khamxa:profile:patient"
	ofStaff    = "urn:khamxa:profile:practitioner"
)

const pressure = `{"resourceType":"Observation","status":"final",` + told + `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://x","code":"bp"},{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2026-11-20","component":[` + systolic + `,` + diastolic + `]}`

const (
	systolic  = `{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`
	diastolic = `{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":91,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`
)

func result(code, value, unit string) string {
	return `{"resourceType":"Observation","status":"final",` + told + `,"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2026-11-20","valueQuantity":{"value":` + value + `,"system":"http://unitsofmeasure.org","code":"` + unit + `"}}`
}

// citizen is a woman born in 1958 with an identifier.
func citizen(system, value string) string {
	return patient(told + `,"identifier":[{"system":"http://other.example","value":"x"},{"system":"http://fhir.hl7.org.vn/core/sid/` + system + `","value":"` + value + `"}],"name":[{"text":"A"}],"gender":"female","birthDate":"1958-03-04"`)
}

func TestProfiles(t *testing.T) {
	v := validator(t)
	swap := func(body, part, other string) string {
		if !strings.Contains(body, part) {
			t.Fatalf("%s is not in %s", part, body)
		}
		return strings.Replace(body, part, other, 1)
	}
	without := func(body, part string) string { return swap(body, part, "") }
	for _, c := range []struct {
		name, profile, body string
		want                []string
	}{
		{"a pressure", ofPressure, pressure, nil},
		{"a pressure in two categories", ofPressure, swap(pressure, `"category":[`, `"category":[{"text":"x"},`), nil},
		{"a pressure of no category", ofPressure, swap(pressure, `"code":"vital-signs"`, `"code":"survey"`), []string{"error required Observation.category"}},
		{"a pressure by another code", ofPressure, swap(pressure, "85354-9", "35094-2"), []string{"error value Observation.code"}},
		{"a pressure of nobody", ofPressure, without(pressure, `"subject":{"reference":"Patient/1"},`), []string{"error required Observation.subject"}},
		{"a pressure at no time", ofPressure, without(pressure, `"effectiveDateTime":"2026-11-20",`), []string{"error required Observation.effective"}},
		{"a pressure at a timing", ofPressure, swap(pressure, `"effectiveDateTime":"2026-11-20"`, `"effectiveTiming":{"event":["2026-11-20"]}`), []string{"error structure Observation.effective"}},
		{"a pressure with a value", ofPressure, swap(pressure, `"component"`, `"valueString":"142/91","component"`), []string{"error structure Observation.value"}},
		{"a pressure without systolic", ofPressure, without(pressure, systolic+","), []string{"error required Observation.component", "error required Observation.component"}},
		{"two systolic pressures", ofPressure, swap(pressure, diastolic, systolic), []string{"error structure Observation.component", "error required Observation.component"}},
		{"a pressure with the pulse", ofPressure, swap(pressure, diastolic, diastolic+`,{"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"valueQuantity":{"value":70,"system":"http://unitsofmeasure.org","code":"/min"}}`), nil},
		{"a pulse in hertz", ofPressure, swap(pressure, diastolic, diastolic+`,{"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"Hz"}}`), []string{"error value Observation.component[2].value.code"}},
		{"a pressure in kilopascal", ofPressure, swap(pressure, `"mm[Hg]"`, `"kPa"`), []string{"error value Observation.component[0].value.code"}},
		{"a pressure in a unit of no system", ofPressure, swap(pressure, `"system":"http://unitsofmeasure.org"`, `"system":"http://x"`), []string{"error value Observation.component[0].value.system"}},
		{"a pressure in words", ofPressure, swap(pressure, `"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`, `"valueString":"142"`), []string{"error structure Observation.component[0].value"}},
		{"a pressure that was not taken", ofPressure, swap(pressure, `"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`, `"dataAbsentReason":{"text":"x"}`), nil},
		{"a pressure that is not there", ofPressure, swap(pressure, `,"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`, ``), []string{"error invariant Observation.component[0] [kx-bp-systolic]"}},
		{"a pressure upside down", ofPressure, swap(pressure, `142`, `42`), []string{"warning invariant Observation [kx-bp-1]"}},
		{"a claim", "", swap(pressure, `"status"`, `"meta":{"profile":["`+ofPressure+`|1"]},"status"`), nil},
		{"a false claim", "", swap(result("718-7", "12", "g/dL"), `"status"`, `"meta":{"profile":["`+ofHbA1c+`"]},"status"`), []string{"error code-invalid Observation.code", "error code-invalid Observation.value.code"}},
		{"a claim of another type", "", patient(told + `,"meta":{"profile":["` + ofHb + `"]}`), []string{"error structure Patient.meta.profile[0]"}},

		{"fasting glucose", ofFasting, result("14771-0", "5.6", "mmol/L"), nil},
		{"fasting glucose in milligrams", ofFasting, result("1558-6", "101", "mg/dL"), nil},
		{"fasting glucose of moles in milligrams", ofFasting, result("14771-0", "101", "mg/dL"), []string{"error invariant Observation [kx-glucose-fasting-2]"}},
		{"fasting glucose of mass in moles", ofFasting, result("88365-2", "5.6", "mmol/L"), []string{"error invariant Observation [kx-glucose-fasting-1]"}},
		{"random glucose as fasting", ofFasting, result("2339-0", "101", "mg/dL"), []string{"error code-invalid Observation.code"}},
		{"glucose in another unit", ofFasting, result("14771-0", "5.6", "g/L"), []string{"error invariant Observation [kx-glucose-fasting-2]", "error code-invalid Observation.value.code"}},
		{"glucose without value", ofFasting, swap(result("14771-0", "5.6", "mmol/L"), `"valueQuantity":{"value":5.6,"system":"http://unitsofmeasure.org","code":"mmol/L"}`, `"note":[{"text":"x"}]`), []string{"error invariant Observation [kx-glucose-fasting-0]"}},
		{"random glucose", ofRandom, result("14743-9", "7.8", "mmol/L"), nil},
		{"random glucose of moles in milligrams", ofRandom, result("15074-8", "140", "mg/dL"), []string{"error invariant Observation [kx-glucose-random-2]"}},
		{"HbA1c", ofHbA1c, result("4548-4", "6.5", "%"), nil},
		{"HbA1c by IFCC", ofHbA1c, result("59261-8", "48", "mmol/mol"), nil},
		{"HbA1c in the other's unit", ofHbA1c, result("4548-4", "48", "mmol/mol"), []string{"error invariant Observation [kx-hba1c-1]"}},
		{"haemoglobin", ofHb, result("718-7", "11.2", "g/dL"), nil},
		{"haemoglobin in grams a litre", ofHb, result("718-7", "112", "g/L"), nil},
		{"haemoglobin of 112 grams a decilitre", ofHb, result("718-7", "112", "g/dL"), []string{"warning invariant Observation [kx-haemoglobin-1]"}},
		{"haemoglobin with components", ofHb, swap(result("718-7", "11.2", "g/dL"), `"valueQuantity"`, `"component":[{"code":{"text":"x"},"valueString":"x"}],"valueQuantity"`), []string{"error structure Observation.component"}},

		{"a citizen", ofPatient, citizen("cccd", "036158000001"), nil},
		{"a citizen's number of 11 digits", ofPatient, citizen("cccd", "03615800001"), []string{"error invariant Patient.identifier[1].value [kx-cccd]"}},
		{"a citizen's number with a letter", ofPatient, citizen("cccd", "03615800000O"), []string{"error invariant Patient.identifier[1].value [kx-cccd]"}},
		{"a citizen's number of a man", ofPatient, citizen("cccd", "036058000001"), []string{"warning invariant Patient [kx-patient-1]"}},
		{"a citizen's number of another year", ofPatient, citizen("cccd", "036159000001"), []string{"warning invariant Patient [kx-patient-2]"}},
		{"two citizen's numbers", ofPatient, swap(citizen("cccd", "036158000001"), `"http://other.example","value":"x"`, `"http://fhir.hl7.org.vn/core/sid/cccd","value":"036158000002"`), []string{"error structure Patient.identifier"}},
		{"an insurance number of 15", ofPatient, citizen("bhyt", "GD4797937105459"), nil},
		{"an insurance number of 10", ofPatient, citizen("bhyt", "7937105459"), nil},
		{"an insurance number of 11", ofPatient, citizen("bhyt", "79371054591"), []string{"error invariant Patient.identifier[1].value [kx-bhyt]"}},
		{"a passport", ofPatient, citizen("passport", "C1234567"), nil},
		{"a passport in small letters", ofPatient, citizen("passport", "c1234567"), []string{"error invariant Patient.identifier[1].value [kx-passport]"}},
		{"an old card", ofPatient, citizen("cmnd", "161234567"), nil},
		{"an old card of eight", ofPatient, citizen("cmnd", "16123456"), []string{"error invariant Patient.identifier[1].value [kx-cmnd]"}},
		{"a number without value", ofPatient, swap(citizen("cccd", "036158000001"), `,"value":"036158000001"`, ``), []string{"error required Patient.identifier[1].value"}},
		{"nobody", ofPatient, patient(told), []string{"error required Patient.name", "error required Patient.gender", "error required Patient.birthDate"}},
		{"a doctor", ofStaff, `{"resourceType":"Practitioner",` + told + `,"identifier":[{"system":"http://fhir.hl7.org.vn/core/sid/cchn","value":"001234/NB-CCHN"}],"name":[{"text":"A"}]}`, nil},
		{"a doctor whose certificate has a space", ofStaff, `{"resourceType":"Practitioner",` + told + `,"identifier":[{"system":"http://fhir.hl7.org.vn/core/sid/cchn","value":" 001234"}],"name":[{"text":"A"}]}`, []string{"error invariant Practitioner.identifier[0].value [kx-cchn]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []string
			if c.profile != "" {
				asked = []string{c.profile}
			}
			if diff := cmp.Diff(c.want, check(t, v, c.body, asked...)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
