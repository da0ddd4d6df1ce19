package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/audit"
	"khamxa/internal/identity"
	"khamxa/internal/identity/web"
	"khamxa/internal/network"
	"khamxa/internal/page"
	"khamxa/internal/records"
)

const password = "biển xanh sóng to"

// site is a whole little service: pages, accounts in memory, a page for doctors only, on a loopback port.
type site struct {
	*httptest.Server
	service *identity.Service
	records *records.Memory
	audit   *audit.Memory
	web     *web.Web
}

// start builds a site; edit may change the options, tls serves it over HTTPS.
func start(t testing.TB, tls bool, edit func(*web.Options)) *site {
	t.Helper()
	s := &site{records: records.NewMemory(time.Now), audit: &audit.Memory{}}
	var err error
	s.service, err = identity.New(context.Background(), identity.Options{
		Records: s.records, Cost: identity.Cost{Memory: 64, Passes: 1, Lanes: 1, Parallel: 4},
	})
	if err != nil {
		t.Fatal(err)
	}
	shell, err := page.New(page.Options{Sources: []page.Source{web.Source()}, Viewer: web.Viewer, Nav: []page.NavItem{web.Nav()}})
	if err != nil {
		t.Fatal(err)
	}
	o := web.Options{Service: s.service, Shell: shell, Audit: s.audit, Communes: communes()}
	if edit != nil {
		edit(&o)
	}
	s.web = web.New(o)
	mux := chi.NewRouter()
	s.web.Routes(mux)
	mux.Handle("/fhir/.well-known/smart-configuration", s.web.SmartConfiguration())
	mux.With(s.web.RequireStaff(identity.Doctor)).Get("/consults", func(w http.ResponseWriter, r *http.Request) {
		caller, _ := identity.From(r.Context())
		io.WriteString(w, "consults of "+caller.Name())
	})
	mux.With(s.web.RequireStaff()).Post("/consults", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	handler := network.Loopback().Handler(page.Secure(page.Compress(s.web.Chain(mux)), page.SecureOptions{}))
	if tls {
		s.Server = httptest.NewTLSServer(handler)
	} else {
		s.Server = httptest.NewServer(handler)
	}
	t.Cleanup(s.Close)
	return s
}

func communes() []web.Commune {
	return []web.Commune{{Code: "14221", Name: "Xã Hải Thịnh"}, {Code: "14215", Name: "Xã Hải Tiến"}}
}

func (s *site) staff(t testing.TB, login string, role identity.Role, codes ...string) identity.Staff {
	t.Helper()
	who, err := s.service.CreateStaff(context.Background(), identity.NewStaff{
		Login: login, Name: "Nguyễn Thị Hòa", Roles: []identity.Grant{{Role: role, Communes: codes}}, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// browser is a client that keeps cookies and does not follow redirects.
type browser struct {
	t    testing.TB
	site *site
	http *http.Client
}

func (s *site) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *s.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t: t, site: s, http: &c}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, path string, form url.Values, header ...string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, b.site.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res, string(body)}
}

func (b *browser) get(path string) answer { return b.do("GET", path, nil) }

func (b *browser) post(path string, pairs ...string) answer {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do("POST", path, form, "Sec-Fetch-Site", "same-origin")
}

func (b *browser) signIn(login string) *browser {
	b.t.Helper()
	b.post("/login", "login", login, "password", password).want(b.t, http.StatusSeeOther)
	return b
}

func (b *browser) cookie() string {
	u, err := url.Parse(b.site.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == "khamxa" || c.Name == "__Host-khamxa" {
			return c.Value
		}
	}
	return ""
}

func (a answer) want(t testing.TB, status int, parts ...string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s %s: no %q in the answer\n%s", a.Request.Method, a.Request.URL.Path, part, a.body)
		}
	}
	return a
}
