package consult

import (
	"context"
	"time"

	"khamxa/internal/fault"
)

// Admit lets the patient in from the waiting room. If the room cannot be told at once, the patient's page learns it from
// its next ticket.
func (s *Service) Admit(ctx context.Context, a Actor, id string) (Consult, error) {
	c, err := s.command(ctx, a, id, Admit, func(c *Consult) error {
		if c.Started.IsZero() {
			c.Started = s.now()
		}
		return nil
	})
	if err != nil {
		return Consult{}, err
	}
	s.soft("admit", c, s.rooms.Admit(ctx, c.Room, c.Invitation.Peer))
	return c, nil
}

// End ends the call. The note stays open until it is signed.
func (s *Service) End(ctx context.Context, a Actor, id string) (Consult, error) {
	c, err := s.command(ctx, a, id, End, func(c *Consult) error {
		if c.Finished.IsZero() {
			c.Finished = s.now()
		}
		c.Present = false
		return nil
	})
	if err != nil {
		return Consult{}, err
	}
	s.soft("close", c, s.rooms.CloseRoom(ctx, c.Room))
	return c, nil
}

// ConvertToPhone goes on by telephone: the video room closes, readings and note stay open.
func (s *Service) ConvertToPhone(ctx context.Context, a Actor, id string) (Consult, error) {
	c, err := s.command(ctx, a, id, ConvertToPhone, func(c *Consult) error {
		if c.Started.IsZero() {
			c.Started = s.now()
		}
		c.ByPhone, c.Present, c.Closed = true, false, time.Time{}
		return nil
	})
	if err != nil {
		return Consult{}, err
	}
	s.soft("close", c, s.rooms.CloseRoom(ctx, c.Room))
	return c, s.index(ctx, c)
}

// Cancel calls a consult off. Its link is dead.
func (s *Service) Cancel(ctx context.Context, a Actor, id string) (Consult, error) {
	return s.close(ctx, a, id, Cancel)
}

// NoShow notes that the patient did not come. They may be invited again.
func (s *Service) NoShow(ctx context.Context, a Actor, id string) (Consult, error) {
	return s.close(ctx, a, id, MarkNoShow)
}

func (s *Service) close(ctx context.Context, a Actor, id string, cmd Command) (Consult, error) {
	c, err := s.command(ctx, a, id, cmd, func(c *Consult) error {
		if c.Closed.IsZero() || c.Phase == Cancelled {
			c.Closed = s.now()
		}
		c.Present = false
		return nil
	})
	if err != nil {
		return Consult{}, err
	}
	s.soft("close", c, s.rooms.CloseRoom(ctx, c.Room))
	if err := s.keeper.Book(ctx, c); err != nil {
		return Consult{}, err // given again, the command keeps it again
	}
	s.leaveQueue(ctx, c)
	return c, nil
}

// Observe takes what a room tells: whether the patient's page is connected. Rooms and peers that are not known are ignored.
func (s *Service) Observe(ctx context.Context, id string, e RoomEvent) error {
	_, err := s.change(ctx, id, func(c *Consult) error {
		if c.Room != e.Room || c.Invitation == nil || c.Invitation.Peer != e.Peer {
			return nil
		}
		if _, err := Next(c.Phase, Observe, System); err != nil {
			return nil
		}
		if c.Present != e.Here {
			c.Present, c.Seen = e.Here, s.now()
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// ObserveRoom is Observe for a room whose consult is not known to the caller.
func (s *Service) ObserveRoom(ctx context.Context, e RoomEvent) error {
	r, err := s.records.Get(ctx, roomKey(e.Room))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Observe(ctx, string(r.Value), e)
}

// soft logs a room's failure that does not undo the command: the consult's record is what counts, and pages ask again.
func (s *Service) soft(what string, c Consult, err error) {
	if err == nil || fault.Is(err, fault.NotFound) {
		return
	}
	s.log.Warn("the room did not follow the consult", "what", what, "consult", c.ID, "err", err)
}
