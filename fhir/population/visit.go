package population

import (
	"fmt"
	"time"

	"khamxa/fhir"
)

const (
	loinc  = "http://loinc.org"
	actSys = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	catSys = "http://terminology.hl7.org/CodeSystem/observation-category"
)

// visit is an encounter and what was measured in it.
func (p *person) visit(i int) []Resource {
	r := p.m.random(uint64(p.n)<<16|uint64(i), 4)
	at := p.day(i).Add(time.Duration(7*60+r.IntN(9*60)) * time.Minute)
	e := measured{person: p, encounter: fmt.Sprintf("%s-e%03d", p.id, i), doctor: doctorID(2*p.station + r.IntN(2)), at: at, visit: i}
	end := at.Add(time.Duration(10+r.IntN(40)) * time.Minute)
	period := fhir.Build().Instant("start", at)
	status := "finished"
	if r.IntN(30) > 0 {
		period.Instant("end", end)
	} else {
		status = "in-progress"
	}
	class := fhir.Coding(actSys, "AMB", "ambulatory")
	if r.IntN(6) == 0 {
		class = fhir.Coding(actSys, "VR", "virtual")
	}
	list := []Resource{made("Encounter", e.encounter, fhir.BuildResource("Encounter", e.encounter).
		String("status", status).Object("class", class).
		List("type", fhir.Concept("http://snomed.info/sct", "185349003", "Encounter for check up")).
		Object("subject", fhir.Ref("Patient/"+p.id)).
		List("participant", fhir.Build().
			List("type", fhir.Concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "PPRF", "primary performer")).
			Object("individual", fhir.Ref("Practitioner/"+e.doctor))).
		Object("period", period).
		List("location", fhir.Build().Object("location", fhir.Ref(fmt.Sprintf("Location/pop-place-%02d", p.station)))).
		Object("serviceProvider", fhir.Ref("Organization/"+StationID(p.station))))}
	noise := func(spread float64) float64 { return (r.Float64() - 0.5) * spread }
	list = append(list, e.pressure(p.pressure+noise(24), p.pressure*0.6+noise(14), r.IntN(25) == 0),
		e.quantity("weight", "29463-7", "Body weight", "vital-signs", p.weight+noise(3), 1, "kg", "kg"))
	switch {
	case p.diabetic || i%3 == 0:
		list = append(list, e.sugar(p.sugar+noise(1.5), r.IntN(4) == 0))
	case i%4 == 1:
		list = append(list, e.quantity("hb", "718-7", "Hemoglobin [Mass/volume] in Blood", "laboratory", 11+noise(5), 1, "g/dL", "g/dL"))
	}
	if i%5 == 2 {
		list = append(list, e.urine(r.IntN(10)))
	}
	return list
}

// measured is the setting of one visit's observations.
type measured struct {
	*person
	encounter, doctor string
	at                time.Time
	visit             int
}

// begin starts an observation. Times are written with minutes and seconds, as dates, or in UTC.
func (e *measured) begin(kind, code, display, category string) (string, *fhir.Builder) {
	id := fmt.Sprintf("%s-%s%03d", e.id, kind, e.visit)
	when := e.at.Format(time.RFC3339)
	switch (e.n + e.visit) % 17 {
	case 3:
		when = e.at.Format(time.DateOnly)
	case 7:
		when = e.at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return id, fhir.BuildResource("Observation", id).
		String("status", "final").
		List("category", fhir.Build().List("coding", fhir.Coding(catSys, category, ""))).
		Object("code", fhir.Build().List("coding", fhir.Coding(loinc, code, display)).String("text", display)).
		Object("subject", fhir.Ref("Patient/"+e.id)).
		Object("encounter", fhir.Ref("Encounter/"+e.encounter)).
		String("effectiveDateTime", when).
		Instant("issued", e.at.Add(5*time.Minute)).
		List("performer", fhir.Ref("Practitioner/"+e.doctor))
}

func (e *measured) quantity(kind, code, display, category string, value float64, digits int, unit, ucum string) Resource {
	id, b := e.begin(kind, code, display, category)
	return made("Observation", id, b.Object("valueQuantity", fhir.Quantity(value, digits, unit, ucum)))
}

// pressure is a blood pressure panel; of a few the diastolic one could not be taken.
func (e *measured) pressure(systolic, diastolic float64, half bool) Resource {
	id, b := e.begin("bp", "85354-9", "Blood pressure panel with all children optional", "vital-signs")
	part := func(code, display string) *fhir.Builder {
		return fhir.Build().Object("code", fhir.Concept(loinc, code, display))
	}
	second := part("8462-4", "Diastolic blood pressure").Object("valueQuantity", fhir.Quantity(diastolic, 0, "mmHg", "mm[Hg]"))
	if half {
		second = part("8462-4", "Diastolic blood pressure").
			Object("dataAbsentReason", fhir.Concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "error", "Error"))
	}
	return made("Observation", id, b.
		Object("bodySite", fhir.Concept("http://snomed.info/sct", "368209003", "Right upper arm structure")).
		List("component",
			part("8480-6", "Systolic blood pressure").Object("valueQuantity", fhir.Quantity(systolic, 0, "mmHg", "mm[Hg]")), second))
}

// sugar is a fasting glucose; some stations write it in mg/dL.
func (e *measured) sugar(mmol float64, imperial bool) Resource {
	low, high := fhir.Quantity(3.9, 1, "mmol/L", "mmol/L"), fhir.Quantity(6.9, 1, "mmol/L", "mmol/L")
	value, code, display := fhir.Quantity(mmol, 1, "mmol/L", "mmol/L"), "14771-0", "Fasting glucose [Moles/volume] in Serum or Plasma"
	if imperial {
		value, code, display = fhir.Quantity(mmol*18.016, 0, "mg/dL", "mg/dL"), "1558-6", "Fasting glucose [Mass/volume] in Serum or Plasma"
		low, high = fhir.Quantity(70, 0, "mg/dL", "mg/dL"), fhir.Quantity(125, 0, "mg/dL", "mg/dL")
	}
	id, b := e.begin("glu", code, display, "laboratory")
	if mmol > 6.9 {
		b.List("interpretation", fhir.Concept("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "H", "High"))
	}
	return made("Observation", id, b.Object("valueQuantity", value).
		List("referenceRange", fhir.Build().Object("low", low).Object("high", high)))
}

// urine is a dipstick: a concept, a text, or nothing with the reason why.
func (e *measured) urine(result int) Resource {
	id, b := e.begin("uri", "5804-0", "Protein [Mass/volume] in Urine by Test strip", "laboratory")
	switch {
	case result == 0:
		b.Object("dataAbsentReason", fhir.Concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed", "Not Performed"))
	case result < 3:
		b.String("valueString", "Vết")
	case result < 5:
		b.Object("valueCodeableConcept", fhir.Concept("http://snomed.info/sct", "441517005", "Present"))
	default:
		b.Object("valueCodeableConcept", fhir.Concept("http://snomed.info/sct", "2667000", "Absent"))
	}
	return made("Observation", id, b)
}
