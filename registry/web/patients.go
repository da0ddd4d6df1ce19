package web

import (
	"net/http"
	"strings"

	"khamxa/internal/audit"
	"khamxa/internal/page"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/guideline"
)

type patientsView struct {
	Query     string
	People    []personView
	Next      string // cursor of the next page, "" on the last
	MayRecord bool
}

// patients finds people.
func (w *Web) patients(rw http.ResponseWriter, r *http.Request, a Actor) error {
	q := r.URL.Query()
	view := patientsView{Query: strings.TrimSpace(q.Get("q")), MayRecord: a.MayRecord}
	found, err := w.o.Service.FindPatients(r.Context(), a.who(), registry.Find{Text: view.Query, Next: q.Get("next")})
	if err != nil {
		return err
	}
	lang := w.o.Shell.Lang(r)
	for _, p := range found.List {
		v := w.personView(lang, p)
		if err := w.addStanding(r, a, &v); err != nil {
			return err
		}
		view.People = append(view.People, v)
	}
	view.Next = found.Next
	if err := w.sawPeople(r, "registry.patients.found", view.People); err != nil {
		return err
	}
	w.o.Shell.Render(rw, r, page.Page{Template: "registry/patients", Title: "registry.patients.title", Nav: "patients", View: view})
	return nil
}

// addStanding fills in the last blood pressure and the state of this month. Who is not counted has their chart read for the pressure.
func (w *Web) addStanding(r *http.Request, a Actor, v *personView) error {
	if m, ok := w.o.Book.Standing(v.ID, w.month()); ok {
		s := stateOf(m.State)
		v.State = &s
		if !m.LastBP.At.IsZero() {
			v.BP = &m.LastBP
		}
	} else {
		c, err := w.o.Service.PatientChart(r.Context(), a.who(), v.ID)
		if err != nil {
			return err
		}
		if len(c.Pressures) > 0 {
			p := c.Pressures[0]
			v.BP = &cohort.Pressure{At: p.At, Systolic: p.Systolic, Diastolic: p.Diastolic}
		}
	}
	v.Over = v.BP != nil && raised(*v.BP)
	return nil
}

func raised(p cohort.Pressure) bool {
	return !guideline.ControlHEARTS360().Holds(guideline.Pressure{Systolic: p.Systolic, Diastolic: p.Diastolic})
}

// sawPeople keeps that the people of a list were shown.
func (w *Web) sawPeople(r *http.Request, kind string, people []personView) error {
	objects := make([]string, 0, len(people))
	for _, p := range people {
		if p.ID != "" {
			objects = append(objects, "Patient/"+p.ID)
		}
	}
	for first := true; first || len(objects) > 0; first = false {
		n := min(len(objects), audit.MaxObjects)
		err := w.o.Audit(r, audit.Event{Kind: kind, Action: audit.Read, Type: "Patient", Objects: objects[:n], Purpose: "TREAT"})
		if err != nil {
			return err
		}
		objects = objects[n:]
	}
	return nil
}
