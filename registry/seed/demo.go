package seed

import (
	"time"

	"khamxa/fhir/store"
	"khamxa/registry"
)

// Demo is one person for demonstrations: a woman of Hải Thịnh who was registered for hypertension fifteen months before now, came twice
// and has not been seen for more than twelve months. In the figures of this month she is lost to follow-up; the first pressure below
// 140/90 that is kept for her makes numerator and denominator of her commune larger by exactly one. The ids are always the same, and
// every resource must be absent: a second Commit is refused.
func Demo(now time.Time) (tx store.Transaction, patientID string) {
	const commune = "14221"
	p := registry.PatientResource{
		ID: "demo-patient", Name: "Nguyễn Thị Mẫu", Gender: registry.Female, Birth: "1957-08-19", Phone: "+84990000001",
		Address: "Xóm 5, Thị trấn Thịnh Long (cũ)", Commune: commune,
	}
	today := dayOf(now).date()
	first := dayOf(today.AddDate(0, -15, -today.Day()+5))
	second := first + 28
	tx = store.Transaction{Author: "system"}
	add := func(typ, id string, body []byte) {
		tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: typ, ID: id, Body: body, IfAbsent: true})
	}
	add("Patient", p.ID, p.Body())
	ep := registry.EpisodeResource{ID: "demo-episode", Patient: p.ID, Programme: registry.Hypertension(), Commune: commune, Start: first.String()}
	add("EpisodeOfCare", ep.ID, ep.Body())
	for i, s := range []struct {
		on       day
		readings []registry.BPReading
	}{
		{first, []registry.BPReading{{Systolic: 164, Diastolic: 96, Pulse: 78}, {Systolic: 158, Diastolic: 94, Pulse: 76}}},
		{second, []registry.BPReading{{Systolic: 152, Diastolic: 90, Pulse: 74}, {Systolic: 148, Diastolic: 88, Pulse: 75}}},
	} {
		n := string(rune('1' + i))
		v := registry.VisitResource{ID: "demo-visit-" + n, Patient: p.ID, Commune: commune, At: s.on.at(8 * 60), Reason: "Tái khám tăng huyết áp"}
		add("Encounter", v.ID, v.Body())
		bp := registry.PressureResource{
			ID: "demo-pressure-" + n, Patient: p.ID, Encounter: v.ID, At: v.At, Readings: s.readings, Arm: registry.LeftArm, Position: registry.Sitting,
		}
		add("Observation", bp.ID, bp.Body())
	}
	return tx, p.ID
}
