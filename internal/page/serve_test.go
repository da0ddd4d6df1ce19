package page_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"khamxa/internal/fault"
	"khamxa/internal/page"
)

func decode(t testing.TB, encoding string, body io.Reader) string {
	t.Helper()
	switch encoding {
	case "br":
		body = brotli.NewReader(body)
	case "gzip":
		zr, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = zr
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestAssets(t *testing.T) {
	s := shell(t, source("x",
		"ts/a.ts", `import {b} from "./sub"; import {c} from "/y/c.ts"; const {x, ...rest} = window as any; console.log(b, c, x?.y ?? rest)`,
		"ts/sub.ts", `export const b = "from sub "+"`+strings.Repeat("huyết áp ", 40)+`"`, "ts/a.test.ts", `not typescript at all (`, "css/x.css", `.a { & .b { color: red } }`,
		"static/ring.svg", `<svg xmlns="http://www.w3.org/2000/svg"/>`),
		source("y", "c.ts", `export const c: string = "from y"`))
	get := func(path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", accept)
		rec := httptest.NewRecorder()
		s.Assets().ServeHTTP(rec, r)
		return rec
	}
	script := s.Asset("x/a.ts")
	for accept, want := range map[string]string{
		"gzip, deflate, br": "br", "gzip": "gzip", "": "", "identity": "", "br;q=0, gzip;q=0.5": "gzip", "br;q=0,gzip;q=0.0": "", "BR": "br",
	} {
		rec := get(script, accept)
		if got := rec.Header().Get("Content-Encoding"); got != want || rec.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("accepting %q gives %q", accept, got)
		}
		text := decode(t, want, rec.Body)
		if !strings.Contains(text, "from sub") || !strings.Contains(text, "from y") {
			t.Errorf("accepting %q: the bundle lacks a module:\n%s", accept, text)
		}
		if strings.Contains(text, ": string") {
			t.Errorf("types are left:\n%s", text)
		}
	}
	rec := get(script, "")
	if h := rec.Header(); h.Get("Content-Type") != "text/javascript; charset=utf-8" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Errorf("headers are %v", h)
	}
	if sourceMap := get(script+".map", "br"); sourceMap.Code != 200 || sourceMap.Header().Get("Content-Encoding") != "" {
		t.Errorf("source map: %d %v", sourceMap.Code, sourceMap.Header())
	}
	if css := get(s.Asset("x/x.css"), "").Body.String(); !strings.Contains(css, ".a .b{color:red}") {
		t.Errorf("nesting is not lowered: %s", css)
	}
	if svg := get(s.Asset("x/ring.svg"), ""); svg.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("svg is served as %s", svg.Header().Get("Content-Type"))
	}
	for _, path := range []string{"/assets/", "/assets/x/a.ts", "/assets/../page.go", "/assets/x/none-AAAA.js"} {
		if rec := get(path, ""); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	rec = httptest.NewRecorder()
	s.Assets().ServeHTTP(rec, httptest.NewRequest("POST", script, nil))
	if rec.Code != 404 {
		t.Errorf("POST to an asset: %d", rec.Code)
	}
	if s.Asset("x/none.ts") != "" {
		t.Error("an unknown asset has an address")
	}
	other := shell(t, source("x", "ts/a.ts", `console.log("changed")`))
	if other.Asset("x/a.ts") == script {
		t.Error("two contents share an address")
	}
}

