// Package pagetest renders every page of a web package in both languages with sample data and checks what comes out.
//
// It is the test that buys back the type safety of templates: a field that is gone, a missing message, a broken nesting or
// an unlabelled input fails here and not in a commune. Only tests may call it.
package pagetest

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"khamxa/internal/page"
)

// Sample is one page with the data to render it with; several samples may share a template. Name tells them apart.
type Sample struct {
	Name string
	Page page.Page
}

// Shell builds a shell over the sources with a signed-in viewer who has the given roles (nobody when there are none).
func Shell(t testing.TB, roles []string, nav []page.NavItem, sources ...page.Source) *page.Shell {
	t.Helper()
	shell, err := page.New(page.Options{
		Sources: sources, Nav: nav, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Viewer: func(*http.Request) page.Viewer {
			if len(roles) == 0 {
				return page.Viewer{}
			}
			return page.Viewer{Name: "Nguyễn Thị Hoà", Roles: roles}
		},
	})
	if err != nil {
		t.Fatalf("page.New: %v", err)
	}
	return shell
}

// All renders every sample in both languages and fails on an error, on broken markup, and on a page of the named source
// that no sample covers.
func All(t *testing.T, shell *page.Shell, source string, samples []Sample) {
	t.Helper()
	covered := map[string]bool{}
	for _, sample := range samples {
		covered[sample.Page.Template] = true
		for _, lang := range page.Langs() {
			t.Run(fmt.Sprintf("%s/%s/%s", sample.Page.Template, sample.Name, lang), func(t *testing.T) {
				html := Render(t, shell, lang, sample.Page)
				for _, problem := range Check(html) {
					t.Error(problem)
				}
			})
		}
	}
	for _, name := range shell.Templates(source) {
		if !covered[name] {
			t.Errorf("no sample renders %s", name)
		}
	}
}

// Render gives the HTML of a page and fails the test if it is not the page that was asked for.
func Render(t testing.TB, shell *page.Shell, lang page.Lang, p page.Page) string {
	t.Helper()
	rec := httptest.NewRecorder()
	shell.Render(rec, httptest.NewRequest("GET", "/sample?lang="+string(lang), nil), p)
	want := p.Status
	if want == 0 {
		want = 200
	}
	if rec.Code != want {
		t.Fatalf("%s in %s: status %d, want %d (the log says why)", p.Template, lang, rec.Code, want)
	}
	return rec.Body.String()
}

// Check lists what is wrong with a page's markup: leftovers of a failed format or escape, not exactly one h1, ids twice,
// inputs without a label, images without alt, buttons without a type, unbalanced elements.
func Check(html string) []string {
	var problems []string
	for _, leftover := range []string{"ZgotmplZ", "%!", "<no value>", "<nil>"} {
		if strings.Contains(html, leftover) {
			problems = append(problems, "holds "+leftover)
		}
	}
	if n := strings.Count(html, "<h1"); n != 1 {
		problems = append(problems, fmt.Sprintf("has %d h1 headings, want 1", n))
	}
	problems = append(problems, checkNames(html)...)
	return append(problems, checkNesting(html)...)
}

func checkNames(html string) []string {
	var problems []string
	var ids []string
	for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if slices.Contains(ids, m[1]) {
			problems = append(problems, "id "+m[1]+" is there twice")
		}
		ids = append(ids, m[1])
	}
	for _, m := range regexp.MustCompile(`\s(?:for|aria-labelledby|aria-describedby)="([^"]+)"`).FindAllStringSubmatch(html, -1) {
		for _, id := range strings.Fields(m[1]) {
			if !slices.Contains(ids, id) {
				problems = append(problems, "a label or description points to the missing id "+id)
			}
		}
	}
	for _, tag := range regexp.MustCompile(`<(?:input|select|textarea)\b[^>]*>`).FindAllString(html, -1) {
		id := regexp.MustCompile(`\sid="([^"]+)"`).FindStringSubmatch(tag)
		hidden := strings.Contains(tag, `type="hidden"`) || strings.Contains(tag, "aria-label")
		if !hidden && (id == nil || !strings.Contains(html, `for="`+id[1]+`"`)) {
			problems = append(problems, "no label for "+tag)
		}
	}
	for _, tag := range regexp.MustCompile(`<img\b[^>]*>`).FindAllString(html, -1) {
		if !strings.Contains(tag, " alt=") {
			problems = append(problems, "no alt on "+tag)
		}
	}
	for _, tag := range regexp.MustCompile(`<button\b[^>]*>`).FindAllString(html, -1) {
		if !strings.Contains(tag, " type=") {
			problems = append(problems, "no type on "+tag)
		}
	}
	return problems
}

// checkNesting pairs start and end tags. HTML's optional end tags are not used in our templates.
func checkNesting(html string) []string {
	html = regexp.MustCompile(`(?s)<(script|style)\b[^>]*>.*?</(script|style)>`).ReplaceAllString(html, "")
	void := []string{"meta", "link", "input", "br", "hr", "img", "source", "track", "col", "wbr"}
	var open []string
	for _, m := range regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^>"']|"[^"]*"|'[^']*')*)>`).FindAllStringSubmatch(html, -1) {
		name := strings.ToLower(m[2])
		switch {
		case slices.Contains(void, name) || strings.HasSuffix(m[3], "/"):
		case m[1] == "":
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			return []string{fmt.Sprintf("</%s> closes %v", name, open)}
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return []string{fmt.Sprintf("never closed: %v", open)}
	}
	return nil
}
