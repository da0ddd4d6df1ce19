package web

import (
	"net/http"

	"khamxa/internal/audit"
	"khamxa/internal/identity"
	"khamxa/internal/network"
	"khamxa/internal/page"
)

// loginView is the sign-in form.
type loginView struct {
	Login  string
	Next   string
	Errors page.FormErrors
}

func (web *Web) showLogin(w http.ResponseWriter, r *http.Request) {
	if _, ok := identity.From(r.Context()); ok && r.URL.Query().Get("lang") == "" {
		http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	web.renderLogin(w, r, http.StatusOK, loginView{Next: localPath(r.URL.Query().Get("next"))})
}

func (web *Web) renderLogin(w http.ResponseWriter, r *http.Request, status int, v loginView) {
	web.shell.Render(w, r, page.Page{Template: "identity/login", Title: "identity.login.title", Layout: page.Bare, View: v, Status: status})
}

func (web *Web) login(w http.ResponseWriter, r *http.Request) {
	if !web.form(w, r) {
		return
	}
	login, next := r.PostForm.Get("login"), localPath(r.PostForm.Get("next"))
	token, staff, err := web.service.SignIn(r.Context(), login, r.PostForm.Get("password"), network.Address(r))
	if err != nil {
		web.refuseLogin(w, r, login, next, err)
		return
	}
	if err := web.tell(r, audit.Event{
		Kind: "sign-in", Action: audit.Execute, Outcome: audit.Success,
		Who: "Practitioner/" + staff.ID, Role: firstRole(staff),
	}); err != nil {
		web.dropSession(r, token)
		web.shell.Error(w, r, err)
		return
	}
	web.replaceSession(w, r, token)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (web *Web) refuseLogin(w http.ResponseWriter, r *http.Request, login, next string, err error) {
	errs, ok := web.formErrors(r, err)
	if !ok {
		web.shell.Error(w, r, err)
		return
	}
	web.refused(r, network.SignIn, login, err)
	status := page.StatusOf(codeOf(err))
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	web.renderLogin(w, r, status, loginView{Login: login, Next: next, Errors: errs})
}

// replaceSession gives the browser its new session and ends the one it came with, so that a planted session is worth
// nothing.
func (web *Web) replaceSession(w http.ResponseWriter, r *http.Request, token string) {
	if old := web.sessionToken(r); old != "" {
		web.dropSession(r, old)
	}
	web.setSession(w, r, token)
}

func (web *Web) dropSession(r *http.Request, token string) {
	if err := web.service.SignOut(r.Context(), token); err != nil {
		web.options.Log.WarnContext(r.Context(), "identity: an old session was not removed", "err", err)
	}
}

func (web *Web) logout(w http.ResponseWriter, r *http.Request) {
	if token := web.sessionToken(r); token != "" {
		if err := web.service.SignOut(r.Context(), token); err != nil {
			web.shell.Error(w, r, err)
			return
		}
	}
	if _, ok := identity.From(r.Context()); ok {
		web.note(r, audit.Event{Kind: "sign-out", Action: audit.Execute, Outcome: audit.Success})
	}
	web.setSession(w, r, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func firstRole(s identity.Staff) string {
	if len(s.Roles) == 0 {
		return ""
	}
	return string(s.Roles[0].Role)
}
