package web

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/registry/cohort"
	"khamxa/registry/place"
)

// Paths of the report and of its lists.
const (
	reportPath = "/reports/hypertension"
	peoplePath = "/reports/hypertension/people"
)

// charted is how many months the charts show.
const charted = 18

// scope is a part of the figures: one commune, or all that the actor may see.
type scope struct {
	Code  string   // as in addresses: "" for all, otherCode
	Codes []string // as in cohort.Query
	Name  string
}

// scope reads the parameter "commune". A commune that is not the actor's is not found.
func (w *Web) scope(lang page.Lang, a Actor, code string) (scope, error) {
	unknown := fault.New(fault.NotFound, "registry/web.scope", "registry.unknown.commune").At("commune")
	switch code {
	case "":
		s := scope{Codes: a.Communes}
		switch {
		case a.Communes == nil:
			s.Name = w.o.Shell.T(lang, "registry.scope.all")
		case len(a.Communes) == 1:
			s.Name = w.communeName(lang, a.Communes[0])
		default:
			s.Name = w.o.Shell.T(lang, "registry.scope.mine", len(a.Communes))
		}
		return s, nil
	case otherCode:
		if a.Communes != nil {
			return scope{}, unknown
		}
		return scope{Code: code, Codes: []string{""}, Name: w.communeName(lang, "")}, nil
	}
	if _, ok := place.Current(code); !ok || a.Communes != nil && !slices.Contains(a.Communes, code) {
		return scope{}, unknown
	}
	return scope{Code: code, Codes: []string{code}, Name: w.communeName(lang, code)}, nil
}

// lists reports whether the actor may open the list of people behind a number of these communes (nil for all).
func (a Actor) lists(codes []string) bool {
	if !a.MayList {
		return false
	}
	mine := a.stations()
	if mine == nil {
		return true
	}
	return codes != nil && !slices.ContainsFunc(codes, func(code string) bool { return !slices.Contains(mine, code) })
}

// readMonth reads the parameter "month", by default the running one. Months ahead, and those that no report reaches, are refused.
func (w *Web) readMonth(text string) (cohort.Month, error) {
	now := w.month()
	if text == "" {
		return now, nil
	}
	m, err := cohort.ParseMonth(text)
	if err != nil || m > now || m <= now-cohort.MostMonths {
		return 0, fault.New(fault.Invalid, "registry/web.readMonth", "registry.unknown.month").At("month")
	}
	return m, nil
}

// set is a set of states that a number counts.
type set struct {
	Name   string // as in addresses
	States []cohort.State
	Text   string // message key
	Rule   string // message key
}

// Sets of several states.
const (
	setDenominator   = "denominator"
	setNotAssessable = "not-assessable"
	setUnderCare     = "under-care"
	setAll           = "all"
)

// setOf is the set with that name, of one state or of several; false if there is none.
func setOf(name string) (set, bool) {
	if s, ok := cohort.ParseState(name); ok {
		return set{Name: name, States: []cohort.State{s}, Text: s.Text(), Rule: s.Rule()}, true
	}
	in := map[string]func(cohort.State) bool{
		setDenominator:   cohort.State.InDenominator,
		setNotAssessable: func(s cohort.State) bool { return !s.InDenominator() },
		setUnderCare:     func(s cohort.State) bool { return s != cohort.Lost },
		setAll:           func(cohort.State) bool { return true },
	}[name]
	if in == nil {
		return set{}, false
	}
	key := "registry.set." + name
	out := set{Name: name, Text: key, Rule: key + ".rule"}
	for _, s := range cohort.States() {
		if in(s) {
			out.States = append(out.States, s)
		}
	}
	return out, true
}

// size is how many people the set has in a figure.
func (s set) size(f cohort.Figure) int {
	n := 0
	for _, state := range s.States {
		n += f.Count(state)
	}
	return n
}

// count is a number of people, and where the people are.
type count struct {
	Figure string // name of the set
	N      int
	Href   string // "" if the list may not be opened
}

// counter makes counts of one part of the figures.
type counter struct {
	code  string // scope in addresses
	lists bool
}

func (c counter) of(f cohort.Figure, name string) count {
	s, _ := setOf(name)
	out := count{Figure: name, N: s.size(f)}
	if c.lists {
		out.Href = peopleLink(c.code, f.Month, name, 0)
	}
	return out
}

func peopleLink(code string, m cohort.Month, state string, part int) string {
	v := url.Values{"month": {m.String()}, "state": {state}}
	if code != "" {
		v.Set("commune", code)
	}
	if part > 1 {
		v.Set("page", strconv.Itoa(part))
	}
	return peoplePath + "?" + v.Encode()
}

func reportLink(code string, m cohort.Month) string {
	v := url.Values{"month": {m.String()}}
	if code != "" {
		v.Set("commune", code)
	}
	return reportPath + "?" + v.Encode()
}

// rateView is a proportion with its interval.
type rateView struct {
	Known       bool // false: the denominator is 0
	Rate        float64
	Low, High   float64
	Numerator   count
	Denominator count
	Outside     count // not assessable
}

func (c counter) rate(f cohort.Figure) rateView {
	v := rateView{
		Low: f.Low, High: f.High, Numerator: c.of(f, cohort.Controlled.String()), Denominator: c.of(f, setDenominator), Outside: c.of(f, setNotAssessable),
	}
	v.Rate, v.Known = f.Rate()
	return v
}

// asOf is the position of the log that figures were made from.
type asOf struct {
	Position int64
	Updated  time.Time
	Clock    string // the time to the second
}

func asOfReport(r cohort.Report) asOf {
	v := asOf{Position: int64(r.Position), Updated: r.Updated}
	if !r.Updated.IsZero() {
		v.Clock = civil(r.Updated).Format("15:04:05 02/01/2006")
	}
	return v
}
