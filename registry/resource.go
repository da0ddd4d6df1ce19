package registry

import (
	"fmt"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

// The builders below write FHIR R4 resources as Khamxa keeps them. They check nothing: Service and the synthetic population
// (registry/seed) give them values that make sense. Instants are written in Vietnam's time; days as "YYYY-MM-DD".

// PatientResource is a Patient. The holder of the record is the station of the commune.
type PatientResource struct {
	ID       string
	Name     string // full name, family name first
	Gender   Gender
	Birth    string // FHIR date
	Phone    string // E.164 or ""
	CCCD     string // or ""
	Address  string // hamlet or street, or ""
	Commune  string // code
	Deceased string // FHIR dateTime or "": alive
}

// Body is the resource as JSON.
func (p PatientResource) Body() []byte {
	parts := strings.Fields(p.Name)
	name := fhir.Build().String("use", "official").String("text", p.Name)
	if len(parts) > 0 {
		name.String("family", parts[0]).Strings("given", parts[1:]...)
	}
	b := fhir.BuildResource("Patient", p.ID)
	if p.CCCD != "" {
		b.List("identifier", fhir.Build().String("system", CCCDSystem).String("value", p.CCCD))
	}
	b.Bool("active", true).List("name", name)
	if p.Phone != "" {
		b.List("telecom", fhir.Build().String("system", "phone").String("value", p.Phone).String("use", "mobile"))
	}
	b.String("gender", string(p.Gender)).String("birthDate", p.Birth).String("deceasedDateTime", p.Deceased)
	return b.List("address", p.address()).Object("managingOrganization", fhir.Ref(place.StationReference(p.Commune))).Bytes()
}

func (p PatientResource) address() *fhir.Builder {
	u, ok := place.Current(p.Commune)
	if !ok {
		return fhir.Build().String("text", p.Address)
	}
	text := u.FullName() + ", " + u.Province
	if p.Address != "" {
		text = p.Address + ", " + text
	}
	return fhir.Build().String("text", text).Strings("line", p.Address).String("city", u.FullName()).String("state", u.Province).String("country", "VN")
}

// EpisodeResource is one enrolment in a programme at one station, as EpisodeOfCare.
type EpisodeResource struct {
	ID         string
	Patient    string // id
	Programme  Programme
	Commune    string
	Start, End string // days; End "" while it is active
	Condition  string // id of the diagnosis, or ""
}

// Body is the resource as JSON: active, or finished when it has an end.
func (e EpisodeResource) Body() []byte {
	status := "active"
	if e.End != "" {
		status = "finished"
	}
	b := fhir.BuildResource("EpisodeOfCare", e.ID).String("status", status).
		List("type", fhir.Concept(guideline.ProgrammeSystem, e.Programme.Code, e.Programme.Display))
	if e.Condition != "" {
		b.List("diagnosis", fhir.Build().Object("condition", fhir.Ref("Condition/"+e.Condition)))
	}
	return b.Object("patient", fhir.Ref("Patient/"+e.Patient)).
		Object("managingOrganization", fhir.Ref(place.StationReference(e.Commune))).
		Object("period", fhir.Build().String("start", e.Start).String("end", e.End)).Bytes()
}

// conditionBody is a confirmed essential hypertension with the grounds for it.
func conditionBody(id, patient, recorded, recorder, grounds string) []byte {
	clinical := "http://terminology.hl7.org/CodeSystem/condition-clinical"
	verified := "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	b := fhir.BuildResource("Condition", id).
		Object("clinicalStatus", fhir.Concept(clinical, "active", "")).
		Object("verificationStatus", fhir.Concept(verified, "confirmed", "")).
		Object("code", fhir.Concept(guideline.ICD10, guideline.CodeHypertension, "Tăng huyết áp vô căn (nguyên phát)")).
		Object("subject", fhir.Ref("Patient/"+patient)).
		String("recordedDate", recorded)
	if strings.HasPrefix(recorder, "Practitioner/") {
		b.Object("recorder", fhir.Ref(recorder))
	}
	return b.List("note", fhir.Build().String("text", grounds)).Bytes()
}

// VisitResource is a finished visit at the station or at home, as Encounter.
type VisitResource struct {
	ID        string
	Patient   string
	Commune   string
	Performer string // "Practitioner/..." or ""
	At        time.Time
	AtHome    bool
	Reason    string // what for, or ""
}

// Body is the resource as JSON.
func (v VisitResource) Body() []byte {
	class := fhir.Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB", "ambulatory")
	if v.AtHome {
		class = fhir.Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "HH", "home health")
	}
	at := v.At.In(place.Zone())
	b := fhir.BuildResource("Encounter", v.ID).String("status", "finished").Object("class", class).
		Object("subject", fhir.Ref("Patient/"+v.Patient))
	if v.Performer != "" {
		b.List("participant", fhir.Build().Object("individual", fhir.Ref(v.Performer)))
	}
	b.Object("period", fhir.Build().Instant("start", at).Instant("end", at))
	if v.Reason != "" {
		b.List("reasonCode", fhir.Build().String("text", v.Reason))
	}
	return b.Object("serviceProvider", fhir.Ref(place.StationReference(v.Commune))).Bytes()
}

