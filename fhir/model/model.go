// Package model reads resources as the typed structs of github.com/samply/golang-fhir-models, for application code that wants
// named fields.
//
// It is for reading only, and gives no way back. The structs lose what they do not know (contained resources, extensions on
// primitives, unknown members) and would invent what is not there (required members, every variant of a required choice), so
// nothing that was read here may be written to the store. To change a resource, build it anew with fhir.Builder or splice its
// bytes. The store, search and the FHIR face must not use this package; programmes and consults may.
package model

import (
	"encoding/json"
	"fmt"
	"strings"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// Readable are the resource types that Khamxa's own code reads.
type Readable interface {
	models.Appointment | models.CarePlan | models.Composition | models.Condition | models.Consent | models.Encounter |
		models.EpisodeOfCare | models.Location | models.Measure | models.MeasureReport | models.MedicationDispense |
		models.MedicationRequest | models.Observation | models.Organization | models.Patient | models.PlanDefinition |
		models.Practitioner | models.PractitionerRole | models.ServiceRequest
}

// Read decodes one resource, given as JSON. Errors are fault.Invalid: the text is no resource of type T, or one of its values
// is outside what the struct can hold (an unknown code of a required value set).
func Read[T Readable](raw []byte) (T, error) {
	var resource T
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return resource, fault.Wrap(err, fault.Invalid, "model.Read", "The text is no resource.")
	}
	want := strings.TrimPrefix(fmt.Sprintf("%T", resource), "fhir.")
	if !fhir.IsType(head.ResourceType) || head.ResourceType != want {
		return resource, fault.Newf(fault.Invalid, "model.Read", "The resource is not of type %s.", want).At("Resource.resourceType")
	}
	if err := json.Unmarshal(raw, &resource); err != nil {
		var none T
		return none, fault.Wrap(err, fault.Invalid, "model.Read", "The "+want+" has a value that cannot be read.")
	}
	return resource, nil
}
