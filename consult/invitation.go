package consult

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"regexp"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// How long things live.
const (
	linkLife   = 24 * time.Hour // after the booked time, or after the link was made, whichever is later
	ticketLife = 2 * time.Minute
	retryLife  = 5 * time.Minute // during which the page that bound the device may ask again, see Redemption.Attempt
)

// Sizes of what is random, in bytes. The secret has 160 bits: guessing is hopeless at any speed.
const (
	invitationBytes = 10
	secretBytes     = 20
	deviceBytes     = 20
)

// Link is a new invitation. Secret exists here and in the patient's hands only: show it, never keep or log it.
type Link struct {
	Invitation string
	Secret     string
}

// Path is the link below the service's public URL. The secret is in the fragment, which browsers send to nobody.
func (l Link) Path() string { return "/j/" + l.Invitation + "#" + l.Secret }

// String hides the secret, so that a link that is logged by mistake says nothing.
func (l Link) String() string { return "/j/" + l.Invitation }

// GoString hides the secret too.
func (l Link) GoString() string { return l.String() }

// Invite makes the patient's link. The one before it is dead from this moment: its device is put out of the room, and
// whoever opens the new link waits for the doctor again. The place in the line is kept.
func (s *Service) Invite(ctx context.Context, a Actor, id string) (Consult, Link, error) {
	c, err := s.Get(ctx, a, id)
	if err != nil {
		return Consult{}, Link{}, err
	}
	if _, err := c.next(a, Invite); err != nil {
		return Consult{}, Link{}, err
	}
	link, inv, err := s.newLink(c)
	if err != nil {
		return Consult{}, Link{}, err
	}
	// The old device must be out before the new link exists, or a lost message would leave two people in one seat.
	if err := s.evict(ctx, c); err != nil {
		return Consult{}, Link{}, err
	}
	ref := records.Record{Key: "invitation/" + inv.ID, Value: []byte(c.ID), Version: records.Any, Expires: inv.Expires.Add(linkLife)}
	if _, err := s.records.Put(ctx, ref); err != nil {
		return Consult{}, Link{}, err
	}
	room := c.Room
	if c.Phase == Phone || c.Phase == NoShow { // that room has been closed for good
		if room, err = s.newRoom(); err != nil {
			return Consult{}, Link{}, err
		}
	}
	c.Room = room
	if err := s.index(ctx, c); err != nil { // a no-show comes back into the queue
		return Consult{}, Link{}, err
	}
	var old *Invitation
	was := c.Phase
	c, err = s.command(ctx, a, id, Invite, func(c *Consult) error {
		old, c.Room = c.Invitation, room
		c.Invitation, c.Present, c.Invited, c.Closed = &inv, false, s.now(), time.Time{}
		c.ByPhone = false
		return nil
	})
	if err != nil {
		return Consult{}, Link{}, err
	}
	s.bury(context.WithoutCancel(ctx), c, old)
	if was == NoShow {
		if err := s.keeper.Book(ctx, c); err != nil { // signing writes the appointment anyway
			s.log.Warn("the appointment still says no-show", "consult", c.ID, "err", err)
		}
	}
	return c, link, nil
}

// bury tidies up after a link that has been replaced. It is dead already: only the consult's present invitation opens.
func (s *Service) bury(ctx context.Context, c Consult, old *Invitation) {
	if old == nil {
		return
	}
	s.soft("remove", c, s.rooms.Remove(ctx, c.Room, old.Peer)) // it may have come back between the two steps
	if err := s.records.Delete(ctx, "invitation/"+old.ID); err != nil {
		s.log.Warn("a replaced link's entry could not be removed", "consult", c.ID, "err", err)
	}
}

func (s *Service) newLink(c Consult) (Link, Invitation, error) {
	var parts [3]string
	for i, n := range []int{invitationBytes, secretBytes, deviceBytes} {
		r, err := s.random(n)
		if err != nil {
			return Link{}, Invitation{}, err
		}
		parts[i] = r
	}
	from := c.At
	if now := s.now(); now.After(from) {
		from = now
	}
	link := Link{Invitation: parts[0], Secret: parts[1]}
	return link, Invitation{ID: link.Invitation, Secret: hash(link.Secret), Peer: "p-" + parts[2], Expires: from.Add(linkLife)}, nil
}

