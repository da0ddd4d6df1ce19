package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/consult"
	"khamxa/consult/web"
	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/internal/page"
	"khamxa/internal/records"
	"khamxa/signaling/client"
)

const station = "Organization/tyt-14221"

// shellOnce builds the pages once for all tests: bundling and compressing take most of a second.
var shellOnce = sync.OnceValues(func() (*page.Shell, error) {
	return page.New(page.Options{
		Sources: []page.Source{web.Source(), {Name: "signaling", FS: client.Files}},
		Viewer: func(*http.Request) page.Viewer {
			return page.Viewer{Name: "BS. Trần Văn Nam", Roles: []string{"doctor"}}
		},
		Nav: []page.NavItem{{Key: "consults", Title: "consult.nav", URL: "/consults", Icon: "video"}},
	})
})

// world is a service with its pages, over memory.
type world struct {
	trail   *audit.Memory
	t       testing.TB
	now     time.Time
	service *consult.Service
	keeper  *keeper
	tickets []consult.Ticket
	issue   func(consult.Ticket) (string, error) // nil: a made-up token
	doctor  consult.Actor
	moved   string // the station that holds the patient, "" for the first one
	handler http.Handler
	feed    *feed
	logs    *strings.Builder
}

type keeper struct {
	fail error
	kept []string
}

func (k *keeper) did(what string) error {
	if k.fail != nil {
		return k.fail
	}
	k.kept = append(k.kept, what)
	return nil
}
func (k *keeper) Book(_ context.Context, c consult.Consult) error { return k.did("book " + c.ID) }
func (k *keeper) Vitals(_ context.Context, c consult.Consult, n int) error {
	return k.did("vitals " + c.ID)
}
func (k *keeper) Sign(_ context.Context, c consult.Consult) error { return k.did("sign " + c.ID) }

// people knows one patient; at, when set, is where she has moved to.
type people struct{ at *string }

func (p people) hoa() consult.Profile {
	h := hoa
	if p.at != nil && *p.at != "" {
		h.Station, h.StationName = *p.at, "Trạm Y tế xã khác"
	}
	return h
}

func (p people) Station(_ context.Context, id string) (string, error) {
	if id != hoa.ID {
		return "", fault.New(fault.NotFound, "test", "There is no such patient.")
	}
	return p.hoa().Station, nil
}

var hoa = consult.Profile{
	ID: "p1", Name: "Nguyễn Thị Hoà", Gender: "female", BirthYear: 1957, Phone: "+84912345678", Commune: "Xóm 5, xã Hải Thịnh",
	Station: station, StationName: "Trạm Y tế xã Hải Thịnh",
	Last: []consult.Reading{{Systolic: 148, Diastolic: 92, At: time.Date(2026, 10, 2, 3, 0, 0, 0, time.UTC)}, {Systolic: 152, Diastolic: 94, At: time.Date(2026, 9, 1, 3, 0, 0, 0, time.UTC)}},
}

func (p people) Patient(_ context.Context, within []string, id string) (consult.Profile, error) {
	if id != hoa.ID || !(consult.Actor{Stations: within}).Sees(p.hoa().Station) {
		return consult.Profile{}, fault.New(fault.NotFound, "test", "There is no such patient.")
	}
	return p.hoa(), nil
}

func (people) Find(_ context.Context, within []string, query string, limit int) ([]consult.Profile, error) {
	if strings.Contains("nguyen thi hoa", strings.ToLower(query)) && (consult.Actor{Stations: within}).Sees(hoa.Station) {
		return []consult.Profile{hoa}, nil
	}
	return nil, nil
}

type rooms struct{}

func (rooms) Admit(context.Context, string, string) error  { return nil }
func (rooms) Remove(context.Context, string, string) error { return nil }
func (rooms) CloseRoom(context.Context, string) error      { return nil }

func (w *world) Issue(t consult.Ticket) (string, error) {
	if w.issue != nil {
		return w.issue(t)
	}
	w.tickets = append(w.tickets, t)
	return "ticket-" + t.Role + "-" + t.Room, nil
}

// feed hands changes to whoever watches.
type feed struct {
	mu       sync.Mutex
	watchers map[int]func(consult.Change)
	next     int
}

func (f *feed) Changed(c consult.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watchers {
		w(c)
	}
}

func (f *feed) watch(fn func(consult.Change)) (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id := f.next
	f.watchers[id] = fn
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, id)
	}, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, rooms{})
}

func newWorldWith(t testing.TB, live consult.Rooms) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), keeper: &keeper{}, feed: &feed{watchers: map[int]func(consult.Change){}},
		doctor: consult.Actor{Person: consult.Person{ID: "d1", Name: "BS. Trần Văn Nam"}, Roles: []consult.Role{consult.Doctor}, Stations: []string{station}},
		logs:   &strings.Builder{}, trail: &audit.Memory{},
	}
	clock := func() time.Time { return w.now }
	var err error
	w.service, err = consult.New(consult.Options{
		Records: records.NewMemory(clock), Keeper: w.keeper, Patients: people{&w.moved}, Rooms: live, Tickets: w, Notify: w.feed, Clock: clock,
		Log: w.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	shell, err := shellOnce()
	if err != nil {
		t.Fatalf("page.New: %v", err)
	}
	pages, err := web.New(web.Options{
		Shell: shell, Service: w.service, Finder: people{}, Clock: clock, Watch: w.feed.watch, Log: w.logger(),
		Actor:  func(r *http.Request) (consult.Actor, bool) { return w.doctor, r.Header.Get("X-Test-Nobody") == "" },
		Clinic: web.Clinic{Name: "Trạm Y tế xã Hải Thịnh", Phone: "+842283123456"},
		Classify: func(_ page.Lang, patient string, s, d int) web.Advice {
			return web.Advice{Text: "Tăng huyết áp độ 2. Cần khám và điều trị sớm.", Tone: "warn"}
		},
		Chart: func(id string) string { return "/patients/" + id },
		Audit: func(r *http.Request, e audit.Event) error { return w.trail.Record(r.Context(), e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	pages.Routes(r)
	r.Handle("/assets/*", shell.Assets())
	w.handler = network.Loopback().Handler(page.Secure(r, page.SecureOptions{}))
	return w
}

// book makes a consult.
func (w *world) book() consult.Consult {
	w.t.Helper()
	c, err := w.service.Book(w.t.Context(), w.doctor, consult.Booking{Patient: "p1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// admitted makes a consult whose patient is in the call, and returns the patient's cookie.
func (w *world) admitted() (consult.Consult, *http.Cookie) {
	w.t.Helper()
	c := w.book()
	_, link, err := w.service.Invite(w.t.Context(), w.doctor, c.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	res := w.post("/j/"+link.Invitation+"/redeem", `{"secret":"`+link.Secret+`"}`, asJSON)
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("redeem: %d", res.StatusCode)
	}
	if c, err = w.service.Admit(w.t.Context(), w.doctor, c.ID); err != nil {
		w.t.Fatal(err)
	}
	return c, res.Cookies()[0]
}

type request func(*http.Request)

func asJSON(r *http.Request) {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
}

func asForm(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func with(c *http.Cookie) request { return func(r *http.Request) { r.AddCookie(c) } }

func (w *world) do(method, path, body string, with ...request) *http.Response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	for _, f := range with {
		f(r)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec.Result()
}

func (w *world) get(path string, with ...request) *http.Response {
	return w.do(http.MethodGet, path, "", with...)
}

func (w *world) post(path, body string, with ...request) *http.Response {
	return w.do(http.MethodPost, path, body, with...)
}
