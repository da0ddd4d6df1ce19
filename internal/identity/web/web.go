// Package web is identity's face over HTTP: sign-in and sign-out, set-up links, the administration page, the OAuth 2 token
// endpoint, and the middleware that tells every other handler who is asking.
//
// It decides nothing about records: package identity says who the caller is, and whoever serves the data asks it. Only cmd
// builds a Web; consult/web and registry/web receive its middleware and never import it.
package web

import (
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/network"
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

	// PublicURL is how people reach the service ("https://kham.example.vn"), for links to hand out, and the origin of pages that may
	// change something whatever Host a proxy hands on; "" takes the request's host.
	PublicURL string

	// Communes are offered in the account form; empty makes it ask for codes.
	Communes []Commune

	// Refusals takes refused sign-ins and tokens; nil tells Log of them.
	Refusals *network.Refusals
}

// Web serves the pages and wraps handlers. It is safe for concurrent use.
type Web struct {
	options  Options
	service  *identity.Service
	shell    *page.Shell
	attempts attempts
}

// New makes the face of a service.
func New(o Options) *Web {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Refusals == nil {
		o.Refusals = network.NewRefusals(o.Log, o.Clock, nil)
	}
	return &Web{options: o, service: o.Service, shell: o.Shell, attempts: newAttempts(o.Clock)}
}

// Routes mounts every path of this package, the role's home at "/", the assets of the shell, and the pages for an unknown
// path and a wrong method. The router must be wrapped by Chain.
func (web *Web) Routes(r chi.Router) {
	r.NotFound(web.notFound)
	r.MethodNotAllowed(web.wrongMethod)
	r.Handle("/assets/*", web.shell.Assets())

	r.Get("/", web.home)
	r.Get("/login", web.showLogin)
	r.Post("/login", web.login)
	r.Post("/logout", web.logout)
	r.Get("/setup", web.showSetup)
	r.Post("/setup", web.openSetup)
	r.Post("/setup/complete", web.completeSetup)
	r.Post("/oauth/token", web.token)
	r.Get("/.well-known/smart-configuration", web.smartConfiguration)

	admin := r.With(web.RequireStaff(identity.Admin))
	admin.Get("/admin", web.admin)
	admin.Get("/admin/staff/new", web.newStaff)
	admin.Post("/admin/staff", web.createStaff)
	admin.Post("/admin/staff/{login}/link", web.staffLink)
	admin.Post("/admin/staff/{login}/disable", web.disableStaff)
	admin.Post("/admin/staff/{login}/enable", web.enableStaff)
	admin.Get("/admin/clients/new", web.newClient)
	admin.Post("/admin/clients", web.createClient)
	admin.Post("/admin/clients/{id}/disable", web.disableClient)
}

// SmartConfiguration serves the SMART discovery document; it is also due under the FHIR base, where cmd mounts it
// ("/fhir/.well-known/smart-configuration").
func (web *Web) SmartConfiguration() http.Handler { return http.HandlerFunc(web.smartConfiguration) }

func (web *Web) notFound(w http.ResponseWriter, r *http.Request) {
	web.shell.Error(w, r, fault.New(fault.NotFound, "web.Routes", ""))
}

func (web *Web) wrongMethod(w http.ResponseWriter, r *http.Request) {
	web.shell.Fail(w, r, http.StatusMethodNotAllowed, fault.New(fault.Unsupported, "web.Routes", ""))
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
	e.Address = network.Address(r)
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
		web.options.Log.ErrorContext(r.Context(), "identity: an audit event was not kept", "kind", e.Kind, "err", err)
	}
}
