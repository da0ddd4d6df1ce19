package consult_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/consult"
	"khamxa/internal/fault"
)

func TestBook(t *testing.T) {
	tests := []struct {
		name  string
		b     consult.Booking
		actor func(*world) consult.Actor
		code  fault.Code
		path  string
	}{
		{name: "now", b: consult.Booking{Patient: "p1"}},
		{name: "tomorrow", b: consult.Booking{Patient: "p1", At: time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)}},
		{name: "own number", b: consult.Booking{ID: "c20261123-abcdefgh", Patient: "p1"}},
		{name: "bad number", b: consult.Booking{ID: "../../etc/x", Patient: "p1"}, code: fault.Invalid, path: "id"},
		{name: "nobody", b: consult.Booking{}, code: fault.Invalid, path: "patient"},
		{name: "no such patient", b: consult.Booking{Patient: "gone"}, code: fault.NotFound},
		{name: "yesterday", b: consult.Booking{Patient: "p1", At: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}, code: fault.Invalid, path: "at"},
		{name: "in two years", b: consult.Booking{Patient: "p1", At: time.Date(2028, 11, 22, 2, 0, 0, 0, time.UTC)}, code: fault.Invalid, path: "at"},
		{name: "a minute long", b: consult.Booking{Patient: "p1", Length: time.Minute}, code: fault.Invalid, path: "length"},
		{name: "another station's doctor", b: consult.Booking{Patient: "p1"}, actor: func(w *world) consult.Actor { return w.stranger }, code: fault.NotFound},
		{name: "manager", b: consult.Booking{Patient: "p1"}, actor: func(w *world) consult.Actor {
			return consult.Actor{Roles: []consult.Role{consult.Manager}}
		}, code: fault.Forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			actor := w.doctor
			if tt.actor != nil {
				actor = tt.actor(w)
			}
			c, err := w.service.Book(t.Context(), actor, tt.b)
			if fault.CodeOf(err) != tt.code || fault.PathOf(err) != tt.path {
				t.Fatalf("err = %v at %q", err, fault.PathOf(err))
			}
			if err != nil {
				if len(w.keeper.booked) != 0 {
					t.Error("a booking that was refused was kept")
				}
				return
			}
			if c.Phase != consult.Booked || !c.Kept || w.keeper.booked[c.ID] != consult.Booked || c.Station != station {
				t.Errorf("booked %+v", c)
			}
		})
	}
}

