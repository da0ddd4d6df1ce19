package consult

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Limits of a booking.
const (
	DefaultLength = 20 * time.Minute
	maxAhead      = 366 * 24 * time.Hour
	tries         = 8 // of a compare-and-set before giving up
)

// Options is what a Service stands on. Records, Keeper, Patients, Rooms and Tickets are required.
type Options struct {
	Records  records.Store
	Keeper   Keeper
	Patients Patients
	Rooms    Rooms
	Tickets  Tickets
	Notify   Notify           // nil: nobody is told
	Clock    func() time.Time // nil: time.Now
	Rand     io.Reader        // nil: crypto/rand; must be unpredictable
	Log      *slog.Logger     // nil: discarded
}

// Service carries out the commands. Safe for concurrent use, on any number of nodes over the same records.
//
// Every method checks the actor's role and station first. A consult that the actor may not know of is NotFound.
type Service struct {
	records  records.Store
	keeper   Keeper
	patients Patients
	rooms    Rooms
	tickets  Tickets
	notify   Notify
	clock    func() time.Time
	rand     io.Reader
	log      *slog.Logger
	limit    *limiter
}

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.Records == nil || o.Keeper == nil || o.Patients == nil || o.Rooms == nil || o.Tickets == nil {
		return nil, fault.New(fault.Internal, "consult.New", "A part that consults need was not given.")
	}
	s := &Service{
		records: o.Records, keeper: o.Keeper, patients: o.Patients, rooms: o.Rooms, tickets: o.Tickets,
		notify: o.Notify, clock: o.Clock, rand: o.Rand, log: o.Log,
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.limit = newLimiter(s.now)
	return s, nil
}

// Booking asks for a consult. ID is optional: a form that carries one (NewID) may be sent twice and still books once.
// A zero At means now.
type Booking struct {
	ID      string
	Patient string // id
	At      time.Time
	Length  time.Duration // 0: DefaultLength
	Reason  string        // goes into the note's first section
}

