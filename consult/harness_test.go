package consult_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

const station = "Organization/tyt-14221"

// world is a service over memory with recording ports. fatal ends the test: T.Fatal of a test or of a rapid check.
type world struct {
	mu       sync.Mutex
	now      time.Time
	records  *records.Memory
	service  *consult.Service
	keeper   *keeper
	rooms    *rooms
	people   *people
	issued   []consult.Ticket
	changes  []consult.Change
	logs     strings.Builder
	doctor   consult.Actor
	stranger consult.Actor // a doctor of another station
}

// keeper remembers what was kept. fail is returned before anything is done, lost after it was done.
type keeper struct {
	mu         sync.Mutex
	fail, lost error
	booked     map[string]consult.Phase
	vitals     map[string]consult.Reading
	signed     map[string]consult.Consult
	signings   int
}

func (k *keeper) do(f func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	f()
	return k.lost
}

func (k *keeper) Book(_ context.Context, c consult.Consult) error {
	return k.do(func() { k.booked[c.ID] = c.Phase })
}

func (k *keeper) Vitals(_ context.Context, c consult.Consult, n int) error {
	return k.do(func() { k.vitals[c.ID+"-"+string(rune('0'+n))] = c.Readings[n-1] })
}

func (k *keeper) Sign(_ context.Context, c consult.Consult) error {
	return k.do(func() {
		k.signings++
		k.signed[c.ID] = c
	})
}

type rooms struct {
	fail     error
	admitted []string
	removed  []string
	closed   []string
}

func (r *rooms) Admit(_ context.Context, room, peer string) error {
	r.admitted = append(r.admitted, peer)
	return r.fail
}

func (r *rooms) Remove(_ context.Context, room, peer string) error {
	r.removed = append(r.removed, peer)
	return r.fail
}

func (r *rooms) CloseRoom(_ context.Context, room string) error {
	r.closed = append(r.closed, room)
	return r.fail
}

// people holds everybody at one station, but for those who moved.
type people struct {
	mu    sync.Mutex
	moved map[string]string // patient to station
	fail  error             // of Station
}

func (p *people) move(patient, station string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved[patient] = station
}

func (p *people) of(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if to, ok := p.moved[id]; ok {
		return to
	}
	return station
}

func (p *people) Station(_ context.Context, id string) (string, error) {
	if id == "gone" || p.of(id) == "gone" {
		return "", fault.New(fault.NotFound, "test", "There is no such patient.")
	}
	return p.of(id), p.fail
}

func (p *people) Patient(_ context.Context, within []string, id string) (consult.Profile, error) {
	at := p.of(id)
	if id == "gone" || at == "gone" || !(consult.Actor{Stations: within}).Sees(at) {
		return consult.Profile{}, fault.New(fault.NotFound, "test", "There is no such patient.")
	}
	name := "Trạm Y tế xã Hải Thịnh"
	if at != station {
		name = "Trạm Y tế xã khác"
	}
	return consult.Profile{
		ID: id, Name: "Nguyễn Thị Hoà", BirthYear: 1957, Phone: "+84912345678", Station: at, StationName: name,
		Last: []consult.Reading{{Systolic: 148, Diastolic: 92}},
	}, nil
}

func (w *world) Issue(t consult.Ticket) (string, error) {
	w.issued = append(w.issued, t)
	return "ticket", nil
}

func (w *world) Changed(c consult.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, c)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t interface{ Fatal(...any) }) *world {
	w := &world{
		now:      time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
		keeper:   &keeper{booked: map[string]consult.Phase{}, vitals: map[string]consult.Reading{}, signed: map[string]consult.Consult{}},
		rooms:    &rooms{},
		people:   &people{moved: map[string]string{}},
		doctor:   consult.Actor{Person: consult.Person{ID: "d1", Name: "BS. Trần Văn Nam"}, Roles: []consult.Role{consult.Doctor}, Stations: []string{station}},
		stranger: consult.Actor{Person: consult.Person{ID: "d2", Name: "BS. Khác"}, Roles: []consult.Role{consult.Doctor}, Stations: []string{"Organization/tyt-14218"}},
	}
	w.records = records.NewMemory(w.clock)
	var err error
	w.service, err = consult.New(consult.Options{
		Records: w.records, Keeper: w.keeper, Patients: w.people, Rooms: w.rooms, Tickets: w, Notify: w, Clock: w.clock,
		Log: slog.New(slog.NewTextHandler(&w.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// consultIn brings a new consult to a phase by the commands that lead there, and returns the link's secret and the device.
func (w *world) consultIn(t testing.TB, phase consult.Phase) (consult.Consult, consult.Link, string) {
	t.Helper()
	ctx := t.Context()
	must := func(c consult.Consult, err error) consult.Consult {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := must(w.service.Book(ctx, w.doctor, consult.Booking{Patient: "p1"}))
	if phase == consult.Booked {
		return c, consult.Link{}, ""
	}
	switch phase {
	case consult.Phone:
		return must(w.service.ConvertToPhone(ctx, w.doctor, c.ID)), consult.Link{}, ""
	case consult.Cancelled:
		return must(w.service.Cancel(ctx, w.doctor, c.ID)), consult.Link{}, ""
	case consult.NoShow:
		return must(w.service.NoShow(ctx, w.doctor, c.ID)), consult.Link{}, ""
	default: // the others lie on the way of an invitation
	}
	c, link, err := w.service.Invite(ctx, w.doctor, c.ID)
	if must(c, err); phase == consult.Invited {
		return c, link, ""
	}
	place, err := w.service.Redeem(ctx, consult.Redemption{Invitation: link.Invitation, Secret: link.Secret, From: "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if c = must(w.service.Get(ctx, w.doctor, c.ID)); phase == consult.Arrived {
		return c, link, place.Device
	}
	if c = must(w.service.Admit(ctx, w.doctor, c.ID)); phase == consult.Admitted {
		return c, link, place.Device
	}
	_, err = w.service.SaveDraft(ctx, w.doctor, c.ID, []consult.Edit{
		{Field: consult.Assessment, Text: "Tăng huyết áp độ 2", Base: 0}, {Field: consult.Plan, Text: "Tái khám sau 4 tuần", Base: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c = must(w.service.End(ctx, w.doctor, c.ID)); phase == consult.Ended {
		return c, link, place.Device
	}
	return must(w.service.Sign(ctx, w.doctor, c.ID)), link, place.Device
}

func wantCode(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error %v has code %q, want %q", err, fault.CodeOf(err), code)
	}
}

func has(list []string, s string) bool { return slices.Contains(list, s) }
