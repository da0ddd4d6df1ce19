package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/internal/page/pagetest"
)

// source makes a Source of files given as path, text, path, text...
func source(name string, files ...string) page.Source {
	fsys := fstest.MapFS{}
	for i := 0; i+1 < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return page.Source{Name: name, FS: fsys}
}

func shell(t testing.TB, sources ...page.Source) *page.Shell {
	t.Helper()
	s, err := page.New(page.Options{Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func render(t testing.TB, s *page.Shell, target string, p page.Page) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Render(rec, httptest.NewRequest("GET", target, nil), p)
	return rec
}

func TestNewRefuses(t *testing.T) {
	messages := func(vi, en string) []string { return []string{"messages/vi.json", vi, "messages/en.json", en} }
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"missing in English":     {messages(`{"x.a":"A"}`, `{}`), "x.a is missing in English"},
		"missing in Vietnamese":  {messages(`{}`, `{"x.a":"A"}`), "x.a is missing in Vietnamese"},
		"other verbs":            {messages(`{"x.a":"%d người"}`, `{"x.a":"%s people"}`), "x.a has verbs 1d in Vietnamese and 1s in English"},
		"one verb more":          {messages(`{"x.a":"%d của %d"}`, `{"x.a":"%d"}`), "x.a has verbs"},
		"key of the shell":       {messages(`{"page.brand":"A"}`, `{"page.brand":"A"}`), "is also in source page"},
		"empty text":             {messages(`{"x.a":" "}`, `{"x.a":"A"}`), "is empty"},
		"not an object":          {messages(`[]`, `{}`), "x/messages/vi.json"},
		"no other form":          {messages(`{"x.a":"A"}`, `{"x.a":{"one":"A"}}`), "the plural form other is missing"},
		"unknown form":           {messages(`{"x.a":"A"}`, `{"x.a":{"few":"A","other":"A"}}`), "plural form few"},
		"key in a template":      {[]string{"templates/a.html", `<h1>{{t "x.none"}}</h1>`}, `no message "x.none"`},
		"key deep in a template": {[]string{"templates/a.html", `{{range .L}}{{with .X}}{{else}}{{if eq (print (t "x.none")) ""}}a{{end}}{{end}}{{end}}`}, `no message "x.none"`},
		"unknown icon":           {[]string{"templates/a.html", `{{icon "unicorn"}}`}, `no icon "unicorn"`},
		"unknown asset":          {[]string{"templates/a.html", `{{asset "x/none.ts"}}`}, `no asset "x/none.ts"`},
		"unknown inline script":  {[]string{"templates/a.html", `{{inlineScript "x/none.ts"}}`}, `no script "x/none.ts"`},
		"does not parse":         {[]string{"templates/a.html", `{{if}}`}, "Template x/a does not parse"},
		"unknown part":           {[]string{"templates/a.html", `{{template "x/parts/none" .}}`}, "x/a"},
		"cannot be escaped":      {[]string{"templates/a.html", `<a href="{{if .A}}x?{{end}}{{.B}}">a</a><p title={{if .C}}"{{end}}>`}, "x/a"},
		"style attribute":        {[]string{"templates/a.html", `<p style="width:1px">a</p>`}, "a style attribute"},
		"event handler":          {[]string{"templates/a.html", `<button onclick="x()">a</button>`}, "an event handler"},
		"script element":         {[]string{"templates/a.html", `<script>x()</script>`}, "a <script> element"},
		"style element":          {[]string{"templates/parts/a.html", `<style>p{}</style>`}, "a <style> element"},
		"javascript address":     {[]string{"templates/a.html", `<a href="javascript:x()">a</a>`}, "a javascript: address"},
		"script does not parse":  {[]string{"ts/a.ts", `const = 1`}, "x/ts/a.ts"},
		"import from outside":    {[]string{"ts/a.ts", `import "../../../etc/passwd"`}, "no such module"},
		"import from a package":  {[]string{"ts/a.ts", `import React from "react"; React()`}, "no such module"},
		"style does not exist":   {[]string{"css/a.css", `@import "./none.css";`}, "no such module"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := page.New(page.Options{Sources: []page.Source{source("x", c.files...)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("code is %q", fault.CodeOf(err))
			}
		})
	}
	if _, err := page.New(page.Options{Sources: []page.Source{source("x"), source("x")}}); err == nil {
		t.Error("two sources of one name are taken")
	}
	if _, err := page.New(page.Options{Nav: []page.NavItem{{Key: "a", Title: "x.none"}}}); err == nil {
		t.Error("a navigation title without a message is taken")
	}
}

func TestMessages(t *testing.T) {
	s := shell(t, source("x",
		"messages/vi.json", `{"x.n":"%d người chờ","x.s":"Chào %s","x.two":"%[2]s của %[1]d","x.p":"đạt 100%%","x.nfd":"Ho`+"a\u0300"+`"}`,
		"messages/en.json", `{"x.n":{"one":"%d person waits","other":"%d people wait"},"x.s":"Hello %s","x.two":"%[1]d's %[2]s","x.p":"reached 100%%","x.nfd":"Hoa"}`))
	for _, c := range []struct {
		lang page.Lang
		key  string
		args []any
		want string
	}{
		{page.Vietnamese, "x.n", []any{1234}, "1.234 người chờ"},
		{page.English, "x.n", []any{1}, "1 person waits"},
		{page.English, "x.n", []any{0}, "0 people wait"},
		{page.English, "x.n", []any{1234}, "1,234 people wait"},
		{page.Vietnamese, "x.s", []any{"%d <b>"}, "Chào %d <b>"},
		{page.English, "x.two", []any{2, "a"}, "2's a"},
		{page.Vietnamese, "x.two", []any{2, "a"}, "a của 2"},
		{page.Vietnamese, "x.p", nil, "đạt 100%"},
		{page.Vietnamese, "x.nfd", nil, "Ho\u00e0"},
		{page.Vietnamese, "Trang này là chữ", nil, "Trang này là chữ"},
	} {
		if got := s.T(c.lang, c.key, c.args...); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.lang, c.key, got, c.want)
		}
	}
}

