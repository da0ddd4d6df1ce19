package consult_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"khamxa/consult"
	"khamxa/internal/fault"
)

const elsewhere = "Organization/tyt-14218" // the stranger's station

// queued reports whether a consult is anywhere in an actor's queue.
func (w *world) queued(t *testing.T, a consult.Actor, id string) bool {
	t.Helper()
	q, err := w.service.Queue(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(q.Waiting, q.InCall, q.Unsaved, q.Booked, q.Overdue, q.Later, q.Done)
	return slices.ContainsFunc(all, func(c consult.Consult) bool { return c.ID == id })
}

// TestMovedPatient: the new station has the consult in every phase; of the old one only the doctor who has begun, until it is signed.
func TestMovedPatient(t *testing.T) {
	finishes := []consult.Phase{consult.Admitted, consult.Phone, consult.Ended}
	for _, phase := range consult.Phases() {
		for _, first := range []string{"the new station opens it", "the old station's queue opens"} {
			t.Run(string(phase)+"/"+first, func(t *testing.T) {
				w := newWorld(t)
				c, _, _ := w.consultIn(t, phase)
				colleague := w.doctor
				colleague.Person = consult.Person{ID: "d3", Name: "BS. Đồng nghiệp"}
				w.people.move("p1", elsewhere)
				mine := slices.Contains(finishes, phase)
				if first == "the new station opens it" {
					if _, err := w.service.Get(t.Context(), w.stranger, c.ID); err != nil {
						t.Errorf("the new station's doctor: %v", err)
					}
				}
				for _, who := range []struct {
					name string
					a    consult.Actor
					may  bool
				}{
					{"the consult's doctor", w.doctor, mine},
					{"a colleague at the old station", colleague, false},
					{"a doctor of the new station", w.stranger, true},
				} {
					if got := w.queued(t, who.a, c.ID); got != who.may {
						t.Errorf("%s has it in the queue: %v", who.name, got)
					}
					got, err := w.service.Get(t.Context(), who.a, c.ID)
					if (err == nil) != who.may || (err != nil && !fault.Is(err, fault.NotFound)) {
						t.Errorf("%s gets it: %v", who.name, err)
					}
					if err == nil && (got.Station != elsewhere || got.StationName != "Trạm Y tế xã khác") {
						t.Errorf("it is of %s (%s)", got.Station, got.StationName)
					}
					_, err = w.service.SaveVitals(t.Context(), who.a, c.ID, consult.Reading{N: 1, Systolic: 150, Diastolic: 95})
					if want := who.may && mine; (err == nil) != want {
						t.Errorf("%s saves a reading: %v", who.name, err)
					}
				}
			})
		}
	}
}

// TestMovedPatientIsAdmittedByTheNewStation: the old station's doctor, who had booked, does not come back in by that.
func TestMovedPatientIsAdmittedByTheNewStation(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Arrived)
	w.people.move("p1", elsewhere)
	_, err := w.service.Admit(t.Context(), w.doctor, c.ID)
	wantCode(t, err, fault.NotFound)
	got, err := w.service.Admit(t.Context(), w.stranger, c.ID)
	if err != nil || got.Doctor != w.stranger.Person || got.GivenBy().Station != elsewhere {
		t.Fatalf("admitted by %v at %v, %v", got.Doctor, got.GivenBy(), err)
	}
	_, err = w.service.Get(t.Context(), w.doctor, c.ID)
	wantCode(t, err, fault.NotFound)
}

// TestCareUnderWayIsFinished: the doctor in the call writes, ends and signs; it stays on record as their station's; then it is closed to them.
func TestCareUnderWayIsFinished(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, _, _ := w.consultIn(t, consult.Admitted)
	w.people.move("p1", elsewhere)
	c, err := w.service.Get(ctx, w.doctor, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Commands(w.doctor); slices.Contains(got, consult.Invite) || !slices.Contains(got, consult.End) {
		t.Errorf("the doctor may %v", got)
	}
	if p, err := w.service.Profile(ctx, w.doctor, c); err != nil || p.Phone == "" || p.Last != nil {
		t.Errorf("of the patient: %+v, %v", p, err)
	}
	if _, err := w.service.DoctorTicket(ctx, w.doctor, c.ID); err != nil {
		t.Errorf("back into the call after a reload: %v", err)
	}
	_, _, err = w.service.Invite(ctx, w.doctor, c.ID)
	wantCode(t, err, fault.Forbidden)
	edits := []consult.Edit{{Field: consult.Assessment, Text: "THA"}, {Field: consult.Plan, Text: "Tái khám"}}
	if _, err := w.service.SaveDraft(ctx, w.doctor, c.ID, edits); err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.End(ctx, w.doctor, c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.Sign(ctx, w.doctor, c.ID); err != nil {
		t.Fatal(err)
	}
	if by := w.keeper.signed[c.ID].GivenBy(); by.Station != station || by.Name != "Trạm Y tế xã Hải Thịnh" {
		t.Errorf("signed as care of %v", by)
	}
	_, err = w.service.Get(ctx, w.doctor, c.ID)
	wantCode(t, err, fault.NotFound)
	if _, err := w.service.Get(ctx, w.stranger, c.ID); err != nil {
		t.Errorf("the new station's doctor: %v", err)
	}
	rows, err := w.records.List(ctx, "consult-open/", "", 10)
	if err != nil || len(rows) != 0 {
		t.Errorf("%d rows say that it is open, %v", len(rows), err)
	}
}

// TestADoctorWhoLeftFinishesNothing: the exception is for the patient's move, not for the doctor's.
func TestADoctorWhoLeftFinishesNothing(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	left := w.doctor
	left.Stations = []string{"Organization/tyt-99999"}
	w.people.move("p1", elsewhere)
	_, err := w.service.Get(t.Context(), left, c.ID)
	wantCode(t, err, fault.NotFound)
}

func TestMovedThereAndBack(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Invited)
	for _, at := range []string{elsewhere, station, elsewhere, station} {
		w.people.move("p1", at)
		w.queued(t, w.doctor, c.ID)
		if here, there := w.queued(t, w.doctor, c.ID), w.queued(t, w.stranger, c.ID); here != (at == station) || there != (at == elsewhere) {
			t.Errorf("at %s: here %v, there %v", at, here, there)
		}
	}
	got, err := w.service.Get(t.Context(), w.doctor, c.ID)
	if err != nil || !slices.Equal(got.Earlier, []string{elsewhere}) {
		t.Errorf("earlier stations %v, %v", got.Earlier, err)
	}
}

// TestNewStationOpensThePatient: nobody of the old station has looked, and the consult is found all the same.
func TestNewStationOpensThePatient(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Invited)
	w.people.move("p1", elsewhere)
	got, err := w.service.OpenFor(t.Context(), w.stranger, "p1")
	if err != nil || got.ID != c.ID {
		t.Errorf("opened %s, want %s: %v", got.ID, c.ID, err)
	}
}

