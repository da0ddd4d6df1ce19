package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"khamxa/consult"
)

// previewAgents fetch links that people send each other.
var previewAgents = []string{
	"facebookexternalhit/1.1", "Zalo android/260901903 ZaloTheme/light ZaloLanguage/vi", "WhatsApp/2.23", "TelegramBot (like TwitterBot)",
	"Googlebot/2.1", "Slackbot-LinkExpanding 1.0", "Mozilla/5.0 (compatible; bingbot/2.0)", "Viber", "SkypeUriPreview", "Mozilla/5.0 (Linux; Android 14) Chrome/156",
}

func TestPreviewsChangeNothing(t *testing.T) {
	w := newWorld(t)
	c := w.book()
	_, link, err := w.service.Invite(t.Context(), w.doctor, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	before, err := w.service.Get(t.Context(), w.doctor, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	known := ""
	for i := range 50 {
		method := []string{http.MethodGet, http.MethodHead}[i%2]
		res := w.do(method, "/j/"+link.Invitation, "", func(r *http.Request) { r.Header.Set("User-Agent", previewAgents[i%len(previewAgents)]) })
		if res.StatusCode != http.StatusOK || len(res.Cookies()) != 0 || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%s: %d, cookies %v, %v", method, res.StatusCode, res.Cookies(), res.Header)
		}
		if method == http.MethodGet {
			known = text(t, res)
		}
	}
	after, err := w.service.Get(t.Context(), w.doctor, c.ID)
	if err != nil || after.Phase != before.Phase || string(after.Invitation.Device) != "" {
		t.Errorf("50 previews moved the consult to %s, %v", after.Phase, err)
	}
	unknown := strings.ReplaceAll(text(t, w.get("/j/aaaaaaaaaaaaaaaa")), "aaaaaaaaaaaaaaaa", link.Invitation)
	if unknown != known {
		t.Error("the page of a link that exists differs from that of one that does not")
	}
	for _, personal := range []string{"Nguyễn", "Hoà", "1957", "Trần Văn Nam", c.ID, link.Secret} {
		if strings.Contains(known, personal) {
			t.Errorf("the page says %q to anybody", personal)
		}
	}
	for _, said := range []string{"Trạm Y tế xã Hải Thịnh", "tel:&#43;842283123456"} {
		if !strings.Contains(known, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
}

func TestRedeemByPost(t *testing.T) {
	w := newWorld(t)
	c := w.book()
	_, link, err := w.service.Invite(t.Context(), w.doctor, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	path := "/j/" + link.Invitation
	res := w.post(path+"/redeem", `{"secret":"`+link.Secret+`","attempt":""}`, asJSON)
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 {
		t.Fatalf("%d: %s", res.StatusCode, text(t, res))
	}
	cookie := res.Cookies()[0]
	if !cookie.HttpOnly || cookie.Path != path || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is %+v", cookie)
	}
	if body := text(t, res); strings.Contains(body, cookie.Value) || strings.Contains(body, link.Secret) || strings.Contains(body, "Hoà") {
		t.Errorf("the answer says too much: %s", body)
	}
	if got := text(t, w.post(path+"/ticket", "{}", asJSON, with(cookie))); !strings.Contains(got, `"ticket":"ticket-patient-`) || !strings.Contains(got, `"phase":"arrived"`) {
		t.Errorf("the device's ticket: %s", got)
	}
	if got := w.post(path+"/redeem", `{"secret":"","attempt":""}`, asJSON, with(cookie)); got.StatusCode != http.StatusOK || len(got.Cookies()) != 0 {
		t.Errorf("a reload: %d", got.StatusCode)
	}
	refusals := map[string]string{}
	for name, try := range map[string]func() *http.Response{
		"second device":   func() *http.Response { return w.post(path+"/redeem", `{"secret":"`+link.Secret+`"}`, asJSON) },
		"wrong secret":    func() *http.Response { return w.post(path+"/redeem", `{"secret":"guess"}`, asJSON) },
		"unknown link":    func() *http.Response { return w.post("/j/bbbbbbbbbbbbbbbb/redeem", `{"secret":"guess"}`, asJSON) },
		"nothing at all":  func() *http.Response { return w.post(path+"/redeem", `{}`, asJSON) },
		"ticket, nothing": func() *http.Response { return w.post(path+"/ticket", "{}", asJSON) },
	} {
		res := try()
		refusals[text(t, res)] += name + " "
		if res.StatusCode != http.StatusNotFound || len(res.Cookies()) != 0 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	if len(refusals) != 1 {
		t.Errorf("refusals can be told apart: %v", refusals)
	}
	for body := range refusals {
		if strings.Contains(body, "Hoà") || strings.Contains(body, "Nam") {
			t.Errorf("a refusal tells: %s", body)
		}
	}
	if strings.Contains(w.logs.String(), link.Secret) || strings.Contains(w.logs.String(), cookie.Value) {
		t.Error("a secret is in the log")
	}
}

// TestStrangersBehindTheProxy: behind a trusted proxy one stranger's guesses are held against the stranger, and the operator reads of them.
func TestStrangersBehindTheProxy(t *testing.T) {
	w := newWorld(t)
	c := w.book()
	_, link, err := w.service.Invite(t.Context(), w.doctor, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	from := func(address string) request {
		return func(r *http.Request) {
			r.RemoteAddr = "127.0.0.1:5000"
			r.Header.Set("X-Forwarded-For", address)
		}
	}
	path := "/j/" + link.Invitation
	for i := range 60 {
		want := http.StatusNotFound
		if i >= 30 {
			want = http.StatusTooManyRequests
		}
		if res := w.post(path+"/redeem", `{"secret":"guess"}`, asJSON, from("203.0.113.9")); res.StatusCode != want {
			t.Fatalf("guess %d: %d, want %d", i, res.StatusCode, want)
		}
	}
	res := w.post(path+"/redeem", `{"secret":"`+link.Secret+`"}`, asJSON, from("198.51.100.2"))
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 {
		t.Fatalf("a patient elsewhere: %d", res.StatusCode)
	}
	for _, address := range []string{"198.51.100.2", "203.0.113.9"} { // the second: the patient is now where the stranger is
		if got := w.post(path+"/ticket", "{}", asJSON, with(res.Cookies()[0]), from(address)); got.StatusCode != http.StatusOK {
			t.Errorf("the bound device's ticket from %s: %d", address, got.StatusCode)
		}
	}
	log := w.logs.String()
	for _, line := range []string{"kind=invitation reason=wrong network=203.0.113.9", "kind=invitation reason=too-many network=203.0.113.9"} {
		if strings.Count(log, line) != 1 {
			t.Errorf("not once %s:\n%s", line, log)
		}
	}
	if strings.Contains(log, link.Invitation) || strings.Contains(log, "198.51.100.2") {
		t.Errorf("the log names the link, or somebody who was let in:\n%s", log)
	}
}

func TestRedeemBadRequests(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		body   string
		with   request
		status int
	}{
		"not JSON":       {`secret=x`, asJSON, http.StatusBadRequest},
		"a form":         {`secret=x`, asForm, http.StatusBadRequest},
		"unknown member": {`{"secret":"x","admin":true}`, asJSON, http.StatusBadRequest},
		"two values":     {`{} {}`, asJSON, http.StatusBadRequest},
		"long secret":    {`{"secret":"` + strings.Repeat("x", 300) + `"}`, asJSON, http.StatusRequestEntityTooLarge},
		"huge":           {`{"secret":"` + strings.Repeat("x", 1<<20) + `"}`, asJSON, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if res := w.post("/j/abcdefghabcdefgh/redeem", tt.body, tt.with); res.StatusCode != tt.status {
				t.Errorf("%d, want %d: %s", res.StatusCode, tt.status, text(t, res))
			}
		})
	}
}

func TestWhatBecameOfIt(t *testing.T) {
	w := newWorld(t)
	ask := func(c consult.Consult, cookie *http.Cookie) string {
		t.Helper()
		got := text(t, w.post("/j/"+c.Invitation.ID+"/ticket", "{}", asJSON, with(cookie)))
		if strings.Contains(got, "ticket-") {
			t.Errorf("the room is still open: %s", got)
		}
		return got
	}
	c, cookie := w.admitted()
	if _, err := w.service.ConvertToPhone(t.Context(), w.doctor, c.ID); err != nil {
		t.Fatal(err)
	}
	if got := ask(c, cookie); !strings.Contains(got, `"phase":"phone"`) {
		t.Errorf("by telephone: %s", got)
	}
	if _, err := w.service.End(t.Context(), w.doctor, c.ID); err != nil {
		t.Fatal(err)
	}
	if got := ask(c, cookie); !strings.Contains(got, `"phase":"ended"`) {
		t.Errorf("after the end: %s", got)
	}
}

// TestWeight holds the budget of the patient's page, compressed as cmd sends it.
func TestWeight(t *testing.T) {
	w := newWorld(t)
	html := text(t, w.get("/j/abcdefghabcdefgh"))
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, _ = io.WriteString(zw, html)
	_ = zw.Close()
	if buf.Len() > 30<<10 {
		t.Errorf("the join page is %d bytes, compressed", buf.Len())
	}
	_, rest, ok := strings.Cut(html, `"call":"`)
	module, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("the page does not name the call module")
	}
	res := w.get(module, func(r *http.Request) { r.Header.Set("Accept-Encoding", "br") })
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "br" {
		t.Fatalf("the call module %s: %d, %v", module, res.StatusCode, err)
	}
	if len(raw) > 60<<10 {
		t.Errorf("the call module is %d bytes, compressed", len(raw))
	}
	script, err := io.ReadAll(brotli.NewReader(bytes.NewReader(raw)))
	if err != nil || !strings.Contains(string(script), "khamxaCall") {
		t.Errorf("the call module does not hold the call: %v", err)
	}
	t.Logf("join page %d bytes, call module %d bytes", buf.Len(), len(raw))
	for _, scheme := range []string{"http://", "https://", "//cdn"} {
		if i := strings.Index(strings.ReplaceAll(html, "http://www.w3.org", ""), scheme); i >= 0 {
			t.Errorf("the page names another origin: %q", html[i:min(i+60, len(html))])
		}
	}
}
