package registry

import (
	"context"
	"errors"
	"slices"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

// Options of a Service. Store is required.
type Options struct {
	Store store.Store
	Clock func() time.Time // nil: time.Now
	NewID func() string    // nil: fhir.NewID by the clock

	// Standing, if given, says what state a patient is in this month in the programme's figures: a stable name such as "controlled"
	// and the message key of its words; ok is false for somebody who does not count. It is registry/cohort's, joined by the command.
	Standing func(patientID string) (state, text string, ok bool)
}

// Service carries out what staff do in the registry. It is safe for concurrent use. Errors are *fault.Error: Invalid with the field
// (see ProblemsOf), NotFound for a patient that does not exist or that the actor may not know of, Conflict when somebody else was
// first, and what the store gives.
type Service struct {
	store    store.Store
	clock    func() time.Time
	newID    func() string
	standing func(string) (string, string, bool)
}

// NewService makes a Service.
func NewService(o Options) *Service {
	s := &Service{store: o.Store, clock: o.Clock, newID: o.NewID, standing: o.Standing}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return fhir.NewID(s.clock()) }
	}
	return s
}

// Registered is a new patient.
type Registered struct {
	PatientID string
	Seq       store.Seq
	Warnings  Problems
}

// RegisterPatient keeps a new Patient, held by the station of the commune. A citizen's number that is already on a record is
// fault.Conflict at "cccd", decided at the place in the log where the record would go, so two people at two desks cannot both succeed.
//
// The number is looked for in the whole province, so the refusal tells somebody of one commune that a person with this number is on
// record, perhaps in another. That is decided, against the rule that what is out of reach is answered like what is not there: one
// person must not be registered twice. It tells neither where nor who, and only to staff who hold the number already.
func (s *Service) RegisterPatient(ctx context.Context, who Actor, form PatientForm) (Registered, error) {
	const op = "registry.RegisterPatient"
	p, problems, warnings := checkPatient(form, s.clock())
	if !may(who, form.Commune) {
		problems.add("commune", "registry.problem.commune.not-yours")
	}
	if err := problems.err(op); err != nil {
		return Registered{}, err
	}
	id := s.newID()
	body := PatientResource{
		ID: id, Name: p.Name, Gender: p.Gender, Birth: p.Birth, Phone: p.phone, CCCD: p.cccd, Address: p.Address, Commune: p.Commune,
	}.Body()
	tx := store.Transaction{
		Author:  who.Reference,
		Changes: []store.Change{{Method: store.Put, Type: "Patient", ID: id, Body: body, IfAbsent: true}},
		Exists:  []string{place.StationReference(p.Commune)},
	}
	if p.cccd != "" {
		q, err := query("Patient", "identifier", CCCDSystem+"|"+p.cccd)
		if err != nil {
			return Registered{}, err
		}
		tx.Absent = []store.Absence{{Query: q}}
	}
	receipt, err := s.store.Commit(ctx, tx)
	if err != nil {
		var matched *store.Matched
		if errors.As(err, &matched) {
			return Registered{}, conflict(op, "cccd", "registry.problem.cccd.taken")
		}
		return Registered{}, err
	}
	return Registered{PatientID: id, Seq: receipt.Seq, Warnings: warnings}, nil
}

// Enrolled is a new enrolment.
type Enrolled struct {
	EpisodeID string
	Seq       store.Seq
}

