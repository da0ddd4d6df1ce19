// Package web is the pages of a consult: the doctor's queue and console, and the patient's page behind the invitation link.
//
// Handlers decode a request, call one method of consult.Service and encode the answer; the rules are in package consult.
// Staff pages live under /consults, the patient's under /j/{invitation}. A GET changes nothing. The secret of a link reaches
// this package twice, in the answer to an invitation and in a redemption's body, and goes nowhere else. Every page works as
// plain HTML; the TypeScript in ts/ adds the call, autosave and live updates. README.md lists the element ids that tests and
// support rely on. Only cmd may call it.
package web

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/consult"
	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/internal/page"
)

//go:embed templates messages css ts/*.ts
var files embed.FS

// Source is what the page shell needs of this package.
func Source() page.Source { return page.Source{Name: "consult", FS: files} }

// Finder finds patients by what somebody types, confined as consult.Actor.Stations.
type Finder interface {
	Find(ctx context.Context, within []string, query string, limit int) ([]consult.Profile, error)
}

// Clinic is what a patient's page says before anybody has proved anything: the service's name and a telephone number
// (E.164, "" for none).
type Clinic struct{ Name, Phone string }

// Advice is a sentence on a blood pressure, in the reader's language. Tone is a class of the design system: good, warn, danger, info.
type Advice struct {
	Text string `json:"text"`
	Tone string `json:"tone"`
}

// Options joins the pages to the rest. Shell, Service, Finder and Actor are required.
type Options struct {
	Shell   *page.Shell
	Service *consult.Service
	Finder  Finder
	// Actor is who makes a staff request; false when nobody is signed in.
	Actor func(*http.Request) (consult.Actor, bool)
	// Staff guards the routes under /consults (sign-in, role); nil leaves it to Actor.
	Staff func(http.Handler) http.Handler
	// BaseURL is the address under which patients reach the service, without a trailing slash; nil takes the request's host.
	BaseURL func(*http.Request) string
	Clinic  Clinic
	// Classify puts a patient's blood pressure of now (mmHg) into words; nil says nothing.
	Classify func(lang page.Lang, patientID string, systolic, diastolic int) Advice
	// Watch calls f for each change of a consult until stop; f does not block. nil: pages reload by themselves.
	Watch func(f func(consult.Change)) (stop func(), err error)
	// Audit keeps that a person's data was shown: Kind, Action, Type, Objects, Patient and Purpose are filled in, the rest is the
	// caller's. If it fails nothing is shown. nil keeps nothing.
	Audit func(*http.Request, audit.Event) error
	// Refusals takes attempts to open a link that were refused; nil tells Log of them.
	Refusals *network.Refusals
	// Chart is the address of a patient's chart; nil shows no link.
	Chart func(patientID string) string
	// Signal is where signalling listens; "" is /signal.
	Signal string
	Clock  func() time.Time
	Log    *slog.Logger
}

// Web serves the pages. Make one with New.
type Web struct {
	o Options
}

// New makes a Web.
func New(o Options) (*Web, error) {
	if o.Shell == nil || o.Service == nil || o.Finder == nil || o.Actor == nil {
		return nil, fault.New(fault.Internal, "consult/web.New", "A part that the consult pages need was not given.")
	}
	if o.Staff == nil {
		o.Staff = func(next http.Handler) http.Handler { return next }
	}
	if o.BaseURL == nil {
		o.BaseURL = ownURL
	}
	if o.Audit == nil {
		o.Audit = func(*http.Request, audit.Event) error { return nil }
	}
	if o.Signal == "" {
		o.Signal = "/signal"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Refusals == nil {
		o.Refusals = network.NewRefusals(o.Log, o.Clock, nil)
	}
	return &Web{o: o}, nil
}

// Routes registers every page.
func (w *Web) Routes(r chi.Router) {
	s := w.o.Service
	r.Group(func(r chi.Router) {
		r.Use(w.o.Staff)
		r.Get("/consults", w.queue)
		r.Post("/consults", w.book)
		r.Get("/consults/new", w.booking)
		r.Get("/consults/events", w.events)
		r.Get("/consults/{id}", w.console)
		r.Get("/consults/{id}/state", w.state)
		r.Post("/consults/{id}/invite", w.invite)
		r.Post("/consults/{id}/ticket", w.doctorTicket)
		r.Post("/consults/{id}/note", w.note)
		r.Post("/consults/{id}/vitals", w.vitals)
		r.Post("/consults/{id}/admit", w.command(s.Admit))
		r.Post("/consults/{id}/phone", w.command(s.ConvertToPhone))
		r.Post("/consults/{id}/end", w.command(s.End))
		r.Post("/consults/{id}/no-show", w.command(s.NoShow))
		r.Post("/consults/{id}/cancel", w.command(s.Cancel))
		r.Post("/consults/{id}/sign", w.sign)
	})
	r.Get("/j/{invitation}", w.join)
	r.Head("/j/{invitation}", w.join)
	r.Post("/j/{invitation}/redeem", w.redeem)
	r.Post("/j/{invitation}/ticket", w.patientTicket)
}

// actor is who makes the request, or the answer has been given.
func (w *Web) actor(rw http.ResponseWriter, r *http.Request) (consult.Actor, bool) {
	a, ok := w.o.Actor(r)
	if !ok {
		w.fail(rw, r, fault.New(fault.Unauthenticated, "consult/web.actor", "Please sign in."))
	}
	return a, ok
}

// ownURL is the request's own address: right when no proxy stands in front.
func ownURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (w *Web) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(w.o.BaseURL(r), "https://")
}