func TestCompress(t *testing.T) {
	long := strings.Repeat("huyết áp ", 2000)
	handler := page.Compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Length", "22000")
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, long[:100])
			io.WriteString(w, long[100:])
		case "/short":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "short")
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: x\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		case "/encoded":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "zstd")
			io.WriteString(w, long)
		case "/stream":
			w.Header().Set("Content-Type", "application/fhir+ndjson")
			io.WriteString(w, long)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "end")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/guess":
			io.WriteString(w, "<!doctype html>"+long)
		}
	}))
	for _, c := range []struct{ path, accept, encoding, want string }{
		{"/page", "br, gzip", "br", long},
		{"/page", "gzip", "gzip", long},
		{"/page", "", "", long},
		{"/short", "br", "", "short"},
		{"/events", "br", "", "data: x\n\n"},
		{"/encoded", "br", "zstd", long},
		{"/stream", "br", "br", long + "end"},
		{"/stream", "gzip", "gzip", long + "end"},
		{"/empty", "br", "", ""},
		{"/guess", "br", "br", "<!doctype html>" + long},
	} {
		for range 2 { // the second time an encoder is used again
			r := httptest.NewRequest("GET", c.path, nil)
			r.Header.Set("Accept-Encoding", c.accept)
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			if got := rec.Header().Get("Content-Encoding"); got != c.encoding {
				t.Errorf("%s accepting %q: encoded %q, want %q", c.path, c.accept, got, c.encoding)
				continue
			}
			if rec.Header().Get("Content-Length") != "" && c.encoding == "br" {
				t.Errorf("%s keeps the old length", c.path)
			}
			if got := decode(t, c.encoding, bytes.NewReader(rec.Body.Bytes())); got != c.want {
				t.Errorf("%s accepting %q: %d bytes, want %d", c.path, c.accept, len(got), len(c.want))
			}
		}
	}
}

// TestSecureBehindAProxy: the policy names the public host, whatever Host a proxy hands on, on pages and on everything else.
func TestSecureBehindAProxy(t *testing.T) {
	shell := shell(t)
	for public, want := range map[string]string{
		"https://kham.example.vn":      "connect-src 'self' wss://kham.example.vn;",
		"https://kham.example.vn:8443": "connect-src 'self' wss://kham.example.vn:8443;",
		"http://10.0.0.5:8080":         "connect-src 'self' ws://10.0.0.5:8080;",
		"https://x; script-src *":      "connect-src 'self' wss://127.0.0.1:8080 ws://127.0.0.1:8080;",
	} {
		for name, handler := range map[string]http.Handler{
			"a file": http.NotFoundHandler(),
			"a page": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				shell.Error(w, r, fault.New(fault.NotFound, "test", ""))
			}),
		} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = "127.0.0.1:8080"
			rec := httptest.NewRecorder()
			page.Secure(handler, page.SecureOptions{PublicURL: public}).ServeHTTP(rec, r)
			if got := rec.Header().Get("Content-Security-Policy"); !strings.Contains(got, want) {
				t.Errorf("%s of %s: %q, want %q in it", name, public, got, want)
			}
		}
	}
}

func TestSecure(t *testing.T) {
	handler := page.Secure(http.NotFoundHandler(), page.SecureOptions{})
	policy := func(host string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		return rec.Header().Get("Content-Security-Policy")
	}
	for host, want := range map[string]string{
		"kham.example.vn":      "connect-src 'self' wss://kham.example.vn ws://kham.example.vn;",
		"127.0.0.1:8080":       "connect-src 'self' wss://127.0.0.1:8080 ws://127.0.0.1:8080;",
		"[::1]:8080":           "connect-src 'self' wss://[::1]:8080 ws://[::1]:8080;",
		"x; script-src *":      "connect-src 'self';",
		"x,y":                  "connect-src 'self';",
		"*":                    "connect-src 'self';",
		"*.example.vn":         "connect-src 'self';",
		"a 'unsafe-inline'":    "connect-src 'self';",
		"kham.example.vn:port": "connect-src 'self';",
	} {
		got := policy(host)
		if !strings.Contains(got, want) || strings.Contains(got, "unsafe") {
			t.Errorf("%s: %s", host, got)
		}
	}
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	handler.ServeHTTP(rec, r)
	if rec.Header().Get("Strict-Transport-Security") != "" {
		t.Error("Strict-Transport-Security without TLS locks people out")
	}
	r.TLS = &tls.ConnectionState{}
	handler.ServeHTTP(rec, r)
	if rec.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security over TLS")
	}
}

func BenchmarkRender(b *testing.B) {
	rows := make([]string, 200)
	s := shell(b, source("x", "templates/a.html", `<h1>a</h1><table>{{range .}}<tr><td>{{.}}</td><td>{{t "page.brand"}}</td><td>{{number 1234}}</td></tr>{{end}}</table>`))
	r := httptest.NewRequest("GET", "/", nil)
	for b.Loop() {
		s.Render(httptest.NewRecorder(), r, page.Page{Template: "x/a", View: rows})
	}
}
