package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/page"
)

// consoleView is the doctor's console.
type consoleView struct {
	C         consult.Consult
	Row       row
	Patient   consult.Profile
	Known     bool // the patient's chart could be looked up
	PhoneText string
	Chart     string
	Link      *linkView
	Note      []noteField
	Vitals    vitalsView
	Errors    page.FormErrors
	Editable  bool
	Measure   bool
	Can       map[string]bool
}

// linkView is a fresh invitation: the only time that its secret is shown.
type linkView struct {
	URL string `json:"url"`
	QR  code   `json:"qr"`
}

type noteField struct {
	Field   consult.Field
	Text    string
	Version int
	Rows    int
	Needed  bool
	Error   string
}

func (w *Web) console(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	c, err := w.o.Service.Get(r.Context(), a, chi.URLParam(r, "id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.showConsole(rw, r, a, c, nil, nil)
}

// showConsole renders the console; change, when set, puts typed values and errors into the view.
func (w *Web) showConsole(rw http.ResponseWriter, r *http.Request, a consult.Actor, c consult.Consult, link *linkView, change func(*consoleView)) {
	if !w.saw(rw, r, sawConsult, c.Patient.ID) {
		return
	}
	view := consoleView{
		C: c, Row: rowOf(c, w.o.Clock()), Link: link, Errors: page.FormErrors{}, Editable: c.Editable(), Measure: c.Measurable(),
		Can: map[string]bool{},
	}
	for _, cmd := range consult.Commands() {
		view.Can[string(cmd)] = false
	}
	for _, cmd := range c.Commands(a) {
		view.Can[string(cmd)] = true
	}
	w.lookUp(r.Context(), a, &view)
	lang := w.o.Shell.Lang(r)
	for _, f := range consult.Fields() {
		s := c.Note.Section(f)
		view.Note = append(view.Note, noteField{
			Field: f, Text: s.Text, Version: s.Version, Rows: 3, Needed: f == consult.Assessment || f == consult.Plan,
		})
	}
	view.Vitals = w.vitalsOf(lang, c)
	status := http.StatusOK
	if change != nil {
		change(&view)
		if view.Errors.Any() {
			status = http.StatusBadRequest
		}
	}
	w.o.Shell.Render(rw, r, page.Page{
		Template: "consult/console", Title: c.Patient.Name, Nav: "consults", Script: "consult/console.ts", View: view, Status: status,
		Config: map[string]any{
			"id": c.ID, "phase": c.Phase, "sealed": c.Seal != nil, "signal": w.o.Signal, "events": w.o.Watch != nil,
			"readings": len(c.Readings), "peer": patientPeer(c), "t": w.texts(lang, "consult.js.console."),
		},
	})
}

// lookUp adds what the register says of the patient. The console works without it: a consult must not wait for a search.
func (w *Web) lookUp(ctx context.Context, a consult.Actor, view *consoleView) {
	p, err := w.o.Service.Profile(ctx, a, view.C)
	if err != nil {
		w.o.Log.WarnContext(ctx, "consult: the patient could not be looked up", "consult", view.C.ID, "err", err)
		return
	}
	here := a.Sees(view.C.Station) // otherwise the chart is another station's, and only the consult is to be finished
	view.Patient, view.Known, view.PhoneText = p, here, spoken(p.Phone)
	if w.o.Chart != nil && here {
		view.Chart = w.o.Chart(p.ID)
	}
}

func patientPeer(c consult.Consult) string {
	if c.Invitation == nil {
		return ""
	}
	return c.Invitation.Peer
}

// stateView is what the console's script follows.
type stateView struct {
	Phase    consult.Phase `json:"phase"`
	Label    string        `json:"label"`
	Tone     string        `json:"tone"`
	Sealed   bool          `json:"sealed"`
	Here     bool          `json:"here"`
	Since    string        `json:"since"` // RFC 3339: when the wait or the call began
	Editable bool          `json:"editable"`
	Measure  bool          `json:"measure"`
	Can      []string      `json:"can"`
}

func (w *Web) stateOf(lang page.Lang, a consult.Actor, c consult.Consult) stateView {
	v := rowOf(c, w.o.Clock())
	s := stateView{
		Phase: c.Phase, Label: w.o.Shell.T(lang, v.Label), Tone: v.Tone, Sealed: c.Seal != nil, Here: v.Here,
		Editable: c.Editable(), Measure: c.Measurable(), Can: []string{},
	}
	if !v.Since.IsZero() {
		s.Since = v.Since.Format(time.RFC3339)
	}
	for _, cmd := range c.Commands(a) {
		s.Can = append(s.Can, string(cmd))
	}
	return s
}

func (w *Web) state(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	c, err := w.o.Service.Get(r.Context(), a, chi.URLParam(r, "id"))
	if err != nil {
		w.failJSON(rw, r, err, nil)
		return
	}
	answer(rw, http.StatusOK, w.stateOf(w.o.Shell.Lang(r), a, c))
}

// command serves a method of the service that takes nothing but the consult.
func (w *Web) command(run func(context.Context, consult.Actor, string) (consult.Consult, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		a, ok := w.actor(rw, r)
		if !ok {
			return
		}
		c, err := run(r.Context(), a, chi.URLParam(r, "id"))
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		w.done(rw, r, a, c)
	}
}

func (w *Web) done(rw http.ResponseWriter, r *http.Request, a consult.Actor, c consult.Consult) {
	if wantsJSON(r) {
		answer(rw, http.StatusOK, w.stateOf(w.o.Shell.Lang(r), a, c))
		return
	}
	next := "/consults/" + c.ID
	if !c.KnownTo(a) { // signed for a patient who is with another station by now
		next = "/consults"
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
}

// invite makes a link and shows it, this once.
func (w *Web) invite(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	c, link, err := w.o.Service.Invite(r.Context(), a, chi.URLParam(r, "id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	view := linkView{URL: strings.TrimSuffix(w.o.BaseURL(r), "/") + link.Path()}
	if view.QR, err = draw(view.URL); err != nil {
		w.fail(rw, r, err)
		return
	}
	if !wantsJSON(r) {
		w.showConsole(rw, r, a, c, &view, nil)
		return
	}
	answer(rw, http.StatusOK, struct {
		linkView
		State stateView `json:"state"`
	}{view, w.stateOf(w.o.Shell.Lang(r), a, c)})
}

func (w *Web) doctorTicket(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	t, err := w.o.Service.DoctorTicket(r.Context(), a, chi.URLParam(r, "id"))
	if err != nil {
		w.failJSON(rw, r, err, nil)
		return
	}
	answer(rw, http.StatusOK, map[string]string{"ticket": t})
}

// sign signs; sections that are missing are named beside their fields.
func (w *Web) sign(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	id := chi.URLParam(r, "id")
	c, err := w.o.Service.Sign(r.Context(), a, id)
	if err == nil {
		w.done(rw, r, a, c)
		return
	}
	if !fault.Is(err, fault.Invalid) {
		w.fail(rw, r, err)
		return
	}
	c, gerr := w.o.Service.Get(r.Context(), a, id)
	if gerr != nil {
		w.fail(rw, r, gerr)
		return
	}
	errs := page.FormErrors{}
	for _, f := range c.Missing() {
		errs[string(f)] = w.o.Shell.T(w.o.Shell.Lang(r), "consult.note.error."+string(f))
	}
	if wantsJSON(r) {
		w.failJSON(rw, r, err, errs)
		return
	}
	w.showConsole(rw, r, a, c, nil, func(v *consoleView) { v.mark(errs) })
}

// mark puts errors beside the fields of the note.
func (v *consoleView) mark(errs page.FormErrors) {
	v.Errors = errs
	for i := range v.Note {
		v.Note[i].Error = errs.Get(string(v.Note[i].Field))
	}
}

func atoi(s string) (int, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
