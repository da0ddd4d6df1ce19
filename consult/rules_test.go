package consult_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"khamxa/consult"
	"khamxa/internal/fault"
)

// TestTable states the whole table once more, by hand: what may follow what, for the role that may do it.
func TestTable(t *testing.T) {
	type way map[consult.Phase]consult.Phase
	table := map[consult.Command]struct {
		by  []consult.Role
		way way
	}{
		consult.Invite: {[]consult.Role{consult.Doctor}, way{
			"booked": "invited", "invited": "invited", "arrived": "invited", "admitted": "invited", "phone": "invited", "no-show": "invited",
		}},
		consult.Redeem:     {[]consult.Role{consult.Patient}, way{"invited": "arrived", "arrived": "arrived", "admitted": "admitted"}},
		consult.Admit:      {[]consult.Role{consult.Doctor}, way{"arrived": "admitted", "admitted": "admitted"}},
		consult.SaveDraft:  {[]consult.Role{consult.Doctor}, way{"booked": "booked", "invited": "invited", "arrived": "arrived", "admitted": "admitted", "phone": "phone", "ended": "ended"}},
		consult.SaveVitals: {[]consult.Role{consult.Doctor}, way{"admitted": "admitted", "phone": "phone", "ended": "ended"}},
		consult.ConvertToPhone: {[]consult.Role{consult.Doctor}, way{
			"booked": "phone", "invited": "phone", "arrived": "phone", "admitted": "phone", "no-show": "phone", "phone": "phone",
		}},
		consult.End:        {[]consult.Role{consult.Doctor}, way{"invited": "ended", "arrived": "ended", "admitted": "ended", "phone": "ended", "ended": "ended"}},
		consult.Sign:       {[]consult.Role{consult.Doctor}, way{"ended": "signed", "signed": "signed"}},
		consult.Cancel:     {[]consult.Role{consult.Doctor}, way{"booked": "cancelled", "invited": "cancelled", "arrived": "cancelled", "no-show": "cancelled", "cancelled": "cancelled"}},
		consult.MarkNoShow: {[]consult.Role{consult.Doctor}, way{"booked": "no-show", "invited": "no-show", "no-show": "no-show"}},
		consult.Observe:    {[]consult.Role{consult.System}, way{"invited": "invited", "arrived": "arrived", "admitted": "admitted"}},
	}
	for _, cmd := range consult.Commands() {
		row, ok := table[cmd]
		if !ok {
			t.Fatalf("the command %s is not in this test's table", cmd)
		}
		for _, p := range consult.Phases() {
			for _, role := range consult.Roles() {
				t.Run(fmt.Sprintf("%s/%s/%s", cmd, p, role), func(t *testing.T) {
					to, err := consult.Next(p, cmd, role)
					may := false
					for _, by := range row.by {
						may = may || by == role
					}
					want, allowed := row.way[p]
					switch {
					case !may:
						wantCode(t, err, fault.Forbidden)
					case !allowed:
						wantCode(t, err, fault.State)
					case err != nil || to != want:
						t.Errorf("leads to %s, %v; want %s", to, err, want)
					}
					if err != nil && to != p {
						t.Errorf("a refused command leads to %s", to)
					}
				})
			}
		}
	}
	if _, err := consult.Next(consult.Booked, "dance", consult.Doctor); !fault.Is(err, fault.Unsupported) {
		t.Errorf("an unknown command: %v", err)
	}
}

// machine drives a real service with every command by every role in any order, and checks what must always hold.
type machine struct {
	w       *world
	id      string
	links   []consult.Link // all that were ever made, the last is the present one
	devices []string       // tokens handed out for the present link
	dead    []string       // tokens of links before
	phase   consult.Phase
	signed  consult.Consult
}

func TestEveryCommandInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		c, err := w.service.Book(t.Context(), w.doctor, consult.Booking{Patient: "p1"})
		if err != nil {
			rt.Fatal(err)
		}
		m := &machine{w: w, id: c.ID, phase: consult.Booked}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			m.step(t, rt)
			m.check(t, rt)
		}
	})
}

