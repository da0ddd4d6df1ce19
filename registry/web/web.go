// Package web is the pages of the registry: finding and registering people, a person's chart, measuring blood pressure, and the
// programme's report with the list of people behind every number.
//
// Handlers decode a request, call registry.Service or the cohort's Book, and encode the answer; rules and figures are theirs. What a
// person may see comes with the request's Actor: people by holder, figures by commune, and the two need not be the same. A GET changes
// nothing. Every page works as plain HTML. README.md lists the element ids and data attributes that tests and programs rely on. Only
// cmd may call it.
package web

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/fhir/store"
	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/internal/page/chart"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/guideline"
)

//go:embed templates messages css ts
var files embed.FS

// Source is this package's own source; it needs the others of Sources beside it.
func Source() page.Source { return page.Source{Name: "registry", FS: files} }

// Sources are all that the page shell needs for these pages: the package's own, the charts' style, and the words of registry and of
// registry/guideline.
func Sources() []page.Source {
	return []page.Source{
		Source(), chart.Source(), {Name: "registry-messages", FS: registry.Messages}, {Name: "guideline", FS: guideline.Messages},
	}
}

// Book is what the pages ask the cohort's follower.
type Book interface {
	Figures(cohort.Query) (cohort.Report, error)
	List(cohort.PeopleQuery) ([]cohort.Member, store.Seq)
	Standing(patientID string, m cohort.Month) (cohort.Member, bool)
	WaitFor(ctx context.Context, seq store.Seq) error
}

// Consults opens a consult for a patient now and gives the address of its page. The context is the request's and carries who asks.
type Consults interface {
	Open(ctx context.Context, patientID string) (url string, err error)
}

// Actor is who makes a request and what they may do.
type Actor struct {
	Reference string   // "Practitioner/..."
	Within    []string // holders whose people they may know ("Organization/tyt-14221"); nil for all
	Communes  []string // codes of the communes whose figures they may see; nil for all
	MayList   bool     // open the list of people behind a number, as far as Within allows
	MayRecord bool     // open charts, register people, measure, enrol
	MayOpen   bool     // open a consult
}

// Options joins the pages to the rest. Shell, Service, Book and Caller are required.
type Options struct {
	Shell   *page.Shell
	Service *registry.Service
	Book    Book
	// Caller is who makes a request; false when nobody is signed in.
	Caller func(*http.Request) (Actor, bool)
	// Staff guards people's pages, Reports the report pages (sign-in, role); nil leaves it to Caller.
	Staff   func(http.Handler) http.Handler
	Reports func(http.Handler) http.Handler
	// Consults opens consults; nil shows no button.
	Consults Consults
	// Audit keeps that a person's data was shown: Kind, Action, Type, Objects, Patient and Purpose are filled in, the rest is the
	// caller's. If it fails nothing is shown. nil keeps nothing.
	Audit func(*http.Request, audit.Event) error
	// Target is the share of control that the programme aims at, 0 to 1, drawn in the chart; 0 draws none.
	Target float64
	Clock  func() time.Time
	Log    *slog.Logger
}

// Web serves the pages. Make one with New.
type Web struct {
	o Options
}

// New makes a Web.
func New(o Options) (*Web, error) {
	if o.Shell == nil || o.Service == nil || o.Book == nil || o.Caller == nil {
		return nil, fault.New(fault.Internal, "registry/web.New", "A part that the registry pages need was not given.")
	}
	open := func(next http.Handler) http.Handler { return next }
	if o.Staff == nil {
		o.Staff = open
	}
	if o.Reports == nil {
		o.Reports = open
	}
	if o.Audit == nil {
		o.Audit = func(*http.Request, audit.Event) error { return nil }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Web{o: o}, nil
}

// Routes registers every page.
func (w *Web) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(w.o.Staff)
		r.Get("/patients", w.as(w.patients))
		r.Post("/patients", w.as(w.register))
		r.Get("/patients/new", w.as(w.newPatient))
		r.Get("/patients/{id}", w.as(w.chart))
		r.Post("/patients/{id}/enrol", w.as(w.enrol))
		r.Post("/patients/{id}/consult", w.as(w.consult))
		r.Get("/screenings/new", w.as(w.newScreening))
		r.Post("/screenings", w.as(w.screen))
	})
	r.Group(func(r chi.Router) {
		r.Use(w.o.Reports)
		r.Get("/reports", w.as(w.reports))
		r.Get("/reports/hypertension", w.as(w.report))
		r.Get("/reports/hypertension/people", w.as(w.people))
	})
}

// handler answers a request of somebody who is known. An error it returns becomes the error page.
type handler func(rw http.ResponseWriter, r *http.Request, a Actor) error

// as finds out who asks.
func (w *Web) as(h handler) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		a, ok := w.o.Caller(r)
		if !ok {
			w.o.Shell.Error(rw, r, fault.New(fault.Unauthenticated, "registry/web.as", "Please sign in."))
			return
		}
		if err := h(rw, r, a); err != nil {
			w.o.Shell.Error(rw, r, readable(err))
		}
	}
}

// readable gives an error of the service, whose sentences are Vietnamese, a message key where there is one, for both languages.
func readable(err error) error {
	if problems := registry.ProblemsOf(err); len(problems) > 0 && problems[0].Key != "" && len(problems[0].Args) == 0 {
		return fault.Wrap(err, fault.CodeOf(err), "registry/web", problems[0].Key)
	}
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(err, fault.NotFound, "registry/web", "registry.unknown")
	}
	return err
}

// who is the actor as the service knows them.
func (a Actor) who() registry.Actor { return registry.Actor{Reference: a.Reference, Within: a.Within} }

// recorder refuses those who may not write.
func (a Actor) recorder() error {
	if !a.MayRecord {
		return fault.New(fault.Forbidden, "registry/web.recorder", "registry.forbidden.record")
	}
	return nil
}

// maxForm is the largest form in bytes: the note of a measurement in Vietnamese, escaped, and small fields.
const maxForm = 64 << 10

// readForm parses a posted form.
func readForm(rw http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Invalid, "registry/web.readForm", "The request cannot be read.")
	}
	return nil
}

// formErrors puts the service's problems into the reader's language, one sentence a field. rename gives the page's field.
func (w *Web) formErrors(r *http.Request, problems registry.Problems, rename func(string) string) page.FormErrors {
	lang := w.o.Shell.Lang(r)
	errs := page.FormErrors{}
	for _, p := range problems {
		field := p.Field
		if rename != nil {
			field = rename(field)
		}
		if errs[field] != "" {
			continue
		}
		errs[field] = p.Sentence
		if p.Key != "" {
			errs[field] = w.o.Shell.T(lang, p.Key, p.Args...)
		}
	}
	return errs
}

// patience is how long an answer waits for the figures to take in what was just kept; they follow on their own anyway.
const patience = 2 * time.Second

// settle waits until the figures hold the commit, so that the next page shows it.
func (w *Web) settle(ctx context.Context, seq store.Seq) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.o.Book.WaitFor(ctx, seq); err != nil {
		w.o.Log.WarnContext(ctx, "registry: the figures are late", "seq", int64(seq), "err", err)
	}
}

// month is the running month.
func (w *Web) month() cohort.Month { return cohort.MonthOf(w.o.Clock()) }
