package consult_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/consult"
	"khamxa/internal/fault"
)

// TestRedeem is the table of who gets in, and that everybody else hears exactly the same.
func TestRedeem(t *testing.T) {
	tests := []struct {
		name string
		in   consult.Phase // what the consult is in before
		with func(w *world, t *testing.T, c consult.Consult, link consult.Link, device string) consult.Redemption
		want consult.Phase // "" for the refusal
	}{
		{"right secret", consult.Invited, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret}
		}, consult.Arrived},
		{"right secret while in the call, same device", consult.Admitted, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, d string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation, Device: d}
		}, consult.Admitted},
		{"device after the end", consult.Ended, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, d string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation, Device: d}
		}, consult.Ended},
		{"wrong secret", consult.Invited, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation, Secret: strings.Repeat("a", 32)}
		}, ""},
		{"no secret", consult.Invited, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation}
		}, ""},
		{"unknown invitation", consult.Invited, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: "aaaaaaaaaaaaaaaa", Secret: l.Secret}
		}, ""},
		{"not an invitation at all", consult.Invited, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: "../consult/x", Secret: l.Secret}
		}, ""},
		{"second device", consult.Arrived, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret}
		}, ""},
		{"second device with another's token", consult.Arrived, func(w *world, t *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			_, _, other := w.consultIn(t, consult.Arrived)
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret, Device: other}
		}, ""},
		{"replaced link", consult.Invited, func(w *world, t *testing.T, c consult.Consult, l consult.Link, _ string) consult.Redemption {
			if _, _, err := w.service.Invite(t.Context(), w.doctor, c.ID); err != nil {
				t.Fatal(err)
			}
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret}
		}, ""},
		{"replaced link, bound device", consult.Admitted, func(w *world, t *testing.T, c consult.Consult, l consult.Link, d string) consult.Redemption {
			if _, _, err := w.service.Invite(t.Context(), w.doctor, c.ID); err != nil {
				t.Fatal(err)
			}
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret, Device: d}
		}, ""},
		{"expired", consult.Invited, func(w *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			w.pass(25 * time.Hour)
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret}
		}, ""},
		{"after cancelling", consult.Invited, func(w *world, t *testing.T, c consult.Consult, l consult.Link, _ string) consult.Redemption {
			if _, err := w.service.Cancel(t.Context(), w.doctor, c.ID); err != nil {
				t.Fatal(err)
			}
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret}
		}, ""},
		{"after the end, another device", consult.Ended, func(_ *world, _ *testing.T, _ consult.Consult, l consult.Link, _ string) consult.Redemption {
			return consult.Redemption{Invitation: l.Invitation, Secret: l.Secret}
		}, ""},
	}
	refusal := ""
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c, link, device := w.consultIn(t, tt.in)
			place, err := w.service.Redeem(t.Context(), tt.with(w, t, c, link, device))
			if tt.want != "" {
				if err != nil || place.Phase != tt.want {
					t.Fatalf("got %+v, %v; want phase %s", place, err, tt.want)
				}
				return
			}
			if err == nil {
				t.Fatalf("it opened: %+v", place)
			}
			if diff := cmp.Diff(consult.Place{}, place); diff != "" {
				t.Errorf("a refusal tells something: %s", diff)
			}
			says := fmt.Sprint(fault.CodeOf(err), fault.MessageOf(err), fault.PathOf(err))
			if refusal == "" {
				refusal = says
			}
			if says != refusal {
				t.Errorf("this refusal %q differs from another %q", says, refusal)
			}
		})
	}
}

func TestRedeemKeepsItsPlaceInTheLine(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	first, oldPeer := c.Arrived, c.Invitation.Peer
	w.pass(10 * time.Minute)
	c, link, err := w.service.Invite(t.Context(), w.doctor, c.ID)
	if err != nil || c.Phase != consult.Invited {
		t.Fatalf("a new link: %s, %v", c.Phase, err)
	}
	if !has(w.rooms.removed, oldPeer) || c.Invitation.Peer == oldPeer {
		t.Error("the old device was not put out of the room")
	}
	place, err := w.service.Redeem(t.Context(), consult.Redemption{Invitation: link.Invitation, Secret: link.Secret})
	if err != nil || place.Phase != consult.Arrived {
		t.Fatalf("the new device is %s, %v; want it to wait for the doctor", place.Phase, err)
	}
	if !place.Since.Equal(first) {
		t.Errorf("the place in the line is from %v, want %v", place.Since, first)
	}
}