func TestFormats(t *testing.T) {
	late := time.Date(2026, 11, 23, 17, 30, 0, 0, time.UTC) // 00:30 of the 24th in Vietnam
	s := shell(t, source("x", "templates/a.html", `{{range .}}{{.}}{{end}}`,
		"templates/f.html", `<h1>{{date .T}}|{{datetime .T}}|{{time .T}}|{{iso .T}}|{{date .Z}}|{{date .Y}}|{{date .M}}|{{date .D}}|{{date .DT}}|{{number .N}}|{{number .F}}|{{number .F 2}}|{{percent .P}}|{{query "/r?b=1" "q" "a&b" "b" "" "c" 2}}|{{lang}}</h1>`))
	view := map[string]any{
		"T": late, "Z": time.Time{}, "Y": "1957", "M": "1957-03", "D": "1957-03-12", "DT": "2026-11-23T17:30:00Z",
		"N": 1234567, "F": 1234.567, "P": 0.5432,
	}
	for lang, want := range map[page.Lang]string{
		page.Vietnamese: "24/11/2026|00:30 24/11/2026|00:30|2026-11-24T00:30:00+07:00||1957|03/1957|12/03/1957|24/11/2026|1.234.567|1.234,6|1.234,57|54,3%|/r?c=2&q=a%26b|vi",
		page.English:    "24/11/2026|00:30 24/11/2026|00:30|2026-11-24T00:30:00+07:00||1957|03/1957|12/03/1957|24/11/2026|1,234,567|1,234.6|1,234.57|54.3%|/r?c=2&q=a%26b|en",
	} {
		body := render(t, s, "/?lang="+string(lang), page.Page{Template: "x/f", View: view}).Body.String()
		got := regexp.MustCompile(`<h1>(.*)</h1>`).FindStringSubmatch(body)
		if got == nil || strings.ReplaceAll(strings.ReplaceAll(got[1], "&#43;", "+"), "&amp;", "&") != want {
			t.Errorf("%s: %v\nwant %s", lang, got, want)
		}
	}
	for name, bad := range map[string]any{"a number": 3, "not a date": "1957-xx", "too long": "2026-11-23T99:30:00Z"} {
		view["D"] = bad
		if rec := render(t, s, "/", page.Page{Template: "x/f", View: view}); rec.Code != 500 {
			t.Errorf("%s as a date: status %d", name, rec.Code)
		}
	}
}

