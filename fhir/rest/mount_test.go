package rest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"khamxa/fhir/rest"
	"khamxa/internal/fault"
)

// TestMounting: the handler works below each kind of router, with and without a slash at the end.
func TestMounting(t *testing.T) {
	h, err := rest.New(rest.Options{
		Store: &stub{}, Log: slog.New(slog.DiscardHandler), BaseURL: "https://kham.example.vn/fhir/",
		Authorize: func(*http.Request) (rest.Access, error) { return accessOf(anybody) },
	})
	if err != nil {
		t.Fatal(err)
	}
	std := http.NewServeMux()
	std.Handle("/fhir/", h)
	mounted := chi.NewRouter()
	mounted.Mount("/fhir", h)
	for name, outer := range map[string]http.Handler{"std": std, "chi": mounted, "stripped": http.StripPrefix("/fhir", h), "bare": h} {
		for _, path := range []string{"/fhir/metadata", "/fhir/metadata/"} {
			w := httptest.NewRecorder()
			outer.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if w.Code != 200 {
				t.Errorf("%s %s: %d", name, path, w.Code)
			}
		}
		w := httptest.NewRecorder()
		outer.ServeHTTP(w, httptest.NewRequest("POST", "/fhir/Patient/1", nil))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, PUT, PATCH, DELETE" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}

func TestObserve(t *testing.T) {
	var got []rest.Finished
	h, err := rest.New(rest.Options{
		Store: &stub{err: fault.New(fault.NotFound, "test", "None.")}, Log: slog.New(slog.DiscardHandler),
		Authorize: func(*http.Request) (rest.Access, error) { return accessOf(anybody) },
		Observe:   func(o rest.Finished) { got = append(got, o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/fhir/Patient/secret-id", nil))
	if len(got) != 1 || got[0].Interaction != "read" || got[0].Status != 404 || got[0].Route != "/{type}/{id}" {
		t.Errorf("%+v", got)
	}
}

func TestOptions(t *testing.T) {
	good := rest.Options{
		Store: &stub{}, Log: slog.New(slog.DiscardHandler),
		Authorize: func(*http.Request) (rest.Access, error) { return rest.Access{}, nil },
	}
	for name, spoil := range map[string]func(*rest.Options){
		"no store":      func(o *rest.Options) { o.Store = nil },
		"no authoriser": func(o *rest.Options) { o.Authorize = nil },
		"no log":        func(o *rest.Options) { o.Log = nil },
		"short key":     func(o *rest.Options) { o.PageKey = []byte("short") },
	} {
		o := good
		spoil(&o)
		if _, err := rest.New(o); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h, err := rest.New(good)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder() // an authoriser that names nobody grants nothing
	h.ServeHTTP(w, httptest.NewRequest("GET", "/fhir/Patient/1", nil))
	if w.Code != 500 {
		t.Errorf("status %d", w.Code)
	}
}

// TestAccept: what a client says it takes, and what it gets.
func TestAccept(t *testing.T) {
	h, err := rest.New(rest.Options{
		Store: &stub{}, Log: slog.New(slog.DiscardHandler),
		Authorize: func(*http.Request) (rest.Access, error) { return accessOf(anybody) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]int{
		"":                                       200,
		"*/*":                                    200,
		"application/*":                          200,
		"application/json":                       200,
		"application/fhir+json; fhirVersion=4.0": 200,
		"application/fhir+json; fhirVersion=5.0": 406,
		"application/fhir+json;charset=utf-8":    200,
		"text/html,application/xhtml+xml,*/*;q=0.8": 200,
		"text/html":            406,
		"application/fhir+xml": 406,
		"application/fhir+xml, application/fhir+json;q=0.5": 200,
		"application/json;q=0":                              406,
		"nonsense":                                          406,
	} {
		r := httptest.NewRequest("GET", "/fhir/metadata", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Accept %q: %d, want %d", accept, w.Code, want)
		}
	}
	for format, want := range map[string]int{"json": 200, "application/fhir%2Bjson": 200, "application/fhir+json": 200, "application/json": 200, "xml": 406, "": 406} {
		r := httptest.NewRequest("GET", "/fhir/metadata?_format="+format, nil)
		r.Header.Set("Accept", "application/fhir+xml") // _format goes first
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("_format %q: %d, want %d", format, w.Code, want)
		}
	}
}