func (m *machine) step(t *testing.T, rt *rapid.T) {
	ctx := t.Context()
	role := rapid.SampledFrom([]consult.Role{consult.Doctor, consult.Doctor, consult.Doctor, consult.Specialist, consult.Manager, consult.Admin, consult.Patient, consult.System}).Draw(rt, "role")
	actor := m.w.doctor
	actor.Roles = []consult.Role{role}
	if rapid.IntRange(0, 9).Draw(rt, "stranger") == 0 {
		actor = m.w.stranger
	}
	var err error
	cmd := rapid.SampledFrom(consult.Commands()).Draw(rt, "command")
	switch cmd {
	case consult.Invite:
		var link consult.Link
		if _, link, err = m.w.service.Invite(ctx, actor, m.id); err == nil {
			m.links = append(m.links, link)
			m.dead, m.devices = append(m.dead, m.devices...), nil
		}
	case consult.Redeem:
		m.redeem(t, rt)
		return
	case consult.Admit:
		_, err = m.w.service.Admit(ctx, actor, m.id)
	case consult.SaveDraft:
		seen := m.read(t, rt).Note
		_, err = m.w.service.SaveDraft(ctx, actor, m.id, []consult.Edit{
			{Field: consult.Assessment, Text: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "text"), Base: seen.Assessment.Version},
			{Field: consult.Plan, Text: "plan", Base: seen.Plan.Version},
		})
	case consult.SaveVitals:
		_, err = m.w.service.SaveVitals(ctx, actor, m.id, consult.Reading{N: rapid.IntRange(0, 3).Draw(rt, "n"), Systolic: 150, Diastolic: 95})
	case consult.ConvertToPhone:
		_, err = m.w.service.ConvertToPhone(ctx, actor, m.id)
	case consult.End:
		_, err = m.w.service.End(ctx, actor, m.id)
	case consult.Sign:
		_, err = m.w.service.Sign(ctx, actor, m.id)
	case consult.Cancel:
		_, err = m.w.service.Cancel(ctx, actor, m.id)
	case consult.MarkNoShow:
		_, err = m.w.service.NoShow(ctx, actor, m.id)
	case consult.Observe:
		c := m.read(t, rt)
		if err := m.w.service.ObserveRoom(ctx, consult.RoomEvent{Room: c.Room, Peer: "p-x", Here: true}); err != nil {
			rt.Fatalf("a stranger in the room: %v", err)
		}
		return
	}
	if err == nil && (actor.ID != "d1" || !actor.Is(consult.Doctor)) {
		rt.Fatalf("%s was carried out for %s of %v", cmd, role, actor.Stations)
	}
}

// redeem tries any link with any secret or device.
func (m *machine) redeem(t *testing.T, rt *rapid.T) {
	if len(m.links) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.links)-1).Draw(rt, "link")
	r := consult.Redemption{Invitation: m.links[i].Invitation}
	tokens := append(append([]string{"", "wrong"}, m.devices...), m.dead...)
	r.Device = rapid.SampledFrom(tokens).Draw(rt, "device")
	if rapid.Bool().Draw(rt, "secret") {
		r.Secret = m.links[rapid.IntRange(0, len(m.links)-1).Draw(rt, "whose")].Secret
	}
	before := m.read(t, rt)
	place, err := m.w.service.Redeem(t.Context(), r)
	present := i == len(m.links)-1
	if err == nil && !present {
		rt.Fatal("a replaced link opened")
	}
	if err == nil && place.Device != "" {
		if before.Invitation.Device != nil {
			rt.Fatal("a second device was bound")
		}
		if r.Secret != m.links[i].Secret || !before.Phase.Open() {
			rt.Fatalf("a device was bound in phase %s with secret right: %v", before.Phase, r.Secret == m.links[i].Secret)
		}
		m.devices = append(m.devices, place.Device)
	}
}

func (m *machine) read(t *testing.T, rt *rapid.T) consult.Consult {
	c, err := m.w.service.Get(t.Context(), m.w.doctor, m.id)
	if err != nil {
		rt.Fatal(err)
	}
	return c
}

func (m *machine) check(t *testing.T, rt *rapid.T) {
	c := m.read(t, rt)
	legal := c.Phase == m.phase
	for _, cmd := range consult.Commands() {
		for _, role := range consult.Roles() {
			if to, err := consult.Next(m.phase, cmd, role); err == nil && to == c.Phase {
				legal = true
			}
		}
	}
	if !legal {
		rt.Fatalf("the consult went from %s to %s", m.phase, c.Phase)
	}
	m.phase = c.Phase
	if len(m.devices) > 1 {
		rt.Fatal("two devices in one seat")
	}
	open := 0
	for _, device := range append(append([]string{}, m.devices...), m.dead...) {
		for _, link := range m.links {
			if _, ticket, err := m.w.service.PatientTicket(t.Context(), consult.Redemption{Invitation: link.Invitation, Device: device}); err == nil && ticket != "" {
				open++
				if got := m.w.issued[len(m.w.issued)-1]; got.Admitted != (c.Phase == consult.Admitted) {
					rt.Fatalf("in phase %s the ticket says admitted=%v", c.Phase, got.Admitted)
				}
			}
		}
	}
	if open > 1 || (open == 1 && !c.Phase.Open()) {
		rt.Fatalf("%d devices may enter the room in phase %s", open, c.Phase)
	}
	if c.Phase != consult.Signed {
		return
	}
	if m.signed.ID == "" {
		m.signed = c
	}
	if fmt.Sprintf("%+v", m.signed.Note) != fmt.Sprintf("%+v", c.Note) || len(m.signed.Readings) != len(c.Readings) || len(c.Missing()) > 0 {
		rt.Fatal("a signed consult changed, or is not complete")
	}
}

func TestActorSees(t *testing.T) {
	for _, c := range []struct {
		name     string
		stations []string
		station  string
		want     bool
	}{
		{"own station", []string{station}, station, true},
		{"another station", []string{station}, "Organization/tyt-14218", false},
		{"no station", []string{station}, "", false},
		{"no station, and a list that names it", []string{""}, "", false},
		{"an actor of no station", []string{}, "", false},
		{"any station, without confinement", nil, station, true},
		{"no station, without confinement", nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (consult.Actor{Stations: c.stations}).Sees(c.station); got != c.want {
				t.Errorf("Sees(%q) with %q = %v, want %v", c.station, c.stations, got, c.want)
			}
		})
	}
}
