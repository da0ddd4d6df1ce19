package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/audit"
	"khamxa/internal/identity"
	"khamxa/internal/page"
)

// clientView is the form for a program, with what was typed.
type clientView struct {
	Name, Scope string
	Errors      page.FormErrors
}

// secretView shows a program's credential, once.
type secretView struct{ Name, ID, Secret, Scope, TokenURL string }

func (web *Web) newClient(w http.ResponseWriter, r *http.Request) {
	web.renderClient(w, r, http.StatusOK, clientView{Scope: "system/Observation.rs"})
}

func (web *Web) renderClient(w http.ResponseWriter, r *http.Request, status int, v clientView) {
	web.shell.Render(w, r, page.Page{Template: "identity/client", Title: "identity.client.title", Nav: "admin", View: v, Status: status})
}

func (web *Web) createClient(w http.ResponseWriter, r *http.Request) {
	if !web.form(w, r) {
		return
	}
	v := clientView{Name: r.PostForm.Get("name"), Scope: r.PostForm.Get("scope")}
	client, secret, err := web.service.CreateClient(r.Context(), identity.NewClient{Name: v.Name, Scope: v.Scope})
	if errs, ok := web.formErrors(r, err); ok {
		v.Errors = errs
		web.renderClient(w, r, page.StatusOf(codeOf(err)), v)
		return
	}
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	web.note(r, clientEvent("client.create", audit.Create, client.ID))
	web.shell.Render(w, r, page.Page{
		Template: "identity/secret", Title: "identity.secret.title", Nav: "admin", Script: "identity/copy.ts",
		View: secretView{Name: client.Name, ID: client.ID, Secret: secret, Scope: client.Scope, TokenURL: web.baseURL(r) + "/oauth/token"},
	})
}

func (web *Web) disableClient(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if err := web.service.DisableClient(r.Context(), id); err != nil {
		web.shell.Error(w, r, err)
		return
	}
	web.note(r, clientEvent("client.disable", audit.Update, id))
	http.Redirect(w, r, "/admin", http.StatusSeeOther)
}

func clientEvent(kind string, action audit.Action, id string) audit.Event {
	return audit.Event{Kind: kind, Action: action, Outcome: audit.Success, Type: "Device", Objects: []string{"Device/" + id}}
}
