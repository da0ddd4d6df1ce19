package cohort

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

// fact is what one resource says for the programme: at most one of the pointers is set; none if it says nothing.
type fact struct {
	patient string // logical id
	person  *person
	episode *Episode
	reading *Reading
	visit   *Visit
}

// person is what a Patient resource says.
type person struct{ death Death }

// keyOf is the key of a resource.
func keyOf(typ, id string) Key {
	sum := sha256.Sum256([]byte(typ + "/" + id))
	return Key(binary.BigEndian.Uint64(sum[:8]))
}

// follows reports whether resources of the type can say anything for the programme.
func follows(typ string) bool {
	switch typ {
	case "Patient", "EpisodeOfCare", "Observation", "Encounter", "MedicationDispense":
		return true
	}
	return false
}

// read gives what a resource says. A body that does not parse says nothing: the store accepts none.
func read(typ, id string, body []byte) (fact, bool) {
	r, err := fhir.Parse(body)
	if err != nil {
		return fact{}, false
	}
	k := keyOf(typ, id)
	switch typ {
	case "Patient":
		return fact{patient: id, person: &person{death: readDeath(r.Root)}}, true
	case "EpisodeOfCare":
		return readEpisode(k, r.Root)
	case "Observation":
		return readObservation(k, r.Root)
	case "Encounter":
		return readEncounter(k, r.Root)
	case "MedicationDispense":
		return readDispense(k, r.Root)
	}
	return fact{}, false
}

// str is the content of a string, "" for anything else: a number where a string belongs says nothing.
func str(v *fhir.Value) string {
	if v.Kind() != fhir.String {
		return ""
	}
	return v.String()
}

// patientOf is the id of the patient whom a reference names on this server.
func patientOf(reference *fhir.Value) (string, bool) {
	ref := fhir.ParseReference(str(reference.Get("reference")))
	return ref.ID, ref.Kind == fhir.Local && ref.Type == "Patient"
}

// readDeath takes Patient.deceased[x]: a date, or true without a date.
func readDeath(root *fhir.Value) Death {
	if d, ok := parseDate(str(root.Get("deceasedDateTime"))); ok {
		return Death{First: dayAt(d.first).month(), Last: dayAt(d.last).month()}
	}
	if dead, _ := root.Get("deceasedBoolean").Bool(); dead || root.Get("deceasedDateTime").Kind() == fhir.String {
		return Death{First: NewMonth(firstYear, time.January), Last: NewMonth(lastYear, time.December)}
	}
	return Death{}
}

// readEpisode takes an EpisodeOfCare of the hypertension programme that has begun: active, onhold or finished.
func readEpisode(k Key, root *fhir.Value) (fact, bool) {
	patient, ok := patientOf(root.Get("patient"))
	status := str(root.Get("status"))
	counts := status == "active" || status == "onhold" || status == "finished"
	if !ok || !counts || !inProgramme(root) {
		return fact{}, false
	}
	period := root.Get("period")
	first, ok := parseDate(str(period.Get("start")))
	if !ok {
		return fact{}, false
	}
	start, end := dayAt(first.first), noEnd
	if last, ok := parseDate(str(period.Get("end"))); ok {
		end = dayAt(last.last)
	} else if status == "finished" {
		end = start // finished on a day that nobody wrote down: it fixes the registration and covers no more
	}
	if end < start {
		return fact{}, false
	}
	code, _ := place.CommuneOf(str(root.Get("managingOrganization").Get("reference")))
	e := newEpisode(k, CommuneOf(code), start, end)
	return fact{patient: patient, episode: &e}, true
}

func inProgramme(root *fhir.Value) bool {
	for _, t := range root.Get("type").Items() {
		if hasCode(t, guideline.ProgrammeSystem, guideline.HypertensionCode) {
			return true
		}
	}
	return false
}

func hasCode(concept *fhir.Value, system, code string) bool {
	for _, c := range concept.Get("coding").Items() {
		if c.Get("system").IsString(system) && c.Get("code").IsString(code) {
			return true
		}
	}
	return false
}

