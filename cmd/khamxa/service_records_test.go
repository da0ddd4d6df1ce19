package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func livePatient(id, name, phone, commune string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"text":%q}],"gender":"female","birthDate":"1960-02-03",
		"telecom":[{"system":"phone","value":%q}],"managingOrganization":{"reference":"Organization/tyt-%s"}}`, id, name, phone, commune)
}

// livePressure is a blood pressure of today.
func livePressure(id, patient string, systolic, diastolic int) string {
	part := func(code string, value int) string {
		return fmt.Sprintf(`{"code":{"coding":[{"system":"http://loinc.org","code":%q}]},
			"valueQuantity":{"value":%d,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`, code, value)
	}
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final",
		"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
		"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/%s"},
		"effectiveDateTime":%q,"component":[%s,%s]}`,
		id, patient, time.Now().Format(time.RFC3339), part("8480-6", systolic), part("8462-4", diastolic))
}

// liveCare is a registration for treatment three months ago.
func liveCare(id, patient, commune string) string {
	return fmt.Sprintf(`{"resourceType":"EpisodeOfCare","id":%q,"status":"active",
		"type":[{"coding":[{"system":"urn:khamxa:programme","code":"hypertension"}]}],"patient":{"reference":"Patient/%s"},
		"managingOrganization":{"reference":"Organization/tyt-%s"},"period":{"start":%q}}`,
		id, patient, commune, time.Now().AddDate(0, -4, 0).Format("2006-01-02"))
}

// records puts one person of the demo doctor's commune and one of another: two versions of each, a pressure, and care for hypertension.
func (s *live) records(t *testing.T, c *liveCaller) {
	t.Helper()
	for _, p := range []struct{ id, name, phone, commune string }{
		{hereID, hereName, herePhone, hereCommune}, {thereID, thereName, therePhone, thereCommune},
	} {
		c.wants(t, http.StatusCreated, http.MethodPut, "/fhir/Patient/"+p.id, livePatient(p.id, p.name, "+84990000000", p.commune))
		c.wants(t, http.StatusOK, http.MethodPut, "/fhir/Patient/"+p.id, livePatient(p.id, p.name, p.phone, p.commune))
		c.wants(t, http.StatusCreated, http.MethodPut, "/fhir/EpisodeOfCare/care-"+p.id, liveCare("care-"+p.id, p.id, p.commune))
		c.wants(t, http.StatusCreated, http.MethodPut, "/fhir/Observation/bp-"+p.id, livePressure("bp-"+p.id, p.id, 128, 78))
	}
}
