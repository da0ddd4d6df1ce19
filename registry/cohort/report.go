package cohort

import (
	"math"
	"slices"
	"strings"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry/place"
)

// MostMonths is the longest series that a report gives.
const MostMonths = 120

// Query asks for a series of figures.
type Query struct {
	Definition Definition
	Month      Month    // the last month of the series
	Months     int      // how many months, 1 to MostMonths
	Communes   []string // commune codes; nil for all, those unknown to the table of communes included; empty for none
	Current    Month    // the running month: it and later ones are marked provisional; zero marks none
}

// Figure is one month's figure. All people are counted as of the month's last day; see the package comment.
type Figure struct {
	Month         Month
	Numerator     int // controlled
	Denominator   int // controlled, uncontrolled, visited without BP, missed
	NotAssessable int // newly registered and lost to follow-up: counted people outside the denominator
	Counts        [stateCount]int
	Low, High     float64 // Wilson 95 % interval of the rate; 0 and 1 when the denominator is 0
	Provisional   bool    // the month is not over: people may still come
}

// Count is the number of people in a state.
func (f Figure) Count(s State) int { return f.Counts[s] }

// Counted is everybody whom the programme counts in the month: denominator and not assessable together.
func (f Figure) Counted() int { return f.Denominator + f.NotAssessable }

// Rate is numerator by denominator, 0 to 1; false when the denominator is 0.
func (f Figure) Rate() (float64, bool) {
	if f.Denominator == 0 {
		return 0, false
	}
	return float64(f.Numerator) / float64(f.Denominator), true
}

// CommuneSeries is the series of one commune; Code is "" for stations that are not in the table of communes.
type CommuneSeries struct {
	Code   string
	Series []Figure
}

// Report is a series of figures in total and by commune, all from one position of the log.
type Report struct {
	Rules    Rules
	Position store.Seq
	Updated  time.Time // time of the commit at Position
	Total    []Figure  // oldest month first
	Communes []CommuneSeries
}

// Figures answers a query. Its cost depends on the number of communes and months, not of people. With Communes nil every commune that
// ever had anybody is given, in order of code; otherwise those asked for, in the order given, empty ones included. Errors: fault.Invalid.
func (b *Book) Figures(q Query) (Report, error) {
	if q.Months < 1 || q.Months > MostMonths {
		return Report{}, fault.Newf(fault.Invalid, "cohort.Figures", "A report has 1 to %d months.", MostMonths).At("months")
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := Report{Rules: q.Definition.Rules(), Position: b.position, Updated: b.updated}
	from := q.Month - Month(q.Months) + 1
	r.Total = emptySeries(from, q.Months)
	buf := make([]int, q.Months)
	communes := keys(q.Communes)
	if q.Communes == nil {
		communes = b.counters.Communes()
	}
	for _, commune := range communes {
		s := CommuneSeries{Code: commune.String(), Series: emptySeries(from, q.Months)}
		for _, state := range States() {
			clear(buf)
			b.counters.Sum(Cell{Programme: Hypertension, Definition: q.Definition, State: state, Commune: commune}, from, buf)
			for i, n := range buf {
				s.Series[i].Counts[state] = n
				r.Total[i].Counts[state] += n
			}
		}
		finish(s.Series, q.Current)
		r.Communes = append(r.Communes, s)
	}
	finish(r.Total, q.Current)
	return r, nil
}

// keys are the communes with those codes, each once. A text that is no code has no people and is left out, so that it cannot stand for
// the people of unknown stations; these are asked for with "".
func keys(codes []string) []Commune {
	out := make([]Commune, 0, len(codes))
	for _, code := range codes {
		c := CommuneOf(code)
		if c.String() == code && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func emptySeries(from Month, n int) []Figure {
	s := make([]Figure, n)
	for i := range s {
		s[i].Month = from + Month(i)
	}
	return s
}

// finish fills in what follows from the counts.
func finish(series []Figure, current Month) {
	for i := range series {
		f := &series[i]
		f.Numerator = f.Counts[Controlled]
		f.Provisional = current != 0 && f.Month >= current
		for s, n := range f.Counts {
			if State(s).InDenominator() {
				f.Denominator += n
			} else {
				f.NotAssessable += n
			}
		}
		f.Low, f.High = Wilson(f.Numerator, f.Denominator)
	}
}

// Wilson is the 95 % score interval of a proportion x of n (Wilson 1927), within 0 and 1. With n = 0 nothing is known: 0 and 1.
func Wilson(x, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p, m := float64(x)/float64(n), float64(n)
	centre := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	scale := 1 + z*z/m
	return max(0, (centre-half)/scale), min(1, (centre+half)/scale)
}

// PeopleQuery asks for the people behind a number.
type PeopleQuery struct {
	Definition Definition
	Month      Month
	Communes   []string // as in Query
	States     []State  // nil for all
}

// Pressure is a blood pressure in mmHg with its time in Vietnam.
type Pressure struct {
	At                  time.Time
	Systolic, Diastolic float64
}

// Member is one person behind a number, with the reason why: what was known to count at the end of the month asked for.
type Member struct {
	PatientID  string
	Commune    string // code of the commune that answers for the person in that month
	State      State
	Registered time.Time // first day in the programme
	LastBP     Pressure  // the last reading up to that month; zero At if there is none
	LastVisit  time.Time // day of the last visit of any kind up to that month; zero if there is none
}

// List gives the people behind a number, in order of patient id: as many as the figure for the same month, communes and states
// counts, at the same position of the log. Its cost grows with the number of people. Whether the caller may see them is the caller's
// to decide.
func (b *Book) List(q PeopleQuery) ([]Member, store.Seq) {
	communes := keys(q.Communes)
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []Member
	for i := range b.people {
		commune, state, ok := b.people[i].At(q.Month)
		if !ok || q.Communes != nil && !slices.Contains(communes, commune) || q.States != nil && !slices.Contains(q.States, state) {
			continue
		}
		out = append(out, b.people[i].member(q.Month, commune, state))
	}
	slices.SortFunc(out, func(a, c Member) int { return strings.Compare(a.PatientID, c.PatientID) })
	return out, b.position
}

// Standing is one person's place in the figures of a month, false if the person does not count in it.
func (b *Book) Standing(patientID string, m Month) (Member, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.index[patientID]
	if !ok {
		return Member{}, false
	}
	commune, state, ok := b.people[p].At(m)
	if !ok {
		return Member{}, false
	}
	return b.people[p].member(m, commune, state), true
}

func (e *entry) member(m Month, commune Commune, state State) Member {
	first, _ := e.registered()
	out := Member{PatientID: e.id, Commune: commune.String(), State: state, Registered: first.time()}
	readings, visits := e.upTo(m)
	if readings > 0 {
		r := e.readings[readings-1]
		p := r.pressure()
		out.LastBP = Pressure{At: time.UnixMilli(r.at).In(place.Zone()), Systolic: p.Systolic, Diastolic: p.Diastolic}
		out.LastVisit = dayAt(r.at).time()
	}
	if visits > 0 {
		if t := e.visits[visits-1].day.time(); t.After(out.LastVisit) {
			out.LastVisit = t
		}
	}
	return out
}
