package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/audit"
	"khamxa/internal/identity"
	"khamxa/internal/page"
)

// adminView lists accounts and programs.
type adminView struct {
	Staff   []staffRow
	Clients []identity.Client
	Errors  page.FormErrors
}

// staffRow is one account as the list shows it. State is a message key: ready, waiting for a password, disabled.
type staffRow struct {
	Login, Name string
	Roles       []roleView
	State       string
	Badge       string // class of the badge
	Disabled    bool
	Self        bool
}

// roleView is one grant in words. Places is empty for the whole province.
type roleView struct {
	Title  string // message key
	Places string
	Whole  bool
}

func (web *Web) admin(w http.ResponseWriter, r *http.Request) {
	web.renderAdmin(w, r, http.StatusOK, nil)
}

func (web *Web) renderAdmin(w http.ResponseWriter, r *http.Request, status int, e page.FormErrors) {
	staff, err := web.service.ListStaff(r.Context())
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	clients, err := web.service.ListClients(r.Context())
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	caller, _ := identity.From(r.Context())
	v := adminView{Clients: clients, Errors: e}
	for _, s := range staff {
		v.Staff = append(v.Staff, web.row(s, caller.Reference() == "Practitioner/"+s.ID))
	}
	web.shell.Render(w, r, page.Page{
		Template: "identity/admin", Title: "identity.admin.title", Nav: "admin", View: v, Status: status,
	})
}

func (web *Web) row(s identity.Staff, self bool) staffRow {
	row := staffRow{Login: s.Login, Name: s.Name, Disabled: s.Disabled, Self: self, State: "identity.state.ready", Badge: "good"}
	switch {
	case s.Disabled:
		row.State, row.Badge = "identity.state.disabled", "danger"
	case !s.Ready:
		row.State, row.Badge = "identity.state.waiting", "warn"
	}
	for _, g := range s.Roles {
		row.Roles = append(row.Roles, roleView{Title: "role." + string(g.Role), Whole: g.Communes == nil && g.Role != identity.Admin, Places: web.placeNames(g.Communes)})
	}
	return row
}

// placeNames writes communes as people say them; a code that is not in the table stays a code.
func (web *Web) placeNames(codes []string) string {
	names := make([]string, 0, len(codes))
	for _, code := range codes {
		name := code
		for _, c := range web.options.Communes {
			if c.Code == code {
				name = c.Name
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// staffView is the account form, with what was typed.
type staffView struct {
	Name, Login, Role, Area, Codes string
	Roles                          []string
	Communes                       []communeChoice
	Errors                         page.FormErrors
}

type communeChoice struct {
	Commune
	Chosen bool
}

// Values of the form's "area".
const (
	wholeProvince = "province"
	someCommunes  = "communes"
)

func (web *Web) newStaff(w http.ResponseWriter, r *http.Request) {
	web.renderStaff(w, r, http.StatusOK, staffView{Role: string(identity.Doctor), Area: someCommunes}, nil)
}

func (web *Web) renderStaff(w http.ResponseWriter, r *http.Request, status int, v staffView, chosen []string) {
	for _, role := range identity.Roles() {
		v.Roles = append(v.Roles, string(role))
	}
	for _, c := range web.options.Communes {
		v.Communes = append(v.Communes, communeChoice{Commune: c, Chosen: slices.Contains(chosen, c.Code)})
	}
	web.shell.Render(w, r, page.Page{Template: "identity/staff", Title: "identity.staff.title", Nav: "admin", View: v, Status: status})
}

func (web *Web) createStaff(w http.ResponseWriter, r *http.Request) {
	if !web.form(w, r) {
		return
	}
	v := staffView{
		Name: r.PostForm.Get("name"), Login: r.PostForm.Get("login"), Role: r.PostForm.Get("role"),
		Area: r.PostForm.Get("area"), Codes: r.PostForm.Get("codes"),
	}
	chosen := slices.Concat(r.PostForm["commune"], strings.FieldsFunc(v.Codes, func(c rune) bool { return c == ' ' || c == ',' || c == ';' }))
	grant := identity.Grant{Role: identity.Role(v.Role)}
	if v.Area != wholeProvince && grant.Role != identity.Admin {
		grant.Communes = append([]string{}, chosen...) // never nil: nothing chosen must not mean everything
	}
	staff, err := web.service.CreateStaff(r.Context(), identity.NewStaff{Login: v.Login, Name: v.Name, Roles: []identity.Grant{grant}})
	if errs, ok := web.formErrors(r, err); ok {
		v.Errors = errs
		web.renderStaff(w, r, page.StatusOf(codeOf(err)), v, chosen)
		return
	}
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	web.note(r, staffEvent("staff.create", audit.Create, staff))
	web.handLink(w, r, staff.Login)
}

// linkView shows a set-up link, once.
type linkView struct{ Name, Login, Link string }

func (web *Web) staffLink(w http.ResponseWriter, r *http.Request) {
	web.handLink(w, r, chi.URLParam(r, "login"))
}

func (web *Web) handLink(w http.ResponseWriter, r *http.Request, login string) {
	code, err := web.service.SetupLink(r.Context(), login)
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	staff, err := web.service.StaffByLogin(r.Context(), login)
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	web.note(r, staffEvent("staff.link", audit.Update, staff))
	web.shell.Render(w, r, page.Page{
		Template: "identity/link", Title: "identity.link.title", Nav: "admin", Script: "identity/copy.ts",
		View: linkView{Name: staff.Name, Login: staff.Login, Link: web.baseURL(r) + "/setup#" + code},
	})
}

func (web *Web) disableStaff(w http.ResponseWriter, r *http.Request) { web.setDisabled(w, r, true) }
func (web *Web) enableStaff(w http.ResponseWriter, r *http.Request)  { web.setDisabled(w, r, false) }

func (web *Web) setDisabled(w http.ResponseWriter, r *http.Request, disabled bool) {
	staff, err := web.service.SetDisabled(r.Context(), chi.URLParam(r, "login"), disabled)
	if errs, ok := web.formErrors(r, err); ok {
		web.renderAdmin(w, r, page.StatusOf(codeOf(err)), errs)
		return
	}
	if err != nil {
		web.shell.Error(w, r, err)
		return
	}
	kind := "staff.enable"
	if disabled {
		kind = "staff.disable"
	}
	web.note(r, staffEvent(kind, audit.Update, staff))
	http.Redirect(w, r, "/admin", http.StatusSeeOther)
}

func staffEvent(kind string, action audit.Action, s identity.Staff) audit.Event {
	return audit.Event{Kind: kind, Action: action, Outcome: audit.Success, Type: "Practitioner", Objects: []string{"Practitioner/" + s.ID}}
}
