package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"khamxa/consult"
	"khamxa/internal/page"
)

// row is one consult in a list.
type row struct {
	ID, Name, Year string
	Phase          consult.Phase
	Label          string // message key of the phase
	Tone           string
	At             time.Time
	Since          time.Time // when the wait or the call began
	Minutes        int       // since then
	Late           bool      // booked for a time that has passed by more than five minutes
	Here           bool      // the patient's page is connected
	Station        string
	ByPhone        bool
	Overdue        int // hours since the planned end, 0 if it is not overdue
}

// OverdueDays is Overdue in whole days.
func (r row) OverdueDays() int { return r.Overdue / 24 }

// section is one list of the queue.
type section struct {
	Key   string // of the messages consult.queue.{key}
	Rows  []row
	Kind  string // "wait", "call", "time", "day" or "overdue": what the first column says
	Title string
}

type queueView struct {
	Today    time.Time
	Sections []section
	Empty    bool
	Waiting  int
	Booked   int
	Done     int
}

func (w *Web) queue(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	q, err := w.o.Service.Queue(r.Context(), a)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if !w.saw(rw, r, sawQueue, patientsOf(q)...) {
		return
	}
	now := w.o.Clock()
	view := queueView{Today: now, Empty: q.Empty(), Waiting: len(q.Waiting), Booked: len(q.Booked), Done: len(q.Done)}
	for _, s := range []struct {
		key, kind string
		list      []consult.Consult
	}{
		{"waiting", "wait", q.Waiting},
		{"call", "call", q.InCall},
		{"unsigned", "time", q.Unsaved},
		{"overdue", "overdue", q.Overdue},
		{"booked", "time", q.Booked},
		{"later", "day", q.Later},
		{"done", "time", q.Done},
	} {
		if len(s.list) > 0 {
			view.Sections = append(view.Sections, section{Key: s.key, Kind: s.kind, Rows: rows(s.list, now), Title: "consult.queue." + s.key})
		}
	}
	lang := w.o.Shell.Lang(r)
	w.o.Shell.Render(rw, r, page.Page{
		Template: "consult/queue", Title: "consult.queue.title", Nav: "consults", Script: "consult/queue.ts", View: view,
		Config: map[string]any{"events": w.o.Watch != nil, "t": w.texts(lang, "consult.js.queue.")},
	})
}

// patientsOf are the people whom a queue names, each once.
func patientsOf(q consult.Queue) (ids []string) {
	for _, c := range slices.Concat(q.Waiting, q.InCall, q.Unsaved, q.Overdue, q.Booked, q.Later, q.Done) {
		if !slices.Contains(ids, c.Patient.ID) {
			ids = append(ids, c.Patient.ID)
		}
	}
	return ids
}

func rows(list []consult.Consult, now time.Time) []row {
	out := make([]row, 0, len(list))
	for _, c := range list {
		out = append(out, rowOf(c, now))
	}
	return out
}

func rowOf(c consult.Consult, now time.Time) row {
	since := c.Started
	if c.Phase == consult.Arrived {
		since = c.Arrived
	}
	minutes := 0
	if !since.IsZero() && now.After(since) {
		minutes = int(now.Sub(since) / time.Minute)
	}
	booked := c.Phase == consult.Booked || c.Phase == consult.Invited
	return row{
		ID: c.ID, Name: c.Patient.Name, Year: year(c.BirthYear), Phase: c.Phase, Label: "consult.phase." + string(c.Phase), Tone: tone(c.Phase),
		At: c.At, Since: since, Minutes: minutes, Late: booked && now.Sub(c.At) > 5*time.Minute, Here: c.Present,
		Station: c.StationName, ByPhone: c.ByPhone, Overdue: int(c.Overdue(now) / time.Hour),
	}
}

func year(y int) string {
	if y == 0 {
		return ""
	}
	return strconv.Itoa(y)
}

// tone is the badge of a phase.
func tone(p consult.Phase) string {
	switch p {
	case consult.Arrived, consult.Ended:
		return "warn"
	case consult.Admitted, consult.Phone:
		return "info"
	case consult.Signed:
		return "good"
	case consult.NoShow:
		return "danger"
	default: // booked, invited, cancelled: nothing is to be done now
		return "muted"
	}
}
