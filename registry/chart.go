package registry

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

// Patient is a patient as the pages show them. Commune is the code of the holding station's commune, "" for another organisation.
type Patient struct {
	ID       string
	Name     string
	Gender   Gender
	Birth    string // FHIR date, its precision kept
	Age      int    // completed years today, or at death; -1 unknown
	Phone    string // E.164 or ""
	CCCD     string
	Address  string
	Commune  string
	Deceased bool
	DiedOn   string // FHIR dateTime, "" if alive or not known
	Version  string
}

// ChartEpisode is one enrolment in the hypertension programme.
type ChartEpisode struct {
	ID         string
	Status     string
	Commune    string
	Start, End string // FHIR dateTimes
}

// Active reports whether the enrolment is running.
func (e ChartEpisode) Active() bool { return e.Status == "active" || e.Status == "onhold" }

// ChartPressure is one blood pressure of the series, in mmHg. Readings are the single ones of the session, none if there was one only.
type ChartPressure struct {
	ObservationID       string
	EncounterID         string
	At                  time.Time // in Vietnam
	Systolic, Diastolic float64
	Pulse               int // 0 if not taken
	Readings            []BPReading
	Grading             guideline.Grading // for a person treated for hypertension, if they were then
	Note                string
}

// ChartVisit is one visit. Class is "AMB" (at the station), "HH" (at home) or "VR" (remote).
type ChartVisit struct {
	EncounterID string
	At          time.Time // in Vietnam
	Class       string
	Status      string
	Reason      string
	Commune     string // of the station that saw them, "" if another
}

// Chart is what the registry knows of a patient, newest first.
type Chart struct {
	Patient   Patient
	Episodes  []ChartEpisode
	Pressures []ChartPressure // at most the latest 200
	Visits    []ChartVisit    // at most the latest 200

	State     string // stable name of the state this month in the figures; "" if the person does not count
	StateText string // message key of its words
}

// Enrolled is the running enrolment, false if there is none.
func (c Chart) Enrolled() (ChartEpisode, bool) {
	for _, e := range c.Episodes {
		if e.Active() {
			return e, true
		}
	}
	return ChartEpisode{}, false
}

// treatedAt reports whether the patient was registered for treatment before that day: on the day itself the diagnosis is new.
func (c Chart) treatedAt(at time.Time) bool {
	day := at.In(place.Zone()).Format(time.DateOnly)
	return slices.ContainsFunc(c.Episodes, func(e ChartEpisode) bool {
		begun := e.Start != "" && e.Start[:min(len(e.Start), len(day))] < day
		over := e.End != "" && e.End[:min(len(e.End), len(day))] < day
		return begun && !over && (e.Active() || e.Status == "finished")
	})
}

// PatientChart reads a patient's chart. NotFound if there is no such patient, or none whom the actor may see.
func (s *Service) PatientChart(ctx context.Context, who Actor, id string) (Chart, error) {
	var c Chart
	var err error
	if c.Patient, err = s.patient(ctx, who, id); err != nil {
		return Chart{}, err
	}
	subject := "Patient/" + id
	episodes, err := s.find(ctx, who, "EpisodeOfCare", "patient", subject, "type", guideline.ProgrammeSystem+"|"+guideline.HypertensionCode)
	if err != nil {
		return Chart{}, err
	}
	pressures, err := s.find(ctx, who, "Observation", "patient", subject, "code", guideline.LOINC+"|"+guideline.CodeBPPanel,
		"status", "preliminary,final,amended,corrected", "_sort", "-date")
	if err != nil {
		return Chart{}, err
	}
	visits, err := s.find(ctx, who, "Encounter", "patient", subject, "status", "in-progress,finished", "_sort", "-date")
	if err != nil {
		return Chart{}, err
	}
	for _, r := range episodes {
		c.Episodes = append(c.Episodes, readEpisode(r))
	}
	for _, r := range pressures {
		if p, ok := readPressure(r); ok {
			c.Pressures = append(c.Pressures, p)
		}
	}
	for _, r := range visits {
		c.Visits = append(c.Visits, readVisit(r))
	}
	slices.SortStableFunc(c.Episodes, func(a, b ChartEpisode) int { return strings.Compare(b.Start, a.Start) })
	slices.SortStableFunc(c.Pressures, func(a, b ChartPressure) int { return b.At.Compare(a.At) })
	for i, p := range c.Pressures {
		if c.treatedAt(p.At) {
			c.Pressures[i].Grading = guideline.GradeTreated(p.Systolic, p.Diastolic)
		}
	}
	slices.SortStableFunc(c.Visits, func(a, b ChartVisit) int { return b.At.Compare(a.At) })
	if s.standing != nil {
		if state, text, ok := s.standing(id); ok {
			c.State, c.StateText = state, text
		}
	}
	return c, nil
}