// EnrolHypertension enrols a person in the hypertension programme: an EpisodeOfCare at the station, with the diagnosis as Condition. The
// person must be alive, of the programme's age, not enrolled yet, and the basis must hold; see Basis.
func (s *Service) EnrolHypertension(ctx context.Context, who Actor, e Enrolment) (Enrolled, error) {
	const op = "registry.EnrolHypertension"
	chart, err := s.PatientChart(ctx, who, e.PatientID)
	if err != nil {
		return Enrolled{}, err
	}
	now := s.clock()
	if e.On.IsZero() {
		e.On = now
	}
	if e.Commune == "" {
		e.Commune = chart.Patient.Commune
	}
	if err := checkEnrolment(who, e, chart, now).err(op); err != nil {
		return Enrolled{}, err
	}
	programme := Hypertension()
	on := e.On.In(place.Zone()).Format(time.DateOnly)
	ep := EpisodeResource{ID: s.newID(), Patient: e.PatientID, Programme: programme, Commune: e.Commune, Start: on, Condition: s.newID()}
	active, err := query("EpisodeOfCare", "patient", "Patient/"+e.PatientID, "type", guideline.ProgrammeSystem+"|"+programme.Code, "status", "active,onhold")
	if err != nil {
		return Enrolled{}, err
	}
	receipt, err := s.store.Commit(ctx, store.Transaction{
		Author: who.Reference,
		Changes: []store.Change{
			{Method: store.Put, Type: "Condition", ID: ep.Condition, IfAbsent: true, Body: conditionBody(ep.Condition, e.PatientID, on, who.Reference, grounds(e.Basis))},
			{Method: store.Put, Type: "EpisodeOfCare", ID: ep.ID, IfAbsent: true, Body: ep.Body()},
		},
		Absent: []store.Absence{{Query: active}},
		Exists: []string{"Patient/" + e.PatientID, place.StationReference(e.Commune)},
	})
	if err != nil {
		var matched *store.Matched
		if errors.As(err, &matched) {
			return Enrolled{}, conflict(op, "patient", "registry.problem.enrolled")
		}
		return Enrolled{}, err
	}
	return Enrolled{EpisodeID: ep.ID, Seq: receipt.Seq}, nil
}

func grounds(b Basis) string {
	switch b {
	case Measured:
		return "Căn cứ: số đo huyết áp tại trạm."
	case Treated:
		return "Căn cứ: đã được chẩn đoán hoặc điều trị trước đây."
	default:
		return "Căn cứ: nhận định của bác sĩ."
	}
}

// checkEnrolment holds the rules of who can be enrolled.
func checkEnrolment(who Actor, e Enrolment, c Chart, now time.Time) Problems {
	var p Problems
	programme := Hypertension()
	if c.Patient.Deceased {
		p.add("patient", "registry.problem.dead")
	}
	for _, ep := range c.Episodes {
		if ep.Active() {
			p.add("patient", "registry.problem.enrolled")
			break
		}
	}
	if _, ok := place.Current(e.Commune); !ok {
		p.add("commune", "registry.problem.commune")
	} else if !may(who, e.Commune) {
		p.add("commune", "registry.problem.commune.not-yours")
	}
	age := ageAt(c.Patient.Birth, e.On)
	switch {
	case e.On.After(now.Add(5 * time.Minute)), c.Patient.Birth != "" && age < 0:
		p.add("on", "registry.problem.on")
	case c.Patient.Birth != "" && age < programme.LeastAge:
		p.add("patient", "registry.problem.too-young", "18")
	}
	switch e.Basis {
	case Treated, Judged:
	case Measured:
		if !confirmed(c.Pressures) {
			p.add("basis", "registry.problem.basis.measured")
		}
	default:
		p.add("basis", "registry.problem.basis")
	}
	return p
}

// confirmed is the two-visit rule: raised on two different days, or grade 3 once.
func confirmed(pressures []ChartPressure) bool {
	days := map[string]bool{}
	for _, p := range pressures {
		if p.Grading.Level == guideline.Grade3 {
			return true
		}
		if guideline.Raised(guideline.Pressure{Systolic: p.Systolic, Diastolic: p.Diastolic}) {
			days[p.At.In(place.Zone()).Format(time.DateOnly)] = true
		}
	}
	return len(days) >= 2
}

// Recorded is a screening that was kept.
type Recorded struct {
	EncounterID, ObservationID string
	Seq                        store.Seq
	Value                      guideline.Pressure // of the session, by guideline.Session
	Grading                    guideline.Grading
	Warnings                   Problems
}