func TestNewLinkNeedsTheOldDeviceOut(t *testing.T) {
	w := newWorld(t)
	c, link, device := w.consultIn(t, consult.Admitted)
	w.rooms.fail = fault.New(fault.Unavailable, "test", "down")
	if _, _, err := w.service.Invite(t.Context(), w.doctor, c.ID); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("err = %v, want unavailable", err)
	}
	if _, err := w.service.Redeem(t.Context(), consult.Redemption{Invitation: link.Invitation, Device: device}); err != nil {
		t.Errorf("the link that was not replaced is dead: %v", err)
	}
}

// TestLostAnswer is the bad line: the device was bound, the answer with its token never came.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t)
	_, link, _ := w.consultIn(t, consult.Invited)
	r := consult.Redemption{Invitation: link.Invitation, Secret: link.Secret, Attempt: strings.Repeat("x", 32)}
	lost, err := w.service.Redeem(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.service.Redeem(t.Context(), r)
	if err != nil || again.Device == "" {
		t.Fatalf("the same attempt got %+v, %v", again, err)
	}
	if _, err := w.service.Redeem(t.Context(), consult.Redemption{Invitation: link.Invitation, Device: lost.Device}); !fault.Is(err, fault.NotFound) {
		t.Errorf("two tokens open one seat: %v", err)
	}
	other := r
	other.Attempt = strings.Repeat("y", 32)
	if _, err := w.service.Redeem(t.Context(), other); !fault.Is(err, fault.NotFound) {
		t.Errorf("another attempt got in: %v", err)
	}
	w.pass(6 * time.Minute)
	if _, err := w.service.Redeem(t.Context(), r); !fault.Is(err, fault.NotFound) {
		t.Errorf("the attempt still counts after six minutes: %v", err)
	}
}

func TestTwoDevicesAtOnce(t *testing.T) {
	w := newWorld(t)
	_, link, _ := w.consultIn(t, consult.Invited)
	var group sync.WaitGroup
	var mu sync.Mutex
	bound := 0
	for range 8 {
		group.Go(func() {
			place, err := w.service.Redeem(t.Context(), consult.Redemption{Invitation: link.Invitation, Secret: link.Secret})
			mu.Lock()
			defer mu.Unlock()
			if err == nil && place.Device != "" {
				bound++
			}
		})
	}
	group.Wait()
	if bound != 1 {
		t.Errorf("%d devices were bound, want 1", bound)
	}
}