func TestRender(t *testing.T) {
	s := shell(t, source("x",
		"templates/a.html", `<h1>{{.Name}}</h1>{{template "x/parts/row" .}}`,
		"templates/parts/row.html", `<p title="{{.Name}}">row</p>`,
		"ts/a.ts", `import {config} from "/page/config.ts"; console.log(config<{a: number}>().a ?? 0)`,
		"css/x.css", `.x { color: red; & b { color: blue } }`))
	rec := render(t, s, "/p?q=1", page.Page{
		Template: "x/a", Title: "error.home", Script: "x/a.ts", Status: 201,
		View: struct{ Name string }{`<b>"Hòa"</b>`}, Config: map[string]string{"a": "</script><b>"},
	})
	body := rec.Body.String()
	if rec.Code != 201 || rec.Header().Get("Content-Type") != "text/html; charset=utf-8" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, headers %v", rec.Code, rec.Header())
	}
	for _, part := range []string{
		`<html lang="vi"`, "<title>Về trang đầu · Khamxa</title>", "&lt;b&gt;&#34;Hòa&#34;&lt;/b&gt;",
		`<script type="module" src="` + s.Asset("x/a.ts") + `">`, `href="` + s.Asset("x/x.css") + `"`,
		`<script type="application/json" id="config">{"a":"\u003c/script\u003e\u003cb\u003e"}</script>`, `href="/p?lang=en&amp;q=1"`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in\n%s", part, body)
		}
	}
	if policy := rec.Header().Get("Content-Security-Policy"); strings.Contains(policy, "sha256") {
		t.Errorf("a page that inlines nothing has hashes: %s", policy)
	}
	for _, bad := range []page.Page{{Template: "x/none"}, {Template: "x/a", View: 1}, {Template: "x/a", Script: "x/none.ts", View: struct{ Name string }{}}} {
		rec := render(t, s, "/", bad)
		if rec.Code != 500 || strings.Contains(rec.Body.String(), ">row<") || !strings.Contains(rec.Body.String(), "Có lỗi ở máy chủ") {
			t.Errorf("%+v: status %d\n%s", bad, rec.Code, rec.Body)
		}
	}
}

func TestPatientPageInlines(t *testing.T) {
	s := shell(t, source("x",
		"templates/join.html", `<h1>a</h1>`,
		"templates/more.html", `<h1>a</h1>{{inlineScript "x/more.ts"}}{{inlineCSS "x/more.css"}}`,
		"ts/join.ts", `document.title = "</script>" + "\u2028"`, "ts/more.ts", `document.title = "b"`,
		"css/patient.css", `.mine { color: red }`, "css/more.css", `.more{color:blue}`))
	check := func(rec *httptest.ResponseRecorder, scripts, styles int) {
		t.Helper()
		body, policy := rec.Body.String(), rec.Header().Get("Content-Security-Policy")
		for element, want := range map[string]int{"script": scripts, "style": styles} {
			found := regexp.MustCompile(`(?s)<`+element+`[^>]*>(.*?)</`+element+`>`).FindAllStringSubmatch(body, -1)
			if len(found) != want {
				t.Errorf("%d inlined %ss, want %d\n%s", len(found), element, want, body)
			}
			for _, m := range found {
				sum := sha256.Sum256([]byte(m[1]))
				hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
				if !regexp.MustCompile(element + `-src 'self'[^;]*` + regexp.QuoteMeta(hash)).MatchString(policy) {
					t.Errorf("policy lacks the hash of an inlined %s: %s", element, policy)
				}
				if strings.Contains(m[1], "sourceMappingURL") {
					t.Error("an inlined text names a source map")
				}
			}
		}
	}
	rec := render(t, s, "/j/1", page.Page{Template: "x/join", Layout: page.Patient, Script: "x/join.ts"})
	check(rec, 1, 2)
	if body := rec.Body.String(); strings.Contains(body, `rel="stylesheet"`) || strings.Contains(body, `src="`) {
		t.Errorf("a patient's page asks for more files\n%s", body)
	}
	if size := rec.Body.Len(); size > 20_000 {
		t.Errorf("an empty patient's page is %d bytes", size)
	}
	check(render(t, s, "/", page.Page{Template: "x/more", Layout: page.Bare}), 1, 1)
}

