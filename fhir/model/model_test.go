package model_test

import (
	"os"
	"testing"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"khamxa/fhir/model"
	"khamxa/internal/fault"
)

func TestRead(t *testing.T) {
	raw, err := os.ReadFile("../testdata/patient.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := model.Read[models.Patient](raw)
	if err != nil {
		t.Fatal(err)
	}
	if p.BirthDate == nil || *p.BirthDate != "1958-09" || len(p.Name) != 1 || *p.Name[0].Text != "Nguyễn Thị Hòa" || *p.Gender != models.AdministrativeGenderFemale {
		t.Errorf("read %+v", p)
	}
	raw, err = os.ReadFile("../testdata/glucose.json")
	if err != nil {
		t.Fatal(err)
	}
	o, err := model.Read[models.Observation](raw)
	if err != nil {
		t.Fatal(err)
	}
	if o.ValueQuantity.Value.String() != "6.30" {
		t.Errorf("value %s", o.ValueQuantity.Value)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, raw := range map[string]string{
		"another type":   `{"resourceType":"Observation"}`,
		"no type":        `{"id":"a"}`,
		"no JSON":        `{`,
		"unknown gender": `{"resourceType":"Patient","gender":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := model.Read[models.Patient]([]byte(raw)); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}
