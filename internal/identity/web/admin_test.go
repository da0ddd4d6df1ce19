package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/identity"
	"khamxa/internal/identity/web"
)

func TestFirstStart(t *testing.T) {
	s := start(t, false, nil)
	code, needed, err := s.service.Setup(context.Background())
	if err != nil || !needed {
		t.Fatal(needed, err)
	}
	b := s.browser(t)
	a := b.get("/setup").want(t, 200, "/assets/identity/setup-")
	if strings.Contains(a.body, code) {
		t.Error("the code is in the page before it was given")
	}
	b.post("/setup", "code", "sai").want(t, http.StatusGone, "đã được dùng hoặc đã hết hạn")
	b.post("/setup", "code", code).want(t, 200, "Tạo tài khoản quản trị đầu tiên", `name="login"`)
	b.post("/setup/complete", "code", code, "login", "quản trị", "name", "Trần Quốc Ẩn", "password", password).
		want(t, http.StatusBadRequest, "Tên đăng nhập gồm", `value="Trần Quốc Ẩn"`, `href="#login"`)
	a = b.post("/setup/complete", "code", code, "login", "quantri1", "name", "Trần Quốc Ẩn", "password", password).want(t, http.StatusSeeOther)
	if a.Header.Get("Location") != "/" || b.cookie() == "" {
		t.Error("the new administrator is not signed in")
	}
	b.get("/admin").want(t, 200, "Trần Quốc Ẩn", "quantri1")
	s.browser(t).post("/setup", "code", code).want(t, http.StatusGone)
}

func TestCreateStaff(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	admin := s.browser(t).signIn("admin")
	admin.get("/admin/staff/new").want(t, 200, "Xã Hải Thịnh", "Xã Hải Tiến")

	a := admin.post("/admin/staff", "name", "Đỗ Hồng Phượng", "login", "Không hợp lệ", "role", "doctor", "area", "communes", "commune", "14221").
		want(t, http.StatusBadRequest, "Tên đăng nhập gồm", `value="Đỗ Hồng Phượng"`, `value="Không hợp lệ"`)
	if !regexp.MustCompile(`value="14221" checked`).MatchString(a.body) || regexp.MustCompile(`value="14215" checked`).MatchString(a.body) {
		t.Error("the chosen communes are not kept")
	}
	admin.post("/admin/staff", "name", "Đỗ Hồng Phượng", "login", "bs.phuong", "role", "doctor", "area", "communes").
		want(t, http.StatusBadRequest, "Hãy chọn ít nhất một xã")
	admin.post("/admin/staff", "name", "X", "login", "admin", "role", "manager", "area", "province").
		want(t, http.StatusConflict, "đã có người dùng")

	a = admin.post("/admin/staff", "name", "Đỗ Hồng Phượng", "login", "bs.phuong", "role", "doctor", "area", "communes", "commune", "14221", "commune", "14215").
		want(t, 200, "Đường dẫn cho Đỗ Hồng Phượng")
	link := regexp.MustCompile(regexp.QuoteMeta(s.URL) + `/setup#([\w-]{43})`).FindStringSubmatch(a.body)
	if link == nil {
		t.Fatalf("no link in the page\n%s", a.body)
	}
	got, err := s.service.StaffByLogin(context.Background(), "bs.phuong")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]identity.Grant{{Role: identity.Doctor, Communes: []string{"14221", "14215"}}}, got.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	admin.get("/admin").want(t, 200, "Chưa đặt mật khẩu", "Xã Hải Thịnh, Xã Hải Tiến")

	person := s.browser(t)
	person.post("/setup", "code", link[1]).want(t, 200, "Đỗ Hồng Phượng", "bs.phuong")
	person.post("/setup/complete", "code", link[1], "login", "admin", "password", "1234567890").want(t, http.StatusBadRequest, "dễ đoán")
	person.post("/setup/complete", "code", link[1], "login", "admin", "password", password).want(t, http.StatusSeeOther)
	person.get("/consults").want(t, 200, "Đỗ Hồng Phượng")
}

func TestAdministratorHasNoArea(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	s.browser(t).signIn("admin").post("/admin/staff", "name", "B", "login", "admin2", "role", "admin", "area", "communes").want(t, 200)
}

func TestCommuneCodesByHand(t *testing.T) {
	s := start(t, false, func(o *web.Options) { o.Communes = nil })
	s.staff(t, "admin", identity.Admin)
	s.browser(t).signIn("admin").post("/admin/staff", "name", "B", "login", "bs.b", "role", "doctor", "area", "communes", "codes", "14221, 14215").want(t, 200)
	got, err := s.service.StaffByLogin(context.Background(), "bs.b")
	if err != nil || len(got.Roles[0].Communes) != 2 {
		t.Errorf("kept %+v, %v", got, err)
	}
}

func TestLastAdministratorCannotBeDisabled(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	s.browser(t).signIn("admin").post("/admin/staff/admin/disable").want(t, http.StatusConflict, "người quản trị cuối cùng")
}

func TestUnknownAccount(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	b := s.browser(t).signIn("admin")
	for _, path := range []string{"/admin/staff/ai-do/disable", "/admin/staff/ai-do/link", "/admin/clients/client-x/disable", "/admin/staff/%2e%2e/link"} {
		b.post(path).want(t, http.StatusNotFound)
	}
}

