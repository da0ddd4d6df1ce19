package validate_test

import (
	"testing"

	"khamxa/fhir/validate"
)

func TestShape(t *testing.T) {
	if validate.ShapeOf("Nonsense").Known() || (validate.Shape{}).Members("id") != nil {
		t.Error("what is not known has members")
	}
	patient := validate.ShapeOf("Patient")
	name := patient.Members("name")
	if len(name) != 1 || !name[0].Repeats || name[0].Name != "name" || len(name[0].Inside.Members("given")) != 1 {
		t.Errorf("Patient.name: %+v", name)
	}
	if deceased := patient.Members("deceased"); len(deceased) != 2 || deceased[0].Repeats || deceased[0].Name == "deceased" {
		t.Errorf("Patient.deceased: %+v", deceased)
	}
	if birth := patient.Members("birthDate"); len(birth) != 1 || birth[0].Inside.Known() && len(birth[0].Inside.Members("year")) > 0 {
		t.Errorf("Patient.birthDate: %+v", birth)
	}
	if contact := patient.Members("contact"); len(contact) != 1 || contact[0].Inside.Members("relationship")[0].Inside.Members("coding") == nil {
		t.Errorf("Patient.contact: %+v", contact)
	}
	if contained := patient.Members("contained"); len(contained) != 1 || contained[0].Inside.Members("status") != nil {
		t.Errorf("Patient.contained: %+v", contained)
	}
	if patient.Members("contactx") != nil || patient.Members("deceasedBoolean") != nil {
		t.Error("what is no element has members")
	}
}