func TestPatientWhoIsGoneOrCannotBeRead(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Arrived)
	w.people.move("p1", "gone")
	if got, err := w.service.Get(t.Context(), w.doctor, c.ID); err != nil || got.Station != station {
		t.Errorf("a patient who is gone: %s, %v", got.Station, err)
	}
	w.people.move("p1", "")
	_, err := w.service.Get(t.Context(), w.doctor, c.ID)
	wantCode(t, err, fault.NotFound)
	w.people.fail = fault.New(fault.Unavailable, "test", "down")
	_, err = w.service.Get(t.Context(), w.doctor, c.ID)
	wantCode(t, err, fault.Unavailable)
}

// TestBegunIsEnded: who has been in the call is no no-show and cannot be cancelled, whatever link is made after; the consult is ended.
func TestBegunIsEnded(t *testing.T) {
	ctx := context.Background()
	for name, again := range map[string]func(*world, string) error{
		"in the call":      func(*world, string) error { return nil },
		"after a new link": func(w *world, id string) error { _, _, err := w.service.Invite(ctx, w.doctor, id); return err },
		"back in the waiting room": func(w *world, id string) error {
			_, link, err := w.service.Invite(ctx, w.doctor, id)
			if err == nil {
				_, err = w.service.Redeem(ctx, consult.Redemption{Invitation: link.Invitation, Secret: link.Secret})
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, _, _ := w.consultIn(t, consult.Admitted)
			if err := again(w, c.ID); err != nil {
				t.Fatal(err)
			}
			_, err := w.service.NoShow(ctx, w.doctor, c.ID)
			wantCode(t, err, fault.State)
			_, err = w.service.Cancel(ctx, w.doctor, c.ID)
			wantCode(t, err, fault.State)
			c, err = w.service.Get(ctx, w.doctor, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if can := c.Commands(w.doctor); slices.Contains(can, consult.Cancel) || slices.Contains(can, consult.MarkNoShow) || !slices.Contains(can, consult.End) {
				t.Errorf("the doctor is offered %v", can)
			}
			if c, err = w.service.End(ctx, w.doctor, c.ID); err != nil || c.Phase != consult.Ended {
				t.Errorf("ended: %s, %v", c.Phase, err)
			}
		})
	}
	for _, phase := range []consult.Phase{consult.Invited, consult.Arrived} {
		w := newWorld(t)
		c, _, _ := w.consultIn(t, phase)
		_, err := w.service.End(ctx, w.doctor, c.ID)
		wantCode(t, err, fault.State)
		if slices.Contains(c.Commands(w.doctor), consult.End) {
			t.Errorf("%s: End is offered before the beginning", phase)
		}
	}
}

func TestOverdue(t *testing.T) {
	w := newWorld(t)
	booked, _, _ := w.consultIn(t, consult.Booked)
	arrived, _, _ := w.consultIn(t, consult.Arrived)
	w.pass(consult.DefaultLength + 2*time.Hour)
	q, err := w.service.Queue(t.Context(), w.doctor)
	if err != nil || len(q.Overdue) != 0 || len(q.Booked) != 1 {
		t.Errorf("two hours after its end: %d overdue, %v", len(q.Overdue), err)
	}
	w.pass(time.Minute)
	q, err = w.service.Queue(t.Context(), w.doctor)
	if err != nil || len(q.Overdue) != 1 || q.Overdue[0].ID != booked.ID || len(q.Booked) != 0 || q.Empty() {
		t.Fatalf("a minute later: %+v, %v", q, err)
	}
	if got := q.Overdue[0].Overdue(w.now); got != 2*time.Hour+time.Minute {
		t.Errorf("it is overdue by %v", got)
	}
	if len(q.Waiting) != 1 || q.Waiting[0].ID != arrived.ID {
		t.Error("somebody who waits is overdue")
	}
}