func TestGuessing(t *testing.T) {
	w := newWorld(t)
	_, link, _ := w.consultIn(t, consult.Invited)
	stopped := 0
	for i := range 200 {
		_, err := w.service.Redeem(t.Context(), consult.Redemption{Invitation: link.Invitation, Secret: fmt.Sprint("guess", i), From: "203.0.113.9"})
		switch fault.CodeOf(err) {
		case fault.TooMany:
			stopped++
		case fault.NotFound:
		default:
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if stopped < 150 {
		t.Errorf("only %d of 200 guesses were stopped", stopped)
	}
	r := consult.Redemption{Invitation: link.Invitation, Secret: link.Secret, From: "198.51.100.2"}
	if _, err := w.service.Redeem(t.Context(), r); err != nil {
		t.Errorf("an honest patient elsewhere is stopped too: %v", err)
	}
	w.pass(10 * time.Minute)
	_, link, _ = w.consultIn(t, consult.Invited)
	r = consult.Redemption{Invitation: link.Invitation, Secret: link.Secret, From: "203.0.113.9"}
	if _, err := w.service.Redeem(t.Context(), r); err != nil {
		t.Errorf("the address is still stopped after ten minutes: %v", err)
	}
}

// TestStrangersAtTheSameAddress: behind carrier NAT, or a proxy that hides its callers, a stranger's failures do not take the call away
// from a device that is bound.
func TestStrangersAtTheSameAddress(t *testing.T) {
	w := newWorld(t)
	_, link, device := w.consultIn(t, consult.Arrived)
	_, other, _ := w.consultIn(t, consult.Invited)
	const from = "203.0.113.9"
	for i := range 100 {
		r := consult.Redemption{Invitation: link.Invitation, Secret: fmt.Sprint("guess", i), From: from}
		if _, err := w.service.Redeem(t.Context(), r); err == nil {
			t.Fatal("a guess opened")
		}
	}
	bound := consult.Redemption{Invitation: link.Invitation, Device: device, From: from}
	if _, ticket, err := w.service.PatientTicket(t.Context(), bound); err != nil || ticket == "" {
		t.Errorf("the bound device gets no ticket: %v", err)
	}
	if _, err := w.service.Redeem(t.Context(), bound); err != nil {
		t.Errorf("the bound device cannot come again: %v", err)
	}
	guess := consult.Redemption{Invitation: link.Invitation, Device: "guess", From: from}
	_, _, err := w.service.PatientTicket(t.Context(), guess)
	wantCode(t, err, fault.TooMany)
	_, err = w.service.Redeem(t.Context(), consult.Redemption{Invitation: other.Invitation, Secret: "guess", From: from})
	wantCode(t, err, fault.TooMany)
}

// TestGuessingOverIPv6: the many addresses of one customer are one.
func TestGuessingOverIPv6(t *testing.T) {
	w := newWorld(t)
	_, link, _ := w.consultIn(t, consult.Invited)
	stopped := 0
	for i := range 100 {
		r := consult.Redemption{Invitation: link.Invitation, Secret: "guess", From: fmt.Sprintf("2001:db8:1:2::%x", i)}
		if _, err := w.service.Redeem(t.Context(), r); fault.Is(err, fault.TooMany) {
			stopped++
		}
	}
	if stopped != 70 {
		t.Errorf("%d of 100 guesses were stopped, want 70", stopped)
	}
	r := consult.Redemption{Invitation: link.Invitation, Secret: link.Secret, From: "2001:db8:1:3::1"}
	if _, err := w.service.Redeem(t.Context(), r); err != nil {
		t.Errorf("another customer is stopped too: %v", err)
	}
}

func TestTickets(t *testing.T) {
	for _, p := range consult.Phases() {
		t.Run(string(p), func(t *testing.T) {
			w := newWorld(t)
			c, link, device := w.consultIn(t, p)
			_, derr := w.service.DoctorTicket(t.Context(), w.doctor, c.ID)
			if p.Open() != (derr == nil) {
				t.Errorf("the doctor's ticket: %v", derr)
			}
			if device == "" {
				return
			}
			w.issued = nil
			place, ticket, err := w.service.PatientTicket(t.Context(), consult.Redemption{Invitation: link.Invitation, Device: device})
			if err != nil || place.Phase != p || p.Open() != (ticket != "") {
				t.Fatalf("the patient's ticket %q in %s: %v", ticket, place.Phase, err)
			}
			if !p.Open() {
				return
			}
			want := consult.Ticket{Room: c.Room, Peer: c.Invitation.Peer, Role: "patient", Name: "Nguyễn Thị Hoà", Admitted: p == consult.Admitted, Expires: w.now.Add(2 * time.Minute)}
			if diff := cmp.Diff(want, w.issued[0]); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(c.Room, "p1") || c.Room == c.ID {
				t.Errorf("the room %q says whose it is", c.Room)
			}
		})
	}
}

func TestSecretsAreNowhere(t *testing.T) {
	w := newWorld(t)
	c, link, device := w.consultIn(t, consult.Admitted)
	w.rooms.fail = fault.New(fault.Unavailable, "test", "down")
	_, _ = w.service.End(t.Context(), w.doctor, c.ID)
	all, err := w.records.List(t.Context(), "", "", 0)
	if err != nil || len(all) == 0 {
		t.Fatal("no records to look at", err)
	}
	for _, r := range all {
		for name, secret := range map[string]string{"secret": link.Secret, "device token": device} {
			if strings.Contains(string(r.Value)+r.Key, secret) {
				t.Errorf("the %s is in the record %s", name, r.Key)
			}
		}
	}
	if w.logs.Len() == 0 {
		t.Error("the room's failure was not logged")
	}
	for _, s := range []string{link.Secret, device, "Nguyễn"} {
		if strings.Contains(w.logs.String()+fmt.Sprintf("%v %+v %s", link, link, link), s) {
			t.Errorf("%q is in a log", s)
		}
	}
}
