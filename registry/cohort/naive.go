package cohort

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"khamxa/internal/fault"
	"khamxa/registry/guideline"
)

// naive is the plain count behind Verify. It reads the definition in the package comment a second time, without the cleverness: JSON
// into maps, facts into lists, and for every person and month a loop over all of them. Keep it that way: it is the check on the rest, and
// code shared with the rest would hide the same mistake twice.
type naive struct{ people map[string]*naivePerson }

type naivePerson struct {
	exists             bool
	dead               bool
	deadFrom, deadUpTo Month // the months in which the death can have been
	episodes           []naiveEpisode
	pressures          []naivePressure
	visits             []time.Time // pressures included
}

type naiveEpisode struct {
	commune    string
	start, end time.Time // first instant, and first instant after; end zero while open
}

type naivePressure struct {
	at       time.Time
	sys, dia float64
}

func newNaive() *naive { return &naive{people: map[string]*naivePerson{}} }

func (n *naive) person(id string) *naivePerson {
	if n.people[id] == nil {
		n.people[id] = &naivePerson{}
	}
	return n.people[id]
}

// Seven hours ahead of UTC, all year.
var naiveZone = time.FixedZone("+07", 7*3600)

func naiveMonth(t time.Time) Month {
	y, m, _ := t.In(naiveZone).Date()
	return Month(y*12 + int(m) - 1)
}

