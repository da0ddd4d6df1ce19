package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"khamxa/internal/config"
	"khamxa/internal/network"
)

// goodSettings are those of a service that can start.
func goodSettings(change func(*settings)) settings {
	s := settings{data: "data", listen: "127.0.0.1:8080", store: storeSQLite, bus: embedded, media: embedded}
	change(&s)
	return s
}

// TestSettings: what cannot work is refused by the name of its flag, before anything is opened.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*settings)
		want   string // in the sentence; "" for settings that hold
	}{
		{"the defaults", func(*settings) {}, ""},
		{"everywhere", func(s *settings) { s.listen = ":8080" }, ""},
		{"demo on loopback", func(s *settings) { s.demo = true }, ""},
		{"demo on IPv6 loopback", func(s *settings) { s.demo, s.listen = true, "[::1]:8080" }, ""},
		{"demo on localhost", func(s *settings) { s.demo, s.listen = true, "localhost:8080" }, ""},
		{"another bus and media node", func(s *settings) { s.bus, s.media = "nats://bus:4222", external }, ""},
		{"another bus over TLS", func(s *settings) { s.bus = "tls://bus:4222" }, ""},
		{"another bus, own media process", func(s *settings) { s.bus = "nats://bus:4222" }, ""},
		{"public address", func(s *settings) { s.publicURL = "https://kham.example.vn/" }, ""},
		{"a proxy elsewhere", func(s *settings) { s.trustedProxy = "10.0.0.5, 10.1.0.0/24" }, ""},
		{"no proxy", func(s *settings) { s.trustedProxy = "none" }, ""},
		{"hooks to two places", func(s *settings) { s.notify = "https://his.example.vn/fhir,http://10.0.0.7:8080" }, ""},
		{"packets' address", func(s *settings) { s.mediaListen = "0.0.0.0:7882" }, ""},

		{"no folder", func(s *settings) { s.data = "" }, "--data is needed"},
		{"no port", func(s *settings) { s.listen = "localhost" }, "--listen is host:port"},
		{"demo everywhere", func(s *settings) { s.demo, s.listen = true, "0.0.0.0:8080" }, "loopback only, not on 0.0.0.0:8080"},
		{"demo on every IPv6 address", func(s *settings) { s.demo, s.listen = true, "[::]:8080" }, "loopback only"},
		{"demo on a name", func(s *settings) { s.demo, s.listen = true, "kham.example.vn:80" }, "loopback only"},
		{"demo on another name of this machine", func(s *settings) { s.demo, s.listen = true, "localhost.example.vn:80" }, "loopback only"},
		{"MongoDB", func(s *settings) { s.store = "mongodb://db" }, "not served by this version"},
		{"MongoDB by name", func(s *settings) { s.store = "mongodb+srv://db" }, "not served by this version"},
		{"unknown store", func(s *settings) { s.store = "mysql" }, "--store is sqlite"},
		{"no store", func(s *settings) { s.store = "" }, "--store is sqlite"},
		{"bus over HTTP", func(s *settings) { s.bus = "http://bus" }, "--bus is embedded"},
		{"unknown media", func(s *settings) { s.media = "none" }, "--media is embedded or external"},
		{"media elsewhere, bus here", func(s *settings) { s.media = external }, "needs a bus that both can reach"},
		{"packets' address without port", func(s *settings) { s.mediaListen = "0.0.0.0" }, "--media-listen is host:port"},
		{"a proxy by name", func(s *settings) { s.trustedProxy = "proxy.example.vn" }, "--trusted-proxy is none"},
		{"any proxy", func(s *settings) { s.trustedProxy = "*" }, "--trusted-proxy is none"},
		{"a hook to a name", func(s *settings) { s.notify = "his.example.vn" }, "--notify is addresses"},
		{"a hook with a password", func(s *settings) { s.notify = "https://a:b@his.example.vn" }, "--notify is addresses"},
		{"public name", func(s *settings) { s.publicURL = "kham.example.vn" }, "--public-url is an address"},
		{"public path", func(s *settings) { s.publicURL = "https://kham.example.vn/x" }, "--public-url is an address"},
		{"public query", func(s *settings) { s.publicURL = "https://kham.example.vn?x=1" }, "--public-url is an address"},
		{"public fragment", func(s *settings) { s.publicURL = "https://kham.example.vn#x" }, "--public-url is an address"},
		{"public password", func(s *settings) { s.publicURL = "https://u:p@kham.example.vn" }, "--public-url is an address"},
		{"public FTP", func(s *settings) { s.publicURL = "ftp://kham.example.vn" }, "--public-url is an address"},
		{"public nothing", func(s *settings) { s.publicURL = "https://" }, "--public-url is an address"},
		{"public nonsense", func(s *settings) { s.publicURL = "https://%zz" }, "--public-url is an address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := goodSettings(c.change)
			err := s.validate()
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && err == nil:
				t.Error("taken")
			case c.want != "" && !strings.Contains(sentence(err), c.want):
				t.Errorf("%q, want %q in it", sentence(err), c.want)
			}
		})
	}
}