func TestNavigation(t *testing.T) {
	nav := []page.NavItem{
		{Key: "home", Title: "page.home", URL: "/h", Icon: "video"},
		{Key: "admin", Title: "page.help", URL: "/a", Roles: []string{"admin"}},
	}
	x := source("x", "templates/a.html", `<h1>a</h1>`)
	body := pagetest.Render(t, pagetest.Shell(t, []string{"doctor"}, nav, x), page.Vietnamese, page.Page{Template: "x/a", Nav: "home"})
	if !strings.Contains(body, `href="/h" aria-current="page"`) || strings.Contains(body, `href="/a"`) || !strings.Contains(body, "Bác sĩ") {
		t.Errorf("a doctor's page:\n%s", body)
	}
	body = pagetest.Render(t, pagetest.Shell(t, []string{"admin"}, nav, x), page.Vietnamese, page.Page{Template: "x/a", Nav: "home"})
	if !strings.Contains(body, `href="/a"`) {
		t.Error("an administrator does not see the administrator's entry")
	}
	body = pagetest.Render(t, pagetest.Shell(t, nil, nav, x), page.Vietnamese, page.Page{Template: "x/a"})
	if strings.Contains(body, `href="/h"`) || !strings.Contains(body, `href="/login"`) {
		t.Error("nobody sees navigation, or no way to sign in")
	}
	body = pagetest.Render(t, pagetest.Shell(t, []string{"doctor"}, nav, x), page.Vietnamese, page.Page{Template: "x/a", Layout: page.Patient})
	if strings.Contains(body, "Nguyễn") || strings.Contains(body, `href="/h"`) {
		t.Error("a patient's page shows staff")
	}
}

func TestLang(t *testing.T) {
	s := shell(t, source("x", "templates/a.html", `<h1>{{t "page.signin"}}</h1>`))
	for _, c := range []struct{ target, cookie, want string }{
		{"/", "", "vi"}, {"/?lang=en", "", "en"}, {"/", "en", "en"}, {"/?lang=vi", "en", "vi"}, {"/?lang=fr", "en", "en"}, {"/?lang=%3Cb%3E", "x", "vi"},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		r.Header.Set("Accept-Language", "en-GB,en")
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "lang", Value: c.cookie})
		}
		rec := httptest.NewRecorder()
		s.Render(rec, r, page.Page{Template: "x/a"})
		if got := rec.Header().Get("Content-Language"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		kept := len(rec.Result().Cookies()) == 1
		if asked := strings.Contains(c.target, "lang=vi") || strings.Contains(c.target, "lang=en"); kept != asked {
			t.Errorf("%+v: cookie kept %v", c, kept)
		}
	}
	// A path that looks like another host must not become a link to it.
	rec := render(t, s, "http://x//evil.example/a", page.Page{Template: "x/a", Layout: page.Bare})
	if strings.Contains(rec.Body.String(), `href="//`) {
		t.Error("the language switch leads to another host")
	}
}

