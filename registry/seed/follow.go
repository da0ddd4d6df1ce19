package seed

import (
	"math"
	"time"

	"khamxa/registry"
)

// follow is the life in the programme, from registration to the end of the time, death, or for good away.
func (l *life) follow() {
	span := int(l.w.end - l.w.start)
	registered := l.w.start + day(l.r.IntN(span))
	if l.r.Float64() < 0.3 { // taken over from the paper list in the first tenth of the time
		registered = l.w.start + day(l.r.IntN(span/10+1))
	}
	l.episodes = []episode{{commune: l.commune, start: registered}}
	l.fate(registered)
	due, away := registered+l.visit(registered, registered), false
	for due < l.w.end && (l.died == 0 || due < l.died) {
		l.maybeTransfer(due)
		comes := false
		switch {
		case away:
			comes = l.r.Float64() < 0.035
			away = !comes
		case l.r.Float64() < dropout(due, registered):
			away = true
		default:
			comes = l.r.Float64() < l.keeps
		}
		on := l.late(due)
		if comes && on < l.w.end && (l.died == 0 || on < l.died) {
			due = on + l.visit(on, registered)
		} else {
			due += 30
		}
	}
	if l.died != 0 {
		l.episodes[len(l.episodes)-1].end = l.died
	}
}

// fate draws the day of death, if it falls into the time. Rates per year by age are assumptions.
func (l *life) fate(from day) {
	for d := from; d < l.w.end; d += 30 {
		age := float64(d-l.birth) / 365.25
		perYear := 0.003 * math.Exp((age-40)*0.085) // 0.3 % at 40, 1.6 % at 60, 9 % at 80
		if l.r.Float64() < perYear/12 {
			if died := d + 1 + day(l.r.IntN(29)); died < l.w.end {
				l.died = died
			}
			return
		}
	}
}

func dropout(due, registered day) float64 {
	if due-registered < 180 {
		return 0.04
	}
	return 0.018
}

// interval is the number of days for which medicine is handed out.
func (l *life) interval(on day) day {
	if on >= longer && l.adherence > 0.75 {
		switch n := l.r.IntN(10); {
		case n < 2:
			return 90
		case n < 4:
			return 60
		}
	}
	return 28 + day(l.r.IntN(5))
}

// late is the day on which a due visit is made: some days late, not on a Sunday, and not around Tết.
func (l *life) late(due day) day {
	on := due + day(math.Abs(4*l.r.NormFloat64()))
	if t, ok := tet(on); ok {
		on = t + 9 + day(l.r.IntN(12))
	}
	if on.date().Weekday() == time.Sunday {
		on++
	}
	return on
}

// firstDays of the lunar year in Vietnam.
var firstDays = []day{
	civil(2016, 2, 8), civil(2017, 1, 28), civil(2018, 2, 16), civil(2019, 2, 5), civil(2020, 1, 25), civil(2021, 2, 12), civil(2022, 2, 1),
	civil(2023, 1, 22), civil(2024, 2, 10), civil(2025, 1, 29), civil(2026, 2, 17), civil(2027, 2, 6), civil(2028, 1, 26), civil(2029, 2, 13),
}

// longer is the day from which medicine for 60 or 90 days can be handed out.
var longer = civil(2025, 7, 1)

// tet is the first day of the lunar year if the day lies from three days before to eight after.
func tet(d day) (day, bool) {
	for _, first := range firstDays {
		if d >= first-3 && d <= first+8 {
			return first, true
		}
	}
	return 0, false
}

// maybeTransfer moves the person to another commune now and then.
func (l *life) maybeTransfer(on day) {
	if l.r.Float64() >= 0.0022 {
		return
	}
	to := l.home()
	last := &l.episodes[len(l.episodes)-1]
	if to == l.commune || on <= last.start {
		return
	}
	last.end = on
	l.commune = to
	l.episodes = append(l.episodes, episode{commune: to, start: on})
}

// visit is one contact in the programme, and gives the number of days until the next is due. One in nine is a refill by a relative,
// without a measurement.
func (l *life) visit(on, registered day) day {
	next := l.interval(on)
	s := session{day: on, commune: l.commune, atHome: l.r.Float64() < 0.06, supply: int(next)}
	if on == registered || l.r.Float64() >= 0.11 {
		months := float64(on-registered) / 30
		effect := l.response * l.adherence * (1 - math.Exp(-months/1.8))
		winter := 4 * math.Cos(2*math.Pi*float64(on.date().YearDay()-20)/365) // pressures are higher in the cold months
		s.readings = l.measure(l.systolic-effect+winter, l.diastolic-0.5*effect+winter/2)
	}
	l.sessions = append(l.sessions, s)
	return next
}

// screenOnce is the life of somebody who was measured and is not followed.
func (l *life) screenOnce() {
	on := l.late(l.w.start + day(l.r.IntN(int(l.w.end-l.w.start))))
	if on >= l.w.end {
		on = l.w.end - 1
	}
	l.sessions = []session{{day: on, commune: l.commune, readings: l.measure(l.systolic, l.diastolic)}}
}

// measure makes the readings of a session around the pressures of that day.
func (l *life) measure(systolic, diastolic float64) []registry.BPReading {
	systolic += 7 * l.r.NormFloat64()
	diastolic += 4.5 * l.r.NormFloat64()
	n := 2
	if l.r.Float64() < 0.25 {
		n = 1
	}
	manual := l.r.Float64() < l.w.manual[l.commune]
	digit := l.r.Float64()
	out := make([]registry.BPReading, n)
	for i := range out {
		s := systolic + 3*l.r.NormFloat64()
		d := diastolic + 2*l.r.NormFloat64()
		if i == 0 && n > 1 {
			s += 3 // the first of several is often the highest
		}
		s = math.Min(250, math.Max(84, s))
		d = math.Min(math.Min(150, s-20), math.Max(44, d))
		out[i] = registry.BPReading{Systolic: read(s, manual, digit), Diastolic: read(d, manual, digit), Pulse: 62 + l.r.IntN(28)}
	}
	return out
}

// read is the number that gets written down. A manual cuff is read to a ten, a five or an even number, as its reader is used to.
func read(mmHg float64, manual bool, digit float64) int {
	step := 1.0
	if manual {
		switch {
		case digit < 0.45:
			step = 10
		case digit < 0.6:
			step = 5
		default:
			step = 2
		}
	}
	return int(math.Round(mmHg/step) * step)
}