// PressureResource is the blood pressure of one session, as Observation: the value that counts is the session's (guideline.Session). With
// more than one reading, each is a contained Observation from which the session's derives: single readings travel with the session,
// and are not counted or found on their own.
type PressureResource struct {
	ID        string
	Patient   string
	Encounter string // id
	Performer string // "Practitioner/..." or ""
	At        time.Time
	Readings  []BPReading // at least one
	Arm       Arm
	Position  Position
	Device    string
	Note      string
}

// Body is the resource as JSON.
func (p PressureResource) Body() []byte {
	at := p.At.In(place.Zone())
	var contained, derived []*fhir.Builder
	if len(p.Readings) > 1 {
		for i, r := range p.Readings {
			id := fmt.Sprintf("r%d", i+1)
			contained = append(contained, fhir.BuildResource("Observation", id).String("status", "final").
				Object("code", bpCode()).Object("subject", fhir.Ref("Patient/"+p.Patient)).Instant("effectiveDateTime", at).
				List("component", components(float64(r.Systolic), float64(r.Diastolic), r.Pulse)...))
			derived = append(derived, fhir.Ref("#"+id))
		}
	}
	value := p.Session()
	b := fhir.BuildResource("Observation", p.ID).List("contained", contained...).String("status", "final").
		List("category", fhir.Concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital Signs")).
		Object("code", bpCode()).Object("subject", fhir.Ref("Patient/"+p.Patient)).Object("encounter", fhir.Ref("Encounter/"+p.Encounter)).
		Instant("effectiveDateTime", at)
	if p.Performer != "" {
		b.List("performer", fhir.Ref(p.Performer))
	}
	if p.Note != "" {
		b.List("note", fhir.Build().String("text", p.Note))
	}
	switch p.Arm {
	case LeftArm:
		b.Object("bodySite", fhir.Concept("http://snomed.info/sct", "368208006", "Left upper arm structure"))
	case RightArm:
		b.Object("bodySite", fhir.Concept("http://snomed.info/sct", "368209003", "Right upper arm structure"))
	}
	if text := positionText(p.Position); text != "" {
		b.Object("method", fhir.Build().String("text", text))
	}
	if p.Device != "" {
		b.Object("device", fhir.Build().String("display", p.Device))
	}
	return b.List("derivedFrom", derived...).List("component", components(value.Systolic, value.Diastolic, meanPulse(p.Readings))...).Bytes()
}

// Session is the pressure that the session counts as.
func (p PressureResource) Session() guideline.Pressure { return session(p.Readings) }

func session(readings []BPReading) guideline.Pressure {
	all := make([]guideline.Pressure, len(readings))
	for i, r := range readings {
		all[i] = guideline.Pressure{Systolic: float64(r.Systolic), Diastolic: float64(r.Diastolic)}
	}
	return guideline.Session(all)
}

func bpCode() *fhir.Builder {
	return fhir.Concept(guideline.LOINC, guideline.CodeBPPanel, "Blood pressure panel with all children optional")
}

// components are systolic, diastolic and, if taken, the pulse. Whole numbers are written without a decimal, means of two with one.
func components(systolic, diastolic float64, pulse int) []*fhir.Builder {
	value := func(code, display string, v float64) *fhir.Builder {
		places := 0
		if v != float64(int(v)) {
			places = 1
		}
		return fhir.Build().Object("code", fhir.Concept(guideline.LOINC, code, display)).
			Object("valueQuantity", fhir.Quantity(v, places, "mmHg", guideline.UnitMMHg))
	}
	all := []*fhir.Builder{
		value(guideline.CodeSystolic, "Systolic blood pressure", systolic),
		value(guideline.CodeDiastolic, "Diastolic blood pressure", diastolic),
	}
	if pulse > 0 {
		all = append(all, fhir.Build().Object("code", fhir.Concept(guideline.LOINC, guideline.CodePulse, "Heart rate")).
			Object("valueQuantity", fhir.Quantity(float64(pulse), 0, "lần/phút", "/min")))
	}
	return all
}

// meanPulse is the mean of the pulses that were taken, rounded; 0 if none was.
func meanPulse(readings []BPReading) int {
	sum, n := 0, 0
	for _, r := range readings {
		if r.Pulse > 0 {
			sum, n = sum+r.Pulse, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return (2*sum + n) / (2 * n)
}

func positionText(p Position) string {
	switch p {
	case Sitting:
		return "ngồi"
	case Standing:
		return "đứng"
	case Lying:
		return "nằm"
	}
	return ""
}

// DispenseResource is medicine for hypertension that was handed out, as a completed MedicationDispense. Which medicine is not kept in
// this version.
type DispenseResource struct {
	ID        string
	Patient   string
	Encounter string // id
	At        time.Time
	Days      int // supply
}

// Body is the resource as JSON.
func (d DispenseResource) Body() []byte {
	return fhir.BuildResource("MedicationDispense", d.ID).String("status", "completed").
		Object("medicationCodeableConcept", fhir.Build().String("text", "Thuốc điều trị tăng huyết áp")).
		Object("subject", fhir.Ref("Patient/"+d.Patient)).Object("context", fhir.Ref("Encounter/"+d.Encounter)).
		Object("daysSupply", fhir.Quantity(float64(d.Days), 0, "ngày", "d")).
		Instant("whenHandedOver", d.At.In(place.Zone())).Bytes()
}
