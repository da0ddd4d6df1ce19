package web

import (
	"html/template"
	"net/http"
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"khamxa/internal/page"
	"khamxa/internal/page/chart"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/place"
)

type reportsView struct {
	Programme   string
	Scope       string
	Month       string
	Provisional bool
	Rate        rateView
	asOf
}

// reports is the list of programmes, each with its main figure.
func (w *Web) reports(rw http.ResponseWriter, r *http.Request, a Actor) error {
	lang := w.o.Shell.Lang(r)
	s, err := w.scope(lang, a, "")
	if err != nil {
		return err
	}
	now := w.month()
	report, err := w.o.Book.Figures(cohort.Query{Month: now, Months: 1, Communes: s.Codes, Current: now})
	if err != nil {
		return err
	}
	programme := registry.Hypertension()
	v := reportsView{Programme: programme.Display, Scope: s.Name, Month: monthName(lang, now), asOf: asOfReport(report)}
	if lang == page.English {
		v.Programme = programme.DisplayEN
	}
	figure := report.Total[0]
	v.Provisional, v.Rate = figure.Provisional, counter{lists: a.lists(s.Codes)}.rate(figure)
	w.o.Shell.Render(rw, r, page.Page{Template: "registry/reports", Title: "registry.reports.title", Nav: "reports", View: v})
	return nil
}

type reportView struct {
	Scope       string // name
	Code        string // in addresses
	Month       string // "2026-11"
	MonthName   string
	Provisional bool
	Communes    []option // empty: nothing to choose
	Months      []option

	Rate      rateView
	Outcomes  []outcomeView // the four in the denominator
	Outside   []outcomeView // new and lost
	UnderCare count
	All       count

	RunChart, StackChart template.HTML
	Rows                 []communeRow
	Total                communeRow
	Rules                cohort.Rules
	Control              ruleView
	asOf
}

// outcomeView is one state's number.
type outcomeView struct {
	stateView
	Count count
	Share float64 // of the denominator, 0 outside it
	Known bool    // there is a denominator
}

// communeRow is one line of the table.
type communeRow struct {
	Code, Name string
	Href       string // the commune's own report
	Chosen     bool
	Rate       rateView
	Interval   template.HTML
}

// report is the programme's page.
func (w *Web) report(rw http.ResponseWriter, r *http.Request, a Actor) error {
	lang, q := w.o.Shell.Lang(r), r.URL.Query()
	s, err := w.scope(lang, a, q.Get("commune"))
	if err != nil {
		return err
	}
	month, err := w.readMonth(q.Get("month"))
	if err != nil {
		return err
	}
	now := w.month()
	last := now
	if month <= now-charted {
		last = month
	}
	// All communes of the actor are asked for at once, the chosen one taken out of them: everything on the page is of one position.
	report, err := w.o.Book.Figures(cohort.Query{Month: last, Months: charted, Communes: a.Communes, Current: now})
	if err != nil {
		return err
	}
	series := report.Total
	if s.Code != "" {
		series = seriesOf(report, s.Codes[0], last)
	}
	at := slices.IndexFunc(series, func(f cohort.Figure) bool { return f.Month == month })
	v := w.reportView(lang, a, s, series, at)
	w.addCommunes(lang, a, &v, report, at)
	v.asOf, v.Rules, v.Control = asOfReport(report), report.Rules, ruleOf(report.Rules.Control.ID)
	c := counter{code: s.Code, lists: a.lists(s.Codes)}
	if v.RunChart, err = w.runChart(lang, s, c, series, at); err != nil {
		return err
	}
	if v.StackChart, err = w.stackChart(lang, s, c, series, at); err != nil {
		return err
	}
	w.o.Shell.Render(rw, r, page.Page{Template: "registry/hypertension", Title: "registry.report.title", Nav: "reports", View: v})
	return nil
}

// seriesOf is the series of one commune; of one that never had anybody, empty months.
func seriesOf(r cohort.Report, code string, last cohort.Month) []cohort.Figure {
	for _, c := range r.Communes {
		if c.Code == code {
			return c.Series
		}
	}
	empty := make([]cohort.Figure, charted)
	for i := range empty {
		empty[i] = cohort.Figure{Month: last - charted + 1 + cohort.Month(i), High: 1, Provisional: r.Total[i].Provisional}
	}
	return empty
}

func (w *Web) reportView(lang page.Lang, a Actor, s scope, series []cohort.Figure, at int) reportView {
	f := series[at]
	c := counter{code: s.Code, lists: a.lists(s.Codes)}
	v := reportView{
		Scope: s.Name, Code: s.Code, Month: f.Month.String(), MonthName: monthName(lang, f.Month), Provisional: f.Provisional,
		Rate: c.rate(f), UnderCare: c.of(f, setUnderCare), All: c.of(f, setAll),
	}
	for _, state := range cohort.States() {
		o := outcomeView{stateView: stateOf(state), Count: c.of(f, state.String()), Known: f.Denominator > 0}
		if !state.InDenominator() {
			v.Outside = append(v.Outside, o)
			continue
		}
		if o.Known {
			o.Share = float64(o.Count.N) / float64(f.Denominator)
		}
		v.Outcomes = append(v.Outcomes, o)
	}
	for _, f := range slices.Backward(series) {
		v.Months = append(v.Months, option{Value: f.Month.String(), Text: monthName(lang, f.Month), Selected: f.Month == series[at].Month})
	}
	if a.Communes == nil || len(a.Communes) > 1 {
		all, _ := w.scope(lang, a, "") // cannot fail
		v.Communes = append([]option{{Text: all.Name}}, communeOptions(a.Communes, s.Code)...)
	}
	return v
}

// addCommunes fills in the table: every commune of the actor in alphabetical order, whatever is chosen above it.
func (w *Web) addCommunes(lang page.Lang, a Actor, v *reportView, report cohort.Report, at int) {
	total := report.Total[at]
	reference, _ := total.Rate()
	row := func(code string, f cohort.Figure) communeRow {
		c := counter{code: codeInAddress(code), lists: a.lists([]string{code})}
		r := communeRow{Code: c.code, Name: w.communeName(lang, code), Href: reportLink(c.code, f.Month), Chosen: c.code == v.Code, Rate: c.rate(f)}
		if r.Rate.Known {
			r.Interval, _ = chart.Interval{Low: f.Low, Value: r.Rate.Rate, High: f.High, Reference: reference}.HTML() // decoration
		}
		return r
	}
	codes := a.Communes
	if codes == nil {
		for _, u := range place.Communes() {
			codes = append(codes, u.Code)
		}
	}
	for _, code := range codes {
		v.Rows = append(v.Rows, row(code, seriesOf(report, code, report.Total[charted-1].Month)[at]))
	}
	order := collate.New(language.Vietnamese)
	slices.SortFunc(v.Rows, func(a, b communeRow) int { return order.CompareString(a.Name, b.Name) })
	if other := seriesOf(report, "", report.Total[charted-1].Month)[at]; a.Communes == nil && other.Counted() > 0 {
		v.Rows = append(v.Rows, row("", other))
	}
	all := counter{lists: a.lists(a.Communes)}
	v.Total = communeRow{Name: w.o.Shell.T(lang, "registry.report.total"), Rate: all.rate(total)}
}
