package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/page"
)

// vitalsView is the blood pressure form with the consult's readings.
type vitalsView struct {
	N                          int // the reading that saving writes
	Systolic, Diastolic, Pulse string
	Readings                   []readingView
	Errors                     page.FormErrors
}

type readingView struct {
	N         int    `json:"n"`
	Systolic  int    `json:"systolic"`
	Diastolic int    `json:"diastolic"`
	Pulse     int    `json:"pulse"`
	Time      string `json:"time"`
	Kept      bool   `json:"kept"`
	Advice    Advice `json:"advice"`
}

// vitalsOf shows the last reading in the form, to be corrected; the first is empty.
func (w *Web) vitalsOf(lang page.Lang, c consult.Consult) vitalsView {
	v := vitalsView{N: 1, Errors: page.FormErrors{}}
	for _, r := range c.Readings {
		rv := readingView{
			N: r.N, Systolic: r.Systolic, Diastolic: r.Diastolic, Pulse: r.Pulse, Kept: r.Kept,
			Time: r.At.In(consult.HoChiMinh()).Format("15:04"),
		}
		if w.o.Classify != nil {
			rv.Advice = w.o.Classify(lang, c.Patient.ID, r.Systolic, r.Diastolic)
		}
		v.Readings = append(v.Readings, rv)
		v.N, v.Systolic, v.Diastolic, v.Pulse = r.N, strconv.Itoa(r.Systolic), strconv.Itoa(r.Diastolic), blank(r.Pulse)
	}
	return v
}

func blank(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// vitals saves a blood pressure.
func (w *Web) vitals(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	if err := readForm(rw, r); err != nil {
		w.fail(rw, r, err)
		return
	}
	id := chi.URLParam(r, "id")
	lang := w.o.Shell.Lang(r)
	reading, errs := w.readingOf(lang, r)
	if errs.Any() {
		w.vitalsWrong(rw, r, a, id, errs, fault.New(fault.Invalid, "consult/web.vitals", "The blood pressure cannot be right. Please check it."))
		return
	}
	c, err := w.o.Service.SaveVitals(r.Context(), a, id, reading)
	if err != nil {
		if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Unknown) || fault.Is(err, fault.Timeout) {
			w.vitalsWrong(rw, r, a, id, page.FormErrors{"": w.o.Shell.T(lang, "consult.vitals.error.kept")}, err)
			return
		}
		w.fail(rw, r, err)
		return
	}
	if !wantsJSON(r) {
		http.Redirect(rw, r, "/consults/"+c.ID+"#vitals", http.StatusSeeOther)
		return
	}
	answer(rw, http.StatusOK, map[string]any{"n": reading.N, "readings": w.vitalsOf(lang, c).Readings})
}

// readingOf reads the form; every field that is wrong gets its own sentence.
func (w *Web) readingOf(lang page.Lang, r *http.Request) (consult.Reading, page.FormErrors) {
	errs := page.FormErrors{}
	number := func(field string) int {
		n, ok := atoi(r.PostForm.Get(field))
		if !ok {
			errs[field] = w.o.Shell.T(lang, "consult.vitals.error.number")
		}
		return n
	}
	reading := consult.Reading{N: number("n"), Systolic: number("systolic"), Diastolic: number("diastolic"), Pulse: number("pulse")}
	for _, p := range reading.Check() {
		if errs[p.Field] == "" {
			errs[p.Field] = w.o.Shell.T(lang, "consult.vitals.error."+p.Field+"."+p.Kind)
		}
	}
	return reading, errs
}

// vitalsWrong shows the form again with what was typed.
func (w *Web) vitalsWrong(rw http.ResponseWriter, r *http.Request, a consult.Actor, id string, errs page.FormErrors, cause error) {
	if wantsJSON(r) {
		w.failJSON(rw, r, cause, errs)
		return
	}
	c, err := w.o.Service.Get(r.Context(), a, id)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.showConsole(rw, r, a, c, nil, func(v *consoleView) {
		v.Errors = errs
		v.Vitals.Errors = errs
		v.Vitals.Systolic, v.Vitals.Diastolic, v.Vitals.Pulse = r.PostForm.Get("systolic"), r.PostForm.Get("diastolic"), r.PostForm.Get("pulse")
		if n, ok := atoi(r.PostForm.Get("n")); ok && n > 0 {
			v.Vitals.N = n
		}
	})
}

// conflictView is what somebody else wrote meanwhile.
type conflictView struct {
	Text    string `json:"text"`
	Version int    `json:"version"`
	By      string `json:"by"`
	At      string `json:"at"`
}

// note saves sections: edits as JSON from the script, the whole form without it.
func (w *Web) note(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		w.noteForm(rw, r, a)
		return
	}
	var body struct {
		Edits []consult.Edit `json:"edits"`
	}
	if err := readJSON(rw, r, &body); err != nil {
		w.failJSON(rw, r, err, nil)
		return
	}
	saved, err := w.o.Service.SaveDraft(r.Context(), a, chi.URLParam(r, "id"), body.Edits)
	if err != nil {
		w.failJSON(rw, r, err, nil)
		return
	}
	conflicts := map[consult.Field]conflictView{}
	for f, s := range saved.Conflicts {
		conflicts[f] = conflictView{Text: s.Text, Version: s.Version, By: s.By.Name, At: s.At.In(consult.HoChiMinh()).Format("15:04")}
	}
	answer(rw, http.StatusOK, map[string]any{
		"versions": saved.Versions, "conflicts": conflicts, "at": w.o.Clock().In(consult.HoChiMinh()).Format("15:04:05"),
	})
}

// noteForm saves the note without a script. A conflict shows both texts: theirs is kept, what was typed stays in the field.
func (w *Web) noteForm(rw http.ResponseWriter, r *http.Request, a consult.Actor) {
	if err := readForm(rw, r); err != nil {
		w.fail(rw, r, err)
		return
	}
	id := chi.URLParam(r, "id")
	lang := w.o.Shell.Lang(r)
	var edits []consult.Edit
	for _, f := range consult.Fields() {
		if _, there := r.PostForm[string(f)]; !there {
			continue
		}
		base, _ := atoi(r.PostForm.Get("version-" + string(f))) // no number is no version, and a conflict
		edits = append(edits, consult.Edit{Field: f, Text: r.PostForm.Get(string(f)), Base: base})
	}
	saved, err := w.o.Service.SaveDraft(r.Context(), a, id, edits)
	if err != nil && fault.PathOf(err) == "" {
		w.fail(rw, r, err)
		return
	}
	errs := page.FormErrors{}
	if err != nil {
		errs[fault.PathOf(err)] = w.o.Shell.Sentence(lang, err)
	}
	for f, s := range saved.Conflicts {
		errs[string(f)] = w.o.Shell.T(lang, "consult.note.error.conflict", s.By.Name, s.At.In(consult.HoChiMinh()).Format("15:04"), s.Text)
	}
	if !errs.Any() {
		http.Redirect(rw, r, "/consults/"+id+"#note", http.StatusSeeOther)
		return
	}
	c, gerr := w.o.Service.Get(r.Context(), a, id)
	if gerr != nil {
		w.fail(rw, r, gerr)
		return
	}
	w.showConsole(rw, r, a, c, nil, func(v *consoleView) {
		v.mark(errs)
		for i := range v.Note {
			if text, there := r.PostForm[string(v.Note[i].Field)]; there {
				v.Note[i].Text = text[0]
			}
		}
	})
}
