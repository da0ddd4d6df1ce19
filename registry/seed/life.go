package seed

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math"
	"math/rand/v2"

	"khamxa/fhir/store"
	"khamxa/registry"
	"khamxa/registry/place"
)

// life is one person and everything that happens to them.
type life struct {
	w        *world
	r        *rand.Rand
	number   int
	resource registry.PatientResource
	female   bool
	birth    day
	commune  int // place in world.communes, changes with a transfer
	enrolled bool
	died     day // 0 for the living

	episodes []episode
	sessions []session

	// What the pressures come from, in mmHg.
	systolic, diastolic float64 // usual, untreated
	response            float64 // how far full treatment brings the systolic down
	adherence           float64 // 0 to 1
	keeps               float64 // how likely a due visit is kept
}

type episode struct {
	commune    int
	start, end day // end 0 while open
}

// session is one contact: a measurement, a refill, or both.
type session struct {
	day      day
	commune  int
	atHome   bool
	readings []registry.BPReading
	supply   int // days of medicine handed out
}

// live makes person number n.
func (w *world) live(n int) *life {
	l := &life{w: w, number: n, r: rand.New(rand.NewPCG(w.options.Seed, uint64(n)))}
	for !l.born() { // until somebody whom a station would have on its list
	}
	l.name()
	l.settle()
	if l.enrolled {
		l.follow()
	} else {
		l.screenOnce()
	}
	l.resource.Commune = w.communes[l.commune].Code
	if l.died != 0 {
		l.resource.Deceased = l.died.String()
	}
	return l
}

// born draws sex, age and disease, and reports whether the person is on the station's list: people with hypertension are, and some of
// the others, because they were measured once.
func (l *life) born() bool {
	l.female = l.r.Float64() < 0.54
	age := 40 + int(math.Min(50, l.r.ExpFloat64()*17)) // a pyramid: fewer of each older year, up to 90
	l.birth = l.w.end - day(float64(age)*365.25) - day(l.r.IntN(365))
	l.enrolled = l.r.Float64() < prevalence(age, l.female)
	return l.enrolled || l.r.Float64() < 0.25
}

// prevalence of hypertension by age: a logistic curve; see the package comment.
func prevalence(age int, female bool) float64 {
	x := (float64(age) - 61) / 11
	if female {
		x -= 0.25
	}
	return 0.72 / (1 + math.Exp(-x))
}

func (l *life) name() {
	names := maleNames
	l.resource.Gender = registry.Male
	if l.female {
		names, l.resource.Gender = femaleNames, registry.Female
	}
	born := l.birth.date()
	p := names[len(names)-1]
	for _, q := range names {
		if born.Year() < q.before {
			p = q
			break
		}
	}
	l.resource.Name = pick(l.r, familyNames) + " " + pick(l.r, p.middle) + " " + p.given[l.r.IntN(len(p.given))]
	l.resource.Birth = l.birth.String()
	if born.Year() < 1965 && l.r.Float64() < 0.35 { // many older people know the year only
		l.resource.Birth = l.resource.Birth[:4]
	}
	if l.r.Float64() < 0.62 {
		l.resource.Phone = fmt.Sprintf("+84990%06d", l.r.IntN(1_000_000))
	}
}

func pick(r *rand.Rand, from []share) string {
	sum := 0
	for _, s := range from {
		sum += s.perMille
	}
	n := r.IntN(sum)
	for _, s := range from {
		if n -= s.perMille; n < 0 {
			return s.name
		}
	}
	return from[0].name
}

// settle chooses home and body.
func (l *life) settle() {
	l.commune = l.home()
	u := l.w.communes[l.commune]
	hamlet := []string{"Xóm", "Thôn", "Tổ dân phố"}[l.r.IntN(3)]
	l.resource.Address = fmt.Sprintf("%s %d", hamlet, 1+l.r.IntN(16))
	if len(u.Merged) > 0 {
		if old, ok := place.Lookup(u.Merged[l.r.IntN(len(u.Merged))].Code, day(19000).at(0)); ok { // any day before July 2025
			l.resource.Address += ", " + old.FullName() + " (cũ)"
		}
	}
	l.resource.ID = l.id("patient", 0)
	age := float64(l.w.end-l.birth) / 365.25
	if l.enrolled {
		l.systolic = 155 + 11*l.r.NormFloat64() + 0.25*(age-62)
		l.diastolic = 90 + 7*l.r.NormFloat64() - 0.35*(age-62)
		l.response = 25 + 7*l.r.NormFloat64()
		l.adherence = math.Min(1, math.Max(0.15, 0.82+0.22*l.r.NormFloat64()))
		l.keeps = math.Min(0.97, math.Max(0.3, 0.68+0.16*l.r.NormFloat64()))
		return
	}
	l.systolic = 122 + 9*l.r.NormFloat64() + 0.2*(age-55)
	l.diastolic = 76 + 7*l.r.NormFloat64()
}

func (l *life) home() int {
	sum := 0
	for _, n := range l.w.weights {
		sum += n
	}
	n := l.r.IntN(sum)
	for i, weight := range l.w.weights {
		if n -= weight; n < 0 {
			return i
		}
	}
	return 0
}

// id is the id of a resource of this person: 26 characters that follow from seed, person, kind and number.
func (l *life) id(kind string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "khamxa seed %d %d %s %d", l.w.options.Seed, l.number, kind, n))
	return base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding).EncodeToString(sum[:16])
}

// changes are the person's resources, each of which must be absent.
func (l *life) changes() []store.Change {
	add := func(out []store.Change, typ, id string, body []byte) []store.Change {
		return append(out, store.Change{Method: store.Put, Type: typ, ID: id, Body: body, IfAbsent: true})
	}
	out := add(nil, "Patient", l.resource.ID, l.resource.Body())
	for i, e := range l.episodes {
		ep := registry.EpisodeResource{
			ID: l.id("episode", i), Patient: l.resource.ID, Programme: registry.Hypertension(), Commune: l.w.communes[e.commune].Code, Start: e.start.String(),
		}
		if e.end != 0 {
			ep.End = e.end.String()
		}
		out = add(out, "EpisodeOfCare", ep.ID, ep.Body())
	}
	for i, s := range l.sessions {
		code := l.w.communes[s.commune].Code
		at := s.day.at(7*60 + l.minute(i))
		v := registry.VisitResource{ID: l.id("visit", i), Patient: l.resource.ID, Commune: code, At: at, AtHome: s.atHome, Reason: "Tái khám tăng huyết áp"}
		if !l.enrolled {
			v.Reason = "Đo huyết áp"
		}
		out = add(out, "Encounter", v.ID, v.Body())
		if len(s.readings) > 0 {
			bp := registry.PressureResource{ID: l.id("bp", i), Patient: l.resource.ID, Encounter: v.ID, At: at, Readings: s.readings, Arm: registry.LeftArm, Position: registry.Sitting}
			out = add(out, "Observation", bp.ID, bp.Body())
		}
		if s.supply > 0 {
			d := registry.DispenseResource{ID: l.id("medicine", i), Patient: l.resource.ID, Encounter: v.ID, At: at, Days: s.supply}
			out = add(out, "MedicationDispense", d.ID, d.Body())
		}
	}
	return out
}

// minute is when in the morning a session takes place: it follows from its number, so that it needs no further draw.
func (l *life) minute(i int) int { return (l.number*37 + i*53) % 240 }
