package guideline

// Pressure is one blood pressure in mmHg, systolic and diastolic.
type Pressure struct{ Systolic, Diastolic float64 }

// Threshold is the upper limit of control, in mmHg: both values must be below.
type Threshold struct {
	Systolic, Diastolic float64
	Rule                string
}

// Holds reports whether the pressure is controlled: systolic and diastolic both strictly below the limit.
func (t Threshold) Holds(p Pressure) bool {
	return p.Systolic < t.Systolic && p.Diastolic < t.Diastolic
}

// ControlHEARTS360 is control as Simple and HEARTS360 define it: < 140 and < 90 for everybody.
func ControlHEARTS360() Threshold { return Threshold{140, 90, RuleControlHEARTS360} }

// ControlWHO is control as WHO indicator HTN/CVD-C4 defines it: < 140 and < 90, and a systolic limit of 130 for people with
// cardiovascular disease, high cardiovascular risk, diabetes or chronic kidney disease.
func ControlWHO(highRisk bool) Threshold {
	if highRisk {
		return Threshold{130, 90, RuleControlWHORisk}
	}
	return Threshold{140, 90, RuleControlWHO}
}

// Adult is the age in completed years from which the hypertension programme enrols (5904/QĐ-BYT, scope).
const Adult = 18

// Raised reports whether the pressure is that of hypertension when measured at a station: >= 140 or >= 90 (WHO 2021; 5904/QĐ-BYT).
func Raised(p Pressure) bool { return p.Systolic >= 140 || p.Diastolic >= 90 }

// Level is a band of blood pressure, from low to high.
type Level uint8

// The levels of 3192/QĐ-BYT.
const (
	Optimal Level = iota
	Normal
	HighNormal
	Grade1
	Grade2
	Grade3
)

var levelNames = [...]string{"optimal", "normal", "high-normal", "grade-1", "grade-2", "grade-3"}

// String is the level's stable name: "optimal" to "grade-3".
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "unknown"
}

// bands: the pressure is in the highest level whose systolic or diastolic lower limit it reaches ("the higher of the two decides").
var bands = [...]struct {
	level             Level
	systolic, diastol float64
}{
	{Grade3, 180, 110},
	{Grade2, 160, 100},
	{Grade1, 140, 90},
	{HighNormal, 130, 85},
	{Normal, 120, 80},
	{Optimal, 0, 0},
}

// Step is what a station does next after one reading. It is advice to a professional, not an order, and not a diagnosis.
type Step string

// The steps, from least to most urgent.
const (
	StepYearly      Step = "yearly"       // measure again within a year
	StepHalfYear    Step = "half-year"    // advice on salt, weight, tobacco, alcohol; measure again within 3 to 6 months
	StepSecondVisit Step = "second-visit" // confirm on another day before the diagnosis (two-visit rule)
	StepStartSoon   Step = "start-soon"   // confirm and treat without delay
	StepEmergency   Step = "emergency"    // rest, measure again, look for signs of organ damage, call the district doctor

	// For people who are treated for hypertension already: nothing is left to confirm, and a good value is no reason to stay away.
	StepKeep   Step = "keep"   // under control: go on, keep to the appointments
	StepReview Step = "review" // not under control: ask about the tablets, review the treatment, an early appointment
)

// Grading is the classification of one pressure. Text and Next are message keys (see Messages).
type Grading struct {
	Level            Level
	IsolatedSystolic bool // systolic >= 140 and diastolic < 90
	Rule             string
	Text             string
	Step             Step
	StepRule         string
	Next             string
}

