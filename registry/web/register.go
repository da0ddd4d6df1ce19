package web

import (
	"net/http"
	"net/url"
	"strings"

	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/registry"
)

type registerView struct {
	Form     registry.PatientForm
	Enrol    string // "" or a registry.Basis
	Genders  []option
	Communes []option
	Similar  []personView // people who may be the same
	Errors   page.FormErrors
}

// newPatient is the form.
func (w *Web) newPatient(rw http.ResponseWriter, r *http.Request, a Actor) error {
	if err := a.recorder(); err != nil {
		return err
	}
	w.showRegister(rw, r, a, registerView{Form: registry.PatientForm{Name: suggestedName(r.URL.Query().Get("name"))}}, http.StatusOK)
	return nil
}

// suggestedName takes over what was searched for when it looks like a name.
func suggestedName(q string) string {
	if strings.ContainsAny(q, "0123456789") {
		return ""
	}
	return q
}

func (w *Web) showRegister(rw http.ResponseWriter, r *http.Request, a Actor, v registerView, status int) {
	if v.Errors == nil {
		v.Errors = page.FormErrors{}
	}
	v.Communes = communeOptions(a.stations(), v.Form.Commune)
	for _, g := range []registry.Gender{registry.Female, registry.Male, registry.Other} {
		v.Genders = append(v.Genders, option{Value: string(g), Text: genderKey(g), Selected: v.Form.Gender == g})
	}
	w.o.Shell.Render(rw, r, page.Page{
		Template: "registry/new", Title: "registry.new.title", Nav: "patients", Script: "registry/once.ts", View: v, Status: status,
	})
}

// register keeps a new person, after a look at who may be the same, and enrols them if asked to.
func (w *Web) register(rw http.ResponseWriter, r *http.Request, a Actor) error {
	if err := a.recorder(); err != nil {
		return err
	}
	if err := readForm(rw, r); err != nil {
		return err
	}
	v := registerView{Form: patientForm(r.PostForm), Enrol: r.PostForm.Get("enrol")}
	similar, err := w.o.Service.Similar(r.Context(), a.who(), v.Form)
	if err != nil {
		return err
	}
	if len(similar) > 0 && r.PostForm.Get("different") != "yes" {
		for _, p := range similar {
			v.Similar = append(v.Similar, w.personView(w.o.Shell.Lang(r), p))
		}
		if err := w.sawPeople(r, "registry.patients.similar", v.Similar); err != nil {
			return err
		}
		w.showRegister(rw, r, a, v, http.StatusConflict)
		return nil
	}
	done, err := w.o.Service.RegisterPatient(r.Context(), a.who(), v.Form)
	if err != nil {
		problems := registry.ProblemsOf(err)
		if len(problems) == 0 {
			return err
		}
		v.Errors = w.formErrors(r, problems, nil)
		w.showRegister(rw, r, a, v, page.StatusOf(fault.CodeOf(err)))
		return nil
	}
	w.settle(r.Context(), done.Seq)
	if v.Enrol != "" {
		return w.enrolAs(rw, r, a, registry.Enrolment{PatientID: done.PatientID, Basis: registry.Basis(v.Enrol)})
	}
	http.Redirect(rw, r, "/patients/"+url.PathEscape(done.PatientID)+"?done=registered", http.StatusSeeOther)
	return nil
}

func patientForm(f url.Values) registry.PatientForm {
	return registry.PatientForm{
		Name: f.Get("name"), Gender: registry.Gender(f.Get("gender")), Birth: f.Get("birth"), Phone: f.Get("phone"), CCCD: f.Get("cccd"),
		Address: f.Get("address"), Commune: f.Get("commune"),
	}
}

// enrolAs enrols and goes to the chart. The person exists whatever happens: a problem is shown on the chart, beside the form for it.
func (w *Web) enrolAs(rw http.ResponseWriter, r *http.Request, a Actor, e registry.Enrolment) error {
	done, err := w.o.Service.EnrolHypertension(r.Context(), a.who(), e)
	if err != nil {
		problems := registry.ProblemsOf(err)
		if len(problems) == 0 {
			return err
		}
		errs := w.formErrors(r, problems, func(f string) string {
			if f == "basis" {
				return "basis"
			}
			return "" // the enrolment form asks for the basis only
		})
		return w.showChart(rw, r, a, e.PatientID, errs, page.StatusOf(fault.CodeOf(err)))
	}
	w.settle(r.Context(), done.Seq)
	http.Redirect(rw, r, "/patients/"+url.PathEscape(e.PatientID)+"?done=enrolled", http.StatusSeeOther)
	return nil
}
