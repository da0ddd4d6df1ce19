package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"khamxa/internal/audit"
	"khamxa/internal/identity"
)

func TestSignInAndOut(t *testing.T) {
	s := start(t, false, nil)
	who := s.staff(t, "bs.hoa", identity.Doctor, "14221")
	b := s.browser(t)
	b.get("/login").want(t, 200, "Đăng nhập")
	a := b.post("/login", "login", "bs.hoa", "password", password, "next", "/consults?page=2").want(t, http.StatusSeeOther)
	if to := a.Header.Get("Location"); to != "/consults?page=2" {
		t.Errorf("sent to %s", to)
	}
	c := a.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure || c.Domain != "" {
		t.Errorf("cookie is %+v", c)
	}
	b.get("/consults").want(t, 200, "consults of Nguyễn Thị Hòa")
	if to := b.get("/login").Header.Get("Location"); to != "/" {
		t.Errorf("the sign-in page sends a signed-in person to %q", to)
	}
	token := b.cookie()
	b.post("/logout").want(t, http.StatusSeeOther)
	if b.cookie() != "" {
		t.Error("the cookie is still there after signing out")
	}
	b.do("GET", "/consults", nil, "Cookie", "khamxa="+token).want(t, http.StatusSeeOther)

	var kinds []string
	for _, e := range s.audit.Events() {
		kinds = append(kinds, e.Kind+" "+string(e.Outcome)+" "+e.Who)
	}
	want := "sign-in 0 Practitioner/" + who.ID + ", sign-out 0 Practitioner/" + who.ID
	if got := strings.Join(kinds, ", "); got != want {
		t.Errorf("audit holds %s, want %s", got, want)
	}
}

func TestRefusedSignIn(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	b := s.browser(t)
	a := b.post("/login", "login", "bs.hoa", "password", "mật khẩu nào đó", "next", "/consults").
		want(t, http.StatusUnauthorized, "Tên đăng nhập hoặc mật khẩu chưa đúng", `value="bs.hoa"`, `value="/consults"`)
	if strings.Contains(a.body, "mật khẩu nào đó") {
		t.Error("the password is repeated in the page")
	}
	if b.cookie() != "" {
		t.Error("a refused sign-in gave a cookie")
	}
	b.do("POST", "/login?lang=en", url.Values{"login": {"x"}}).want(t, http.StatusUnauthorized, "The login or the password is not right.")
	if e := s.audit.Events(); len(e) != 2 || e[0].Outcome != audit.Refused || e[0].Who != "" {
		t.Errorf("audit holds %+v", e)
	}
}

