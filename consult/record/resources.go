package record

import (
	"fmt"
	"html"
	"strings"
	"time"

	"khamxa/consult"
	"khamxa/fhir"
)

// Systems and codes.
const (
	loinc        = "http://loinc.org"
	consultID    = "urn:khamxa:consult"
	medium       = "urn:khamxa:consult-medium"
	actCode      = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	obsCategory  = "http://terminology.hl7.org/CodeSystem/observation-category"
	codePressure = "85354-9" // Blood pressure panel with all children optional
	codeSystolic = "8480-6"
	codeDiastole = "8462-4"
	codePulse    = "8867-4"  // Heart rate
	codeNote     = "11488-4" // Consult note
)

// at prints a time with Vietnam's offset, as people there read it.
func at(t time.Time) time.Time { return t.In(consult.HoChiMinh()) }

func identifier(c consult.Consult) *fhir.Builder {
	return fhir.Build().String("system", consultID).String("value", c.ID)
}

func named(typ string, p consult.Person) *fhir.Builder {
	return fhir.Ref(typ+"/"+p.ID).String("display", p.Name)
}

// appointmentStatus is R4's code (valueset-appointmentstatus) for a phase before signing.
func appointmentStatus(p consult.Phase) string {
	switch p {
	case consult.Cancelled:
		return "cancelled"
	case consult.NoShow:
		return "noshow"
	case consult.Arrived, consult.Admitted, consult.Phone, consult.Ended:
		return "arrived"
	case consult.Signed:
		return "fulfilled"
	default: // booked, invited
		return "booked"
	}
}

func appointment(c consult.Consult, status string) *fhir.Builder {
	who := func(ref *fhir.Builder) *fhir.Builder {
		return fhir.Build().Object("actor", ref).String("required", "required").String("status", "accepted")
	}
	return fhir.BuildResource("Appointment", c.ID).
		List("identifier", identifier(c)).
		String("status", status).
		String("description", "Khám từ xa").
		Instant("start", at(c.At)).
		Instant("end", at(c.At.Add(c.Length))).
		Int("minutesDuration", int(c.Length/time.Minute)).
		Instant("created", at(c.Booked)).
		List("participant", who(named("Patient", c.Patient)), who(named("Practitioner", c.Doctor)))
}

func encounter(c consult.Consult, status string, end time.Time) *fhir.Builder {
	period := fhir.Build().Instant("start", at(c.Started))
	if !end.IsZero() {
		period.Instant("end", at(end))
	}
	how := fhir.Concept(medium, "video", "Khám qua video")
	if c.ByPhone {
		how = fhir.Concept(medium, "phone", "Khám qua điện thoại")
	}
	doctor := c.Doctor
	if c.Seal != nil {
		doctor = c.Seal.By
	}
	e := fhir.BuildResource("Encounter", c.ID).
		List("identifier", identifier(c)).
		String("status", status).
		Object("class", fhir.Coding(actCode, "VR", "virtual")).
		List("type", how).
		Object("subject", named("Patient", c.Patient)).
		List("participant", fhir.Build().Object("individual", named("Practitioner", doctor))).
		List("appointment", fhir.Ref("Appointment/"+c.ID)).
		Object("period", period)
	if by := c.GivenBy(); by.Station != "" {
		e.Object("serviceProvider", fhir.Ref(by.Station).String("display", by.Name))
	}
	return e
}

// vital is what both kinds of observation share.
func vital(c consult.Consult, r consult.Reading, id, code, display string) *fhir.Builder {
	return fhir.BuildResource("Observation", id).
		List("identifier", identifier(c)).
		String("status", "final").
		List("category", fhir.Concept(obsCategory, "vital-signs", "Vital Signs")).
		Object("code", fhir.Concept(loinc, code, display)).
		Object("subject", fhir.Ref("Patient/"+c.Patient.ID)).
		Object("encounter", fhir.Ref("Encounter/"+c.ID)).
		Instant("effectiveDateTime", at(r.At)).
		List("performer", named("Practitioner", r.By))
}