// readObservation takes a blood pressure that was measured: preliminary, final, amended or corrected.
func readObservation(k Key, root *fhir.Value) (fact, bool) {
	if !hasCode(root.Get("code"), guideline.LOINC, guideline.CodeBPPanel) {
		return fact{}, false
	}
	switch str(root.Get("status")) {
	case "preliminary", "final", "amended", "corrected":
	default:
		return fact{}, false
	}
	patient, ok := patientOf(root.Get("subject"))
	if !ok {
		return fact{}, false
	}
	text := str(root.Get("effectiveDateTime"))
	if text == "" {
		text = str(root.Get("effectiveInstant"))
	}
	if text == "" {
		text = str(root.Get("effectivePeriod").Get("start"))
	}
	at, ok := parseDate(text)
	if !ok {
		return fact{}, false
	}
	when := time.UnixMilli(at.first)
	sys, okSys := component(root, guideline.CodeSystolic)
	dia, okDia := component(root, guideline.CodeDiastolic)
	if okSys && okDia && guideline.Plausible(guideline.Pressure{Systolic: sys, Diastolic: dia}) {
		r := NewReading(k, when, sys, dia)
		return fact{patient: patient, reading: &r}, true
	}
	v := NewVisit(k, when)
	return fact{patient: patient, visit: &v}, true
}

// component is the value in mm[Hg] of the first component with that LOINC code.
func component(root *fhir.Value, code string) (float64, bool) {
	for _, c := range root.Get("component").Items() {
		if !hasCode(c.Get("code"), guideline.LOINC, code) {
			continue
		}
		q := c.Get("valueQuantity")
		unit := str(q.Get("code"))
		if unit == "" {
			unit = strings.Replace(str(q.Get("unit")), "mmHg", guideline.UnitMMHg, 1)
		}
		v, ok := q.Get("value").Float()
		return v, ok && unit == guideline.UnitMMHg
	}
	return 0, false
}

// readEncounter takes a visit: in progress or finished; ambulatory, at home or virtual.
func readEncounter(k Key, root *fhir.Value) (fact, bool) {
	status, class := str(root.Get("status")), str(root.Get("class").Get("code"))
	if status != "in-progress" && status != "finished" || class != "AMB" && class != "HH" && class != "VR" {
		return fact{}, false
	}
	return readVisit(k, root, str(root.Get("period").Get("start")))
}

// readDispense takes medicine that was handed out: completed.
func readDispense(k Key, root *fhir.Value) (fact, bool) {
	if !root.Get("status").IsString("completed") {
		return fact{}, false
	}
	when := str(root.Get("whenHandedOver"))
	if when == "" {
		when = str(root.Get("whenPrepared"))
	}
	return readVisit(k, root, when)
}

func readVisit(k Key, root *fhir.Value, when string) (fact, bool) {
	patient, ok := patientOf(root.Get("subject"))
	at, dated := parseDate(when)
	if !ok || !dated {
		return fact{}, false
	}
	v := NewVisit(k, time.UnixMilli(at.first))
	return fact{patient: patient, visit: &v}, true
}

// dateRange is the first and the last millisecond that a date can mean.
type dateRange struct{ first, last int64 }

// parseDate reads a FHIR date, dateTime or instant; without an offset it is Vietnam's time. False for what is no date, or lies outside
// the years that are counted.
func parseDate(s string) (dateRange, bool) {
	var from, to time.Time
	var err error
	switch {
	case len(s) == 4:
		from, err = time.ParseInLocation("2006", s, place.Zone())
		to = from.AddDate(1, 0, 0)
	case len(s) == 7:
		from, err = time.ParseInLocation("2006-01", s, place.Zone())
		to = from.AddDate(0, 1, 0)
	case len(s) == 10:
		from, err = time.ParseInLocation(time.DateOnly, s, place.Zone())
		to = from.AddDate(0, 0, 1)
	default:
		if from, err = time.Parse(time.RFC3339, s); err != nil {
			from, err = time.ParseInLocation("2006-01-02T15:04:05", s, place.Zone())
		}
		to = from.Add(time.Millisecond)
	}
	if err != nil {
		return dateRange{}, false
	}
	local := from.In(place.Zone())
	if local.Year() < firstYear || local.Year() > lastYear {
		return dateRange{}, false
	}
	return dateRange{first: from.UnixMilli(), last: to.UnixMilli() - 1}, true
}
