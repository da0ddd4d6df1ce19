package cohort

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Key identifies the resource that a fact was read from: the first eight bytes of the SHA-256 of "Type/id".
type Key uint64

// Episode is one enrolment in the programme at one station. It counts in the months from until before until: those whose last day it
// covers.
type Episode struct {
	Key         Key
	start       day
	from, until Month
	Commune     Commune
}

// NewEpisode makes an episode from its first and last day (both included), taken in Vietnam. A zero last day leaves it open.
func NewEpisode(key Key, commune Commune, first, last time.Time) Episode {
	end := noEnd
	if !last.IsZero() {
		end = dayAt(last.UnixMilli())
	}
	return newEpisode(key, commune, dayAt(first.UnixMilli()), end)
}

func newEpisode(key Key, commune Commune, start, end day) Episode {
	e := Episode{Key: key, Commune: commune, start: start, from: start.month(), until: Forever}
	if end != noEnd {
		e.until = (end + 1).month()
	}
	return e
}

// Reading is one blood pressure that counts: at is in milliseconds since 1970 UTC, the values in tenths of mmHg.
type Reading struct {
	Key      Key
	at       int64
	month    Month
	sys, dia int16
}

// NewReading makes a reading from a time and a plausible pressure in mmHg.
func NewReading(key Key, at time.Time, systolic, diastolic float64) Reading {
	ms := at.UnixMilli()
	return Reading{Key: key, at: ms, month: monthAt(ms), sys: tenths(systolic), dia: tenths(diastolic)}
}

// tenths rounds to the nearest tenth, but never up to the next whole number: 139.99 stays below 140.
func tenths(mmHg float64) int16 {
	t := math.Round(mmHg * 10)
	if math.Floor(t/10) > math.Floor(mmHg) {
		t--
	}
	return int16(t)
}

func compareReadings(a, b Reading) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.sys, b.sys), cmp.Compare(a.dia, b.dia), cmp.Compare(a.Key, b.Key))
}

// Visit is one visit that is not a reading.
type Visit struct {
	Key   Key
	day   day
	month Month
}

// NewVisit makes a visit.
func NewVisit(key Key, at time.Time) Visit {
	d := dayAt(at.UnixMilli())
	return Visit{Key: key, day: d, month: d.month()}
}

func compareVisits(a, b Visit) int {
	return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.Key, b.Key))
}

// Death is what is known of a person's death: the first and last month it can have been in. The zero value is alive.
type Death struct{ First, Last Month }

// Timeline is one person's dated facts in the hypertension programme. The zero value is a person of whom nothing is known.
type Timeline struct {
	Known    bool // a current Patient resource exists
	Death    Death
	episodes []Episode // in no order
	readings []Reading // in order of time
	visits   []Visit   // in order of time
}

// AddEpisode adds an episode.
func (t *Timeline) AddEpisode(e Episode) { t.episodes = append(t.episodes, e) }

// AddReading puts a reading in its place.
func (t *Timeline) AddReading(r Reading) {
	i, _ := slices.BinarySearchFunc(t.readings, r, compareReadings)
	t.readings = slices.Insert(t.readings, i, r)
}

// AddVisit puts a visit in its place.
func (t *Timeline) AddVisit(v Visit) {
	i, _ := slices.BinarySearchFunc(t.visits, v, compareVisits)
	t.visits = slices.Insert(t.visits, i, v)
}

// remove takes out whatever was read from that resource.
func (t *Timeline) remove(k Key) {
	t.episodes = slices.DeleteFunc(t.episodes, func(e Episode) bool { return e.Key == k })
	t.readings = slices.DeleteFunc(t.readings, func(r Reading) bool { return r.Key == k })
	t.visits = slices.DeleteFunc(t.visits, func(v Visit) bool { return v.Key == k })
}

// registered is the start of the first episode, false if there is none.
func (t *Timeline) registered() (day, bool) {
	first := noEnd
	for _, e := range t.episodes {
		first = min(first, e.start)
	}
	return first, first != noEnd
}

// died is the month from which the person is dead, Forever for the living.
func (t *Timeline) died(registered Month) Month {
	if t.Death == (Death{}) {
		return Forever
	}
	sign := registered
	if n := len(t.readings); n > 0 {
		sign = max(sign, t.readings[n-1].month)
	}
	if n := len(t.visits); n > 0 {
		sign = max(sign, t.visits[n-1].month)
	}
	return min(max(sign+1, t.Death.First), t.Death.Last)
}

// covering is the episode that answers for the person on the last day of the month: of several the one that started last, of those
// the one with the highest commune code.
func (t *Timeline) covering(m Month) (Episode, bool) {
	var best Episode
	found := false
	for _, e := range t.episodes {
		if m < e.from || m >= e.until {
			continue
		}
		if !found || e.start > best.start || e.start == best.start && slices.Compare(e.Commune[:], best.Commune[:]) > 0 {
			best, found = e, true
		}
	}
	return best, found
}

// upTo gives the numbers of readings and visits in or before the month.
func (t *Timeline) upTo(m Month) (readings, visits int) {
	readings, _ = slices.BinarySearchFunc(t.readings, m+1, func(r Reading, m Month) int { return cmp.Compare(r.month, m) })
	visits, _ = slices.BinarySearchFunc(t.visits, m+1, func(v Visit, m Month) int { return cmp.Compare(v.month, m) })
	return readings, visits
}
