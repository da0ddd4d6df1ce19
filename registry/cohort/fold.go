package cohort

import (
	"slices"

	"khamxa/registry/guideline"
)

// Lengths of the windows in calendar months.
const (
	newMonths  = 3  // registered for less: too early to judge
	seenMonths = 3  // a visit or pressure this recent counts
	lostMonths = 12 // no visit for this long: lost to follow-up
)

// Interval says that from month From until before month To (Forever if open) the person counts for Commune and is in State.
type Interval struct {
	From, To Month
	Commune  Commune
	State    State
}

// Fold gives the intervals of one person by the HEARTS360 definition, in order, without overlap, neighbours never equal. A month that
// is in none of them is one in which the person does not count. It is a pure function of the timeline.
func (t *Timeline) Fold() []Interval { return new(folder).fold(nil, t) }

// At is the person's commune and state in one month, false if the person does not count in it. It says the same as Fold.
func (t *Timeline) At(m Month) (Commune, State, bool) {
	first, ok := t.registered()
	if !ok || !t.Known {
		return Commune{}, 0, false
	}
	registered := first.month()
	e, ok := t.covering(m)
	if !ok || m >= t.died(registered) {
		return Commune{}, 0, false
	}
	readings, visits := t.upTo(m)
	return e.Commune, judge(m, registered, t.readings[:readings], t.visits[:visits]), true
}

// folder keeps the working memory of a fold, so that folding many timelines does not allocate.
type folder struct {
	bounds []Month // months in which anything can change, sorted
}

// fold appends the intervals of t to into.
func (f *folder) fold(into []Interval, t *Timeline) []Interval {
	first, ok := t.registered()
	if !ok || !t.Known {
		return into
	}
	registered := first.month()
	end := t.died(registered)
	f.prepare(t, registered)
	base, readings, visits := len(into), 0, 0
	for i, m := range f.bounds {
		if m < registered {
			continue
		}
		if m >= end || m == Forever {
			break
		}
		e, ok := t.covering(m)
		if !ok {
			continue
		}
		for readings < len(t.readings) && t.readings[readings].month <= m {
			readings++
		}
		for visits < len(t.visits) && t.visits[visits].month <= m {
			visits++
		}
		next := end
		if i+1 < len(f.bounds) {
			next = min(f.bounds[i+1], end)
		}
		s := judge(m, registered, t.readings[:readings], t.visits[:visits])
		into = join(into, base, Interval{From: m, To: next, Commune: e.Commune, State: s})
	}
	return into
}

// prepare collects the bounds: between two neighbours nothing changes. A visit begins to matter in its month and ceases to 3 and 12
// months later; so does a reading.
func (f *folder) prepare(t *Timeline, registered Month) {
	f.bounds = append(f.bounds[:0], registered, registered+newMonths, registered+lostMonths)
	for _, e := range t.episodes {
		f.bounds = append(f.bounds, e.from, e.until)
	}
	before := Month(0)
	for _, r := range t.readings {
		if r.month != before {
			f.bounds = append(f.bounds, r.month, r.month+seenMonths, r.month+lostMonths)
		}
		before = r.month
	}
	before = 0
	for _, v := range t.visits {
		if v.month != before {
			f.bounds = append(f.bounds, v.month, v.month+seenMonths, v.month+lostMonths)
		}
		before = v.month
	}
	slices.Sort(f.bounds)
	f.bounds = slices.Compact(f.bounds)
}

// judge is the definition itself: the state in month m of a person who counts in it, from the readings and the other visits in or
// before that month, in order.
func judge(m, registered Month, readings []Reading, visits []Visit) State {
	var measured, visited Month // of the last ones; 0, which is long ago, if there is none
	if n := len(readings); n > 0 {
		measured = readings[n-1].month
	}
	visited = measured
	if n := len(visits); n > 0 {
		visited = max(visited, visits[n-1].month)
	}
	switch {
	case m-registered < newMonths:
		return New
	case m-visited >= lostMonths && m-registered >= lostMonths:
		return Lost
	case m-visited >= seenMonths:
		return Missed
	case m-measured >= seenMonths:
		return VisitedNoBP
	}
	if guideline.ControlHEARTS360().Holds(readings[len(readings)-1].pressure()) {
		return Controlled
	}
	return Uncontrolled
}

func (r Reading) pressure() guideline.Pressure {
	return guideline.Pressure{Systolic: float64(r.sys) / 10, Diastolic: float64(r.dia) / 10}
}

// join appends an interval, or lengthens the last one after base if it goes on the same.
func join(into []Interval, base int, next Interval) []Interval {
	if n := len(into); n > base {
		l := &into[n-1]
		if l.To == next.From && l.State == next.State && l.Commune == next.Commune {
			l.To = next.To
			return into
		}
	}
	return append(into, next)
}
