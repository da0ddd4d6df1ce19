package registry

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

// oldest is the greatest age in years that is accepted; the oldest person on record lived 122 years.
const oldest = 125

// person is a checked PatientForm.
type person struct {
	PatientForm
	phone, cccd string
}

// checkPatient cleans a form up and says what is wrong and what is odd.
func checkPatient(f PatientForm, today time.Time) (p person, problems, warnings Problems) {
	p.PatientForm = f
	p.Name = cleanName(f.Name)
	switch n := len([]rune(p.Name)); {
	case p.Name == "":
		problems.add("name", "registry.problem.name.missing")
	case n < 2 || n > 100 || !nameLike(p.Name):
		problems.add("name", "registry.problem.name.unusable")
	}
	switch f.Gender {
	case Female, Male, Other, Unknown:
	default:
		problems.add("gender", "registry.problem.gender")
	}
	var ok bool
	if p.Birth, ok = cleanBirth(f.Birth); !ok {
		problems.add("birth", "registry.problem.birth")
	} else if age := ageAt(p.Birth, today); age < 0 || age > oldest {
		problems.add("birth", "registry.problem.birth.range")
	}
	if p.phone, ok = cleanPhone(f.Phone); !ok {
		problems.add("phone", "registry.problem.phone")
	}
	p.cccd = digits(f.CCCD)
	if strings.TrimSpace(f.CCCD) != "" && len(p.cccd) != 12 {
		problems.add("cccd", "registry.problem.cccd")
	} else if p.cccd != "" && !cccdAgrees(p.cccd, f.Gender, p.Birth) {
		warnings.add("cccd", "registry.warning.cccd")
	}
	if _, ok := place.Current(f.Commune); !ok {
		problems.add("commune", "registry.problem.commune")
	}
	p.Address = strings.Join(strings.Fields(norm.NFC.String(f.Address)), " ")
	if len([]rune(p.Address)) > 200 {
		problems.add("address", "registry.problem.too-long", "200")
	}
	return p, problems, warnings
}

// cleanName brings a name into one form: composed characters, single spaces.
func cleanName(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }

func nameLike(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune(" '’.-", r) {
			return false
		}
	}
	return true
}

// cleanBirth reads a birth date as FHIR writes it or as people do, and gives FHIR's form with the same precision.
func cleanBirth(s string) (string, bool) {
	s = strings.NewReplacer(".", "/", " ", "").Replace(strings.TrimSpace(s))
	for _, form := range [...][2]string{
		{"2006-01-02", time.DateOnly},
		{"2/1/2006", time.DateOnly},
		{"2-1-2006", time.DateOnly},
		{"2006-01", "2006-01"},
		{"1/2006", "2006-01"},
		{"2006", "2006"},
	} {
		if t, err := time.Parse(form[0], s); err == nil {
			return t.Format(form[1]), true
		}
	}
	return "", false
}

// ageAt is the age in completed years on a day. A birth date without day or month is taken as the first possible day, so that nobody
// is called younger than they may be; -1 for one that cannot be read or lies ahead.
func ageAt(birth string, on time.Time) int {
	var b time.Time
	var err error
	switch len(birth) {
	case 4:
		b, err = time.Parse("2006", birth)
	case 7:
		b, err = time.Parse("2006-01", birth)
	default:
		b, err = time.Parse(time.DateOnly, birth)
	}
	day := on.In(place.Zone())
	if err != nil || b.Format(time.DateOnly) > day.Format(time.DateOnly) {
		return -1
	}
	age := day.Year() - b.Year()
	if day.Format("01-02") < b.Format("01-02") {
		age--
	}
	return age
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// moved maps the eleven-digit mobile prefixes that ended in November 2018 to those that took their place.
var moved = map[string]string{
	"120": "70", "121": "79", "122": "77", "126": "76", "128": "78", "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
	"162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38", "169": "39", "186": "56", "188": "58", "199": "59",
}

// cleanPhone gives a Vietnamese number as E.164; "" for "". Old eleven-digit mobile numbers are brought up to date.
func cleanPhone(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", true
	}
	n := digits(s)
	if strings.Trim(s, "0123456789+ .-()") != "" {
		return "", false
	}
	switch {
	case strings.HasPrefix(s, "+84"), strings.HasPrefix(n, "84") && len(n) >= 11:
		n = strings.TrimPrefix(n[2:], "0")
	case strings.HasPrefix(n, "0"):
		n = n[1:]
	default:
		return "", false
	}
	if len(n) == 10 && n[0] == '1' {
		if now, ok := moved[n[:3]]; ok {
			n = now + n[3:]
		}
	}
	mobile := len(n) == 9 && strings.ContainsRune("35789", rune(n[0]))
	landline := (len(n) == 9 || len(n) == 10) && n[0] == '2'
	if !mobile && !landline {
		return "", false
	}
	return "+84" + n, true
}