// RecordScreening keeps a measurement session: an Encounter and the session's blood pressure Observation, in one transaction.
func (s *Service) RecordScreening(ctx context.Context, who Actor, form Screening) (Recorded, error) {
	const op = "registry.RecordScreening"
	patient, err := s.patient(ctx, who, form.PatientID)
	if err != nil {
		return Recorded{}, err
	}
	now := s.clock()
	if form.At.IsZero() {
		form.At = now
	}
	if form.Commune == "" {
		form.Commune = patient.Commune
	}
	problems, warnings := checkScreening(form, now)
	if _, ok := place.Current(form.Commune); !ok {
		problems.add("commune", "registry.problem.commune")
	}
	if patient.Deceased {
		problems.add("patient", "registry.problem.dead")
	}
	if err := problems.err(op); err != nil {
		return Recorded{}, err
	}
	visit := VisitResource{
		ID: s.newID(), Patient: form.PatientID, Commune: form.Commune, Performer: practitioner(who), At: form.At, AtHome: form.AtHome,
		Reason: "Đo huyết áp",
	}
	bp := PressureResource{
		ID: s.newID(), Patient: form.PatientID, Encounter: visit.ID, Performer: visit.Performer, At: form.At, Readings: form.Readings,
		Arm: form.Arm, Position: form.Position, Device: form.Device, Note: form.Note,
	}
	receipt, err := s.store.Commit(ctx, store.Transaction{
		Author: who.Reference,
		Changes: []store.Change{
			{Method: store.Put, Type: "Encounter", ID: visit.ID, Body: visit.Body(), IfAbsent: true},
			{Method: store.Put, Type: "Observation", ID: bp.ID, Body: bp.Body(), IfAbsent: true},
		},
		Exists: []string{"Patient/" + form.PatientID},
	})
	if err != nil {
		return Recorded{}, err
	}
	value := bp.Session()
	return Recorded{
		EncounterID: visit.ID, ObservationID: bp.ID, Seq: receipt.Seq, Value: value,
		Grading: guideline.Grade(value.Systolic, value.Diastolic), Warnings: warnings,
	}, nil
}

func practitioner(who Actor) string {
	if ref := fhir.ParseReference(who.Reference); ref.Kind == fhir.Local && ref.Type == "Practitioner" {
		return who.Reference
	}
	return ""
}

// may reports whether the actor works for the commune.
func may(who Actor, commune string) bool {
	return who.Within == nil || slices.Contains(who.Within, place.StationReference(commune))
}

func conflict(op, field, key string) error {
	p := Problems{}
	p.add(field, key)
	return &fault.Error{Code: fault.Conflict, Op: op, Message: p[0].Sentence, Path: field, Err: p}
}

// InstallPlaces keeps an Organization (station) and a Location for every current commune that has none. One that was deleted is put
// back: records and roles go on naming it. What is there is left as it is. It is called at every start, before anything is written,
// and returns the number of resources written.
func InstallPlaces(ctx context.Context, st store.Store) (int, error) {
	tx := store.Transaction{Author: "system"}
	for _, u := range place.Communes() {
		for _, c := range []store.Change{
			{Method: store.Put, Type: "Organization", ID: place.StationID(u.Code), Body: u.Organization(), IfAbsent: true},
			{Method: store.Put, Type: "Location", ID: place.LocationID(u.Code), Body: u.Location(), IfAbsent: true},
		} {
			_, err := st.Read(ctx, c.Type, c.ID)
			switch {
			case err == nil: // what is there may have been edited by an administrator: it stays
			case fault.Is(err, fault.NotFound), fault.Is(err, fault.Gone):
				tx.Changes = append(tx.Changes, c)
			default:
				return 0, err
			}
		}
	}
	if len(tx.Changes) == 0 {
		return 0, nil
	}
	if _, err := st.Commit(ctx, tx); err != nil {
		return 0, err
	}
	return len(tx.Changes), nil
}