func TestNamesAreEscaped(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	b := s.browser(t).signIn("admin")
	const evil = `<script>alert(1)</script>"'`
	for _, a := range []answer{
		b.post("/admin/staff", "name", evil, "login", evil, "role", evil, "area", evil),
		b.post("/admin/staff", "name", evil, "login", "ok", "role", "manager", "area", "province"),
		b.post("/admin/clients", "name", evil, "scope", evil),
		b.get("/admin"), b.get("/login?next=" + url.QueryEscape(evil) + "&lang=" + url.QueryEscape(evil)),
	} {
		if strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s repeats markup", a.Request.URL.Path)
		}
	}
}

func TestClientAndToken(t *testing.T) {
	s := start(t, false, nil)
	s.staff(t, "admin", identity.Admin)
	admin := s.browser(t).signIn("admin")
	admin.post("/admin/clients", "name", "Phần mềm", "scope", "user/*.rs").want(t, http.StatusBadRequest, "có dạng system/Observation.rs", `value="user/*.rs"`)
	a := admin.post("/admin/clients", "name", "Phần mềm", "scope", "system/Observation.rs system/Patient.r").want(t, 200)
	id := regexp.MustCompile(`id="client-id">([^<]+)<`).FindStringSubmatch(a.body)[1]
	secret := regexp.MustCompile(`id="client-secret">([^<]+)<`).FindStringSubmatch(a.body)[1]
	if strings.Contains(admin.get("/admin").body, secret) {
		t.Error("the secret is shown again")
	}

	program := s.browser(t)
	grant := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Observation.r"}}
	basic := func(id, secret string) []string {
		r, _ := http.NewRequest("GET", "/", nil)
		r.SetBasicAuth(id, secret)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	token := program.do("POST", "/oauth/token", grant, basic(id, secret)...).want(t, 200)
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}
	if err := json.Unmarshal([]byte(token.body), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.TokenType != "bearer" || answer.Scope != "system/Observation.r" || answer.ExpiresIn < 300 || answer.ExpiresIn > 900 {
		t.Errorf("answer is %+v", answer)
	}
	if token.Header.Get("Cache-Control") != "no-store" || token.Header.Get("Pragma") != "no-cache" {
		t.Error("a token may be cached")
	}
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		code   string
	}{
		"wrong secret":      {grant, basic(id, "x"), 401, "invalid_client"},
		"secret in body":    {url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}, nil, 401, "invalid_client"},
		"bearer as client":  {grant, []string{"Authorization", "Bearer x"}, 401, "invalid_client"},
		"other grant":       {url.Values{"grant_type": {"password"}}, basic(id, secret), 400, "unsupported_grant_type"},
		"no grant":          {url.Values{}, basic(id, secret), 400, "unsupported_grant_type"},
		"twice":             {url.Values{"grant_type": {"client_credentials", "client_credentials"}}, basic(id, secret), 400, "invalid_request"},
		"scope not granted": {url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Encounter.rs"}}, basic(id, secret), 400, "invalid_scope"},
		"no form":           {nil, basic(id, secret), 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			a := program.do("POST", "/oauth/token", c.form, c.header...).want(t, c.status, `"error":"`+c.code+`"`)
			if c.status == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic") {
				t.Error("no WWW-Authenticate")
			}
		})
	}
	admin.post("/admin/clients/"+id+"/disable").want(t, http.StatusSeeOther)
	program.do("POST", "/oauth/token", grant, basic(id, secret)...).want(t, 401)
}

func TestCallerOfAnAPI(t *testing.T) {
	s := start(t, false, nil)
	who := s.staff(t, "bs.hoa", identity.Doctor)
	client, secret, err := s.service.CreateClient(context.Background(), identity.NewClient{Name: "x", Scope: "system/*.rs"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.service.Token(context.Background(), client.ID, secret, "", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		header   string
		signedIn bool
		want     string
	}{
		"bearer":                   {"Bearer " + token.AccessToken, false, "Device/" + client.ID},
		"bearer, small letters":    {"bearer " + token.AccessToken, false, "Device/" + client.ID},
		"session":                  {"", true, "Practitioner/" + who.ID},
		"nobody":                   {"", false, ""},
		"bad bearer":               {"Bearer x", false, ""},
		"bad bearer, good session": {"Bearer x", true, ""},
		"basic instead of bearer":  {"Basic eDp4", true, ""},
		"bearer beats the session": {"Bearer " + token.AccessToken, true, "Device/" + client.ID},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest("GET", "/fhir/Patient", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if c.signedIn {
				r = r.WithContext(identity.With(r.Context(), identity.StaffCaller(who)))
			}
			caller, err := s.web.Caller(r)
			if caller.Reference() != c.want || (err != nil) != (c.want == "") {
				t.Errorf("caller is %q, %v; want %q", caller.Reference(), err, c.want)
			}
		})
	}
}

func TestSmartConfiguration(t *testing.T) {
	s := start(t, false, func(o *web.Options) { o.PublicURL = "https://kham.example.vn" })
	var conf struct {
		TokenEndpoint string   `json:"token_endpoint"`
		Grants        []string `json:"grant_types_supported"`
		Capabilities  []string `json:"capabilities"`
	}
	a := s.browser(t).get("/.well-known/smart-configuration").want(t, 200)
	if err := json.Unmarshal([]byte(a.body), &conf); err != nil {
		t.Fatal(err)
	}
	if conf.TokenEndpoint != "https://kham.example.vn/oauth/token" || conf.Grants[0] != "client_credentials" || len(conf.Capabilities) == 0 {
		t.Errorf("configuration is %+v", conf)
	}
}