// patient reads a patient whom the actor may see.
func (s *Service) patient(ctx context.Context, who Actor, id string) (Patient, error) {
	unknown := fault.New(fault.NotFound, "registry.Patient", "Không tìm thấy hồ sơ này.")
	if !fhir.IsID(id) {
		return Patient{}, unknown
	}
	v, err := s.store.Read(ctx, "Patient", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return Patient{}, unknown
	}
	if err != nil {
		return Patient{}, err
	}
	if !store.Visible(who.Within, v.Holder) {
		return Patient{}, unknown
	}
	return readPatient(v, s.clock())
}

// Patients is one page of patients. Next is "" on the last page.
type Patients struct {
	List []Patient
	Next string
}

// Find asks for patients.
type Find struct {
	Text  string // name in any spelling, phone number, citizen's number or id; "" for all, latest change first
	Count int    // on a page; 0: 20
	Next  string // Patients.Next of the page before, with the same Text
}

// FindPatients gives the patients whom the actor may see and who fit. Words of a name may come in any order and without marks; each
// must begin some part of the name.
func (s *Service) FindPatients(ctx context.Context, who Actor, f Find) (Patients, error) {
	at, cursor, err := openNext(f.Next)
	if err != nil {
		return Patients{}, err
	}
	values := findValues(strings.TrimSpace(f.Text))
	if f.Count > 0 {
		values.Set("_count", itoa(min(f.Count, search.MaxCount)))
	}
	q, err := search.Parse("Patient", values)
	if err != nil {
		return Patients{}, err
	}
	page, err := s.store.Search(ctx, store.SearchRequest{Query: q, Within: who.Within, At: at, Cursor: cursor})
	if err != nil {
		return Patients{}, err
	}
	out := Patients{Next: sealNext(page.At, page.Next)}
	for _, v := range page.Matches {
		p, err := readPatient(v, s.clock())
		if err != nil {
			return Patients{}, err
		}
		out.List = append(out.List, p)
	}
	return out, nil
}

// findValues turns what a person types into search parameters.
func findValues(text string) url.Values {
	v := url.Values{}
	if text == "" {
		v.Set("_sort", "-_lastUpdated")
		return v
	}
	number := digits(text)
	if phone, ok := cleanPhone(text); ok {
		if len(number) == 12 {
			v.Set("identifier", CCCDSystem+"|"+number)
		} else {
			v.Set("phone", phone)
		}
		return v
	}
	if len(number) == 12 && len(number) == len(strings.ReplaceAll(text, " ", "")) {
		v.Set("identifier", CCCDSystem+"|"+number)
		return v
	}
	if fhir.IsID(text) && strings.ContainsAny(text, "0123456789") {
		v.Set("_id", text)
		return v
	}
	for _, word := range strings.Fields(text) {
		v.Add("name", strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`, "|", `\|`).Replace(word))
	}
	v.Set("_sort", "given,family")
	return v
}

// find reads up to 200 current resources that match.
func (s *Service) find(ctx context.Context, who Actor, typ string, pairs ...string) ([]*fhir.Resource, error) {
	q, err := query(typ, append(pairs, "_count", itoa(search.MaxCount))...)
	if err != nil {
		return nil, err
	}
	page, err := s.store.Search(ctx, store.SearchRequest{Query: q, Within: who.Within})
	if err != nil {
		return nil, err
	}
	out := make([]*fhir.Resource, 0, len(page.Matches))
	for _, v := range page.Matches {
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "registry.find", "Một hồ sơ trong kho không đọc được.")
		}
		out = append(out, r)
	}
	return out, nil
}

// query parses a search from pairs of parameter and value.
func query(typ string, pairs ...string) (*search.Query, error) {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return search.Parse(typ, v)
}

func communeOf(organisation *fhir.Value) string {
	code, ok := place.CommuneOf(organisation.Get("reference").String())
	if !ok {
		return ""
	}
	return code
}