// dig follows names (string) and indexes (int) through decoded JSON.
func dig(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func text(v any, path ...any) string {
	s, _ := dig(v, path...).(string)
	return s
}

func list(v any, path ...any) []any {
	l, _ := dig(v, path...).([]any)
	return l
}

// take adds one current resource.
func (n *naive) take(typ, id string, body []byte) error {
	var r map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // a number may be larger than a float64
	if err := d.Decode(&r); err != nil {
		return fault.Wrap(err, fault.Internal, "cohort.Verify", "A stored resource is not JSON: "+typ+"/"+id+".")
	}
	switch typ {
	case "Patient":
		n.takePatient(id, r)
	case "EpisodeOfCare":
		n.takeEpisode(r)
	case "Observation":
		n.takeObservation(r)
	case "Encounter":
		status, class := text(r, "status"), text(r, "class", "code")
		if (status == "in-progress" || status == "finished") && (class == "AMB" || class == "HH" || class == "VR") {
			n.takeVisit(r, text(r, "period", "start"))
		}
	case "MedicationDispense":
		when := text(r, "whenHandedOver")
		if when == "" {
			when = text(r, "whenPrepared")
		}
		if text(r, "status") == "completed" {
			n.takeVisit(r, when)
		}
	}
	return nil
}

func (n *naive) takePatient(id string, r map[string]any) {
	p := n.person(id)
	p.exists = true
	_, dated := r["deceasedDateTime"].(string)
	yes, _ := r["deceasedBoolean"].(bool)
	if p.dead = dated || yes; !p.dead {
		return
	}
	p.deadFrom, p.deadUpTo = 1900*12, 2199*12+11
	if from, to, ok := naiveDate(text(r, "deceasedDateTime")); ok {
		p.deadFrom, p.deadUpTo = naiveMonth(from), naiveMonth(to.Add(-time.Nanosecond))
	}
}

func (n *naive) takeEpisode(r map[string]any) {
	ours := false
	for _, t := range list(r, "type") {
		for _, c := range list(t, "coding") {
			ours = ours || text(c, "system") == "urn:khamxa:programme" && text(c, "code") == "hypertension"
		}
	}
	status := text(r, "status")
	id, ok := naivePatient(r, "patient")
	start, _, dated := naiveDate(text(r, "period", "start"))
	if !ours || !ok || !dated || status != "active" && status != "onhold" && status != "finished" {
		return
	}
	e := naiveEpisode{start: naiveMidnight(start)}
	if _, after, ok := naiveDate(text(r, "period", "end")); ok {
		e.end = naiveMidnight(after.Add(-time.Nanosecond)).AddDate(0, 0, 1)
		if !e.start.Before(e.end) {
			return
		}
	} else if status == "finished" {
		e.end = e.start.AddDate(0, 0, 1)
	}
	if code, ok := strings.CutPrefix(text(r, "managingOrganization", "reference"), "Organization/tyt-"); ok && len(code) == 5 {
		e.commune = code
	}
	p := n.person(id)
	p.episodes = append(p.episodes, e)
}

func naiveMidnight(t time.Time) time.Time {
	y, m, d := t.In(naiveZone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, naiveZone)
}

func (n *naive) takeObservation(r map[string]any) {
	pressure := false
	for _, c := range list(r, "code", "coding") {
		pressure = pressure || text(c, "system") == "http://loinc.org" && text(c, "code") == "85354-9"
	}
	switch text(r, "status") {
	case "preliminary", "final", "amended", "corrected":
	default:
		return
	}
	when := text(r, "effectiveDateTime")
	if when == "" {
		when = text(r, "effectiveInstant")
	}
	if when == "" {
		when = text(r, "effectivePeriod", "start")
	}
	at, _, dated := naiveDate(when)
	id, ok := naivePatient(r, "subject")
	if !pressure || !dated || !ok {
		return
	}
	p := n.person(id)
	p.visits = append(p.visits, at)
	sys, ok1 := naiveValue(r, "8480-6")
	dia, ok2 := naiveValue(r, "8462-4")
	if ok1 && ok2 && guideline.Plausible(guideline.Pressure{Systolic: sys, Diastolic: dia}) {
		p.pressures = append(p.pressures, naivePressure{at, sys, dia})
	}
}

// naiveValue is the first component with that code, if it has a value in mm[Hg].
func naiveValue(r map[string]any, code string) (float64, bool) {
	for _, c := range list(r, "component") {
		for _, coding := range list(c, "code", "coding") {
			if text(coding, "system") != "http://loinc.org" || text(coding, "code") != code {
				continue
			}
			unit := text(c, "valueQuantity", "code")
			if unit == "" {
				unit = text(c, "valueQuantity", "unit")
			}
			number, _ := dig(c, "valueQuantity", "value").(json.Number)
			v, err := number.Float64()
			return v, err == nil && (unit == "mm[Hg]" || unit == "mmHg" && text(c, "valueQuantity", "code") == "")
		}
	}
	return 0, false
}

func (n *naive) takeVisit(r map[string]any, when string) {
	id, ok := naivePatient(r, "subject")
	at, _, dated := naiveDate(when)
	if ok && dated {
		p := n.person(id)
		p.visits = append(p.visits, at)
	}
}

var naiveReference = regexp.MustCompile(`^Patient/([A-Za-z0-9.-]{1,64})(/_history/[A-Za-z0-9.-]{1,64})?$`)

func naivePatient(r map[string]any, member string) (string, bool) {
	m := naiveReference.FindStringSubmatch(text(r, member, "reference"))
	if m == nil {
		return "", false
	}
	return m[1], true
}

// naiveDate gives the first instant that a date can mean and the first after.
func naiveDate(s string) (from, after time.Time, ok bool) {
	var err error
	switch len(s) {
	case len("2026"):
		from, err = time.ParseInLocation("2006", s, naiveZone)
		after = from.AddDate(1, 0, 0)
	case len("2026-03"):
		from, err = time.ParseInLocation("2006-01", s, naiveZone)
		after = from.AddDate(0, 1, 0)
	case len("2026-03-09"):
		from, err = time.ParseInLocation("2006-01-02", s, naiveZone)
		after = from.AddDate(0, 0, 1)
	default:
		from, err = time.Parse("2006-01-02T15:04:05Z07:00", s)
		if err != nil {
			from, err = time.ParseInLocation("2006-01-02T15:04:05", s, naiveZone)
		}
		from = from.Truncate(time.Millisecond)
		after = from.Add(time.Millisecond)
	}
	year := from.In(naiveZone).Year()
	return from, after, err == nil && year >= 1900 && year <= 2199
}

// count gives, for every month from the first registration to 13 months after the last fact, how many people are in which state, and
// that last month, after which nothing changes.
func (n *naive) count() (map[numberKey]int, Month) {
	first, last := Month(0), Month(0)
	for _, p := range n.people {
		for _, e := range p.episodes {
			if first == 0 || naiveMonth(e.start) < first {
				first = naiveMonth(e.start)
			}
			last = max(last, naiveMonth(e.start), naiveMonth(e.end))
		}
		for _, v := range p.visits {
			last = max(last, naiveMonth(v))
		}
		if p.dead && p.deadUpTo < 2199*12 {
			last = max(last, p.deadUpTo)
		}
	}
	out := map[numberKey]int{}
	if first == 0 {
		return out, 0
	}
	for m := first; m <= last+13; m++ {
		for _, p := range n.people {
			if commune, state, ok := p.in(m); ok {
				out[numberKey{commune, m, state}]++
			}
		}
	}
	return out, last + 13
}

// in is the definition: see the package comment.
func (p *naivePerson) in(m Month) (commune string, state State, ok bool) {
	if !p.exists || len(p.episodes) == 0 || p.gone(m) {
		return "", 0, false
	}
	mine := p.episode(m)
	if mine == nil {
		return "", 0, false
	}
	return mine.commune, p.state(m), true
}

// registered is the month of the first registration; there must be one.
func (p *naivePerson) registered() Month {
	first := naiveMonth(p.episodes[0].start)
	for _, e := range p.episodes {
		first = min(first, naiveMonth(e.start))
	}
	return first
}

// gone reports whether the person no longer counts because they died: of the months in which that can have been, in the first after
// every sign of life, ever.
func (p *naivePerson) gone(m Month) bool {
	sign := p.registered()
	for _, v := range p.visits {
		sign = max(sign, naiveMonth(v))
	}
	return p.dead && m >= min(max(sign+1, p.deadFrom), p.deadUpTo)
}

// episode is the registration that holds at the end of the month, the one begun last; nil if there is none.
func (p *naivePerson) episode(m Month) (mine *naiveEpisode) {
	for i, e := range p.episodes {
		lastDay := m.End().AddDate(0, 0, -1)
		if e.start.After(lastDay) || !e.end.IsZero() && !e.end.After(lastDay) {
			continue
		}
		if mine == nil || e.start.After(mine.start) || e.start.Equal(mine.start) && e.commune > mine.commune {
			mine = &p.episodes[i]
		}
	}
	return mine
}

// visited is the month of the last visit up to the end of the month; 0 if there is none.
func (p *naivePerson) visited(m Month) Month {
	last := Month(0)
	for _, v := range p.visits {
		if naiveMonth(v) <= m {
			last = max(last, naiveMonth(v))
		}
	}
	return last
}

// pressure is the last one up to the end of the month, of two at one moment the higher; nil if there is none.
func (p *naivePerson) pressure(m Month) (pressure *naivePressure) {
	for i, b := range p.pressures {
		if naiveMonth(b.at) > m {
			continue
		}
		if pressure == nil || b.at.After(pressure.at) || b.at.Equal(pressure.at) && (b.sys > pressure.sys || b.sys == pressure.sys && b.dia > pressure.dia) {
			pressure = &p.pressures[i]
		}
	}
	return pressure
}

func (p *naivePerson) state(m Month) State {
	registered, visited, pressure := p.registered(), p.visited(m), p.pressure(m)
	switch {
	case m-registered < 3:
		return New
	case m-registered >= 12 && m-visited >= 12:
		return Lost
	case m-visited >= 3:
		return Missed
	case pressure == nil || m-naiveMonth(pressure.at) >= 3:
		return VisitedNoBP
	case guideline.ControlHEARTS360().Holds(guideline.Pressure{Systolic: pressure.sys, Diastolic: pressure.dia}):
		return Controlled
	default:
		return Uncontrolled
	}
}