func TestErrors(t *testing.T) {
	s := shell(t, source("x", "messages/vi.json", `{"The consult is over.":"Buổi khám đã kết thúc."}`, "messages/en.json", `{"The consult is over.":"The consult is over."}`))
	codes := []fault.Code{
		fault.Invalid, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict, fault.Precondition, fault.State,
		fault.TooLarge, fault.TooMany, fault.TooCostly, fault.Unsupported, fault.Unavailable, fault.Timeout, fault.Unknown, fault.Internal,
	}
	for _, code := range codes {
		for _, lang := range page.Langs() {
			err := fault.Wrap(errors.New("SQL secret"), code, "test.Op", "A sentence of the fault.")
			rec := httptest.NewRecorder()
			s.Error(rec, httptest.NewRequest("GET", "/?lang="+string(lang), nil), err)
			if rec.Code != page.StatusOf(code) || rec.Code < 400 {
				t.Errorf("%s: status %d", code, rec.Code)
			}
			body := rec.Body.String()
			if strings.Contains(body, "secret") || strings.Contains(body, "test.Op") || strings.Contains(body, "error.") {
				t.Errorf("%s in %s shows the inside or a bare key:\n%s", code, lang, body)
			}
			shown := strings.Contains(body, "A sentence of the fault.")
			if want := lang == page.English && code != fault.Internal; shown != want {
				t.Errorf("%s in %s: sentence shown %v, want %v", code, lang, shown, want)
			}
			for _, problem := range pagetest.Check(body) {
				t.Errorf("%s in %s: %s", code, lang, problem)
			}
		}
	}
	over := fault.New(fault.State, "x", "The consult is over.")
	if got := s.Sentence(page.Vietnamese, over); got != "Buổi khám đã kết thúc." {
		t.Errorf("translated to %q", got)
	}
	if got := s.Sentence(page.Vietnamese, errors.New("anything")); got != "Có lỗi ở máy chủ" {
		t.Errorf("a foreign error says %q", got)
	}
}

func TestFormErrors(t *testing.T) {
	s := shell(t, source("x", "templates/f.html", `<h1>a</h1>{{template "page/parts/errors" .E}}{{template "page/parts/field" (dict "Name" "phone" "Label" "Phone" "Value" "\"><b>" "Hint" "h" "Error" (.E.Get "phone") "Unit" "mmHg" "Required" true "Type" "tel")}}`))
	view := struct{ E page.FormErrors }{page.FormErrors{"": "Nothing was saved.", "phone": "Too short."}}
	body := pagetest.Render(t, s, page.Vietnamese, page.Page{Template: "x/f", View: view})
	for _, part := range []string{
		`role="alert"`, "Nothing was saved.", `href="#phone"`, `aria-describedby="phone-hint phone-error"`, `aria-invalid="true"`, `type="tel"`,
		`value="&#34;&gt;&lt;b&gt;"`, " required", `<span class="unit">mmHg</span>`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in\n%s", part, body)
		}
	}
	view.E = nil
	body = pagetest.Render(t, s, page.Vietnamese, page.Page{Template: "x/f", View: view})
	if strings.Contains(body, "alert") || strings.Contains(body, "aria-invalid") {
		t.Errorf("a form without errors shows some:\n%s", body)
	}
}

func TestPagesOfTheShell(t *testing.T) {
	pagetest.All(t, pagetest.Shell(t, []string{"doctor"}, nil), "page", []pagetest.Sample{{
		Name: "not found", Page: page.Page{Template: "page/error", Title: "error.not-found.heading", View: struct{ Heading, Detail, Advice string }{"a", "b", "c"}},
	}})
}

// Development reads the files again on each request.
func TestDev(t *testing.T) {
	fsys := fstest.MapFS{"templates/a.html": {Data: []byte(`<h1>one</h1>`)}}
	s, err := page.New(page.Options{Sources: []page.Source{{Name: "x", FS: fs.FS(fsys)}}, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	fsys["templates/a.html"] = &fstest.MapFile{Data: []byte(`<h1>two</h1>`)}
	if body := render(t, s, "/", page.Page{Template: "x/a"}).Body.String(); !strings.Contains(body, "two") {
		t.Errorf("the change is not seen:\n%s", body)
	}
	fsys["templates/a.html"] = &fstest.MapFile{Data: []byte(`<h1>{{broken</h1>`)}
	if rec := render(t, s, "/", page.Page{Template: "x/a"}); rec.Code != 200 || !strings.Contains(rec.Body.String(), "two") {
		t.Errorf("a broken file took the page down: %d", rec.Code)
	}
}
