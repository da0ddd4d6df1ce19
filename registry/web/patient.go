package web

import (
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/internal/page/chart"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/guideline"
)

// shownVisits is how many visits the chart lists.
const shownVisits = 12

type chartView struct {
	registry.Patient
	Person     personView
	Age        string // "" unknown
	CCCD       string // grouped
	State      *stateView
	Definition cohort.Rules // that State is by
	Rule       *ruleView    // threshold that State is by; nil if it is by visits only
	Enrolled   bool
	Last       *pressureView
	BPChart    template.HTML
	Pressures  int
	Visits     []visitView
	MoreVisits int
	Episodes   []episodeView
	Enrol      *enrolView // nil: cannot or may not
	MayRecord  bool
	MayOpen    bool
	Done       string // message key of what was just done, "" nothing
	Errors     page.FormErrors
}

// pressureView is one blood pressure in words.
type pressureView struct {
	ID                  string
	At                  time.Time
	Systolic, Diastolic float64
	Pulse               int
	Text, Next, Tone    string // message keys and a class
	Isolated            bool
	Rule, StepRule      ruleView
	SessionRule         *ruleView // how several readings became one; nil for a single one
	Readings            []registry.BPReading
}

// ruleView is a rule with its source, for print beside what was decided by it.
type ruleView struct {
	ID, Text                   string // Text is a message key
	Document, Section, Version string
	Confirmed                  bool
}

type visitView struct {
	At          time.Time
	Class       string // message key
	Reason      string
	Commune     string
	BP          *pressureView
	InProgress  bool
	EncounterID string
}

type episodeView struct {
	Start, End string
	Active     bool
	Commune    string
}

type enrolView struct {
	PatientID string
	Confirmed bool // Measured would hold
	Bases     []option
	Error     string
}

func ruleOf(id string) ruleView {
	r, ok := guideline.ByID(id)
	if !ok {
		return ruleView{ID: id}
	}
	return ruleView{ID: r.ID, Text: r.Text, Document: r.Source.Document, Section: r.Source.Section, Version: r.Source.Version, Confirmed: r.Source.Confirmed}
}

func pressureOf(p registry.ChartPressure) *pressureView {
	g := p.Grading
	v := &pressureView{
		ID: p.ObservationID, At: p.At, Systolic: p.Systolic, Diastolic: p.Diastolic, Pulse: p.Pulse, Text: g.Text, Next: g.Next,
		Isolated: g.IsolatedSystolic, Rule: ruleOf(g.Rule), StepRule: ruleOf(g.StepRule), Readings: p.Readings, Tone: "good",
	}
	if len(p.Readings) > 1 {
		r := ruleOf(guideline.RuleSession)
		v.SessionRule = &r
	}
	switch {
	case g.Level >= guideline.Grade2:
		v.Tone = "danger"
	case g.Level >= guideline.Grade1:
		v.Tone = "warn"
	case g.Level == guideline.HighNormal:
		v.Tone = "info"
	}
	return v
}

// chart is a person's page.
func (w *Web) chart(rw http.ResponseWriter, r *http.Request, a Actor) error {
	return w.showChart(rw, r, a, chi.URLParam(r, "id"), nil, http.StatusOK)
}

func (w *Web) showChart(rw http.ResponseWriter, r *http.Request, a Actor, id string, errs page.FormErrors, status int) error {
	c, err := w.o.Service.PatientChart(r.Context(), a.who(), id)
	if err != nil {
		return err
	}
	if err := w.sawPerson(r, "registry.chart.read", id); err != nil {
		return err
	}
	v, err := w.chartView(w.o.Shell.Lang(r), a, c)
	if err != nil {
		return err
	}
	if v.Errors = errs; errs == nil {
		v.Errors = page.FormErrors{}
	}
	if v.Enrol != nil {
		v.Enrol.Error = v.Errors.Get("basis")
	}
	switch done := r.URL.Query().Get("done"); done {
	case "registered", "enrolled":
		v.Done = "registry.chart.done." + done
	}
	w.o.Shell.Render(rw, r, page.Page{Template: "registry/chart", Title: c.Patient.Name, Nav: "patients", Script: "registry/once.ts", View: v, Status: status})
	return nil
}

// sawPerson keeps that one person's data is about to be shown.
func (w *Web) sawPerson(r *http.Request, kind, id string) error {
	ref := "Patient/" + id
	return w.o.Audit(r, audit.Event{Kind: kind, Action: audit.Read, Type: "Patient", Objects: []string{ref}, Patient: ref, Purpose: "TREAT"})
}

func (w *Web) chartView(lang page.Lang, a Actor, c registry.Chart) (chartView, error) {
	v := chartView{
		Patient: c.Patient, Person: w.personView(lang, c.Patient), CCCD: groupedCCCD(c.Patient.CCCD),
		Pressures: len(c.Pressures), MayRecord: a.MayRecord && !c.Patient.Deceased, MayOpen: a.MayOpen && w.o.Consults != nil && !c.Patient.Deceased,
	}
	if c.Patient.Age >= 0 {
		v.Age = fmt.Sprint(c.Patient.Age)
	}
	_, v.Enrolled = c.Enrolled()
	if m, ok := w.o.Book.Standing(c.Patient.ID, w.month()); ok {
		s := stateOf(m.State)
		v.State, v.Definition = &s, cohort.HEARTS360.Rules()
		if m.State == cohort.Controlled || m.State == cohort.Uncontrolled {
			rule := ruleOf(v.Definition.Control.ID)
			v.Rule = &rule
		}
	}
	if len(c.Pressures) > 0 {
		v.Last = pressureOf(c.Pressures[0])
	}
	if v.MayRecord && !v.Enrolled {
		v.Enrol = w.enrolView(lang, c)
	}
	for _, e := range c.Episodes {
		v.Episodes = append(v.Episodes, episodeView{Start: e.Start, End: e.End, Active: e.Active(), Commune: w.communeName(lang, e.Commune)})
	}
	w.addVisits(lang, &v, c)
	var err error
	v.BPChart, err = w.bpChart(lang, c)
	return v, err
}

