package web // builds the views that the handlers build

import (
	"testing"
	"time"

	"khamxa/internal/identity"
	"khamxa/internal/page"
	"khamxa/internal/page/pagetest"
)

func TestPages(t *testing.T) {
	shell := pagetest.Shell(t, []string{"admin"}, []page.NavItem{Nav()}, Source())
	wrong := page.FormErrors{"": "Chưa lưu được.", "login": "Tên này đã có.", "name": "Thiếu tên.", "role": "Chọn.", "commune": "Chọn.", "password": "Ngắn.", "code": "Sai.", "scope": "Sai."}
	client := identity.Client{ID: "client-1", Name: "Phần mềm", Scope: "system/*.rs", Created: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)}
	off := client
	off.Disabled = true
	staff := staffView{
		Name: "Đỗ Hồng Phượng", Login: "bs.phuong", Role: "doctor", Area: someCommunes, Roles: []string{"doctor", "specialist", "manager", "admin"},
		Communes: []communeChoice{{Commune: Commune{Code: "14221", Name: "Xã Hải Thịnh"}, Chosen: true}},
	}
	staffWrong, byHand := staff, staff
	staffWrong.Errors, byHand.Communes, byHand.Area = wrong, nil, wholeProvince
	rows := []staffRow{
		{Login: "a", Name: "A", State: "identity.state.ready", Badge: "good", Self: true, Roles: []roleView{{Title: "role.admin", Whole: true}}},
		{Login: "b", Name: "B", State: "identity.state.disabled", Badge: "danger", Disabled: true, Roles: []roleView{{Title: "role.doctor", Places: "Xã Hải Thịnh"}}},
		{Login: "c", Name: "C", State: "identity.state.waiting", Badge: "warn"},
	}
	sample := func(name, template string, layout page.Layout, view any) pagetest.Sample {
		return pagetest.Sample{Name: name, Page: page.Page{Template: "identity/" + template, Title: "identity.admin.title", Layout: layout, Nav: "admin", View: view}}
	}
	pagetest.All(t, shell, "identity", []pagetest.Sample{
		sample("empty", "login", page.Bare, loginView{Next: "/"}),
		sample("wrong", "login", page.Bare, loginView{Next: "/x", Login: "bs.hoa", Errors: wrong}),
		sample("empty", "setup", page.Bare, setupView{}),
		sample("wrong", "setup", page.Bare, setupView{Errors: wrong}),
		sample("first", "password", page.Bare, passwordView{Code: "x", First: true, Errors: wrong}),
		sample("person", "password", page.Bare, passwordView{Code: "x", Login: "bs.hoa", Name: "Hòa"}),
		sample("empty", "admin", page.Staff, adminView{}),
		sample("full", "admin", page.Staff, adminView{Staff: rows, Clients: []identity.Client{client, off}, Errors: wrong}),
		sample("empty", "staff", page.Staff, staff),
		sample("wrong", "staff", page.Staff, staffWrong),
		sample("by hand", "staff", page.Staff, byHand),
		sample("link", "link", page.Staff, linkView{Name: "Hòa", Login: "bs.hoa", Link: "https://x/setup#y"}),
		sample("empty", "client", page.Staff, clientView{}),
		sample("wrong", "client", page.Staff, clientView{Name: "x", Scope: "y", Errors: wrong}),
		sample("secret", "secret", page.Staff, secretView{Name: "x", ID: "client-1", Secret: "s", Scope: "system/*.rs", TokenURL: "https://x/oauth/token"}),
	})
}

// Every sentence of package identity that a form may show is in the catalogues, so that it is also said in Vietnamese.
func TestSentencesAreTranslated(t *testing.T) {
	shell := pagetest.Shell(t, nil, nil, Source())
	for _, sentence := range []string{
		identity.BadSignIn, identity.TooManySignIns, identity.SessionNotValid, identity.TooShort, identity.TooLong, identity.TooCommon,
		identity.BadLogin, identity.BadName, identity.BadRole, identity.BadCommune, identity.LoginTaken, identity.LastAdmin,
		identity.BadSetup, identity.BadClientName, identity.BadScope, crossOrigin,
	} {
		if vi := shell.T(page.Vietnamese, sentence); vi == sentence {
			t.Errorf("not in Vietnamese: %s", sentence)
		}
		if en := shell.T(page.English, sentence); en != sentence {
			t.Errorf("English differs: %s", en)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/x", "//evil.example", "/\\evil.example", "https:evil", "/\t/evil", "/%0d%0aSet-Cookie:x"} {
		f.Add(next)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if got == "" || got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("%q leads to %q", next, got)
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] == 0x7f || got[i] == '\\' {
				t.Errorf("%q leads to %q, which browsers rewrite", next, got)
			}
		}
	})
}
