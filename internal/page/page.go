// Package page is the ground of every HTML page: shell and layouts, design system, messages in Vietnamese and English,
// number and date formats, bundled scripts and styles, security headers, compression and error pages.
//
// A web package (consult/web, registry/web, identity/web) brings a Source: an embedded folder with templates/*.html,
// messages/vi.json and en.json, ts/*.ts, css/*.css and static/*. New merges all sources, checks them (a message that is
// missing in one language, an unknown key in a template, an inline script or style attribute are errors at start, not
// surprises for a patient) and gives a Shell that renders. README.md in this folder is the author's guide.
//
// It knows nothing of staff, patients or records: who is looking comes in through Options.Viewer. Only web packages and
// cmd may call it.
package page

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"

	"khamxa/internal/fault"
)

//go:embed templates messages css ts static
var own embed.FS

// Source is what one web package brings. Name is the first segment of its template and asset names ("consult").
// FS may hold templates/*.html (pages) and templates/parts/*.html (parts), messages/vi.json and messages/en.json (both or neither), ts/*.ts, css/*.css, static/*.
// A Source without these folders but with *.ts files at its root is a plain folder of modules (signaling/ts).
type Source struct {
	Name string
	FS   fs.FS
}

// Viewer is the signed-in person as the shell shows them. The zero Viewer is nobody.
type Viewer struct {
	Name  string   // shown in the top bar; "" when nobody is signed in
	Roles []string // decides which NavItems are shown; the first one is printed under the name (message "role.doctor")
}

// NavItem is one entry of the staff navigation. Title is a message key. Roles nil means every signed-in person.
type NavItem struct {
	Key   string // what Page.Nav names to mark it as current
	Title string
	URL   string
	Icon  string // a name that the template function icon knows; "" for none
	Roles []string
}

// Layout is the frame around a page.
type Layout int

// The layouts. Staff has the top bar and the navigation. Bare has neither: sign-in, set-up. Patient is for people with a
// phone and poor eyesight: text of 18 px and more, buttons of 56 px and more, contrast 7:1, nothing to get lost in; its
// style is inlined so that the page is one round trip.
const (
	Staff Layout = iota
	Bare
	Patient
)

// Page is one answer.
type Page struct {
	Template string // "consult/queue": Source name and file of templates/ without .html
	Title    string // a message key, or text as it is; " · Khamxa" is added
	Layout   Layout
	Nav      string // NavItem.Key of the current place
	Script   string // "consult/console.ts": linked as a module, or inlined in the Patient layout
	View     any    // the dot of the template
	Status   int    // 0: 200
	Config   any    // given to the script as JSON in <script type="application/json" id="config">; nil for none
}

// Options is what New needs. Viewer may be nil (nobody is ever signed in). Log is required.
// Dev rebuilds everything on each Render, for sources that are os.DirFS folders.
type Options struct {
	Sources []Source
	Viewer  func(*http.Request) Viewer
	Nav     []NavItem
	Log     *slog.Logger
	Dev     bool
}

// Shell renders pages. It is safe for concurrent use.
type Shell struct {
	options Options
	built   atomic.Pointer[build]
}

// build is everything that is derived from the sources, immutable once made.
type build struct {
	messages *messages
	assets   *bundle
	pages    map[Lang]map[string]*compiled
}

// New reads and checks every source, bundles scripts and styles, and parses every template in both languages.
// Errors are fault.Invalid and name the source, the file and what is wrong.
func New(o Options) (*Shell, error) {
	s := &Shell{options: o}
	if s.options.Log == nil {
		s.options.Log = slog.New(slog.DiscardHandler)
	}
	s.options.Sources = append([]Source{{Name: "page", FS: own}}, o.Sources...)
	if s.options.Viewer == nil {
		s.options.Viewer = func(*http.Request) Viewer { return Viewer{} }
	}
	b, err := s.build()
	if err != nil {
		return nil, err
	}
	s.built.Store(b)
	return s, nil
}

func (s *Shell) build() (*build, error) {
	seen := map[string]bool{}
	for _, src := range s.options.Sources {
		if src.Name == "" || seen[src.Name] {
			return nil, fault.Newf(fault.Invalid, "page.New", "source %q: the name is empty or taken", src.Name)
		}
		seen[src.Name] = true
	}
	m, err := loadMessages(s.options.Sources)
	if err != nil {
		return nil, err
	}
	for _, item := range s.options.Nav {
		if !m.has(item.Title) {
			return nil, fault.Newf(fault.Invalid, "page.New", "navigation %q: no message %q", item.Key, item.Title)
		}
	}
	a, err := bundleAssets(s.options.Sources)
	if err != nil {
		return nil, err
	}
	b := &build{messages: m, assets: a, pages: map[Lang]map[string]*compiled{}}
	for _, lang := range Langs() {
		if b.pages[lang], err = parseTemplates(s.options.Sources, lang, m, a); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// current is the build to serve from: the one made at start, or a fresh one in development.
func (s *Shell) current() *build {
	if s.options.Dev {
		b, err := s.build()
		if err == nil {
			s.built.Store(b)
			return b
		}
		s.options.Log.Error("page: rebuild failed, serving the last good one", "err", err)
	}
	return s.built.Load()
}

// T is the message in the language, with its verbs filled. An unknown key gives the key itself, so that Title may be text.
func (s *Shell) T(lang Lang, key string, args ...any) string {
	m := s.built.Load().messages
	if !m.has(key) {
		return key
	}
	return m.format(lang, key, args...)
}

// Asset is the URL of a bundled script or style ("consult/call.ts") or a static file ("page/favicon.svg"), under /assets/.
// An unknown name gives "" and is logged: the shell's own uses are checked at start.
func (s *Shell) Asset(name string) string {
	url, ok := s.built.Load().assets.urls[name]
	if !ok {
		s.options.Log.Error("page: no such asset", "name", name)
	}
	return url
}

// Templates lists the pages of one source ("consult/queue"), sorted. For tests that render them all.
func (s *Shell) Templates(source string) []string { return s.built.Load().templatesOf(source) }