func groupedCCCD(s string) string {
	if len(s) != 12 {
		return s
	}
	return s[:3] + " " + s[3:6] + " " + s[6:9] + " " + s[9:]
}

func (w *Web) addVisits(lang page.Lang, v *chartView, c registry.Chart) {
	byVisit := map[string]*pressureView{}
	for _, p := range c.Pressures {
		if p.EncounterID != "" && byVisit[p.EncounterID] == nil {
			byVisit[p.EncounterID] = pressureOf(p)
		}
	}
	for i, visit := range c.Visits {
		if i == shownVisits {
			v.MoreVisits = len(c.Visits) - shownVisits
			return
		}
		v.Visits = append(v.Visits, visitView{
			At: visit.At, Class: visitClass(visit.Class), Reason: visit.Reason, Commune: w.communeName(lang, visit.Commune),
			BP: byVisit[visit.EncounterID], InProgress: visit.Status == "in-progress", EncounterID: visit.EncounterID,
		})
	}
}

func visitClass(class string) string {
	switch class {
	case "HH", "VR":
		return "registry.visit." + class
	}
	return "registry.visit.AMB"
}

func (w *Web) enrolView(lang page.Lang, c registry.Chart) *enrolView {
	e := &enrolView{PatientID: c.Patient.ID, Confirmed: c.Confirmed()}
	bases := []registry.Basis{registry.Treated, registry.Judged}
	if e.Confirmed {
		bases = append([]registry.Basis{registry.Measured}, bases...)
	}
	for i, b := range bases {
		e.Bases = append(e.Bases, option{Value: string(b), Text: "registry.basis." + string(b), Selected: i == 0 && e.Confirmed})
	}
	return e
}

// bpChart draws every blood pressure of the chart; nothing without any.
func (w *Web) bpChart(lang page.Lang, c registry.Chart) (template.HTML, error) {
	if len(c.Pressures) == 0 {
		return "", nil
	}
	t := func(key string, args ...any) string { return w.o.Shell.T(lang, key, args...) }
	limit := guideline.ControlHEARTS360()
	p := chart.Pressure{
		Frame: chart.Frame{ID: "bp-chart", Lang: lang, Title: t("registry.chart.bp.title"), Table: chart.Table{
			Summary: t("registry.chart.bp.table", len(c.Pressures)),
			Head:    []string{t("registry.chart.bp.when"), t("registry.bp.systolic"), t("registry.bp.diastolic"), t("registry.chart.bp.level")},
		}},
		SystolicLimit: limit.Systolic, DiastolicLimit: limit.Diastolic, Systolic: t("registry.bp.systolic"), Diastolic: t("registry.bp.diastolic"),
	}
	held := 0
	for _, x := range c.Pressures {
		pair := chart.Number(lang, x.Systolic) + "/" + chart.Number(lang, x.Diastolic)
		when := civil(x.At).Format("02/01/2006")
		p.Readings = append(p.Readings, chart.Reading{At: x.At, Systolic: x.Systolic, Diastolic: x.Diastolic, Tip: when + ": " + pair + " mmHg"})
		p.Table.Rows = append(p.Table.Rows, []chart.Cell{
			{Text: when}, {Text: chart.Number(lang, x.Systolic)}, {Text: chart.Number(lang, x.Diastolic)}, {Text: t(x.Grading.Text)},
		})
		if limit.Holds(guideline.Pressure{Systolic: x.Systolic, Diastolic: x.Diastolic}) {
			held++
		}
	}
	last := c.Pressures[0]
	p.Desc = t("registry.chart.bp.desc", len(c.Pressures), held, chart.Number(lang, last.Systolic)+"/"+chart.Number(lang, last.Diastolic), civil(last.At).Format("02/01/2006"))
	return p.HTML()
}

// enrol takes the enrolment form of the chart and of a measurement.
func (w *Web) enrol(rw http.ResponseWriter, r *http.Request, a Actor) error {
	if err := a.recorder(); err != nil {
		return err
	}
	if err := readForm(rw, r); err != nil {
		return err
	}
	return w.enrolAs(rw, r, a, registry.Enrolment{PatientID: chi.URLParam(r, "id"), Basis: registry.Basis(r.PostForm.Get("basis"))})
}

// consult opens a consult with the person and goes to it.
func (w *Web) consult(rw http.ResponseWriter, r *http.Request, a Actor) error {
	if !a.MayOpen || w.o.Consults == nil {
		return fault.New(fault.Forbidden, "registry/web.consult", "registry.forbidden.consult")
	}
	people, err := w.o.Service.People(r.Context(), a.who(), []string{chi.URLParam(r, "id")})
	if err != nil {
		return err
	}
	p, ok := people[chi.URLParam(r, "id")]
	if !ok {
		return fault.New(fault.NotFound, "registry/web.consult", "registry.unknown")
	}
	address, err := w.o.Consults.Open(r.Context(), p.ID)
	if err != nil {
		return err
	}
	http.Redirect(rw, r, address, http.StatusSeeOther)
	return nil
}
