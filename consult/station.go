package consult

import (
	"context"
	"slices"

	"khamxa/internal/fault"
)

// A consult belongs to the station that holds its patient at present, not to the one that held them when it was booked.
//
// Whenever a consult is loaded for a member of staff (Get, every command, Queue, OpenFor), the patient's present station is asked for,
// one read. If it is another than the record's, the consult moves: its index rows at the new station are written first, then the record by
// compare-and-set. The rows at the old station stay and are passed over, because taking them away could meet a patient who
// comes back; they go when the consult is finished. So a moved consult is in the new station's queue as soon as anybody of either
// station has touched it: the old one by opening its queue, the new one by opening the patient (OpenFor looks by patient).
//
// One exception: the doctor who has the patient in the call, or has ended it and must sign, finishes what they began (finishing).

// reach loads a consult for an actor, at its patient's present station. NotFound if the actor may not know of it.
func (s *Service) reach(ctx context.Context, a Actor, id string) (Consult, error) {
	c, _, err := s.load(ctx, id)
	if err != nil {
		return Consult{}, err
	}
	if c, err = s.follow(ctx, c); err != nil {
		return Consult{}, err
	}
	if !c.KnownTo(a) {
		return Consult{}, notFound()
	}
	return c, nil
}

// follow brings a consult to the station that holds its patient. A patient who is not in the record any more changes nothing.
func (s *Service) follow(ctx context.Context, c Consult) (Consult, error) {
	station, err := s.patients.Station(ctx, c.Patient.ID)
	if err != nil || station == c.Station {
		return c, unlessGone(err)
	}
	p, err := s.patients.Patient(ctx, nil, c.Patient.ID)
	if err != nil {
		return c, unlessGone(err)
	}
	moved := c
	moved.moveTo(p.Station, p.StationName)
	if err := s.indexStation(ctx, moved); err != nil {
		return Consult{}, err
	}
	return s.change(ctx, c.ID, func(c *Consult) error {
		c.moveTo(p.Station, p.StationName)
		return nil
	})
}

func unlessGone(err error) error {
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return nil
	}
	return err
}

// moveTo hands the consult to another station. Who gave the care that has begun is kept, so that what is written of it does not change.
func (c *Consult) moveTo(station, name string) {
	if station == c.Station {
		return
	}
	if !c.Started.IsZero() && c.Provider == nil {
		c.Provider = &Provider{Station: c.Station, Name: c.StationName}
	}
	earlier := slices.DeleteFunc(slices.Clone(c.Earlier), func(s string) bool { return s == station || s == c.Station })
	c.Earlier = append(earlier, c.Station)
	c.Station, c.StationName = station, name
}

// GivenBy is the station that gives the care: the one at which it began.
func (c Consult) GivenBy() Provider {
	if c.Provider != nil {
		return *c.Provider
	}
	return Provider{Station: c.Station, Name: c.StationName}
}

// KnownTo reports whether the actor may know of the consult.
func (c Consult) KnownTo(a Actor) bool { return a.Sees(c.Station) || c.finishing(a) }

// finishing reports whether the patient has left the actor's station while this actor, as the consult's doctor, had them in the call or has
// still to sign. A doctor who has left that station themselves finishes nothing.
func (c Consult) finishing(a Actor) bool {
	if a.Sees(c.Station) || !c.inCare() || a.ID == "" || a.ID != c.Doctor.ID {
		return false
	}
	return slices.ContainsFunc(c.Earlier, a.Sees)
}

// inCare reports whether somebody has begun the conversation and not yet signed.
func (c Consult) inCare() bool { return c.Phase == Admitted || c.Phase == Phone || c.Phase == Ended }

// begun reports whether the patient has been in the conversation, or something was measured.
func (c Consult) begun() bool { return !c.Started.IsZero() || len(c.Readings) > 0 }

// next is the phase that a command of the actor leads to: the table of rules.go, and what depends on more than the phase.
func (c Consult) next(a Actor, cmd Command) (Phase, error) {
	if !c.KnownTo(a) {
		return c.Phase, notFound()
	}
	to, err := a.may(c.Phase, cmd)
	if err != nil {
		return c.Phase, err
	}
	if c.finishing(a) && !finishes(cmd) {
		return c.Phase, fault.New(fault.Forbidden, "consult.next", "The patient is with another station now. You can only finish this consult.")
	}
	if to == c.Phase {
		return to, nil
	}
	switch {
	case (cmd == Cancel || cmd == MarkNoShow) && c.begun():
		return c.Phase, fault.New(fault.State, "consult.next", "The patient has already been in this consult. End it instead.")
	case cmd == End && !c.begun():
		return c.Phase, fault.New(fault.State, "consult.next", "The consult has not begun, so there is nothing to end.")
	}
	return to, nil
}

// finishes lists what a doctor may do for a patient who has moved away in the middle of the consult. A new link is not part of it:
// it sends the patient back to the waiting room, which is the new station's.
func finishes(cmd Command) bool {
	switch cmd {
	case Admit, SaveDraft, SaveVitals, ConvertToPhone, End, Sign: // Admit: given twice, the patient is in the call
		return true
	case Invite, Redeem, Cancel, MarkNoShow, Observe:
	}
	return false
}

// Commands lists what the actor may do to the consult as it is now, in the order of Commands. Load it with Get first.
func (c Consult) Commands(a Actor) []Command {
	var out []Command
	for _, cmd := range Commands() {
		if _, err := c.next(a, cmd); err == nil {
			out = append(out, cmd)
		}
	}
	return out
}

// enter moves the phase. Whoever takes the patient into the conversation becomes the consult's doctor.
func (c *Consult) enter(to Phase, by Person) {
	was := c.Phase
	if (to == Admitted || to == Phone) && was != Admitted && was != Phone {
		c.Doctor = by
	}
	c.Phase = to
}
