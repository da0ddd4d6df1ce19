package consult

import (
	"cmp"
	"context"
	"slices"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// overdueAfter is how long after its planned end a consult that nobody came to is no longer one of today's bookings.
const overdueAfter = 2 * time.Hour

// The indexes: consult-day/{day}/{station}/{id} for every consult by its booked day, consult-open/{station}/{id} and
// consult-patient/{patient}/{id} for those that are not finished, consult-room/{room} for the consult of a room. They are written
// before the consult, so that none is missing; entries that point at nothing, or at a consult that has moved to another station, are
// passed over.
func dayKey(day time.Time, c Consult) string {
	return dayPrefix(day, "") + stationPart(c.Station) + "/" + c.ID
}

func dayPrefix(day time.Time, station string) string {
	p := "consult-day/" + day.In(HoChiMinh()).Format("2006-01-02") + "/"
	if station != "" {
		p += stationPart(station) + "/"
	}
	return p
}

func openKey(station, id string) string { return "consult-open/" + stationPart(station) + "/" + id }

func patientPrefix(patient string) string { return "consult-patient/" + patient + "/" }

func patientKey(c Consult) string { return patientPrefix(c.Patient.ID) + c.ID }

func roomKey(room string) string { return "consult-room/" + room }

// stationPart is a station's reference as one part of a key.
func stationPart(station string) string {
	if station == "" {
		return "-"
	}
	out := []byte(station)
	for i, b := range out {
		if b == '/' {
			out[i] = '.'
		}
	}
	return string(out)
}

func (s *Service) index(ctx context.Context, c Consult) error {
	return s.indexAs(ctx, c.ID, dayKey(c.At, c), openKey(c.Station, c.ID), patientKey(c), roomKey(c.Room))
}

// indexStation writes the rows by which a consult is found at its station. One that is closed is found by its day only.
func (s *Service) indexStation(ctx context.Context, c Consult) error {
	if !c.Closed.IsZero() {
		return s.indexAs(ctx, c.ID, dayKey(c.At, c))
	}
	return s.indexAs(ctx, c.ID, dayKey(c.At, c), openKey(c.Station, c.ID))
}

func (s *Service) indexAs(ctx context.Context, id string, keys ...string) error {
	for _, k := range keys {
		if _, err := s.records.Put(ctx, records.Record{Key: k, Value: []byte(id), Version: records.Any}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) unindex(ctx context.Context, c Consult) {
	for _, k := range []string{dayKey(c.At, c), openKey(c.Station, c.ID), patientKey(c), roomKey(c.Room)} {
		if err := s.records.Delete(ctx, k); err != nil {
			s.log.Warn("an index entry could not be removed", "consult", c.ID, "err", err)
		}
	}
}

// leaveQueue removes a finished consult from the open ones. Failing to is harmless: Queue looks at the phase.
func (s *Service) leaveQueue(ctx context.Context, c Consult) {
	keys := []string{patientKey(c), openKey(c.Station, c.ID)}
	for _, station := range c.Earlier {
		keys = append(keys, openKey(station, c.ID))
	}
	for _, k := range keys {
		if err := s.records.Delete(context.WithoutCancel(ctx), k); err != nil {
			s.log.Warn("a finished consult is still in the index of open ones", "consult", c.ID, "err", err)
		}
	}
}

// Queue is a doctor's day. Each list is in the order to work through it.
type Queue struct {
	Waiting []Consult // longest wait first
	InCall  []Consult // admitted or on the telephone
	Unsaved []Consult // ended, the note is not signed
	Booked  []Consult // booked or invited, until the end of today
	Overdue []Consult // booked or invited, and planned to end more than overdueAfter ago; longest ago first
	Later   []Consult // booked for the coming days
	Done    []Consult // signed, cancelled, no-show: today's
}

// Queue gives the consults that the actor sees.
func (s *Service) Queue(ctx context.Context, a Actor) (Queue, error) {
	if !a.Is(Doctor) {
		return Queue{}, fault.New(fault.Forbidden, "consult.Queue", "Only a doctor may do this.")
	}
	now := s.now()
	ids := map[string]bool{}
	for _, prefix := range queuePrefixes(now, a.Stations) {
		if err := s.collect(ctx, prefix, ids); err != nil {
			return Queue{}, err
		}
	}
	var q Queue
	for id := range ids {
		c, err := s.reach(ctx, a, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return Queue{}, err
		}
		q.add(c, now)
	}
	q.sort()
	return q, nil
}

// queuePrefixes are the index ranges of an actor's queue: open ones, and today's whatever became of them.
func queuePrefixes(now time.Time, stations []string) []string {
	if stations == nil {
		return []string{"consult-open/", dayPrefix(now, "")}
	}
	var out []string // consults of patients whom no station holds are for nobody who is confined; see Actor.Sees
	for _, st := range stations {
		out = append(out, "consult-open/"+stationPart(st)+"/", dayPrefix(now, st))
	}
	return out
}

func (s *Service) collect(ctx context.Context, prefix string, ids map[string]bool) error {
	after := ""
	for {
		page, err := s.records.List(ctx, prefix, after, 500)
		if err != nil {
			return err
		}
		for _, r := range page {
			ids[string(r.Value)] = true
			after = r.Key
		}
		if len(page) < 500 {
			return nil
		}
	}
}

// Overdue is how long ago the consult was planned to end, 0 unless nobody has come and it is more than two hours.
func (c Consult) Overdue(now time.Time) time.Duration {
	late := now.Sub(c.At.Add(c.Length))
	if (c.Phase != Booked && c.Phase != Invited) || late <= overdueAfter {
		return 0
	}
	return late
}

func (q *Queue) add(c Consult, now time.Time) {
	today := now.In(HoChiMinh()).Format("2006-01-02")
	day := c.At.In(HoChiMinh()).Format("2006-01-02")
	switch c.Phase {
	case Arrived:
		q.Waiting = append(q.Waiting, c)
	case Admitted, Phone:
		q.InCall = append(q.InCall, c)
	case Ended:
		q.Unsaved = append(q.Unsaved, c)
	case Booked, Invited:
		switch {
		case c.Overdue(now) > 0:
			q.Overdue = append(q.Overdue, c)
		case day > today:
			q.Later = append(q.Later, c)
		default:
			q.Booked = append(q.Booked, c)
		}
	case Signed, Cancelled, NoShow:
		if day == today {
			q.Done = append(q.Done, c)
		}
	}
}

func (q *Queue) sort() {
	byTime := func(list []Consult, of func(Consult) time.Time, sign int) {
		slices.SortFunc(list, func(a, b Consult) int {
			return cmp.Or(sign*of(a).Compare(of(b)), cmp.Compare(a.ID, b.ID))
		})
	}
	byTime(q.Waiting, func(c Consult) time.Time { return c.Arrived }, 1)
	byTime(q.InCall, func(c Consult) time.Time { return c.Started }, 1)
	byTime(q.Unsaved, func(c Consult) time.Time { return c.Finished }, 1)
	byTime(q.Booked, func(c Consult) time.Time { return c.At }, 1)
	byTime(q.Overdue, func(c Consult) time.Time { return c.At.Add(c.Length) }, 1)
	byTime(q.Later, func(c Consult) time.Time { return c.At }, 1)
	byTime(q.Done, func(c Consult) time.Time { return c.Closed }, -1)
}

// Empty reports whether there is nothing at all.
func (q Queue) Empty() bool {
	return len(q.Waiting)+len(q.InCall)+len(q.Unsaved)+len(q.Booked)+len(q.Overdue)+len(q.Later)+len(q.Done) == 0
}

// OpenFor gives the consult of a patient that is under way or booked until the end of today, or books one for now. It is how a work
// list or a chart opens a consult. A consult that was booked at the patient's earlier station is found too.
func (s *Service) OpenFor(ctx context.Context, a Actor, patient string) (Consult, error) {
	if !a.Is(Doctor) {
		return Consult{}, fault.New(fault.Forbidden, "consult.OpenFor", "Only a doctor may do this.")
	}
	ids := map[string]bool{}
	if err := s.collect(ctx, patientPrefix(patient), ids); err != nil {
		return Consult{}, err
	}
	for id := range ids { // each moves to where the patient is, and so into that station's queue
		if _, err := s.reach(ctx, a, id); err != nil && !fault.Is(err, fault.NotFound) {
			return Consult{}, err
		}
	}
	q, err := s.Queue(ctx, a)
	if err != nil {
		return Consult{}, err
	}
	for _, list := range [][]Consult{q.InCall, q.Waiting, q.Booked, q.Overdue, q.Unsaved} {
		for _, c := range list {
			if c.Patient.ID == patient {
				return c, nil
			}
		}
	}
	return s.Book(ctx, a, Booking{Patient: patient})
}
