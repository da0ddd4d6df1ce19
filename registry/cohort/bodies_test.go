package cohort_test

import (
	"fmt"
	"strings"

	"khamxa/fhir/store"
)

// The bodies below are written by hand, not by package registry, so that the two are held against each other.

func patientBody(id, deceased string) []byte {
	return []byte(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"managingOrganization":{"reference":"Organization/tyt-14221"}%s}`, id, deceased))
}

func episodeBody(id, patient, organisation, status, start, end string) []byte {
	if end != "" {
		end = fmt.Sprintf(`,"end":%q`, end)
	}
	return []byte(fmt.Sprintf(`{"resourceType":"EpisodeOfCare","id":%q,"status":%q,
		"type":[{"coding":[{"system":"urn:khamxa:programme","code":"hypertension"}]}],"patient":{"reference":"Patient/%s"},
		"managingOrganization":{"reference":"Organization/%s"},"period":{"start":%q%s}}`, id, status, patient, organisation, start, end))
}

func bpBody(id, patient, status, at, sys, dia string) []byte {
	component := func(code, value string) string {
		return fmt.Sprintf(`{"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"valueQuantity":{"value":%s,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`, code, value)
	}
	return []byte(fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":%q,"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
		"subject":{"reference":"Patient/%s"},"effectiveDateTime":%q,"component":[%s,%s]}`, id, status, patient, at, component("8480-6", sys), component("8462-4", dia)))
}

func visitBody(id, patient, status, class, at string) []byte {
	return []byte(fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"status":%q,"class":{"code":%q},"subject":{"reference":"Patient/%s"},"period":{"start":%q}}`,
		id, status, class, patient, at))
}

func dispenseBody(id, patient, status, at string) []byte {
	return []byte(fmt.Sprintf(`{"resourceType":"MedicationDispense","id":%q,"status":%q,"subject":{"reference":"Patient/%s"},"whenHandedOver":%q}`,
		id, status, patient, at))
}

// put makes a change of a body.
func put(body []byte) store.EntryChange {
	text := string(body)
	field := func(name string) string {
		_, rest, _ := strings.Cut(text, `"`+name+`":"`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	return store.EntryChange{Method: store.Put, Type: field("resourceType"), ID: field("id"), Body: body}
}
