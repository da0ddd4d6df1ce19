package web

import (
	"html/template"

	"khamxa/internal/page"
	"khamxa/internal/page/chart"
	"khamxa/registry/cohort"
)

// runChart is the control rate over the months.
func (w *Web) runChart(lang page.Lang, s scope, c counter, series []cohort.Figure, at int) (template.HTML, error) {
	t := func(key string, args ...any) string { return w.o.Shell.T(lang, key, args...) }
	run := chart.Run{
		Frame: chart.Frame{ID: "run-chart", Lang: lang, Title: t("registry.report.run.title"), Table: chart.Table{
			Summary: t("registry.report.table"),
			Head: []string{
				t("registry.report.month"), t("registry.report.numerator"), t("registry.report.denominator"), t("registry.report.rate"),
				t("registry.report.interval"), t("registry.report.outside"),
			},
		}},
		Target: w.o.Target,
	}
	if w.o.Target > 0 {
		run.TargetLabel = t("registry.report.target", chart.Percent(lang, w.o.Target))
	}
	for i, f := range series {
		r := c.rate(f)
		name := monthName(lang, f.Month)
		rate, interval := "–", "–"
		if r.Known {
			rate, interval = chart.Percent(lang, r.Rate), chart.Percent(lang, f.Low)+" – "+chart.Percent(lang, f.High)
		}
		p := chart.Point{
			Label: monthMark(lang, f.Month), Group: f.Month.Start().Format("2006"), Known: r.Known, Value: r.Rate, Low: f.Low, High: f.High,
			Href: reportLink(s.Code, f.Month), Open: f.Provisional, Selected: i == at,
			Tip: t("registry.report.run.tip", name, rate, chart.Number(lang, float64(f.Numerator)), chart.Number(lang, float64(f.Denominator)), interval),
		}
		if f.Provisional {
			p.Tip += " " + t("registry.report.run.tip.provisional")
		}
		run.Points = append(run.Points, p)
		run.Table.Rows = append(run.Table.Rows, []chart.Cell{
			{Text: name, Href: p.Href}, cell(lang, r.Numerator), cell(lang, r.Denominator), {Text: rate}, {Text: interval}, cell(lang, r.Outside),
		})
	}
	run.Desc = w.runDesc(lang, s, series)
	return run.HTML()
}

// runDesc says the first and the last known point.
func (w *Web) runDesc(lang page.Lang, s scope, series []cohort.Figure) string {
	var first, last *cohort.Figure
	for i := range series {
		if series[i].Denominator > 0 {
			if first == nil {
				first = &series[i]
			}
			last = &series[i]
		}
	}
	if first == nil {
		return w.o.Shell.T(lang, "registry.report.run.desc.none", s.Name)
	}
	a, _ := first.Rate()
	b, _ := last.Rate()
	return w.o.Shell.T(lang, "registry.report.run.desc", s.Name, monthName(lang, first.Month), chart.Percent(lang, a), monthName(lang, last.Month), chart.Percent(lang, b))
}

func cell(lang page.Lang, c count) chart.Cell {
	return chart.Cell{Text: chart.Number(lang, float64(c.N)), Href: c.Href}
}

// stackChart is the four outcomes over the months, as shares of the denominator.
func (w *Web) stackChart(lang page.Lang, s scope, c counter, series []cohort.Figure, at int) (template.HTML, error) {
	t := func(key string, args ...any) string { return w.o.Shell.T(lang, key, args...) }
	stack := chart.Stack{Frame: chart.Frame{
		ID: "outcome-chart", Lang: lang, Title: t("registry.report.stack.title"),
		Table: chart.Table{Summary: t("registry.report.table"), Head: []string{t("registry.report.month")}},
	}}
	for i, state := range outcomes() {
		stack.Series = append(stack.Series, chart.Series{Class: [...]string{"s0", "s1", "s2", "s3"}[i], Label: t(state.Text())})
		stack.Table.Head = append(stack.Table.Head, t(state.Text()))
	}
	stack.Table.Head = append(stack.Table.Head, t("registry.report.denominator"))
	for _, f := range series {
		name := monthName(lang, f.Month)
		col := chart.Column{Label: monthMark(lang, f.Month), Group: f.Month.Start().Format("2006"), Open: f.Provisional}
		row := []chart.Cell{{Text: name, Href: reportLink(s.Code, f.Month)}}
		for _, state := range outcomes() {
			n := c.of(f, state.String())
			share := 0.0
			if f.Denominator > 0 {
				share = float64(n.N) / float64(f.Denominator)
			}
			col.Values, col.Hrefs = append(col.Values, n.N), append(col.Hrefs, n.Href)
			col.Tips = append(col.Tips, t("registry.report.stack.tip", name, t(state.Text()), chart.Number(lang, float64(n.N)), chart.Percent(lang, share)))
			row = append(row, cell(lang, n))
		}
		stack.Columns = append(stack.Columns, col)
		stack.Table.Rows = append(stack.Table.Rows, append(row, cell(lang, c.of(f, setDenominator))))
	}
	f := series[at]
	n := func(s cohort.State) string { return chart.Number(lang, float64(f.Count(s))) }
	stack.Desc = t("registry.report.stack.desc", s.Name, monthName(lang, f.Month),
		n(cohort.Controlled), n(cohort.Uncontrolled), n(cohort.VisitedNoBP), n(cohort.Missed))
	return stack.HTML()
}

// outcomes are the states of the denominator.
func outcomes() []cohort.State {
	s, _ := setOf(setDenominator)
	return s.States
}