// TestPublicURL: the address is kept without its last slash, and says whether people come over TLS.
func TestPublicURL(t *testing.T) {
	for given, want := range map[string]struct {
		kept  string
		https bool
	}{
		"":                             {"", false},
		"https://kham.example.vn/":     {"https://kham.example.vn", true},
		"https://kham.example.vn:8443": {"https://kham.example.vn:8443", true},
		"http://10.0.0.5:8080/":        {"http://10.0.0.5:8080", false},
		"https://Kham.Example.vn:443":  {"https://kham.example.vn", true},
		"http://10.0.0.5:80":           {"http://10.0.0.5", false},
	} {
		s := goodSettings(func(s *settings) { s.publicURL = given })
		if err := s.validate(); err != nil || s.publicURL != want.kept || s.https() != want.https {
			t.Errorf("%q is kept as %q, https %v (%v)", given, s.publicURL, s.https(), err)
		}
	}
}

// TestTrustedProxy: whose word counts about where a request comes from, by default and as set.
func TestTrustedProxy(t *testing.T) {
	for _, c := range []struct{ public, trusted, peer, want string }{
		{"https://kham.example.vn", "", "127.0.0.1", "203.0.113.9"},
		{"https://kham.example.vn", "", "10.0.0.5", "10.0.0.5"},
		{"https://kham.example.vn", "none", "127.0.0.1", "127.0.0.1"},
		{"https://kham.example.vn", "10.0.0.5", "10.0.0.5", "203.0.113.9"},
		{"https://kham.example.vn", "10.0.0.5", "127.0.0.1", "127.0.0.1"},
		{"http://10.0.0.7:8080", "", "127.0.0.1", "127.0.0.1"},
		{"", "", "127.0.0.1", "127.0.0.1"},
		{"", "loopback", "127.0.0.1", "203.0.113.9"},
	} {
		s := goodSettings(func(s *settings) { s.publicURL, s.trustedProxy = c.public, c.trusted })
		if err := s.validate(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer + ":5000"
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		got := ""
		s.proxies.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = network.Address(r) })).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestDefaults: the flags' own defaults, with a folder, are settings that hold, and on loopback.
func TestDefaults(t *testing.T) {
	var s settings
	if err := config.Parse(s.flags(), []string{"--data", "d"}, config.Source{Lookup: func(string) (string, bool) { return "", false }}); err != nil {
		t.Fatal(err)
	}
	if err := s.validate(); err != nil || s.listen != "127.0.0.1:8080" || s.demo {
		t.Errorf("%+v: %v", s, err)
	}
	s.demo = true
	if err := s.validate(); err != nil {
		t.Errorf("the default address is no loopback: %v", err)
	}
}

// TestHooks: notifications go where the operator says, and to this machine only when nobody else can reach the service.
func TestHooks(t *testing.T) {
	for _, c := range []struct {
		listen, notify, endpoint string
		want                     bool
		public                   string
	}{
		{"127.0.0.1:8080", "", "http://127.0.0.1:9/x", true, ""},
		{"127.0.0.1:8080", "", "http://[::1]:9/x", true, ""},
		{"127.0.0.1:8080", "", "http://localhost/x", true, ""},
		{"127.0.0.1:8080", "", "http://localhost.example.vn/x", false, ""},
		{"127.0.0.1:8080", "", "http://10.0.0.1/x", false, ""},
		{"127.0.0.1:8080", "", "http://127.0.0.1:9/x", false, "https://kham.example.vn"},
		{"0.0.0.0:8080", "", "http://127.0.0.1:9/x", false, ""},
		{"0.0.0.0:8080", "https://a.vn,https://b.vn/fhir", "https://b.vn/fhir/x", true, ""},
		{"0.0.0.0:8080", "https://a.vn,https://b.vn/fhir", "https://b.vn/other", false, ""},
	} {
		s := goodSettings(func(s *settings) { s.listen, s.notify, s.publicURL = c.listen, c.notify, c.public })
		if got := s.hooks()(c.endpoint); got != c.want {
			t.Errorf("listening on %s with %q, %s: %v", c.listen, c.notify, c.endpoint, got)
		}
	}
}