// Grade classifies one office blood pressure of an adult who is not pregnant (rule bp-grade-vn-3192) and says what to do next if the
// person is not treated for hypertension; GradeTreated is for one who is.
// Values outside the plausible range are classified all the same; see Plausible.
func Grade(systolic, diastolic float64) Grading {
	g := Grading{Rule: RuleGradeVN, IsolatedSystolic: systolic >= 140 && diastolic < 90}
	for _, b := range bands {
		if systolic >= b.systolic || diastolic >= b.diastol {
			g.Level = b.level
			break
		}
	}
	g.Step, g.StepRule = next(g.Level, systolic, diastolic)
	g.Text = "guideline.bp.level." + g.Level.String()
	g.Next = "guideline.bp.next." + string(g.Step)
	return g
}

// GradeTreated is Grade for a person who is treated for hypertension: the same level, and what to do next follows from the target of
// treatment (rule bp-control-hearts360).
func GradeTreated(systolic, diastolic float64) Grading {
	g := Grade(systolic, diastolic)
	if g.Step == StepEmergency {
		return g
	}
	g.Step, g.StepRule = StepReview, RuleControlHEARTS360
	if ControlHEARTS360().Holds(Pressure{Systolic: systolic, Diastolic: diastolic}) {
		g.Step = StepKeep
	}
	g.Next = "guideline.bp.next." + string(g.Step)
	return g
}

func next(l Level, systolic, diastolic float64) (Step, string) {
	switch {
	case systolic >= 180 || diastolic >= 120:
		return StepEmergency, RuleEmergency
	case systolic >= 160 || diastolic >= 100:
		return StepStartSoon, RuleStartAtOnce
	case l >= Grade1:
		return StepSecondVisit, RuleCommune
	case l == HighNormal:
		return StepHalfYear, RuleGradeVN
	default:
		return StepYearly, RuleGradeVN
	}
}

// Limits of a measured pressure in mmHg, both ends included: what a cuff can show. Outside the hard limits a reading is refused at capture,
// at the station and in a consult alike, and does not count in figures; outside the usual ones the person who types is asked to look again. Rule bp-plausible-1.
const (
	SystolicLeast, SystolicMost   = 50, 300
	DiastolicLeast, DiastolicMost = 20, 200

	usualSystolicLeast, usualSystolicMost   = 85, 220
	usualDiastolicLeast, usualDiastolicMost = 45, 130
	usualPulseLeast, usualPulseMost         = 15, 110 // systolic minus diastolic
)

// Plausible reports whether a pressure can be that of a living adult: within the hard limits, systolic above diastolic.
func Plausible(p Pressure) bool {
	return p.Systolic >= SystolicLeast && p.Systolic <= SystolicMost &&
		p.Diastolic >= DiastolicLeast && p.Diastolic <= DiastolicMost && p.Systolic > p.Diastolic
}

// Unusual gives the message keys of what is odd about a plausible pressure; none if nothing is.
func Unusual(p Pressure) []string {
	var keys []string
	if p.Systolic < usualSystolicLeast || p.Systolic > usualSystolicMost {
		keys = append(keys, "guideline.bp.unusual.systolic")
	}
	if p.Diastolic < usualDiastolicLeast || p.Diastolic > usualDiastolicMost {
		keys = append(keys, "guideline.bp.unusual.diastolic")
	}
	if d := p.Systolic - p.Diastolic; d < usualPulseLeast || d > usualPulseMost {
		keys = append(keys, "guideline.bp.unusual.difference")
	}
	return keys
}

// Session is the pressure of one session of two or three readings: the mean of two, and of three the mean of the second and third,
// because the first is often raised by the situation (WHO STEPS manual, part 3, blood pressure: mean of the last two of three). A
// single reading stands for itself. No reading gives the zero pressure.
func Session(readings []Pressure) Pressure {
	if len(readings) == 0 {
		return Pressure{}
	}
	counted := readings[max(0, len(readings)-2):]
	var sum Pressure
	for _, r := range counted {
		sum.Systolic += r.Systolic
		sum.Diastolic += r.Diastolic
	}
	n := float64(len(counted))
	return Pressure{Systolic: sum.Systolic / n, Diastolic: sum.Diastolic / n}
}