// idGrammar is what a consult's id may be: it becomes part of FHIR ids (R4 datatypes.html#id, at most 64) with a suffix.
var idGrammar = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{9,39}$`)

// NewID makes an id for a Booking: sorted by time, and not to be guessed.
func (s *Service) NewID() (string, error) {
	random, err := s.random(10)
	if err != nil {
		return "", err
	}
	return "c" + s.now().In(HoChiMinh()).Format("20060102") + "-" + random, nil
}

// HoChiMinh is the time zone of days and clocks: UTC+7, no daylight saving time since 1975.
func HoChiMinh() *time.Location { return time.FixedZone("+07", 7*60*60) }

// Book makes a consult. Invalid with Path patient, at or length; NotFound for a patient outside the actor's stations.
func (s *Service) Book(ctx context.Context, a Actor, b Booking) (Consult, error) {
	if !a.Is(Doctor) {
		return Consult{}, fault.New(fault.Forbidden, "consult.Book", "Only a doctor may do this.")
	}
	c, err := s.booking(ctx, a, b)
	if err != nil {
		return Consult{}, err
	}
	if err := s.index(ctx, c); err != nil {
		return Consult{}, err
	}
	raw, err := c.encode()
	if err != nil {
		return Consult{}, err
	}
	_, err = s.records.Put(ctx, records.Record{Key: key(c.ID), Value: raw})
	switch {
	case fault.Is(err, fault.Conflict): // the form was sent twice
		have, lerr := s.Get(ctx, a, c.ID)
		if lerr != nil || have.Patient.ID != c.Patient.ID || have.Doctor.ID != c.Doctor.ID {
			return Consult{}, err
		}
		c = have
	case err != nil:
		return Consult{}, err
	}
	return s.keepBooking(ctx, c)
}

// booking checks a request and makes the consult that it asks for.
func (s *Service) booking(ctx context.Context, a Actor, b Booking) (Consult, error) {
	now := s.now()
	if b.ID == "" {
		id, err := s.NewID()
		if err != nil {
			return Consult{}, err
		}
		b.ID = id
	}
	if !idGrammar.MatchString(b.ID) {
		return Consult{}, fault.New(fault.Invalid, "consult.Book", "The booking's own number is not right. Open the form again.").At("id")
	}
	if b.Patient == "" {
		return Consult{}, fault.New(fault.Invalid, "consult.Book", "Choose a patient.").At("patient")
	}
	if b.Length == 0 {
		b.Length = DefaultLength
	}
	if b.Length < 5*time.Minute || b.Length > 3*time.Hour {
		return Consult{}, fault.New(fault.Invalid, "consult.Book", "A consult takes from 5 minutes to 3 hours.").At("length")
	}
	atOnce := b.At.IsZero()
	if atOnce {
		b.At = now
	}
	if b.At.Before(now.Add(-time.Hour)) || b.At.After(now.Add(maxAhead)) {
		return Consult{}, fault.New(fault.Invalid, "consult.Book", "The time must be in the coming twelve months.").At("at")
	}
	reason, err := cleanText("reason", b.Reason)
	if err != nil {
		return Consult{}, err
	}
	p, err := s.patients.Patient(ctx, a.Stations, b.Patient)
	if err != nil {
		return Consult{}, err
	}
	return s.fresh(a, b, p, atOnce, reason)
}

// fresh fills in a new consult, its random room and the doctor's seat.
func (s *Service) fresh(a Actor, b Booking, p Profile, atOnce bool, reason string) (Consult, error) {
	room, err := s.newRoom()
	if err != nil {
		return Consult{}, err
	}
	seat, err := s.random(10)
	if err != nil {
		return Consult{}, err
	}
	c := Consult{
		ID: b.ID, Doctor: a.Person, Patient: Person{ID: p.ID, Name: p.Name}, BirthYear: p.BirthYear,
		Station: p.Station, StationName: p.StationName, Phase: Booked, At: b.At.UTC().Truncate(time.Second), Length: b.Length, Now: atOnce,
		Booked: s.now(), Room: room, DoctorPeer: "d-" + seat,
	}
	if reason != "" {
		c.Note.Reason = Section{Text: reason, Version: 1, By: a.Person, At: s.now()}
	}
	return c, nil
}

// newRoom names a live room: random, so that neither a patient's nor a consult's id leads to it.
func (s *Service) newRoom() (string, error) {
	room, err := s.random(16)
	return "r-" + room, err
}

// keepBooking writes the appointment and marks it kept. A booking that certainly could not be kept is taken back.
func (s *Service) keepBooking(ctx context.Context, c Consult) (Consult, error) {
	if !c.Kept {
		if err := s.keeper.Book(ctx, c); err != nil {
			if wroteNothing(err) {
				s.forget(ctx, c)
			}
			return Consult{}, err
		}
	}
	return s.change(ctx, c.ID, func(c *Consult) error { c.Kept = true; return nil })
}

// forget takes back a booking that was never kept. Failing to is harmless: the record says Kept false.
func (s *Service) forget(ctx context.Context, c Consult) {
	ctx = context.WithoutCancel(ctx)
	if err := s.records.Delete(ctx, key(c.ID)); err != nil {
		s.log.Warn("a booking that failed could not be removed", "consult", c.ID, "err", err)
		return
	}
	s.unindex(ctx, c)
}

// Get is one consult. NotFound if there is none that the actor may know of.
func (s *Service) Get(ctx context.Context, a Actor, id string) (Consult, error) {
	if !a.Is(Doctor) {
		return Consult{}, fault.New(fault.Forbidden, "consult.Get", "Only a doctor may do this.")
	}
	return s.reach(ctx, a, id)
}

// Profile is the patient of a consult, as Get gave it, for the console. A doctor who finishes a consult after the patient moved away is
// told who the patient is and how to call them, and nothing of the chart.
func (s *Service) Profile(ctx context.Context, a Actor, c Consult) (Profile, error) {
	if !c.finishing(a) {
		return s.patients.Patient(ctx, a.Stations, c.Patient.ID)
	}
	p, err := s.patients.Patient(ctx, nil, c.Patient.ID)
	p.Last = nil
	return p, err
}

func notFound() error {
	return fault.New(fault.NotFound, "consult.load", "There is no such consult.")
}

func key(id string) string { return "consult/" + id }

func (s *Service) load(ctx context.Context, id string) (Consult, int64, error) {
	if !idGrammar.MatchString(id) {
		return Consult{}, 0, notFound()
	}
	r, err := s.records.Get(ctx, key(id))
	if fault.Is(err, fault.NotFound) {
		return Consult{}, 0, notFound()
	}
	if err != nil {
		return Consult{}, 0, err
	}
	c, err := decode(r.Value)
	return c, r.Version, err
}

// change applies f to the newest version until no other write comes between, and tells the open pages. f may run more than
// once and must have no effect but on its argument.
func (s *Service) change(ctx context.Context, id string, f func(*Consult) error) (Consult, error) {
	for range tries {
		c, version, err := s.load(ctx, id)
		if err != nil {
			return Consult{}, err
		}
		before, err := c.encode()
		if err != nil {
			return Consult{}, err
		}
		if err := f(&c); err != nil {
			return Consult{}, err
		}
		raw, err := c.encode()
		if err != nil {
			return Consult{}, err
		}
		if bytes.Equal(before, raw) {
			return c, nil
		}
		_, err = s.records.Put(ctx, records.Record{Key: key(id), Value: raw, Version: version})
		if err == nil {
			s.tell(c)
			return c, nil
		}
		if !fault.Is(err, fault.Conflict) {
			return Consult{}, err
		}
	}
	return Consult{}, fault.New(fault.Conflict, "consult.change", "Too many people are changing this consult at once. Try again.")
}

// command is change for an actor: it checks the station, the role and the phase, and moves the phase before f.
func (s *Service) command(ctx context.Context, a Actor, id string, cmd Command, f func(*Consult) error) (Consult, error) {
	if _, err := s.reach(ctx, a, id); err != nil {
		return Consult{}, err
	}
	return s.change(ctx, id, func(c *Consult) error {
		to, err := c.next(a, cmd)
		if err != nil {
			return err
		}
		if c.Seal != nil && c.Phase != Signed && cmd != Sign {
			return fault.New(fault.State, "consult.command", "The consult is being signed. Press Sign again to finish it.")
		}
		c.enter(to, a.Person)
		if f == nil {
			return nil
		}
		return f(c)
	})
}

func (s *Service) tell(c Consult) {
	if s.notify == nil {
		return
	}
	for _, station := range append([]string{c.Station}, c.Earlier...) { // pages of the earlier ones drop it, or finish it
		s.notify.Changed(Change{Consult: c.ID, Station: station, Phase: c.Phase})
	}
}

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

// random gives n bytes of randomness in lower-case base32: letters and digits that survive being read aloud and every URL.
func (s *Service) random(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.rand, b); err != nil {
		return "", fault.Wrap(err, fault.Internal, "consult.random", "The server has no randomness.")
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)), nil
}

// Find is one patient that the actor may book.
func (s *Service) Find(ctx context.Context, a Actor, patient string) (Profile, error) {
	if !a.Is(Doctor) {
		return Profile{}, fault.New(fault.Forbidden, "consult.Find", "Only a doctor may do this.")
	}
	return s.patients.Patient(ctx, a.Stations, patient)
}
