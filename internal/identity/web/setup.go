package web

import (
	"net/http"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/network"
	"khamxa/internal/page"
)

// codeOf is fault.CodeOf under a name that reads well beside fault values called err.
func codeOf(err error) fault.Code { return fault.CodeOf(err) }

// setupView is the first step: the code, which the page's script takes from the fragment of the link.
type setupView struct{ Errors page.FormErrors }

// passwordView is the second step. First asks for a name and a login too: the first administrator.
type passwordView struct {
	Code, Login, Name string
	First             bool
	Errors            page.FormErrors
}

func (web *Web) showSetup(w http.ResponseWriter, r *http.Request) {
	web.renderSetup(w, r, http.StatusOK, nil)
}

func (web *Web) renderSetup(w http.ResponseWriter, r *http.Request, status int, e page.FormErrors) {
	web.shell.Render(w, r, page.Page{
		Template: "identity/setup", Title: "identity.setup.title", Layout: page.Bare,
		Script: "identity/setup.ts", View: setupView{Errors: e}, Status: status,
	})
}

func (web *Web) renderPassword(w http.ResponseWriter, r *http.Request, status int, v passwordView) {
	web.shell.Render(w, r, page.Page{
		Template: "identity/password", Title: "identity.setup.title", Layout: page.Bare, View: v, Status: status,
	})
}

// openSetup looks at a code, without using it up, and shows the form that fits it.
func (web *Web) openSetup(w http.ResponseWriter, r *http.Request) {
	if !web.form(w, r) {
		return
	}
	code := r.PostForm.Get("code")
	who, first, err := web.service.SetupFor(r.Context(), code)
	if err != nil {
		web.refuseSetup(w, r, err)
		return
	}
	web.renderPassword(w, r, http.StatusOK, passwordView{Code: code, First: first, Login: who.Login, Name: who.Name})
}

func (web *Web) refuseSetup(w http.ResponseWriter, r *http.Request, err error) {
	if !fault.Is(err, fault.Gone) {
		web.shell.Error(w, r, err)
		return
	}
	web.renderSetup(w, r, http.StatusGone, page.FormErrors{"code": web.shell.Sentence(web.shell.Lang(r), err)})
}

// completeSetup makes the account ready and signs the person in.
func (web *Web) completeSetup(w http.ResponseWriter, r *http.Request) {
	if !web.form(w, r) {
		return
	}
	code, password := r.PostForm.Get("code"), r.PostForm.Get("password")
	_, first, err := web.service.SetupFor(r.Context(), code)
	if err != nil {
		web.refuseSetup(w, r, err)
		return
	}
	staff, err := web.service.CompleteSetup(r.Context(), code, identity.NewStaff{
		Login: r.PostForm.Get("login"), Name: r.PostForm.Get("name"), Password: password,
	})
	if errs, ok := web.formErrors(r, err); ok {
		web.renderPassword(w, r, page.StatusOf(codeOf(err)), passwordView{
			Code: code, First: first, Login: r.PostForm.Get("login"), Name: r.PostForm.Get("name"), Errors: errs,
		})
		return
	}
	if err != nil {
		web.refuseSetup(w, r, err)
		return
	}
	web.note(r, audit.Event{
		Kind: "staff.setup", Action: audit.Update, Outcome: audit.Success, Who: "Practitioner/" + staff.ID,
		Role: firstRole(staff), Type: "Practitioner", Objects: []string{"Practitioner/" + staff.ID},
	})
	token, _, err := web.service.SignIn(r.Context(), staff.Login, password, network.Address(r))
	if err != nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther) // the account is ready; signing in by hand will work
		return
	}
	web.replaceSession(w, r, token)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
