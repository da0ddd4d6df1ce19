package population

import (
	"fmt"
	"math/rand/v2"
	"time"

	"khamxa/fhir"
)

// person is what the resources of one record have in common.
type person struct {
	m       Maker
	n       int
	id      string
	station int
	woman   bool
	born    time.Time
	r       *rand.Rand
	first   int // day of the first visit
	every   int // days between visits

	pressure, sugar, weight float64
	diabetic, hypertensive  bool
}

func (m Maker) person(n int) *person {
	r := m.random(uint64(n), 3)
	p := &person{m: m, n: n, id: PersonID(n), station: r.IntN(Stations), woman: r.IntN(100) < 54, r: r}
	p.born = time.Date(1935+r.IntN(75), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC)
	p.first, p.every = r.IntN(300), 20+r.IntN(50)
	p.pressure, p.sugar, p.weight = 105+50*r.Float64(), 4.5+4*r.Float64()*r.Float64(), 42+30*r.Float64()
	p.hypertensive, p.diabetic = p.pressure > 138, p.sugar > 6.9
	return p
}

func sexOf(woman bool) string {
	if woman {
		return "female"
	}
	return "male"
}

// patient varies what is missing, the precision of the birth date, and how names and addresses are written.
func (p *person) patient() *fhir.Builder {
	r := p.r
	b := fhir.BuildResource("Patient", p.id).
		List("identifier",
			fhir.Build().String("use", "official").
				Object("type", fhir.Concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MR", "Medical record number")).
				String("system", IdentifierSystem).String("value", IdentifierValue(p.n)),
			p.secondIdentifier())
	if r.IntN(10) > 0 {
		b.Bool("active", r.IntN(50) > 0)
	}
	names := []*fhir.Builder{nameOf(r, p.woman, "official")}
	if r.IntN(12) == 0 {
		names = append(names, fhir.Build().String("use", "nickname").String("text", "Bà "+pick(r, given(p.woman))))
	}
	b.List("name", names...)
	if r.IntN(5) > 0 {
		b.List("telecom", fhir.Build().String("system", "phone").String("value", phone(r)).String("use", "mobile"))
	}
	b.String("gender", sexOf(p.woman)).String("birthDate", p.birthDate())
	if r.IntN(40) == 0 {
		b.String("deceasedDateTime", begin.AddDate(0, 0, days).Format(time.DateOnly))
	}
	b.List("address", fhir.Build().String("use", "home").
		Strings("line", fmt.Sprintf("%d %s", 1+r.IntN(300), pick(r, streets))).
		String("city", communes[p.station%len(communes)]).String("district", "Hưng Yên").String("country", "VN"))
	if r.IntN(3) == 0 {
		b.Object("maritalStatus", fhir.Concept("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", pick(r, []string{"M", "S", "W"}), ""))
	}
	b.List("communication", fhir.Build().Object("language", fhir.Concept("urn:ietf:bcp:47", "vi", "Vietnamese")).Bool("preferred", true))
	if r.IntN(2) == 0 {
		b.List("generalPractitioner", fhir.Ref("Practitioner/"+doctorID(2*p.station)))
	}
	return b.Object("managingOrganization", fhir.Ref("Organization/"+StationID(p.station)))
}

func (p *person) secondIdentifier() *fhir.Builder {
	if p.r.IntN(3) > 0 {
		return nil
	}
	return fhir.Build().String("system", "https://example.vn/fhir/insurance").String("value", fmt.Sprintf("GD4%010d", p.r.Int64N(1e10)))
}

// birthDate is a year for some of the old.
func (p *person) birthDate() string {
	switch {
	case p.born.Year() < 1950 && p.n%3 == 0:
		return p.born.Format("2006")
	case p.n%41 == 0:
		return p.born.Format("2006-01")
	}
	return p.born.Format(time.DateOnly)
}

// diagnoses are the conditions and what is prescribed for them.
func (p *person) diagnoses() (list []Resource) {
	add := func(n int, icd, snomed, text string) {
		id := fmt.Sprintf("%s-c%d", p.id, n)
		clinical := "active"
		if p.r.IntN(8) == 0 {
			clinical = "resolved"
		}
		onset := begin.AddDate(0, 0, -p.r.IntN(3000))
		b := fhir.BuildResource("Condition", id).
			Object("clinicalStatus", fhir.Concept("http://terminology.hl7.org/CodeSystem/condition-clinical", clinical, "")).
			Object("verificationStatus", fhir.Concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed", "Confirmed")).
			List("category", fhir.Concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", "Problem List Item")).
			Object("code", fhir.Build().List("coding",
				fhir.Coding("http://hl7.org/fhir/sid/icd-10", icd, text), fhir.Coding("http://snomed.info/sct", snomed, text)).String("text", text)).
			Object("subject", fhir.Ref("Patient/"+p.id))
		switch p.r.IntN(3) {
		case 0:
			b.String("onsetDateTime", onset.Format("2006"))
		case 1:
			b.String("onsetDateTime", onset.Format("2006-01"))
		default:
			b.Object("onsetAge", fhir.Quantity(float64(onset.Year()-p.born.Year()), 0, "a", "a"))
		}
		list = append(list, made("Condition", id, b.String("recordedDate", onset.AddDate(0, 1, 0).Format(time.DateOnly))))
		list = append(list, p.prescription(n, icd, id))
	}
	if p.hypertensive {
		add(1, "I10", "38341003", "Hypertensive disorder")
	}
	if p.diabetic {
		add(2, "E11", "44054006", "Diabetes mellitus type 2")
	}
	return list
}

func (p *person) prescription(n int, icd, condition string) Resource {
	code, text, dose := "C08CA01", "Amlodipine 5 mg", 1.0
	if icd == "E11" {
		code, text, dose = "A10BA02", "Metformin 500 mg", 2
	}
	id := fmt.Sprintf("%s-m%d", p.id, n)
	return made("MedicationRequest", id, fhir.BuildResource("MedicationRequest", id).
		String("status", pick(p.r, []string{"active", "active", "active", "stopped"})).String("intent", "order").
		Object("medicationCodeableConcept", fhir.Build().List("coding", fhir.Coding("http://www.whocc.no/atc", code, "")).String("text", text)).
		Object("subject", fhir.Ref("Patient/"+p.id)).
		String("authoredOn", p.day(0).Format(time.DateOnly)).
		Object("requester", fhir.Ref("Practitioner/"+doctorID(2*p.station))).
		List("reasonReference", fhir.Ref("Condition/"+condition)).
		List("dosageInstruction", fhir.Build().String("text", "Uống buổi sáng").
			List("doseAndRate", fhir.Build().Object("doseQuantity", fhir.Quantity(dose, 0, "tablet", "{tbl}")))))
}

// day is when visit i is.
func (p *person) day(i int) time.Time {
	return begin.AddDate(0, 0, (p.first+i*p.every)%days)
}
