package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"khamxa/consult"
	"khamxa/consult/record"
	consultweb "khamxa/consult/web"
	"khamxa/fhir/rest"
	"khamxa/fhir/subscription"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	idweb "khamxa/internal/identity/web"
	"khamxa/internal/page"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/place"
	registryweb "khamxa/registry/web"
	"khamxa/signaling/client"
)

// navigation is the staff's menu.
func navigation() []page.NavItem {
	doctor, specialist, manager := string(identity.Doctor), string(identity.Specialist), string(identity.Manager)
	return []page.NavItem{
		{Key: "consults", Title: "consult.nav", URL: "/consults", Icon: "video", Roles: []string{doctor}},
		{Key: "patients", Title: "registry.nav.patients", URL: "/patients", Icon: "people", Roles: []string{doctor, specialist}},
		{Key: "screenings", Title: "registry.nav.screenings", URL: "/screenings/new", Icon: "heart", Roles: []string{doctor, specialist}},
		{Key: "reports", Title: "registry.nav.reports", URL: "/reports", Icon: "chart", Roles: []string{doctor, specialist, manager}},
		idweb.Nav(),
	}
}

// newShell builds the pages' ground: every template, message, script and style.
func (s *service) newShell() (*page.Shell, error) {
	sources := []page.Source{idweb.Source(), consultweb.Source(), {Name: "signaling", FS: client.Files}}
	return page.New(page.Options{Sources: append(sources, registryweb.Sources()...), Viewer: idweb.Viewer, Nav: navigation(), Log: s.core.log})
}

// newStaffPages is sign-in, accounts, and who makes a request.
func (s *service) newStaffPages(shell *page.Shell) *idweb.Web {
	communes := place.Communes()
	choices := make([]idweb.Commune, len(communes))
	for i, u := range communes {
		choices[i] = idweb.Commune{Code: u.Code, Name: u.FullName()}
	}
	return idweb.New(idweb.Options{
		Service: s.core.staff, Shell: shell, Audit: s.trail, Log: s.core.log, Clock: s.core.clock,
		HTTPS: s.set.https(), PublicURL: s.set.publicURL, Communes: choices, Refusals: s.refusals,
	})
}

// newConsults joins the consults to the log, the rooms and the bus.
func (s *service) newConsults() (*consult.Service, error) {
	return consult.New(consult.Options{
		Records: s.core.store, Keeper: record.New(s.core.store), Patients: record.NewPeople(s.core.store), Rooms: s.calls.signalling,
		Tickets: issuer{s.core.staff.Tickets()}, Notify: s.news(), Clock: s.core.clock, Log: s.core.log,
	})
}

func (s *service) news() news { return news{conn: s.calls.conn, log: s.core.log} }

func (s *service) newConsultPages(shell *page.Shell, staff *idweb.Web) (*consultweb.Web, error) {
	treated := func(id string) bool {
		now := s.core.clock()
		m, ok := s.core.figures.Standing(id, cohort.MonthOf(now))
		return ok && m.Registered.Format(time.DateOnly) < now.In(place.Zone()).Format(time.DateOnly) // on the day itself the diagnosis is new
	}
	o := consultweb.Options{
		Shell: shell, Service: s.consults, Finder: record.NewPeople(s.core.store), Actor: consultActor,
		Staff: staff.RequireStaff(identity.Doctor), Clinic: consultweb.Clinic{Name: s.set.clinicName, Phone: s.set.clinicPhone},
		Classify: classify(shell, treated), Watch: s.news().watch, Chart: chartPath, Audit: s.trail.pages, Refusals: s.refusals, Clock: s.core.clock, Log: s.core.log,
	}
	if base := s.set.publicURL; base != "" {
		o.BaseURL = func(*http.Request) string { return base }
	}
	return consultweb.New(o)
}

func (s *service) newRegistryPages(shell *page.Shell, staff *idweb.Web) (*registryweb.Web, error) {
	standing := func(id string) (state, text string, ok bool) {
		m, ok := s.core.figures.Standing(id, cohort.MonthOf(s.core.clock()))
		return m.State.String(), m.State.Text(), ok
	}
	return registryweb.New(registryweb.Options{
		Shell: shell, Service: registry.NewService(registry.Options{Store: s.core.store, Clock: s.core.clock, Standing: standing}),
		Book: s.core.figures, Caller: registryActor,
		Staff:    staff.RequireStaff(identity.Doctor, identity.Specialist),
		Reports:  staff.RequireStaff(identity.Doctor, identity.Specialist, identity.Manager),
		Consults: opener{s.consults}, Audit: s.trail.pages, Clock: s.core.clock, Log: s.core.log,
	})
}

// newHandler joins every path of the service.
func (s *service) newHandler(ctx context.Context) (http.Handler, error) {
	shell, err := s.newShell()
	if err != nil {
		return nil, err
	}
	staff := s.newStaffPages(shell)
	if s.consults, err = s.newConsults(); err != nil {
		return nil, err
	}
	consults, err := s.newConsultPages(shell, staff)
	if err != nil {
		return nil, err
	}
	people, err := s.newRegistryPages(shell, staff)
	if err != nil {
		return nil, err
	}
	api, err := s.fhirAPI(ctx, staff)
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Use(s.metrics.observe, recovered(shell, s), middleware.GetHead)
	staff.Routes(r)
	consults.Routes(r)
	people.Routes(r)
	r.Handle(rest.Prefix+"/.well-known/smart-configuration", staff.SmartConfiguration())
	r.Handle(rest.Prefix, api)
	r.Handle(rest.Prefix+"/*", api)
	r.MethodNotAllowed(oddMethods(api, r.MethodNotAllowedHandler()))
	r.Get("/healthz", s.health.Alive)
	r.Get("/readyz", s.health.Ready)
	r.Handle("/metrics", s.metrics.handler())

	top := http.NewServeMux() // signalling stands beside the pages: a hijacked connection has no status, and is no page
	top.Handle("/signal", s.calls.sockets)
	top.Handle(subscription.Path, s.subscriptionSockets(staff))
	top.Handle("/", page.Compress(staff.Chain(untilDrained(s.draining, r))))
	// Outermost is whose request it is: limits, the trail and signalling ask.
	return s.set.proxies.Handler(page.Secure(top, page.SecureOptions{HTTPS: s.set.https(), PublicURL: s.set.publicURL})), nil
}

// oddMethods lets the FHIR interface answer in its own form for methods that the router does not know at all (PROPFIND).
func oddMethods(api, pages http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == rest.Prefix || strings.HasPrefix(r.URL.Path, rest.Prefix+"/") {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}
}

// recovered answers a request whose handler panicked, and keeps the others going. It is a fault of ours and is logged as one: with the
// place, and the text only of the runtime's own errors, since any other value might hold what a person wrote.
func recovered(shell *page.Shell, s *service) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				err, isError := v.(error)
				if isError && errors.Is(err, http.ErrAbortHandler) {
					panic(http.ErrAbortHandler) // net/http's own way to end a connection
				}
				what := fmt.Sprintf("%T", v)
				if err, ok := v.(runtime.Error); ok {
					what = err.Error()
				}
				s.core.log.Error("a handler panicked", "route", chi.RouteContext(r.Context()).RoutePattern(), "panic", what, "stack", string(debug.Stack()))
				shell.Error(w, r, fault.New(fault.Internal, "khamxa.recovered", "Something went wrong here."))
			}()
			next.ServeHTTP(w, r)
		})
	}
}