// evict puts the device of the present link out of the room.
func (s *Service) evict(ctx context.Context, c Consult) error {
	if c.Invitation == nil || c.Invitation.Device == nil {
		return nil
	}
	err := s.rooms.Remove(ctx, c.Room, c.Invitation.Peer)
	if err == nil || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Redemption is what a patient's page hands in: the secret of the link, or the token of the device that was bound before.
// From is the caller's network address, for the rate limit only; it is not kept. Attempt is the page's own random name for
// its attempt: on a bad line the answer that carries the device's token may be lost, and the same page with the same secret
// and Attempt may ask again for a few minutes. "" asks once.
type Redemption struct {
	Invitation string
	Secret     string
	Device     string
	Attempt    string
	From       string
}

// Place is a patient's place: what their page may know. Device is set once, when this call bound the device: the page's
// cookie.
type Place struct {
	Phase   Phase
	Doctor  string
	Station string
	At      time.Time
	Since   time.Time // first arrival
	Device  string
}

var linkGrammar = regexp.MustCompile(`^[a-z2-7]{16}$`)

// refused is the one answer to every link that does not open the door. Unknown, replaced, expired, used on another device and
// wrong secret must not be told apart: not by text, code or field.
func refused() error {
	return fault.New(fault.NotFound, "consult.Redeem", "This link does not open. Please call the station and ask for a new one.")
}

// Redeem brings a patient to their place. The first device with the secret is bound; afterwards only that device's token
// opens, and the secret alone no longer does. TooMany when From has failed too often; a bound device is never refused for that.
func (s *Service) Redeem(ctx context.Context, r Redemption) (Place, error) {
	c, err := s.seat(ctx, r.Invitation, r.Device)
	if err == nil {
		return s.arrive(ctx, c, r)
	}
	if !fault.Is(err, fault.NotFound) {
		return Place{}, err
	}
	if !s.limit.allow(r.From) {
		return Place{}, fault.New(fault.TooMany, "consult.Redeem", "Too many attempts. Please wait a minute, or call the station.")
	}
	place, err := s.bind(ctx, r)
	if fault.Is(err, fault.NotFound) {
		s.limit.fail(r.From)
		return Place{}, refused()
	}
	return place, err
}

// seat finds the consult of an invitation whose bound device presents its token. NotFound otherwise.
func (s *Service) seat(ctx context.Context, invitation, device string) (Consult, error) {
	c, err := s.invited(ctx, invitation)
	if err != nil {
		return Consult{}, err
	}
	if !c.Invitation.boundTo(device) {
		return Consult{}, refused()
	}
	return c, nil
}

// invited finds the consult whose present invitation this is.
func (s *Service) invited(ctx context.Context, invitation string) (Consult, error) {
	if !linkGrammar.MatchString(invitation) {
		return Consult{}, refused()
	}
	r, err := s.records.Get(ctx, "invitation/"+invitation)
	if fault.Is(err, fault.NotFound) {
		return Consult{}, refused()
	}
	if err != nil {
		return Consult{}, err
	}
	c, _, err := s.load(ctx, string(r.Value))
	if err != nil {
		return Consult{}, err
	}
	if c.Invitation == nil || c.Invitation.ID != invitation {
		return Consult{}, refused()
	}
	return c, nil
}

// bind takes the seat for a new device by the secret.
func (s *Service) bind(ctx context.Context, r Redemption) (Place, error) {
	c, err := s.invited(ctx, r.Invitation)
	if err != nil {
		return Place{}, err
	}
	device, err := s.random(deviceBytes)
	if err != nil {
		return Place{}, err
	}
	c, err = s.change(ctx, c.ID, func(c *Consult) error {
		inv := c.Invitation
		if inv == nil || inv.ID != r.Invitation || !inv.opens(r, s.now()) {
			return refused()
		}
		to, err := Next(c.Phase, Redeem, Patient)
		if err != nil || c.Seal != nil {
			return refused()
		}
		if inv.Device == nil {
			inv.Bound = s.now()
		}
		inv.Device, inv.Attempt = hash(device), nil
		if len(r.Attempt) >= minAttempt {
			inv.Attempt = hash(r.Attempt)
		}
		c.arrive(to, s.now())
		return nil
	})
	if err != nil {
		return Place{}, err
	}
	place := placeOf(c)
	place.Device = device
	return place, nil
}

// arrive is the bound device coming again: a reload, a dropped line, a phone that slept. After the end it is told so.
func (s *Service) arrive(ctx context.Context, c Consult, r Redemption) (Place, error) {
	if _, err := Next(c.Phase, Redeem, Patient); err != nil {
		return placeOf(c), nil
	}
	c, err := s.change(ctx, c.ID, func(c *Consult) error {
		if c.Invitation == nil || c.Invitation.ID != r.Invitation || !c.Invitation.boundTo(r.Device) {
			return refused()
		}
		to, err := Next(c.Phase, Redeem, Patient)
		if err != nil {
			return nil // it ended in between; the place says so
		}
		c.arrive(to, s.now())
		return nil
	})
	if err != nil {
		return Place{}, err
	}
	return placeOf(c), nil
}

// PatientTicket gives the bound device its place and, while the room is open to it, a fresh ticket ("" otherwise). Others' failures from
// the same address do not hold it up.
func (s *Service) PatientTicket(ctx context.Context, r Redemption) (Place, string, error) {
	c, err := s.seat(ctx, r.Invitation, r.Device)
	if fault.Is(err, fault.NotFound) {
		if !s.limit.allow(r.From) {
			return Place{}, "", fault.New(fault.TooMany, "consult.PatientTicket", "Too many attempts. Please wait a minute, or call the station.")
		}
		s.limit.fail(r.From)
		return Place{}, "", refused()
	}
	if err != nil {
		return Place{}, "", err
	}
	if !c.Phase.Open() {
		return placeOf(c), "", nil
	}
	t, err := s.tickets.Issue(Ticket{
		Room: c.Room, Peer: c.Invitation.Peer, Role: "patient", Name: c.Patient.Name,
		Admitted: c.Phase == Admitted, Expires: s.now().Add(ticketLife),
	})
	return placeOf(c), t, err
}

// DoctorTicket gives the doctor a fresh ticket for the room. State when there is no call to enter.
func (s *Service) DoctorTicket(ctx context.Context, a Actor, id string) (string, error) {
	c, err := s.Get(ctx, a, id)
	if err != nil {
		return "", err
	}
	if !c.Phase.Open() {
		return "", fault.New(fault.State, "consult.DoctorTicket", "There is no call to enter.")
	}
	return s.tickets.Issue(Ticket{
		Room: c.Room, Peer: c.DoctorPeer, Role: "doctor", Name: a.Name, Admitted: true, Expires: s.now().Add(ticketLife),
	})
}

func (c *Consult) arrive(to Phase, now time.Time) {
	c.Phase = to
	if !c.Present {
		c.Present, c.Seen = true, now // the page has just asked; the room tells when it goes
	}
	if c.Arrived.IsZero() {
		c.Arrived = now
	}
}

func placeOf(c Consult) Place {
	return Place{Phase: c.Phase, Doctor: c.Doctor.Name, Station: c.StationName, At: c.At, Since: c.Arrived}
}

// minAttempt is the shortest name of an attempt that counts, in characters: it stands in for a token for retryLife.
const minAttempt = 16

// opens reports whether the secret is right and the seat is free, or was taken a moment ago by this very attempt.
func (i *Invitation) opens(r Redemption, now time.Time) bool {
	right := subtle.ConstantTimeCompare(i.Secret, hash(r.Secret)) == 1
	again := i.Attempt != nil && len(r.Attempt) >= minAttempt && now.Before(i.Bound.Add(retryLife)) &&
		subtle.ConstantTimeCompare(i.Attempt, hash(r.Attempt)) == 1
	return right && !now.After(i.Expires) && (i.Device == nil || again)
}

// boundTo reports whether this is the bound device's token.
func (i *Invitation) boundTo(device string) bool {
	return i.Device != nil && device != "" && subtle.ConstantTimeCompare(i.Device, hash(device)) == 1
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}
