package web

import (
	"slices"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"khamxa/internal/page"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/place"
)

// monthName is a month in words: "tháng 11/2026", "November 2026".
func monthName(lang page.Lang, m cohort.Month) string {
	if lang == page.English {
		return m.Start().Format("January 2006")
	}
	return "tháng " + m.Start().Format("1/2006")
}

// monthMark is a month on an axis: "T11", "Nov".
func monthMark(lang page.Lang, m cohort.Month) string {
	if lang == page.English {
		return m.Start().Format("Jan")
	}
	return "T" + m.Start().Format("1")
}

// otherCode stands in addresses for stations that are not in the table of communes, whose code is "".
const otherCode = "other"

func codeInAddress(code string) string {
	if code == "" {
		return otherCode
	}
	return code
}

// communeName is a commune's name with its kind; a message for stations outside the table.
func (w *Web) communeName(lang page.Lang, code string) string {
	if u, ok := place.Current(code); ok {
		return u.FullName()
	}
	return w.o.Shell.T(lang, "registry.commune.other")
}

// option is one choice of a select.
type option struct {
	Value, Text string
	Selected    bool
}

// byName sorts options in Vietnamese order: Hải Anh, Hải Hậu, ... with đ after d and the marks where the dictionary has them.
func byName(list []option) {
	c := collate.New(language.Vietnamese)
	slices.SortStableFunc(list, func(a, b option) int { return c.CompareString(a.Text, b.Text) })
}

// communeOptions are the communes with these codes, all when codes is nil.
func communeOptions(codes []string, selected string) []option {
	var list []option
	for _, u := range place.Communes() {
		if codes == nil || slices.Contains(codes, u.Code) {
			list = append(list, option{Value: u.Code, Text: u.FullName(), Selected: u.Code == selected})
		}
	}
	byName(list)
	return list
}

// stations are the codes of the communes whose people the actor may know; nil for all.
func (a Actor) stations() []string {
	if a.Within == nil {
		return nil
	}
	codes := []string{}
	for _, holder := range a.Within {
		if code, ok := place.CommuneOf(holder); ok {
			codes = append(codes, code)
		}
	}
	return codes
}

// stateView is a state in words with its badge.
type stateView struct {
	Name string // stable: "controlled"
	Text string // message key
	Rule string // message key
	Tone string
}

func stateOf(s cohort.State) stateView {
	v := stateView{Name: s.String(), Text: s.Text(), Rule: s.Rule(), Tone: "muted"}
	switch s {
	case cohort.Controlled:
		v.Tone = "good"
	case cohort.Uncontrolled:
		v.Tone = "danger"
	case cohort.VisitedNoBP, cohort.Missed:
		v.Tone = "warn"
	case cohort.New:
		v.Tone = "info"
	default: // lost to follow-up: no longer among those the work lists call for
	}
	return v
}

// personView is a person in a list.
type personView struct {
	ID, Name, Year string
	Gender         string // message key, "" unknown
	Commune        string
	Phone          string // as people write it
	Deceased       bool
	BP             *cohort.Pressure
	Over           bool       // BP is at or above the limit
	State          *stateView // nil: does not count in the programme this month
}

func (w *Web) personView(lang page.Lang, p registry.Patient) personView {
	return personView{
		ID: p.ID, Name: p.Name, Year: birthYear(p.Birth), Gender: genderKey(p.Gender), Commune: w.communeName(lang, p.Commune),
		Phone: localPhone(p.Phone), Deceased: p.Deceased,
	}
}

func birthYear(birth string) string {
	if len(birth) < 4 {
		return ""
	}
	return birth[:4]
}

func genderKey(g registry.Gender) string {
	switch g {
	case registry.Female, registry.Male, registry.Other:
		return "registry.gender." + string(g)
	default: // unknown: nothing is shown
		return ""
	}
}

// localPhone writes an E.164 number of Vietnam as people do: 0912 345 678.
func localPhone(e164 string) string {
	if len(e164) != len("+84912345678") || e164[:3] != "+84" {
		return e164
	}
	const space = "\u00a0" // a number is not broken over two lines
	return "0" + e164[3:6] + space + e164[6:9] + space + e164[9:]
}

// formTime is how a datetime-local field writes a time, in Vietnam's zone (HTML Living Standard 2.3.5.5).
const formTime = "2006-01-02T15:04"

func civil(t time.Time) time.Time { return t.In(place.Zone()) }
