package consult

import (
	"cmp"
	"context"
	"slices"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// The indexes: consult-day/{day}/{station}/{id} for every consult by its booked day, consult-open/{station}/{id} for those that
// are not finished, consult-room/{room} for the consult of a room. They are written before the consult, so that none is missing;
// entries that point at nothing are passed over.
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

func openKey(c Consult) string { return "consult-open/" + stationPart(c.Station) + "/" + c.ID }

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
	for _, k := range []string{dayKey(c.At, c), openKey(c), roomKey(c.Room)} {
		if _, err := s.records.Put(ctx, records.Record{Key: k, Value: []byte(c.ID), Version: records.Any}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) unindex(ctx context.Context, c Consult) {
	for _, k := range []string{dayKey(c.At, c), openKey(c), roomKey(c.Room)} {
		if err := s.records.Delete(ctx, k); err != nil {
			s.log.Warn("an index entry could not be removed", "consult", c.ID, "err", err)
		}
	}
}

// leaveQueue removes a finished consult from the open ones. Failing to is harmless: Queue looks at the phase.
func (s *Service) leaveQueue(ctx context.Context, c Consult) {
	if err := s.records.Delete(context.WithoutCancel(ctx), openKey(c)); err != nil {
		s.log.Warn("a finished consult is still in the index of open ones", "consult", c.ID, "err", err)
	}
}

// Queue is a doctor's day. Each list is in the order to work through it.
type Queue struct {
	Waiting []Consult // longest wait first
	InCall  []Consult // admitted or on the telephone
	Unsaved []Consult // ended, the note is not signed
	Booked  []Consult // booked or invited, until the end of today, and overdue ones
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
	today := now.In(HoChiMinh()).Format("2006-01-02")
	for id := range ids {
		c, _, err := s.load(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return Queue{}, err
		}
		if a.Sees(c.Station) {
			q.add(c, today)
		}
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

func (q *Queue) add(c Consult, today string) {
	day := c.At.In(HoChiMinh()).Format("2006-01-02")
	switch c.Phase {
	case Arrived:
		q.Waiting = append(q.Waiting, c)
	case Admitted, Phone:
		q.InCall = append(q.InCall, c)
	case Ended:
		q.Unsaved = append(q.Unsaved, c)
	case Booked, Invited:
		if day > today {
			q.Later = append(q.Later, c)
			return
		}
		q.Booked = append(q.Booked, c)
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
	byTime(q.Later, func(c Consult) time.Time { return c.At }, 1)
	byTime(q.Done, func(c Consult) time.Time { return c.Closed }, -1)
}

// Empty reports whether there is nothing at all.
func (q Queue) Empty() bool {
	return len(q.Waiting)+len(q.InCall)+len(q.Unsaved)+len(q.Booked)+len(q.Later)+len(q.Done) == 0
}

// OpenFor gives the consult of a patient that is under way or booked until the end of today, or books one for now. It is how a work
// list or a chart opens a consult.
func (s *Service) OpenFor(ctx context.Context, a Actor, patient string) (Consult, error) {
	q, err := s.Queue(ctx, a)
	if err != nil {
		return Consult{}, err
	}
	for _, list := range [][]Consult{q.InCall, q.Waiting, q.Booked, q.Unsaved} {
		for _, c := range list {
			if c.Patient.ID == patient {
				return c, nil
			}
		}
	}
	return s.Book(ctx, a, Booking{Patient: patient})
}
