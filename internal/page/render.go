package page

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"khamxa/internal/fault"
)

// frame is the dot of the layouts.
type frame struct {
	Title        string
	Viewer       Viewer
	Role         string // of the viewer, in words
	Nav          []navLink
	View         any
	Config       any
	Styles       []string // addresses of linked styles
	InlineStyles []template.HTML
	Script       string // address of a linked script
	InlineScript template.HTML
	SwitchURL    string // this page in the other language
	SwitchLang   Lang
}

type navLink struct {
	URL, Title, Icon string
	Current          bool
}

// Render writes the page. A page that fails while rendering answers 500 and is logged; nothing half-made is ever sent.
func (s *Shell) Render(w http.ResponseWriter, r *http.Request, p Page) {
	lang := s.Lang(r)
	rememberLang(w, r)
	b := s.current()
	body, policy, err := s.execute(b, lang, r, p)
	if err != nil {
		s.options.Log.ErrorContext(r.Context(), "page: a template failed", "template", p.Template, "err", err)
		if p.Template != errorTemplate {
			s.Error(w, r, err)
			return
		}
		http.Error(w, fault.MessageOf(err), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(lang))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone if this fails
	}
}

// execute renders the page and says which policy lets exactly its inlined texts run.
func (s *Shell) execute(b *build, lang Lang, r *http.Request, p Page) ([]byte, string, error) {
	c, ok := b.pages[lang][p.Template]
	if !ok {
		return nil, "", fault.Newf(fault.Internal, "page.Render", "There is no page %s.", p.Template)
	}
	f := s.frame(b, lang, r, p)
	scripts, styles := slices.Clone(c.scripts), slices.Clone(c.styles)
	if err := f.addAssets(b.assets, p, &scripts, &styles); err != nil {
		return nil, "", fault.Wrap(err, fault.Internal, "page.Render", "The page's script is missing.")
	}
	var buf bytes.Buffer
	if err := c.set.ExecuteTemplate(&buf, p.Layout.template(), f); err != nil {
		return nil, "", fault.Wrap(err, fault.Internal, "page.Render", "The page could not be made.")
	}
	policy := contentPolicy(r, hashes(b.assets, scripts), hashes(b.assets, styles))
	return buf.Bytes(), policy, nil
}

func (l Layout) template() string {
	switch l {
	case Bare:
		return "page/layouts/bare"
	case Patient:
		return "page/layouts/patient"
	default: // the staff's
		return "page/layouts/staff"
	}
}

func (s *Shell) frame(b *build, lang Lang, r *http.Request, p Page) *frame {
	text := func(key string) string {
		if b.messages.has(key) {
			return b.messages.format(lang, key)
		}
		return key
	}
	f := &frame{
		Title: text(p.Title), View: p.View, Config: p.Config,
		SwitchLang: lang.Other(), SwitchURL: switchURL(r, lang.Other()),
	}
	if p.Layout == Patient {
		return f
	}
	f.Viewer = s.options.Viewer(r)
	if f.Viewer.Name == "" {
		return f
	}
	if len(f.Viewer.Roles) > 0 {
		f.Role = text("role." + f.Viewer.Roles[0])
	}
	for _, item := range s.options.Nav {
		if item.Roles == nil || slices.ContainsFunc(item.Roles, func(role string) bool { return slices.Contains(f.Viewer.Roles, role) }) {
			f.Nav = append(f.Nav, navLink{URL: item.URL, Title: text(item.Title), Icon: item.Icon, Current: item.Key == p.Nav})
		}
	}
	return f
}

// addAssets links the styles and the script, or inlines them in the Patient layout: the design system's style for the
// layout, and css/<source>.css (css/patient.css in the Patient layout) of the page's own source when there is one.
func (f *frame) addAssets(a *bundle, p Page, scripts, styles *[]string) error {
	source, _, _ := strings.Cut(p.Template, "/")
	names := []string{"page/khamxa.css", source + "/" + source + ".css"}
	if p.Layout == Patient {
		names = []string{"page/patient.css", source + "/patient.css"}
	}
	for i, name := range names {
		address, ok := a.urls[name]
		if !ok || (i == 1 && source == "page") {
			continue
		}
		if p.Layout != Patient {
			f.Styles = append(f.Styles, address)
			continue
		}
		element, err := a.inlineStyle(name)
		if err != nil {
			return err
		}
		f.InlineStyles = append(f.InlineStyles, element)
		*styles = append(*styles, name)
	}
	switch {
	case p.Script == "":
		return nil
	case p.Layout == Patient:
		element, err := a.inlineScript(p.Script)
		f.InlineScript = element
		*scripts = append(*scripts, p.Script)
		return err
	}
	address, ok := a.urls[p.Script]
	if !ok {
		return fault.Newf(fault.Internal, "page.Render", "no script %s", p.Script)
	}
	f.Script = address
	return nil
}

func hashes(a *bundle, names []string) []string {
	list := make([]string, 0, len(names))
	for _, name := range names {
		list = append(list, a.cspHash(name))
	}
	return list
}

// switchURL is the address of this page in another language. It is a path of ours: the host is never repeated.
func switchURL(r *http.Request, lang Lang) string {
	values := r.URL.Query()
	values.Set("lang", string(lang))
	u := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/"), RawQuery: values.Encode()}
	return u.String()
}
