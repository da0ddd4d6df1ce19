package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/page"
)

// Cookie names. The __Host- prefix makes browsers refuse the cookie unless it is Secure, for the whole site and set by
// this very host (RFC 6265bis section 4.1.3.2), so a neighbour under the same domain cannot plant a session.
const (
	plainCookie  = "khamxa"
	secureCookie = "__Host-khamxa"
)

// Chain is the order in which every request passes: cross-origin check, then who is asking, then next.
func (web *Web) Chain(next http.Handler) http.Handler { return web.Protect(web.Authenticate(next)) }

// Protect refuses requests that change something and come from another site (CSRF), by Sec-Fetch-Site and Origin
// (http.CrossOriginProtection). Programs without a browser send neither header and pass; their credential is not a cookie. A browser that
// sends Origin alone (Safari before 16.4) is compared with the request's Host, or with PublicURL: a proxy may put its own Host in.
func (web *Web) Protect(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	if url := web.options.PublicURL; url != "" {
		if err := guard.AddTrustedOrigin(url); err != nil {
			web.options.Log.Error("identity: the public address is no origin", "err", err)
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.shell.Error(w, r, fault.New(fault.Forbidden, "web.Protect", crossOrigin))
	}))
	return guard.Handler(next)
}

const crossOrigin = "This request came from another website and was refused."

// Authenticate looks at the session cookie and lets identity.From know who is asking. A request without a good session goes
// on as nobody; a store that is down answers 503, since "nobody" would be a guess.
func (web *Web) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := web.sessionToken(r)
		if token == "" || strings.HasPrefix(r.URL.Path, "/assets/") {
			next.ServeHTTP(w, r)
			return
		}
		caller, err := web.service.Session(r.Context(), token)
		switch {
		case err == nil:
			r = r.WithContext(identity.With(r.Context(), caller))
		case !fault.Is(err, fault.Unauthenticated):
			web.shell.Error(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RequireStaff lets only signed-in staff through, and only those with one of the roles when some are given. Others are sent
// to the sign-in page (a GET, which then leads back), or answered 401; the wrong role is 403.
func (web *Web) RequireStaff(roles ...identity.Role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, ok := identity.From(r.Context())
			if _, isStaff := caller.Staff(); !ok || !isStaff {
				web.askToSignIn(w, r)
				return
			}
			if len(roles) > 0 && !slices.ContainsFunc(roles, caller.Has) {
				web.shell.Error(w, r, fault.New(fault.Forbidden, "web.RequireStaff", ""))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (web *Web) askToSignIn(w http.ResponseWriter, r *http.Request) {
	isPage := r.Method == http.MethodGet && (r.Header.Get("Sec-Fetch-Mode") == "" || r.Header.Get("Sec-Fetch-Mode") == "navigate")
	if !isPage {
		web.shell.Error(w, r, fault.New(fault.Unauthenticated, "web.RequireStaff", identity.SessionNotValid))
		return
	}
	http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
}

// Caller says who makes a request to an API: the bearer token's client if there is an Authorization header, else the
// session's person (put there by Authenticate). A bad token is never forgiven for a good cookie. Fault.Unauthenticated when
// nobody is known.
func (web *Web) Caller(r *http.Request) (identity.Caller, error) {
	const op = "web.Caller"
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return identity.Caller{}, fault.New(fault.Unauthenticated, op, identity.BadBearer)
		}
		return web.service.VerifyBearer(r.Context(), strings.TrimSpace(token))
	}
	if caller, ok := identity.From(r.Context()); ok {
		return caller, nil
	}
	return identity.Caller{}, fault.New(fault.Unauthenticated, op, "This needs an access token, or a signed-in person.")
}

// sessionToken reads the session cookie, under the one name that is right for the connection.
func (web *Web) sessionToken(r *http.Request) string {
	c, err := r.Cookie(web.cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

func (web *Web) cookieName(r *http.Request) string {
	if web.secure(r) {
		return secureCookie
	}
	return plainCookie
}

// setSession writes the session cookie; "" removes it. It has no expiry: it goes with the browser, and the server ends the
// session anyway.
func (web *Web) setSession(w http.ResponseWriter, r *http.Request, token string) {
	c := &http.Cookie{
		Name: web.cookieName(r), Value: token, Path: "/",
		HttpOnly: true, Secure: web.secure(r), SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// localPath is where to go after sign-in: the given address if it is plainly a path of ours, else "/". Browsers read
// backslashes as slashes and drop tabs and newlines, so none may be in it.
func localPath(next string) string {
	u, err := url.Parse(next)
	bad := err != nil || u.Scheme != "" || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f })
	if bad {
		return "/"
	}
	for _, never := range []string{"/login", "/logout", "/setup"} {
		if u.Path == never {
			return "/"
		}
	}
	return next
}

// home leads everybody to where their work is.
func (web *Web) home(w http.ResponseWriter, r *http.Request) {
	caller, ok := identity.From(r.Context())
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	for _, place := range []struct {
		role identity.Role
		path string
	}{
		{identity.Doctor, "/consults"},
		{identity.Specialist, "/consults"},
		{identity.Manager, "/reports"},
		{identity.Admin, "/admin"},
	} {
		if caller.Has(place.role) {
			http.Redirect(w, r, place.path, http.StatusSeeOther)
			return
		}
	}
	web.shell.Error(w, r, fault.New(fault.Forbidden, "web.home", ""))
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// form reads a posted form; false when an answer has been given already.
func (web *Web) form(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		web.shell.Error(w, r, fault.Wrap(err, fault.Invalid, "web.form", ""))
		return false
	}
	return true
}

// formErrors turns a fault about a field into what the form shows, or gives ok = false for any other fault.
func (web *Web) formErrors(r *http.Request, err error) (e page.FormErrors, ok bool) {
	switch fault.CodeOf(err) {
	case fault.Invalid, fault.Conflict, fault.Unauthenticated, fault.TooMany, fault.State:
		return page.FormErrors{fault.PathOf(err): web.shell.Sentence(web.shell.Lang(r), err)}, true
	default: // nothing that another input would mend
		return nil, false
	}
}
