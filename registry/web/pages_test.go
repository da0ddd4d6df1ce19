package web_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"khamxa/internal/fault"
	"khamxa/internal/page/pagetest"
	"khamxa/registry/web"
)

// Every page in both languages, empty and full, by the handlers themselves.
func TestPages(t *testing.T) {
	full, empty := newWorld(t, 60), newWorld(t, 0)
	for _, path := range []string{
		"/patients", "/patients?q=nguyen", "/patients?q=zzz", "/patients/new", "/patients/demo-patient", "/screenings/new", "/screenings/new?q=mau",
		"/screenings/new?patient=demo-patient", "/reports", "/reports/hypertension", "/reports/hypertension?commune=14221&month=2026-01",
		"/reports/hypertension/people?month=2026-11&state=all", "/reports/hypertension/people?month=2026-11&state=lost&commune=14221",
		"/reports/hypertension/people?month=2026-11&state=denominator",
	} {
		for name, w := range map[string]*world{"full": full, "empty": empty} {
			for _, lang := range []string{"vi", "en"} {
				t.Run(lang+" "+name+path, func(t *testing.T) {
					sep := "?"
					if strings.Contains(path, "?") {
						sep = "&"
					}
					for _, problem := range pagetest.Check(w.get(path + sep + "lang=" + lang)) {
						t.Error(problem)
					}
				})
			}
		}
	}
}

// Every template is one of a page above: none is left over.
func TestTemplatesAreUsed(t *testing.T) {
	shell, err := shellOnce()
	if err != nil {
		t.Fatal(err)
	}
	want := "registry/chart registry/hypertension registry/new registry/patients registry/people registry/reports registry/screening"
	if got := strings.Join(shell.Templates("registry"), " "); got != want {
		t.Errorf("templates are %s", got)
	}
}

// Every message of this package is used by a template or by Go.
func TestMessagesAreUsed(t *testing.T) {
	raw, err := os.ReadFile("messages/vi.json")
	if err != nil {
		t.Fatal(err)
	}
	var messages map[string]string
	if err := json.Unmarshal(raw, &messages); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, folder := range []string{".", "templates", "templates/parts"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") || strings.HasSuffix(e.Name(), ".html") {
				raw, err := os.ReadFile(folder + "/" + e.Name())
				if err != nil {
					t.Fatal(err)
				}
				text.Write(raw)
			}
		}
	}
	// Keys that are put together from a name.
	built := []string{"registry.nav.", "registry.gender.", "registry.basis.", "registry.arm.", "registry.position.", "registry.visit.", "registry.set.", "registry.chart.done."}
	for key := range messages {
		used := strings.Contains(text.String(), `"`+key+`"`)
		for _, prefix := range built {
			used = used || strings.HasPrefix(key, prefix)
		}
		if !used {
			t.Errorf("nothing uses %s", key)
		}
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := web.New(web.Options{}); !fault.Is(err, fault.Internal) {
		t.Errorf("New without anything gives %v", err)
	}
}

func TestSecurityHeaders(t *testing.T) {
	w := newWorld(t, 0)
	_, body, h := w.do(http.MethodGet, "/reports/hypertension", nil)
	if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	if h.Get("Cache-Control") != "no-store" || strings.Contains(body, " style=") {
		t.Error("the page may be stored, or brings styles")
	}
}
