package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"khamxa/internal/page"
)

// TestPages builds the pages' ground once, and shows what cmd adds to it.
func TestPages(t *testing.T) {
	var log bytes.Buffer
	s := &service{core: &core{log: slog.New(slog.NewTextHandler(&log, nil))}}
	shell, err := s.newShell()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a blood pressure in both languages", func(t *testing.T) {
		advise := classify(shell, func(id string) bool { return id == "treated" })
		seen := map[string]bool{}
		for _, c := range []struct {
			patient             string
			systolic, diastolic int
			tone                string
		}{{"new", 118, 74, "good"}, {"new", 134, 82, "warn"}, {"new", 172, 96, "danger"}, {"treated", 172, 96, "danger"}} {
			for _, lang := range []page.Lang{page.Vietnamese, page.English} {
				a := advise(lang, c.patient, c.systolic, c.diastolic)
				if a.Tone != c.tone || seen[a.Text] || strings.Contains(a.Text, "guideline.") || len(a.Text) < 10 {
					t.Errorf("%s, %d/%d in %s: %+v, want the tone %s and a sentence of its own", c.patient, c.systolic, c.diastolic, lang, a, c.tone)
				}
				seen[a.Text] = true
			}
		}
	})
	t.Run("a handler that panics", func(t *testing.T) { panicStory(t, s, shell, &log) })
}

// panicStory: the request gets an error page that tells nothing, the next one is served, and the log has the place, not what was said.
func panicStory(t *testing.T, s *service, shell *page.Shell, log *bytes.Buffer) {
	const private = "Nguyễn Thị Hoa"
	r := chi.NewRouter()
	r.Use(recovered(shell, s))
	r.Get("/broken", func(http.ResponseWriter, *http.Request) { panic(private) })
	r.Get("/index", func(_ http.ResponseWriter, r *http.Request) { _ = []string{}[len(r.URL.RawQuery)] })
	r.Get("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	r.Get("/whole", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for path, logged := range map[string]string{"/broken": "panic=string", "/index": "index out of range"} {
		if w := get(path); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), private) || strings.Contains(w.Body.String(), "index out") {
			t.Errorf("%s answers %d: %s", path, w.Code, w.Body)
		}
		if text := log.String(); !strings.Contains(text, logged) || !strings.Contains(text, "route="+path) || strings.Contains(text, private) {
			t.Errorf("%s is logged as %s", path, text)
		}
	}
	if w := get("/whole"); w.Code != http.StatusNoContent {
		t.Errorf("the next request gets %d", w.Code)
	}
	defer func() {
		v := recover()
		if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("net/http's own way to end a connection becomes %v", v)
		}
	}()
	get("/abort")
}
