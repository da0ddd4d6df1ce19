package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/registry"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

// rows is how many readings the form takes.
const rows = 3

type screeningView struct {
	// Choosing whom to measure.
	Query    string
	Searched bool
	People   []personView

	// Measuring.
	Person              *personView
	Readings            [rows]readingForm
	Arms, Positions     []option
	At, Max             string
	AtHome              bool
	Device, Note        string
	Errors              page.FormErrors
	Confirm             []string // sentences on unusual values, to be confirmed
	MayRegister         bool
	SystolicLeast, Most int

	// What was measured.
	Saved *savedView
}

// readingForm is one row as typed.
type readingForm struct {
	N                                            int
	Systolic, Diastolic, Pulse                   string
	SystolicError, DiastolicError, PulseError    string
	SystolicName, DiastolicName, PulseName, Hint string
}

// savedView is the measurement that was kept, classified.
type savedView struct {
	pressureView
	Warnings []string
	State    *stateView
	Enrolled bool
	Enrol    *enrolView
	MayOpen  bool
}

// newScreening is the capture form, the choice of a person before it, or the result of what was saved.
func (w *Web) newScreening(rw http.ResponseWriter, r *http.Request, a Actor) error {
	if err := a.recorder(); err != nil {
		return err
	}
	q := r.URL.Query()
	if q.Get("patient") == "" {
		return w.choosePatient(rw, r, a)
	}
	v := screeningView{At: civil(w.o.Clock()).Format(formTime)}
	return w.showScreening(rw, r, a, q.Get("patient"), q.Get("saved"), v, http.StatusOK)
}

func (w *Web) choosePatient(rw http.ResponseWriter, r *http.Request, a Actor) error {
	v := screeningView{Query: strings.TrimSpace(r.URL.Query().Get("q")), MayRegister: a.MayRecord, Errors: page.FormErrors{}}
	if v.Query != "" {
		found, err := w.o.Service.FindPatients(r.Context(), a.who(), registry.Find{Text: v.Query})
		if err != nil {
			return err
		}
		v.Searched = true
		for _, p := range found.List {
			v.People = append(v.People, w.personView(w.o.Shell.Lang(r), p))
		}
		if err := w.sawPeople(r, "registry.patients.found", v.People); err != nil {
			return err
		}
	}
	w.renderScreening(rw, r, v, http.StatusOK)
	return nil
}

func (w *Web) renderScreening(rw http.ResponseWriter, r *http.Request, v screeningView, status int) {
	w.o.Shell.Render(rw, r, page.Page{
		Template: "registry/screening", Title: "registry.screening.title", Nav: "screenings", Script: "registry/once.ts", View: v, Status: status,
	})
}

func (w *Web) showScreening(rw http.ResponseWriter, r *http.Request, a Actor, patient, saved string, v screeningView, status int) error {
	c, err := w.o.Service.PatientChart(r.Context(), a.who(), patient)
	if err != nil {
		return err
	}
	if err := w.sawPerson(r, "registry.screening.read", c.Patient.ID); err != nil {
		return err
	}
	lang := w.o.Shell.Lang(r)
	person := w.personView(lang, c.Patient)
	v.Person, v.Max = &person, civil(w.o.Clock()).Format(formTime)
	if v.Errors == nil {
		v.Errors = page.FormErrors{}
	}
	v.nameRows()
	v.Arms = choices(v.Arms, "registry.arm.", string(registry.LeftArm), string(registry.RightArm))
	v.Positions = choices(v.Positions, "registry.position.", string(registry.Sitting), string(registry.Standing), string(registry.Lying))
	for _, p := range c.Pressures {
		if saved != "" && p.ObservationID == saved {
			v.Saved = w.savedView(lang, a, c, p)
		}
	}
	w.renderScreening(rw, r, v, status)
	return nil
}

// choices makes options of values; what was chosen before is in chosen[0].
func choices(chosen []option, prefix string, values ...string) []option {
	now := values[0]
	if len(chosen) > 0 {
		now = chosen[0].Value
	}
	var out []option
	for _, v := range values {
		out = append(out, option{Value: v, Text: prefix + v, Selected: v == now})
	}
	return out
}

// nameRows fills in the fields' names and errors.
func (v *screeningView) nameRows() {
	for i := range v.Readings {
		row := &v.Readings[i]
		row.N = i + 1
		row.SystolicName, row.DiastolicName, row.PulseName = field(i, "systolic"), field(i, "diastolic"), field(i, "pulse")
		row.SystolicError, row.DiastolicError, row.PulseError = v.Errors.Get(row.SystolicName), v.Errors.Get(row.DiastolicName), v.Errors.Get(row.PulseName)
	}
}

func field(row int, name string) string { return fmt.Sprintf("readings.%d.%s", row, name) }

