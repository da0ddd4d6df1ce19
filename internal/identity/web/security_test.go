package web_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"khamxa/internal/identity"
)

// posts is every route that changes something, with a form that would work.
func posts() map[string]url.Values {
	return map[string]url.Values{
		"/login":                          {"login": {"bs.hoa"}, "password": {password}},
		"/logout":                         {},
		"/setup":                          {"code": {"x"}},
		"/setup/complete":                 {"code": {"x"}},
		"/admin/staff":                    {"login": {"moi"}, "name": {"Mới"}, "role": {"manager"}, "area": {"province"}},
		"/admin/staff/bs.hoa/link":        {},
		"/admin/staff/bs.hoa/disable":     {},
		"/admin/staff/bs.hoa/enable":      {},
		"/admin/clients":                  {"name": {"x"}, "scope": {"system/*.rs"}},
		"/admin/clients/client-x/disable": {},
	}
}

func TestCrossSitePostsAreRefused(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	s.staff(t, "bs.hoa", identity.Doctor)
	b := s.browser(t).signIn("admin")
	before := s.fingerprint(t)
	for path, form := range posts() {
		for name, header := range map[string][]string{
			"cross-site":     {"Sec-Fetch-Site", "cross-site"},
			"same-site":      {"Sec-Fetch-Site", "same-site"},
			"foreign origin": {"Origin", "https://evil.example"},
			"null origin":    {"Origin", "null"},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				a := b.do("POST", path, form, header...).want(t, http.StatusForbidden, "trang web khác")
				if len(a.Cookies()) > 0 {
					t.Error("a refused request set a cookie")
				}
			})
		}
	}
	if s.fingerprint(t) != before {
		t.Error("a refused request changed something")
	}
	b.do("POST", "/admin/staff/bs.hoa/link", url.Values{}, "Origin", s.URL).want(t, 200)
	b.do("POST", "/admin/staff/bs.hoa/link", url.Values{}).want(t, 200) // a program without a browser
}

// fingerprint is a hash over all records, so that a test can see any change.
func (s *site) fingerprint(t *testing.T) string {
	t.Helper()
	all, err := s.records.List(context.Background(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, rec := range all {
		fmt.Fprintf(h, "%s %d %s\n", rec.Key, rec.Version, rec.Value)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func gets() []string {
	return []string{
		"/", "/login", "/login?next=/x", "/setup", "/admin", "/admin/staff/new", "/admin/clients/new", "/consults",
		"/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration", "/logout", "/oauth/token", "/khong-co",
		"/admin/staff/bs.hoa/disable", "/admin/staff/bs.hoa/link", "/assets/", "/assets/../admin", "/setup/complete",
	}
}

func TestGetChangesNothing(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	s.staff(t, "bs.hoa", identity.Doctor)
	nobody, admin := s.browser(t), s.browser(t).signIn("admin")
	before := s.fingerprint(t)
	for _, path := range gets() {
		nobody.get(path)
		admin.get(path)
		admin.do("HEAD", path, nil)
	}
	if s.fingerprint(t) != before {
		t.Error("a GET changed something")
	}
	admin.get("/admin").want(t, 200)
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	b := s.browser(t).signIn("admin")
	answers := []answer{
		b.do("POST", "/login", url.Values{}, "Sec-Fetch-Site", "cross-site"), b.post("/login", "login", "x"),
		b.do("PUT", "/login", nil), b.do("POST", "/oauth/token", nil), b.post("/admin/clients", "name", ""),
		s.browser(t).get("/admin"), s.browser(t).get("/consults"),
	}
	for _, path := range gets() {
		answers = append(answers, b.get(path))
	}
	body := b.get("/login?lang=vi").body + b.get("/admin").body
	for part := range strings.SplitSeq(body, `"`) {
		if strings.HasPrefix(part, "/assets/") {
			answers = append(answers, b.get(part).want(t, 200))
		}
	}
	for _, a := range answers {
		name := fmt.Sprintf("%s %s (%d)", a.Request.Method, a.Request.URL.Path, a.StatusCode)
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		policy := a.Header.Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: policy is %q", name, policy)
		}
		if !strings.Contains(a.Header.Get("Permissions-Policy"), "camera=(self), microphone=(self)") {
			t.Errorf("%s: Permissions-Policy is %q", name, a.Header.Get("Permissions-Policy"))
		}
		immutable := strings.HasPrefix(a.Request.URL.Path, "/assets/page/") && a.StatusCode == 200
		if cache := a.Header.Get("Cache-Control"); immutable != strings.Contains(cache, "immutable") || immutable == strings.Contains(cache, "no-store") {
			t.Errorf("%s: Cache-Control is %q", name, cache)
		}
		if a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: allows other origins", name)
		}
	}
}

func TestLargeForm(t *testing.T) {
	s := start(t, false, nil)
	a := s.browser(t).post("/login", "login", strings.Repeat("x", 1<<20)).want(t, http.StatusBadRequest)
	if strings.Contains(a.body, "xxxx") {
		t.Error("the input is repeated")
	}
}
