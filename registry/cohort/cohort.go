// Package cohort keeps the programme's figures always current.
//
// It follows the log of FHIR resources and holds, for each person, a timeline: the dated facts of their hypertension care. A pure
// function folds a timeline into intervals of calendar months, each with the station that answers for the person and the state the
// person is in, the future included: what will be true next month if nothing happens is known today, so nothing runs at midnight.
// The intervals are kept as counters (+1 where one starts, -1 where it ends), so that a report is a sum over months and communes
// whose cost does not depend on how many people there are. A new fact takes the person's old contribution out and puts the new one in.
//
// Verify counts everything again the plain way and compares. The follower's memory is derived and can be thrown away at any time.
//
// It holds no names and no addresses, only ids and measurements. It writes nothing but its own checkpoint. It decides nothing about who
// may see a figure or a list: the caller narrows by commune. Pages, the bench and the verify command use it.
//
// # Definition hearts360, version 1
//
// As Simple and HEARTS360 define it (reference: their reporting schema of 2026-04), as of the last day of month M, in calendar months of
// Asia/Ho_Chi_Minh. "Within n months" means in M or the n-1 months before it.
//
//   - registered: the month in which the first episode of care in the programme starts. It never moves.
//   - counted: people with a current Patient resource and an episode that covers the last day of M, and who did not die in or before M.
//   - attributed: to the station of that episode; of several, the one that started last; of those, the highest commune code.
//   - visit: an Encounter (in progress or finished; ambulatory, home or virtual), a blood pressure Observation, or a completed
//     MedicationDispense. A booked appointment is not a visit.
//   - new: registered within 3 months.
//   - lost: registered 12 months ago or earlier and no visit within 12 months.
//   - missed: no visit within 3 months.
//   - visited-no-bp: a visit, but no blood pressure within 3 months.
//   - controlled, uncontrolled: by the last blood pressure within 3 months: below 140 and below 90, or not.
//
// Every counted person is in exactly one state. Numerator: controlled. Denominator: controlled, uncontrolled, visited-no-bp and missed.
// Not assessable: new and lost, which the rule leaves out of the denominator and which are therefore always shown beside it.
//
// Where the source's own program is known to go wrong, this one decides:
//
//   - A transfer, a death or a corrected diagnosis changes figures from its month on; it never rewrites earlier months, and a person whose
//     episode ended without another leaves the figures instead of being "missed" for a year.
//   - One threshold with one boundary (package guideline): 140 and 90 are not controlled.
//   - Recency is tested on the measurement itself, never on the visit: a recent visit with an old pressure is visited-no-bp.
//   - Every month is computed from the same facts at the same moment; late entries of any age are in the figures at once.
//   - Of several readings of one day the last one counts, like of any others; of readings with the very same time, the higher one. A
//     reading with a date and no time is taken to be from the start of that day.
//   - A pressure that no living adult has (guideline.Plausible), or that is not in mm[Hg], counts as a visit and not as a pressure.
//   - A partial date stands for its first day; as the end of a period, for its last.
//   - A death without a date, or with a year only, is taken to be in the month after the last sign of life, within that year.
//   - Still as in the source: a person with medicine for three months is "missed" from the first day of the fourth calendar month, due or
//     not. The running month is marked provisional for that reason (Figure.Provisional).
package cohort

import "khamxa/registry/guideline"

// State is what a counted person is in a month. Exactly one holds.
type State uint8

// The states.
const (
	Controlled State = iota
	Uncontrolled
	VisitedNoBP
	Missed
	Lost
	New
	stateCount
)

var stateNames = [stateCount]string{"controlled", "uncontrolled", "visited-no-bp", "missed", "lost", "new"}

// States are all states, the four outcomes first.
func States() []State { return []State{Controlled, Uncontrolled, VisitedNoBP, Missed, Lost, New} }

// String is the state's stable name, as used in addresses of pages.
func (s State) String() string {
	if s < stateCount {
		return stateNames[s]
	}
	return "unknown"
}

// ParseState is the state with that name, false if there is none.
func ParseState(name string) (State, bool) {
	for s, n := range stateNames {
		if n == name {
			return State(s), true
		}
	}
	return 0, false
}

// Text and Rule are the message keys of the state's name and of its rule (words in guideline.Messages).
func (s State) Text() string { return "cohort.state." + s.String() }

// Rule is described at Text.
func (s State) Rule() string { return s.Text() + ".rule" }

// InDenominator reports whether people in this state are in the denominator of the control rate.
func (s State) InDenominator() bool { return s <= Missed }

// Definition is a named, versioned way of counting. The zero value is HEARTS360.
type Definition uint8

// The definitions that are counted.
const (
	HEARTS360 Definition = iota
	definitionCount
)

// String is the definition's stable name.
func (d Definition) String() string { return "hearts360" }

// Rules are what is printed beside every figure of the definition: its version, the clinical rule and its source, and the message
// keys of name, numerator, denominator, not assessable and general rule (words in guideline.Messages).
type Rules struct {
	ID, Version                                         string
	Control                                             guideline.Rule
	Text, Numerator, Denominator, NotAssessable, Method string
}

// Rules of the definition.
func (d Definition) Rules() Rules {
	control, _ := guideline.ByID(guideline.RuleControlHEARTS360)
	key := "cohort.definition." + d.String()
	return Rules{
		ID: d.String(), Version: "1", Control: control,
		Text: key, Numerator: key + ".numerator", Denominator: key + ".denominator", NotAssessable: key + ".not-assessable", Method: key + ".rule",
	}
}

// Commune is a commune code as a compact key; the zero value stands for a station that is not in the table of communes.
type Commune [5]byte

// CommuneOf is the key of a five-character code; any other text gives the zero key.
func CommuneOf(code string) Commune {
	var c Commune
	if len(code) == len(c) {
		copy(c[:], code)
	}
	return c
}

// String is the code, "" for the zero key.
func (c Commune) String() string {
	if c == (Commune{}) {
		return ""
	}
	return string(c[:])
}
