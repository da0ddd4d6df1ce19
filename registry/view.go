package registry

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

func itoa(n int) string { return strconv.Itoa(n) }

// sealNext and openNext carry the position of the first page and the store's cursor in one opaque text.
func sealNext(at store.Seq, cursor string) string {
	if cursor == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(int64(at), 10) + ":" + cursor))
}

func openNext(next string) (store.Seq, string, error) {
	if next == "" {
		return 0, "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(next)
	position, cursor, ok := strings.Cut(string(raw), ":")
	at, numErr := strconv.ParseInt(position, 10, 64)
	if err != nil || !ok || numErr != nil || at < 1 {
		return 0, "", fault.New(fault.Invalid, "registry.FindPatients", "Đường dẫn trang tiếp theo không đúng. Hãy tìm lại.").At("next")
	}
	return store.Seq(at), cursor, nil
}

func readPatient(v store.Version, now time.Time) (Patient, error) {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return Patient{}, fault.Wrap(err, fault.Internal, "registry.readPatient", "Một hồ sơ trong kho không đọc được.")
	}
	root := r.Root
	p := Patient{
		ID: v.ID, Version: v.VersionID, Name: humanName(root.Get("name")), Gender: Gender(root.Get("gender").String()),
		Birth: root.Get("birthDate").String(), Address: root.Get("address").At(0).Get("text").String(),
		Commune: communeOf(root.Get("managingOrganization")), DiedOn: root.Get("deceasedDateTime").String(),
	}
	dead, _ := root.Get("deceasedBoolean").Bool()
	p.Deceased = dead || p.DiedOn != ""
	for _, t := range root.Get("telecom").Items() {
		if t.Get("system").IsString("phone") {
			p.Phone = t.Get("value").String()
			break
		}
	}
	for _, i := range root.Get("identifier").Items() {
		if i.Get("system").IsString(CCCDSystem) {
			p.CCCD = i.Get("value").String()
		}
	}
	p.Age = ageAt(p.Birth, now)
	if len(p.DiedOn) >= len(time.DateOnly) {
		if died, err := time.ParseInLocation(time.DateOnly, p.DiedOn[:len(time.DateOnly)], place.Zone()); err == nil {
			p.Age = ageAt(p.Birth, died)
		}
	}
	return p, nil
}

// humanName is the text of the first name, or its parts in Vietnamese order.
func humanName(names *fhir.Value) string {
	n := names.At(0)
	if text := n.Get("text").String(); text != "" {
		return text
	}
	parts := []string{n.Get("family").String()}
	for _, g := range n.Get("given").Items() {
		parts = append(parts, g.String())
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

func readEpisode(r *fhir.Resource) ChartEpisode {
	period := r.Root.Get("period")
	return ChartEpisode{
		ID: r.ID, Status: r.Root.Get("status").String(), Commune: communeOf(r.Root.Get("managingOrganization")),
		Start: period.Get("start").String(), End: period.Get("end").String(),
	}
}

// readPressure takes an observation that has both values and a time.
func readPressure(r *fhir.Resource) (ChartPressure, bool) {
	at, ok := when(r.Root.Get("effectiveDateTime").String())
	sys, okSys := component(r.Root, guideline.CodeSystolic)
	dia, okDia := component(r.Root, guideline.CodeDiastolic)
	if !ok || !okSys || !okDia {
		return ChartPressure{}, false
	}
	pulse, _ := component(r.Root, guideline.CodePulse)
	p := ChartPressure{
		ObservationID: r.ID, EncounterID: fhir.ParseReference(r.Root.Get("encounter").Get("reference").String()).ID, At: at,
		Systolic: sys, Diastolic: dia, Pulse: int(pulse), Grading: guideline.Grade(sys, dia), Note: r.Root.Get("note").At(0).Get("text").String(),
	}
	for _, c := range r.Root.Get("contained").Items() {
		s, okSys := component(c, guideline.CodeSystolic)
		d, okDia := component(c, guideline.CodeDiastolic)
		if okSys && okDia {
			n, _ := component(c, guideline.CodePulse)
			p.Readings = append(p.Readings, BPReading{Systolic: int(s), Diastolic: int(d), Pulse: int(n)})
		}
	}
	return p, true
}

func component(root *fhir.Value, code string) (float64, bool) {
	for _, c := range root.Get("component").Items() {
		for _, coding := range c.Get("code").Get("coding").Items() {
			if coding.Get("system").IsString(guideline.LOINC) && coding.Get("code").IsString(code) {
				return c.Get("valueQuantity").Get("value").Float()
			}
		}
	}
	return 0, false
}

func readVisit(r *fhir.Resource) ChartVisit {
	at, _ := when(r.Root.Get("period").Get("start").String())
	return ChartVisit{
		EncounterID: r.ID, At: at, Class: r.Root.Get("class").Get("code").String(), Status: r.Root.Get("status").String(),
		Reason: r.Root.Get("reasonCode").At(0).Get("text").String(), Commune: communeOf(r.Root.Get("serviceProvider")),
	}
}

// when reads a FHIR dateTime; a date alone stands for the start of the day in Vietnam.
func when(s string) (time.Time, bool) {
	for _, form := range [...]string{time.RFC3339, time.DateOnly, "2006-01", "2006"} {
		if t, err := time.ParseInLocation(form, s, place.Zone()); err == nil {
			return t.In(place.Zone()), true
		}
	}
	return time.Time{}, false
}
