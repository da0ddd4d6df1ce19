// Package web is identity's face over HTTP: sign-in and sign-out, set-up links, the administration page, the OAuth 2 token
// endpoint, and the middleware that tells every other handler who is asking.
//
// It decides nothing about records: package identity says who the caller is, and whoever serves the data asks it. Only cmd
// builds a Web; consult/web and registry/web receive its middleware and never import it.
package web

import (
	"embed"
	"log/slog"
	"net"
	"net/http"
	"time"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/page"
)

//go:embed templates messages ts
var files embed.FS

// Source is what this package brings to the page shell.
func Source() page.Source { return page.Source{Name: "identity", FS: files} }

// Commune is one choice in the account form: the five-digit code of 1 July 2025 and the name as people say it.
type Commune struct{ Code, Name string }

// Options is what New needs. Service, Shell and Audit are required.
type Options struct {
	Service *identity.Service
	Shell   *page.Shell
	Audit   audit.Sink
	Log     *slog.Logger
	Clock   func() time.Time

	// HTTPS says that people reach the service over TLS, here or at a proxy in front: the session cookie is then Secure and
	// has the __Host- prefix, and a cookie without the prefix is not believed.
	HTTPS bool

	// PublicURL is how people reach the service ("https://kham.example.vn"), for links to hand out; "" takes the request's host.
	PublicURL string

	// Communes are offered in the account form; empty makes it ask for codes.
	Communes []Commune

	// Address says where a request comes from, host without port, for rate limits and audit; nil takes the connection's
	// address. Behind a proxy cmd gives a function that trusts that proxy's header.
	Address func(*http.Request) string
}

// Web serves the pages and wraps handlers. It is safe for concurrent use.
type Web struct {
	options Options
	service *identity.Service
	shell   *page.Shell
}

// New makes the face of a service.
func New(o Options) *Web {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Address == nil {
		o.Address = remoteAddress
	}
	return &Web{options: o, service: o.Service, shell: o.Shell}
}

// Mux is what Routes fills: an http.ServeMux, whose patterns ("GET /{$}", "{login}") are used.
type Mux interface {
	Handle(pattern string, h http.Handler)
}

// Routes mounts every path of this package, the role's home at "/", the assets of the shell, and the "not found" page for
// what no other package mounts. The mux must be wrapped by Chain.
func (web *Web) Routes(mux Mux) {
	table := []struct {
		pattern string
		handle  http.HandlerFunc
	}{
		{"GET /{$}", web.home},
		{"GET /login", web.showLogin},
		{"POST /login", web.login},
		{"POST /logout", web.logout},
		{"GET /setup", web.showSetup},
		{"POST /setup", web.openSetup},
		{"POST /setup/complete", web.completeSetup},
		{"POST /oauth/token", web.token},
		{"GET /.well-known/smart-configuration", web.smartConfiguration},
		{"GET /fhir/.well-known/smart-configuration", web.smartConfiguration},
	}
	for _, route := range table {
		mux.Handle(route.pattern, route.handle)
	}
	admin := []struct {
		pattern string
		handle  http.HandlerFunc
	}{
		{"GET /admin", web.admin},
		{"GET /admin/staff/new", web.newStaff},
		{"POST /admin/staff", web.createStaff},
		{"POST /admin/staff/{login}/link", web.staffLink},
		{"POST /admin/staff/{login}/disable", web.disableStaff},
		{"POST /admin/staff/{login}/enable", web.enableStaff},
		{"GET /admin/clients/new", web.newClient},
		{"POST /admin/clients", web.createClient},
		{"POST /admin/clients/{id}/disable", web.disableClient},
	}
	only := web.RequireStaff(identity.Admin)
	for _, route := range admin {
		mux.Handle(route.pattern, only(route.handle))
	}
	mux.Handle("/assets/", web.shell.Assets())
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.shell.Error(w, r, fault.New(fault.NotFound, "web.Routes", ""))
	}))
}

// Nav is the navigation entry of this package.
func Nav() page.NavItem {
	return page.NavItem{Key: "admin", Title: "identity.nav.admin", URL: "/admin", Icon: "gear", Roles: []string{string(identity.Admin)}}
}

// Viewer tells the page shell who is signed in. It reads what Authenticate put into the request.
func Viewer(r *http.Request) page.Viewer {
	caller, ok := identity.From(r.Context())
	if !ok {
		return page.Viewer{}
	}
	v := page.Viewer{Name: caller.Name()}
	for _, role := range caller.Roles() {
		v.Roles = append(v.Roles, string(role))
	}
	return v
}

func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// baseURL is the address to put before a path in a link that is handed to somebody.
func (web *Web) baseURL(r *http.Request) string {
	if web.options.PublicURL != "" {
		return web.options.PublicURL
	}
	if web.secure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (web *Web) secure(r *http.Request) bool { return web.options.HTTPS || r.TLS != nil }

// tell records an audit event for the request. The caller decides what a failure means.
func (web *Web) tell(r *http.Request, e audit.Event) error {
	e.When = web.options.Clock().UTC()
	e.Address = web.options.Address(r)
	if caller, ok := identity.From(r.Context()); ok && e.Who == "" {
		e.Who = caller.Reference()
		if roles := caller.Roles(); len(roles) > 0 {
			e.Role = string(roles[0])
		}
	}
	return web.options.Audit.Record(r.Context(), e)
}

// note is tell where a failure must not change the answer: a refusal stays a refusal.
func (web *Web) note(r *http.Request, e audit.Event) {
	if err := web.tell(r, e); err != nil {
		web.options.Log.ErrorContext(r.Context(), "identity: an audit event was not kept", "kind", e.Kind, "error", err)
	}
}
