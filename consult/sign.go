package consult

import (
	"context"
	"slices"
	"strings"

	"khamxa/internal/fault"
)

// Missing lists the sections that must be filled before signing.
func (c Consult) Missing() []Field {
	var out []Field
	for _, f := range []Field{Assessment, Plan} {
		if strings.TrimSpace(c.Note.Section(f).Text) == "" {
			out = append(out, f)
		}
	}
	return out
}

// Sign freezes the consult and keeps it for good, in one transaction.
//
// First the consult is sealed: who, when, and from then on no change. Then the Keeper writes. Only when it has, the phase
// becomes Signed. A crash or an unknown outcome in between leaves the seal, and Sign given again finishes with the same bytes;
// a certain failure takes the seal off. Invalid with Path assessment or plan when one is empty.
func (s *Service) Sign(ctx context.Context, a Actor, id string) (Consult, error) {
	c, err := s.Get(ctx, a, id)
	if err != nil {
		return Consult{}, err
	}
	if _, err := c.next(a, Sign); err != nil {
		return Consult{}, err
	}
	if c.Phase == Signed {
		return c, nil
	}
	if c, err = s.seal(ctx, a, id); err != nil {
		return Consult{}, err
	}
	if err := s.keeper.Sign(ctx, c); err != nil {
		if wroteNothing(err) {
			s.unseal(ctx, c)
		}
		return Consult{}, err
	}
	sealed := c
	c, err = s.change(ctx, id, func(c *Consult) error {
		if c.Phase == Signed {
			return nil
		}
		// What the log holds is what was signed, whatever another attempt that failed has done to the seal meanwhile.
		c.Seal, c.Note, c.Readings = sealed.Seal, sealed.Note, slices.Clone(sealed.Readings)
		c.Phase, c.Author, c.Closed, c.Kept = Signed, sealed.Seal.By, sealed.Seal.At, true
		for i := range c.Readings {
			c.Readings[i].Kept = true
		}
		return nil
	})
	if err != nil {
		return Consult{}, err
	}
	s.leaveQueue(ctx, c)
	return c, nil
}

func (s *Service) seal(ctx context.Context, a Actor, id string) (Consult, error) {
	return s.change(ctx, id, func(c *Consult) error {
		if c.Phase == Signed || c.Seal != nil { // somebody was first: finish what they began
			return nil
		}
		if missing := c.Missing(); len(missing) > 0 {
			return fault.New(fault.Invalid, "consult.Sign", "Write the conclusion and the plan before signing.").At(string(missing[0]))
		}
		if _, err := c.next(a, Sign); err != nil {
			return err
		}
		c.Seal = &Seal{By: a.Person, At: s.now()}
		return nil
	})
}

// unseal opens the note again after a signing that certainly wrote nothing.
func (s *Service) unseal(ctx context.Context, sealed Consult) {
	_, err := s.change(context.WithoutCancel(ctx), sealed.ID, func(c *Consult) error {
		if c.Phase != Signed && c.Seal != nil && *c.Seal == *sealed.Seal {
			c.Seal = nil
		}
		return nil
	})
	if err != nil {
		s.log.Warn("a consult stays sealed after a failed signing", "consult", sealed.ID, "err", err)
	}
}

// wroteNothing reports whether a Keeper's failure is certain: every code but the two that leave the outcome open.
func wroteNothing(err error) bool {
	return !fault.Is(err, fault.Unknown) && !fault.Is(err, fault.Internal)
}