// cccdAgrees compares the fourth to sixth digit of a citizen's number with sex and year of birth: century and sex, then the year
// (Decree 137/2015, Article 13, read in secondary texts). It is a hint, never a proof: cards with other numbers are in use.
func cccdAgrees(cccd string, g Gender, birth string) bool {
	if len(birth) < 4 {
		return true
	}
	century := int(birth[0]-'0')*10 + int(birth[1]-'0') - 19
	sex := int(cccd[3] - '0')
	if cccd[4:6] != birth[2:4] || sex/2 != century {
		return false
	}
	return g == Male && sex%2 == 0 || g == Female && sex%2 == 1 || g != Male && g != Female
}

// checkScreening says what is wrong and what is odd with a screening.
func checkScreening(s Screening, now time.Time) (problems, warnings Problems) {
	if s.At.After(now.Add(5 * time.Minute)) { // clocks of two machines may differ a little
		problems.add("at", "registry.problem.future")
	} else if s.At.Before(now.AddDate(-5, 0, 0)) {
		problems.add("at", "registry.problem.too-old")
	}
	if len(s.Readings) == 0 || len(s.Readings) > 3 {
		problems.add("readings", "registry.problem.readings.count")
	}
	for i, r := range s.Readings {
		checkReading(i, r, &problems, &warnings)
	}
	if len(s.Readings) == 1 {
		warnings.add("readings", "registry.warning.single")
	}
	switch s.Arm {
	case "", LeftArm, RightArm:
	default:
		problems.add("arm", "registry.problem.choice")
	}
	switch s.Position {
	case "", Sitting, Standing, Lying:
	default:
		problems.add("position", "registry.problem.choice")
	}
	if len([]rune(s.Device)) > 100 {
		problems.add("device", "registry.problem.too-long", "100")
	}
	if len([]rune(s.Note)) > 2000 {
		problems.add("note", "registry.problem.too-long", "2000")
	}
	return problems, warnings
}

func checkReading(i int, r BPReading, problems, warnings *Problems) {
	field := func(name string) string { return fmt.Sprintf("readings.%d.%s", i, name) }
	bad := false
	if r.Systolic < guideline.SystolicLeast || r.Systolic > guideline.SystolicMost {
		problems.add(field("systolic"), "registry.problem.systolic", fmt.Sprint(guideline.SystolicLeast), fmt.Sprint(guideline.SystolicMost))
		bad = true
	}
	if r.Diastolic < guideline.DiastolicLeast || r.Diastolic > guideline.DiastolicMost {
		problems.add(field("diastolic"), "registry.problem.diastolic", fmt.Sprint(guideline.DiastolicLeast), fmt.Sprint(guideline.DiastolicMost))
		bad = true
	}
	if !bad && r.Systolic <= r.Diastolic {
		problems.add(field("diastolic"), "registry.problem.order")
		bad = true
	}
	if r.Pulse != 0 && (r.Pulse < 25 || r.Pulse > 250) {
		problems.add(field("pulse"), "registry.problem.pulse", "25", "250")
	}
	if bad {
		return
	}
	for _, key := range guideline.Unusual(guideline.Pressure{Systolic: float64(r.Systolic), Diastolic: float64(r.Diastolic)}) {
		name := "systolic"
		if strings.HasSuffix(key, "diastolic") {
			name = "diastolic"
		}
		warnings.add(field(name), key)
	}
}
