package consult

import (
	"context"
	"time"

	"khamxa/internal/fault"
	"khamxa/registry/guideline"
)

// What a cuff can show: the limits of the registry, so that a reading that is taken here counts there. Values outside are typing mistakes;
// everything inside is kept, however alarming it is.
const (
	MinSystolic, MaxSystolic   = guideline.SystolicLeast, guideline.SystolicMost   // mmHg
	MinDiastolic, MaxDiastolic = guideline.DiastolicLeast, guideline.DiastolicMost // mmHg
	MinPulse, MaxPulse         = 20, 250                                           // per minute
	maxReadings                = 10
)

// Reading is one blood pressure. N counts a consult's readings from 1 and is part of the resource's id, so that a correction
// is a new version of the same observation. Pulse is 0 if it was not counted.
type Reading struct {
	N         int       `json:"n"`
	Systolic  int       `json:"systolic"`        // mmHg
	Diastolic int       `json:"diastolic"`       // mmHg
	Pulse     int       `json:"pulse,omitempty"` // per minute
	At        time.Time `json:"at"`
	By        Person    `json:"by"`
	Kept      bool      `json:"kept"` // it is in the FHIR log
}

// Problem is what is wrong with one field of a reading. Kind is "missing", "range" or "order" (systolic not above diastolic).
type Problem struct {
	Field string
	Kind  string
}

// Check lists what is wrong with a reading, in the order of the form.
func (r Reading) Check() []Problem {
	var out []Problem
	check := func(field string, v, least, most int) {
		switch {
		case v == 0:
			out = append(out, Problem{field, "missing"})
		case v < least || v > most:
			out = append(out, Problem{field, "range"})
		}
	}
	check("systolic", r.Systolic, MinSystolic, MaxSystolic)
	check("diastolic", r.Diastolic, MinDiastolic, MaxDiastolic)
	if r.Pulse != 0 {
		check("pulse", r.Pulse, MinPulse, MaxPulse)
	}
	if len(out) == 0 && r.Systolic <= r.Diastolic {
		out = append(out, Problem{"diastolic", "order"})
	}
	return out
}

// SaveVitals saves reading r.N: the next number adds one, a number that exists corrects it. It is written to the consult
// first and to the FHIR log next, at once; when the log cannot take it the reading stays in the consult with Kept false, the
// error is returned, and saving again (or signing) keeps it. Invalid with Path systolic, diastolic, pulse or n.
func (s *Service) SaveVitals(ctx context.Context, a Actor, id string, r Reading) (Consult, error) {
	if p := r.Check(); len(p) > 0 {
		return Consult{}, fault.New(fault.Invalid, "consult.SaveVitals", "The blood pressure cannot be right. Please check it.").At(p[0].Field)
	}
	c, err := s.command(ctx, a, id, SaveVitals, func(c *Consult) error {
		if r.N < 1 || r.N > len(c.Readings)+1 || r.N > maxReadings {
			return fault.New(fault.Invalid, "consult.SaveVitals", "A consult holds at most 10 readings, numbered in order.").At("n")
		}
		next := Reading{N: r.N, Systolic: r.Systolic, Diastolic: r.Diastolic, Pulse: r.Pulse, At: s.now(), By: a.Person}
		if r.N > len(c.Readings) {
			c.Readings = append(c.Readings, next)
			return nil
		}
		old := c.Readings[r.N-1]
		next.At = old.At // a correction says what was measured then
		if old.Systolic == r.Systolic && old.Diastolic == r.Diastolic && old.Pulse == r.Pulse {
			return nil
		}
		c.Readings[r.N-1] = next
		return nil
	})
	if err != nil {
		return Consult{}, err
	}
	want := c.Readings[r.N-1]
	if want.Kept {
		return c, nil
	}
	if err := s.keeper.Vitals(ctx, c, r.N); err != nil {
		return c, err
	}
	return s.change(ctx, id, func(c *Consult) error {
		if have := c.Readings[r.N-1]; have == want {
			c.Readings[r.N-1].Kept = true
		}
		return nil
	})
}