func (w *Web) savedView(lang page.Lang, a Actor, c registry.Chart, p registry.ChartPressure) *savedView {
	v := &savedView{pressureView: *pressureOf(p), MayOpen: a.MayOpen && w.o.Consults != nil}
	if len(p.Readings) == 0 {
		v.Warnings = append(v.Warnings, "registry.warning.single")
	}
	v.Warnings = append(v.Warnings, guideline.Unusual(guideline.Pressure{Systolic: p.Systolic, Diastolic: p.Diastolic})...)
	if m, ok := w.o.Book.Standing(c.Patient.ID, w.month()); ok {
		s := stateOf(m.State)
		v.State = &s
	}
	if _, v.Enrolled = c.Enrolled(); !v.Enrolled && p.Grading.Level >= guideline.Grade1 {
		v.Enrol = w.enrolView(lang, c)
	}
	return v
}

// screen keeps a measurement and shows what it says.
func (w *Web) screen(rw http.ResponseWriter, r *http.Request, a Actor) error {
	if err := a.recorder(); err != nil {
		return err
	}
	if err := readForm(rw, r); err != nil {
		return err
	}
	f := r.PostForm
	v := screeningView{
		At: f.Get("at"), AtHome: f.Get("home") == "yes", Device: f.Get("device"), Note: f.Get("note"), Errors: page.FormErrors{},
		Arms: []option{{Value: f.Get("arm")}}, Positions: []option{{Value: f.Get("position")}},
	}
	form := registry.Screening{
		PatientID: f.Get("patient"), AtHome: v.AtHome, Arm: registry.Arm(f.Get("arm")), Position: registry.Position(f.Get("position")),
		Device: v.Device, Note: v.Note,
	}
	places := w.readReadings(r, &v, &form)
	w.readTime(r, &v, &form)
	if v.Errors.Any() {
		return w.showScreening(rw, r, a, form.PatientID, "", v, http.StatusBadRequest)
	}
	if odd := unusual(form.Readings); len(odd) > 0 && f.Get("sure") != "yes" {
		v.Confirm = odd
		return w.showScreening(rw, r, a, form.PatientID, "", v, http.StatusConflict)
	}
	done, err := w.o.Service.RecordScreening(r.Context(), a.who(), form)
	if err != nil {
		problems := registry.ProblemsOf(err)
		if len(problems) == 0 {
			return err
		}
		v.Errors = w.formErrors(r, problems, func(name string) string { return fieldOnPage(name, places) })
		return w.showScreening(rw, r, a, form.PatientID, "", v, page.StatusOf(fault.CodeOf(err)))
	}
	w.settle(r.Context(), done.Seq)
	to := url.Values{"patient": {form.PatientID}, "saved": {done.ObservationID}}
	http.Redirect(rw, r, "/screenings/new?"+to.Encode(), http.StatusSeeOther)
	return nil
}

// readReadings takes the rows that hold anything and gives the row of each reading.
func (w *Web) readReadings(r *http.Request, v *screeningView, form *registry.Screening) (places []int) {
	lang := w.o.Shell.Lang(r)
	for i := range rows {
		row := readingForm{}
		var reading registry.BPReading
		for _, x := range []struct {
			name string
			text *string
			into *int
		}{{"systolic", &row.Systolic, &reading.Systolic}, {"diastolic", &row.Diastolic, &reading.Diastolic}, {"pulse", &row.Pulse, &reading.Pulse}} {
			*x.text = strings.TrimSpace(r.PostForm.Get(field(i, x.name)))
			if *x.text == "" {
				continue
			}
			n, err := strconv.Atoi(*x.text)
			if err != nil {
				v.Errors[field(i, x.name)] = w.o.Shell.T(lang, "registry.screening.error.number")
			}
			*x.into = n
		}
		v.Readings[i] = row
		if row.Systolic != "" || row.Diastolic != "" || row.Pulse != "" {
			form.Readings = append(form.Readings, reading)
			places = append(places, i)
		}
	}
	if len(form.Readings) == 0 {
		v.Errors[field(0, "systolic")] = w.o.Shell.T(lang, "registry.problem.readings.count")
	}
	return places
}

// readTime takes the time of the measurement. The form's minute stands for its whole length: the present minute is now.
func (w *Web) readTime(r *http.Request, v *screeningView, form *registry.Screening) {
	now := civil(w.o.Clock())
	if v.At == "" || v.At == now.Format(formTime) {
		form.At = now
		return
	}
	at, err := time.ParseInLocation(formTime, v.At, place.Zone())
	if err != nil {
		v.Errors["at"] = w.o.Shell.T(w.o.Shell.Lang(r), "registry.screening.error.at")
	}
	form.At = at
}

// fieldOnPage turns the service's number of a reading into the row it was typed in.
func fieldOnPage(name string, places []int) string {
	rest, ok := strings.CutPrefix(name, "readings.")
	if !ok {
		if name == "readings" {
			return field(0, "systolic")
		}
		if name == "patient" || name == "commune" {
			return ""
		}
		return name
	}
	number, what, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(places) {
		return field(places[n], what)
	}
	return name
}

// unusual are the message keys of odd values among plausible readings, each once.
func unusual(readings []registry.BPReading) (keys []string) {
	seen := map[string]bool{}
	for _, r := range readings {
		p := guideline.Pressure{Systolic: float64(r.Systolic), Diastolic: float64(r.Diastolic)}
		if !guideline.Plausible(p) {
			return nil // the service refuses it with its own sentence
		}
		for _, k := range guideline.Unusual(p) {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}