func TestBookTwiceIsOnce(t *testing.T) {
	w := newWorld(t)
	b := consult.Booking{ID: "c20261123-abcdefgh", Patient: "p1"}
	first, err := w.service.Book(t.Context(), w.doctor, b)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.service.Book(t.Context(), w.doctor, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	b.Patient = "p2"
	if _, err := w.service.Book(t.Context(), w.doctor, b); !fault.Is(err, fault.Conflict) {
		t.Errorf("the number was taken by another patient: %v", err)
	}
}

func TestBookWhenTheLogIsDown(t *testing.T) {
	for _, code := range []fault.Code{fault.Unavailable, fault.Unknown} {
		t.Run(string(code), func(t *testing.T) {
			w := newWorld(t)
			b := consult.Booking{ID: "c20261123-abcdefgh", Patient: "p1"}
			w.keeper.fail = fault.New(code, "test", "down")
			if _, err := w.service.Book(t.Context(), w.doctor, b); !fault.Is(err, code) {
				t.Fatalf("err = %v", err)
			}
			q, err := w.service.Queue(t.Context(), w.doctor)
			if err != nil || (code == fault.Unavailable) != q.Empty() {
				t.Errorf("the queue is empty: %v, %v", q.Empty(), err)
			}
			w.keeper.fail = nil
			c, err := w.service.Book(t.Context(), w.doctor, b)
			if err != nil || !c.Kept {
				t.Errorf("sent again: %v, kept %v", err, c.Kept)
			}
		})
	}
}

func TestQueue(t *testing.T) {
	w := newWorld(t)
	ids := map[consult.Phase]string{}
	for _, p := range consult.Phases() {
		c, _, _ := w.consultIn(t, p)
		ids[p] = c.ID
		w.pass(time.Second)
	}
	second, _, _ := w.consultIn(t, consult.Arrived)
	later, err := w.service.Book(t.Context(), w.doctor, consult.Booking{Patient: "p1", At: w.now.Add(72 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	q, err := w.service.Queue(t.Context(), w.doctor)
	if err != nil {
		t.Fatal(err)
	}
	list := func(cs []consult.Consult) []string {
		var out []string
		for _, c := range cs {
			out = append(out, c.ID)
		}
		return out
	}
	for name, pair := range map[string][2][]string{
		"waiting, longest first": {list(q.Waiting), {ids[consult.Arrived], second.ID}},
		"in the call":            {list(q.InCall), {ids[consult.Admitted], ids[consult.Phone]}},
		"not signed":             {list(q.Unsaved), {ids[consult.Ended]}},
		"booked":                 {list(q.Booked), {ids[consult.Booked], ids[consult.Invited]}},
		"later":                  {list(q.Later), {later.ID}},
		"done, newest first":     {list(q.Done), {ids[consult.Cancelled], ids[consult.NoShow], ids[consult.Signed]}},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if other, err := w.service.Queue(t.Context(), w.stranger); err != nil || !other.Empty() {
		t.Errorf("another station sees %+v, %v", other, err)
	}
	everywhere := w.doctor
	everywhere.Stations = nil
	if all, err := w.service.Queue(t.Context(), everywhere); err != nil || len(all.Waiting) != 2 {
		t.Errorf("a doctor of the province sees %d waiting, %v", len(all.Waiting), err)
	}
	w.pass(24 * time.Hour)
	q, err = w.service.Queue(t.Context(), w.doctor)
	if err != nil || len(q.Done) != 0 || len(q.Waiting) != 2 || len(q.Unsaved) != 1 {
		t.Errorf("tomorrow: done %d, waiting %d, not signed %d, %v", len(q.Done), len(q.Waiting), len(q.Unsaved), err)
	}
}

func TestAnotherStationKnowsNothing(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	ctx := t.Context()
	calls := map[string]func() error{
		"get":    func() error { _, err := w.service.Get(ctx, w.stranger, c.ID); return err },
		"invite": func() error { _, _, err := w.service.Invite(ctx, w.stranger, c.ID); return err },
		"admit":  func() error { _, err := w.service.Admit(ctx, w.stranger, c.ID); return err },
		"end":    func() error { _, err := w.service.End(ctx, w.stranger, c.ID); return err },
		"sign":   func() error { _, err := w.service.Sign(ctx, w.stranger, c.ID); return err },
		"cancel": func() error { _, err := w.service.Cancel(ctx, w.stranger, c.ID); return err },
		"phone":  func() error { _, err := w.service.ConvertToPhone(ctx, w.stranger, c.ID); return err },
		"ticket": func() error { _, err := w.service.DoctorTicket(ctx, w.stranger, c.ID); return err },
		"vitals": func() error {
			_, err := w.service.SaveVitals(ctx, w.stranger, c.ID, consult.Reading{N: 1, Systolic: 150, Diastolic: 90})
			return err
		},
		"note": func() error {
			_, err := w.service.SaveDraft(ctx, w.stranger, c.ID, []consult.Edit{{Field: consult.Plan, Text: "x"}})
			return err
		},
	}
	_, unknown := w.service.Get(ctx, w.stranger, "c20261123-zzzzzzzzzz")
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			err := call()
			if fault.CodeOf(err) != fault.NotFound || fault.MessageOf(err) != fault.MessageOf(unknown) {
				t.Errorf("err = %v, want what an unknown consult gives: %v", err, unknown)
			}
		})
	}
}

func TestPresence(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Arrived)
	tell := func(room, peer string, here bool) consult.Consult {
		t.Helper()
		if err := w.service.ObserveRoom(t.Context(), consult.RoomEvent{Room: room, Peer: peer, Here: here}); err != nil {
			t.Fatal(err)
		}
		c, err := w.service.Get(t.Context(), w.doctor, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := tell(c.Room, c.Invitation.Peer, false); c.Present || c.Phase != consult.Arrived {
		t.Errorf("after a drop: present %v, %s; want the place kept", c.Present, c.Phase)
	}
	if c := tell(c.Room, "p-somebody", true); c.Present {
		t.Error("a stranger's peer counts as the patient")
	}
	if c := tell(c.Room, c.DoctorPeer, true); c.Present {
		t.Error("the doctor counts as the patient")
	}
	before := len(w.changes)
	if c := tell(c.Room, c.Invitation.Peer, true); !c.Present {
		t.Error("back again: not present")
	}
	if len(w.changes) != before+1 {
		t.Errorf("open pages were told %d times", len(w.changes)-before)
	}
	tell("r-unknown", "p-x", true)
}

func TestRoomsFollow(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	if !has(w.rooms.admitted, c.Invitation.Peer) {
		t.Error("the room was not told to admit")
	}
	w.rooms.fail = fault.New(fault.Unavailable, "test", "down")
	if _, err := w.service.End(t.Context(), w.doctor, c.ID); err != nil {
		t.Errorf("a room that is down stops the doctor: %v", err)
	}
	if !has(w.rooms.closed, c.Room) {
		t.Error("the room was not closed")
	}
}

func TestBackFromTheTelephoneIsAnotherRoom(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Arrived)
	if _, err := w.service.ConvertToPhone(t.Context(), w.doctor, c.ID); err != nil {
		t.Fatal(err)
	}
	again, link, err := w.service.Invite(t.Context(), w.doctor, c.ID)
	if err != nil || again.Room == c.Room {
		t.Fatalf("the room that was closed for good is used again: %v", err)
	}
	if _, err := w.service.Redeem(t.Context(), consult.Redemption{Invitation: link.Invitation, Secret: link.Secret}); err != nil {
		t.Fatal(err)
	}
	if err := w.service.ObserveRoom(t.Context(), consult.RoomEvent{Room: again.Room, Peer: again.Invitation.Peer}); err != nil {
		t.Fatal(err)
	}
	if c, err = w.service.Get(t.Context(), w.doctor, c.ID); err != nil || c.Present {
		t.Errorf("what the new room tells does not reach the consult: present %v, %v", c.Present, err)
	}
}

func TestOpenFor(t *testing.T) {
	w := newWorld(t)
	first, err := w.service.OpenFor(t.Context(), w.doctor, "p1")
	if err != nil || !first.Now {
		t.Fatal(first, err)
	}
	again, err := w.service.OpenFor(t.Context(), w.doctor, "p1")
	if err != nil || again.ID != first.ID {
		t.Errorf("opened %s, want the same %s: %v", again.ID, first.ID, err)
	}
	if other, err := w.service.OpenFor(t.Context(), w.doctor, "p2"); err != nil || other.ID == first.ID {
		t.Errorf("another patient got %s, %v", other.ID, err)
	}
}