func pressure(c consult.Consult, r consult.Reading) *fhir.Builder {
	component := func(code, display string, mmHg int) *fhir.Builder {
		return fhir.Build().Object("code", fhir.Concept(loinc, code, display)).
			Object("valueQuantity", fhir.Quantity(float64(mmHg), 0, "mmHg", "mm[Hg]"))
	}
	return vital(c, r, fmt.Sprintf("%s-bp-%d", c.ID, r.N), codePressure, "Blood pressure panel with all children optional").
		List("component",
			component(codeSystolic, "Systolic blood pressure", r.Systolic),
			component(codeDiastole, "Diastolic blood pressure", r.Diastolic))
}

func pulse(c consult.Consult, r consult.Reading) *fhir.Builder {
	return vital(c, r, fmt.Sprintf("%s-hr-%d", c.ID, r.N), codePulse, "Heart rate").
		Object("valueQuantity", fhir.Quantity(float64(r.Pulse), 0, "beats/minute", "/min"))
}

// sectionOf is a section's title and LOINC code.
func sectionOf(f consult.Field) (title, code, display string) {
	switch f {
	case consult.Reason:
		return "Lý do khám, bệnh sử", "29299-5", "Reason for visit Narrative"
	case consult.Findings:
		return "Thăm khám", "29545-1", "Physical findings Narrative"
	case consult.Assessment:
		return "Kết luận", "51848-0", "Evaluation note"
	default: // the plan
		return "Hướng xử trí", "18776-5", "Plan of care note"
	}
}

// composition is the signed note (LOINC 11488-4). Sections that are empty are left out: R4 allows no empty narrative.
func composition(c consult.Consult) *fhir.Builder {
	var sections []*fhir.Builder
	for _, f := range consult.Fields() {
		text := strings.TrimSpace(c.Note.Section(f).Text)
		var entries []*fhir.Builder
		if f == consult.Findings {
			for _, r := range c.Readings {
				entries = append(entries, fhir.Ref(fmt.Sprintf("Observation/%s-bp-%d", c.ID, r.N)))
			}
			text = strings.TrimSpace(readings(c) + text)
		}
		if text == "" {
			continue
		}
		title, code, display := sectionOf(f)
		sections = append(sections, fhir.Build().String("title", title).Object("code", fhir.Concept(loinc, code, display)).
			Object("text", narrative(text)).List("entry", entries...))
	}
	b := fhir.BuildResource("Composition", c.ID).
		String("language", "vi").
		Object("identifier", identifier(c)).
		String("status", "final").
		Object("type", fhir.Concept(loinc, codeNote, "Consult note")).
		Object("subject", named("Patient", c.Patient)).
		Object("encounter", fhir.Ref("Encounter/"+c.ID)).
		Instant("date", at(c.Seal.At)).
		List("author", named("Practitioner", c.Seal.By)).
		String("title", "Phiếu khám từ xa").
		List("attester", fhir.Build().String("mode", "legal").Instant("time", at(c.Seal.At)).Object("party", named("Practitioner", c.Seal.By)))
	if by := c.GivenBy(); by.Station != "" {
		b.Object("custodian", fhir.Ref(by.Station).String("display", by.Name))
	}
	return b.List("section", sections...)
}

// readings puts the blood pressures into words, so that the note can be read alone.
func readings(c consult.Consult) string {
	var b strings.Builder
	for _, r := range c.Readings {
		fmt.Fprintf(&b, "Huyết áp %d/%d mmHg", r.Systolic, r.Diastolic)
		if r.Pulse != 0 {
			fmt.Fprintf(&b, ", mạch %d lần/phút", r.Pulse)
		}
		fmt.Fprintf(&b, " (lúc %s).\n", at(r.At).Format("15:04 02/01/2006"))
	}
	return b.String()
}

// narrative is text as FHIR's XHTML (R4 narrative.html): escaped, line by line.
func narrative(text string) *fhir.Builder {
	lines := strings.Split(html.EscapeString(text), "\n")
	div := `<div xmlns="http://www.w3.org/1999/xhtml"><p>` + strings.Join(lines, "<br/>") + `</p></div>`
	return fhir.Build().String("status", "generated").String("div", div)
}