func TestTooManySignIns(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	b := s.browser(t)
	for range 5 {
		b.post("/login", "login", "bs.hoa", "password", "x").want(t, http.StatusUnauthorized)
	}
	a := b.post("/login", "login", "bs.hoa", "password", password).want(t, http.StatusTooManyRequests, "Đã nhập sai quá nhiều lần")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestOpenRedirect(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	for next, want := range map[string]string{
		"/patients/1?x=1#y":      "/patients/1?x=1#y",
		"":                       "/",
		"patients":               "/",
		"//evil.example":         "/",
		"///evil.example":        "/",
		"/\\evil.example":        "/",
		"\\\\evil.example":       "/",
		"https://evil.example":   "/",
		"https:evil.example":     "/",
		"javascript:alert(1)":    "/",
		"/\t/evil.example":       "/",
		"/\n/evil.example":       "/",
		" //evil.example":        "/",
		"/%2fevil.example":       "/%2fevil.example", // a path of ours; browsers do not decode it
		"/login?next=//evil":     "/",
		"/logout":                "/",
		"/..//evil.example":      "/evil.example",
		"//khamxa@evil.example/": "/",
	} {
		t.Run(next, func(t *testing.T) {
			a := s.browser(t).post("/login", "login", "bs.hoa", "password", password, "next", next).want(t, http.StatusSeeOther)
			if got := a.Header.Get("Location"); got != want {
				t.Errorf("sent to %q, want %q", got, want)
			}
		})
	}
}

func TestSessionFixation(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	s.staff(t, "ketrom", identity.Doctor)
	attacker := s.browser(t).signIn("ketrom")
	planted := attacker.cookie()

	victim := s.browser(t)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	victim.http.Jar.SetCookies(u, []*http.Cookie{{Name: "khamxa", Value: planted, Path: "/"}})
	victim.signIn("bs.hoa")
	if victim.cookie() == planted {
		t.Fatal("the session was not renewed at sign-in")
	}
	victim.get("/consults").want(t, 200)
	attacker.get("/consults").want(t, http.StatusSeeOther)
}

func TestDisabledPersonIsOutAtOnce(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	s.staff(t, "bs.hoa", identity.Doctor)
	doctor, admin := s.browser(t).signIn("bs.hoa"), s.browser(t).signIn("admin")
	doctor.get("/consults").want(t, 200)
	admin.post("/admin/staff/bs.hoa/disable").want(t, http.StatusSeeOther)
	doctor.get("/consults").want(t, http.StatusSeeOther)
	admin.post("/admin/staff/bs.hoa/enable").want(t, http.StatusSeeOther)
	doctor.get("/consults").want(t, http.StatusSeeOther) // the old session stays dead
	doctor.signIn("bs.hoa").get("/consults").want(t, 200)
}

func TestHTTPSCookie(t *testing.T) {
	s := start(t, true, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	b := s.browser(t)
	a := b.post("/login", "login", "bs.hoa", "password", password).want(t, http.StatusSeeOther)
	c := a.Cookies()[0]
	if c.Name != "__Host-khamxa" || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie is %+v", c)
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security over TLS")
	}
	b.get("/consults").want(t, 200)
	// A neighbour can plant a plain cookie, and it must not be believed.
	s.browser(t).do("GET", "/consults", nil, "Cookie", "khamxa="+c.Value).want(t, http.StatusSeeOther)
}

func TestNoSessionWithoutAudit(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	s.audit.Fail = errors.New("disk full")
	b := s.browser(t)
	a := b.post("/login", "login", "bs.hoa", "password", password)
	if a.StatusCode < 500 || b.cookie() != "" {
		t.Errorf("signed in (status %d) although the audit event was not kept", a.StatusCode)
	}
	if strings.Contains(a.body, "disk full") {
		t.Error("the cause is shown")
	}
}

func TestRequireStaff(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	s.staff(t, "ql.minh", identity.Manager)
	nobody := s.browser(t)
	a := nobody.get("/consults?page=2&q=a%26b").want(t, http.StatusSeeOther)
	if to := a.Header.Get("Location"); to != "/login?next=%2Fconsults%3Fpage%3D2%26q%3Da%2526b" {
		t.Errorf("sent to %s", to)
	}
	nobody.post("/consults").want(t, http.StatusUnauthorized)
	nobody.do("GET", "/consults", nil, "Sec-Fetch-Mode", "cors").want(t, http.StatusUnauthorized)
	s.browser(t).signIn("ql.minh").get("/consults").want(t, http.StatusForbidden, "Không có quyền")
	s.browser(t).signIn("bs.hoa").post("/consults").want(t, http.StatusCreated)
	s.browser(t).signIn("bs.hoa").get("/admin").want(t, http.StatusForbidden)
}

func TestHome(t *testing.T) {
	s := start(t, false, nil)
	for role, want := range map[identity.Role]string{
		identity.Doctor: "/consults", identity.Specialist: "/consults", identity.Manager: "/reports", identity.Admin: "/admin",
	} {
		s.staff(t, "nv."+string(role), role)
		if to := s.browser(t).signIn("nv." + string(role)).get("/").Header.Get("Location"); to != want {
			t.Errorf("%s is sent to %q, want %q", role, to, want)
		}
	}
	if to := s.browser(t).get("/").Header.Get("Location"); to != "/login" {
		t.Errorf("nobody is sent to %q", to)
	}
	s.browser(t).get("/khong-co").want(t, http.StatusNotFound, "Không tìm thấy trang")
	s.browser(t).do("PUT", "/login", nil).want(t, http.StatusMethodNotAllowed)
	s.browser(t).get("/logout").want(t, http.StatusMethodNotAllowed)
}

// TestAddressForLimits: behind a trusted proxy the limits and the audit trail know its callers apart.
func TestAddressForLimits(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "bs.hoa", identity.Doctor)
	s.staff(t, "ql.minh", identity.Manager)
	b := s.browser(t)
	from := func(address, login, password string) answer {
		return b.do("POST", "/login", url.Values{"login": {login}, "password": {password}}, "X-Forwarded-For", address)
	}
	for i := range 31 { // a stranger, who also writes addresses of their own into the header
		from(fmt.Sprintf("198.51.100.%d, 192.0.2.1", i), fmt.Sprint("nguoi", i), "x")
	}
	from("192.0.2.1", "ql.minh", password).want(t, http.StatusTooManyRequests)
	from("192.0.2.2", "ql.minh", password).want(t, http.StatusSeeOther)
	for i := range 6 { // one customer's many IPv6 addresses
		from(fmt.Sprintf("2001:db8:1:2::%d", i), "bs.hoa", "x")
	}
	from("2001:db8:1:2::77", "bs.hoa", password).want(t, http.StatusTooManyRequests)
	from("2001:db8:1:3::77", "bs.hoa", password).want(t, http.StatusSeeOther)
	seen := map[string]bool{}
	for _, e := range s.audit.Events() {
		seen[e.Address] = true
	}
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "2001:db8:1:2::0", "2001:db8:1:3::77"} {
		if ip := netip.MustParseAddr(address).String(); !seen[ip] {
			t.Errorf("no event names %s", ip)
		}
	}
	if seen["127.0.0.1"] || seen["198.51.100.1"] {
		t.Errorf("events name the proxy, or what a stranger wrote: %v", seen)
	}
}
