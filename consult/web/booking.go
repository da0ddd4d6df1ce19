package web

import (
	"net/http"
	"strings"
	"time"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/page"
)

// maxFound is how many patients a search shows.
const maxFound = 20

// formTime is how a datetime-local field writes a time, in Vietnam's zone (HTML Living Standard 2.3.5.5).
const formTime = "2006-01-02T15:04"

type bookingView struct {
	Query    string
	Searched bool
	Found    []consult.Profile
	More     bool
	Patient  *consult.Profile // chosen
	ID       string           // the booking's own number: sent twice, booked once
	When     string           // "now" or "later"
	At       string           // formTime
	Min      string
	Reason   string
	Errors   page.FormErrors
}

// booking is the form: first find a patient, then choose when.
func (w *Web) booking(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	view := bookingView{Query: strings.TrimSpace(r.URL.Query().Get("q")), When: "now", Errors: page.FormErrors{}}
	if id := r.URL.Query().Get("patient"); id != "" {
		w.choose(rw, r, a, id, view)
		return
	}
	if view.Query != "" {
		found, err := w.o.Finder.Find(r.Context(), a.Stations, view.Query, maxFound+1)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		ids := make([]string, len(found))
		for i, p := range found {
			ids[i], found[i].Phone = p.ID, spoken(p.Phone)
		}
		if !w.saw(rw, r, sawFound, ids...) {
			return
		}
		view.Searched, view.More = true, len(found) > maxFound
		view.Found = found[:min(len(found), maxFound)]
	}
	w.showBooking(rw, r, view, http.StatusOK)
}

func (w *Web) choose(rw http.ResponseWriter, r *http.Request, a consult.Actor, patient string, view bookingView) {
	p, err := w.o.Service.Find(r.Context(), a, patient)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if !w.saw(rw, r, sawPatient, p.ID) {
		return
	}
	if view.ID == "" {
		if view.ID, err = w.o.Service.NewID(); err != nil {
			w.fail(rw, r, err)
			return
		}
	}
	p.Phone = spoken(p.Phone)
	view.Patient = &p
	status := http.StatusOK
	if view.Errors.Any() {
		status = http.StatusBadRequest
	}
	w.showBooking(rw, r, view, status)
}

func (w *Web) showBooking(rw http.ResponseWriter, r *http.Request, view bookingView, status int) {
	now := w.o.Clock().In(consult.HoChiMinh())
	view.Min = now.Format(formTime)
	if view.At == "" {
		view.At = now.Truncate(time.Hour).Add(2 * time.Hour).Format(formTime)
	}
	w.o.Shell.Render(rw, r, page.Page{Template: "consult/new", Title: "consult.new.title", Nav: "consults", View: view, Status: status})
}

// book books, and goes to the console.
func (w *Web) book(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	if err := readForm(rw, r); err != nil {
		w.fail(rw, r, err)
		return
	}
	form := r.PostForm
	view := bookingView{ID: form.Get("id"), When: form.Get("when"), At: form.Get("at"), Reason: form.Get("reason"), Errors: page.FormErrors{}}
	b := consult.Booking{ID: view.ID, Patient: form.Get("patient"), Reason: view.Reason}
	if view.When == "later" {
		at, err := time.ParseInLocation(formTime, view.At, consult.HoChiMinh())
		if err != nil {
			view.Errors["at"] = w.o.Shell.T(w.o.Shell.Lang(r), "consult.new.error.at")
			w.choose(rw, r, a, b.Patient, view)
			return
		}
		b.At = at
	}
	c, err := w.o.Service.Book(r.Context(), a, b)
	if err == nil {
		http.Redirect(rw, r, "/consults/"+c.ID, http.StatusSeeOther)
		return
	}
	field := fault.PathOf(err)
	if (field != "at" && field != "reason") || b.Patient == "" {
		w.fail(rw, r, err)
		return
	}
	view.Errors[field] = w.o.Shell.Sentence(w.o.Shell.Lang(r), err)
	w.choose(rw, r, a, b.Patient, view)
}
