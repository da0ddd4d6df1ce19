package chart

import (
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"khamxa/internal/page"
)

// Pressure is a person's blood pressures over time, in mmHg: systolic and diastolic, each with its upper limit.
type Pressure struct {
	Frame
	Readings            []Reading // in any order
	SystolicLimit       float64   // readings from the limit on are marked
	DiastolicLimit      float64
	Systolic, Diastolic string // names of the lines
}

// Reading is one blood pressure in mmHg.
type Reading struct {
	At                  time.Time
	Systolic, Diastolic float64
	Tip                 string
}

type pressureDrawing struct {
	size
	Frame
	Grid, Steps         []tick
	Limits              []limit
	Systolic, Diastolic string // paths
	Readings            []readingMark
}

type limit struct {
	tick
	Class string
}

type readingMark struct {
	X, Systolic, Diastolic num
	SystolicClass          string
	DiastolicClass         string
	Left, Width            num
	Tip                    string
}

// HTML is the chart as a figure.
func (p Pressure) HTML() (template.HTML, error) {
	f := figure{Frame: p.Frame, Kind: "pressure", Keys: []key{{"systolic", p.Systolic}, {"diastolic", p.Diastolic}}}
	p.Readings = slices.Clone(p.Readings)
	slices.SortStableFunc(p.Readings, func(a, b Reading) int { return a.At.Compare(b.At) })
	for _, s := range []size{wide(), narrow()} {
		s.right += 34 // the limits are written there
		f.Drawings = append(f.Drawings, p.draw(s))
	}
	return html("figure", f)
}

func (p Pressure) draw(s size) pressureDrawing {
	d := pressureDrawing{size: s, Frame: p.Frame}
	low, high := p.scale()
	y := func(v float64) num { return s.Bottom() - num((v-low)/(high-low)*s.plotHeight()) }
	for v := low; v <= high; v += 20 {
		d.Grid = append(d.Grid, tick{At: y(v), Text: Number(p.Lang, v)})
	}
	for _, l := range []struct {
		v     float64
		class string
	}{{p.SystolicLimit, "systolic"}, {p.DiastolicLimit, "diastolic"}} {
		d.Limits = append(d.Limits, limit{tick{At: y(l.v), Text: "< " + Number(p.Lang, l.v)}, l.class})
	}
	x := timeScale(p.Readings, s)
	var sys, dia []string
	for i, r := range p.Readings {
		m := readingMark{X: x(r.At), Systolic: y(r.Systolic), Diastolic: y(r.Diastolic), Tip: r.Tip}
		m.SystolicClass, m.DiastolicClass = over(r.Systolic, p.SystolicLimit), over(r.Diastolic, p.DiastolicLimit)
		m.Left, m.Width = strip(p.Readings, i, x, s)
		d.Readings = append(d.Readings, m)
		sys, dia = append(sys, at(m.X, m.Systolic)), append(dia, at(m.X, m.Diastolic))
	}
	if len(sys) > 1 {
		d.Systolic, d.Diastolic = "M"+strings.Join(sys, "L"), "M"+strings.Join(dia, "L")
	}
	d.Steps = timeTicks(p.Readings, s, x)
	return d
}

func over(v, limit float64) string {
	if v >= limit {
		return "over"
	}
	return "under"
}

// scale is the range of the axis in steps of 20 mmHg, both limits always inside.
func (p Pressure) scale() (low, high float64) {
	low, high = p.DiastolicLimit-10, p.SystolicLimit+10
	for _, r := range p.Readings {
		low, high = min(low, r.Diastolic-2), max(high, r.Systolic+2)
	}
	return math.Floor(low/20) * 20, math.Ceil(high/20) * 20
}

// timeScale places times on the plot with a margin at both ends; a single time stands in the middle.
func timeScale(readings []Reading, s size) func(time.Time) num {
	const margin = 14
	if len(readings) == 0 || readings[0].At.Equal(readings[len(readings)-1].At) {
		return func(time.Time) num { return num(s.left + s.plotWidth()/2) }
	}
	first := readings[0].At
	span := readings[len(readings)-1].At.Sub(first).Seconds()
	return func(t time.Time) num {
		return num(s.left + margin + t.Sub(first).Seconds()/span*(s.plotWidth()-2*margin))
	}
}

// strip is the part of the plot that is nearest to reading i: it reacts to the pointer.
func strip(readings []Reading, i int, x func(time.Time) num, s size) (left, width num) {
	left, right := s.Left(), s.Right()
	if i > 0 {
		left = (x(readings[i-1].At) + x(readings[i].At)) / 2
	}
	if i+1 < len(readings) {
		right = (x(readings[i].At) + x(readings[i+1].At)) / 2
	}
	return left, right - left
}

// timeTicks labels the first days of months, as many as fit; a span of less than two months has the days of its readings instead.
func timeTicks(readings []Reading, s size, x func(time.Time) num) (out []tick) {
	if len(readings) == 0 {
		return nil
	}
	first, last := readings[0].At.In(page.Zone()), readings[len(readings)-1].At.In(page.Zone())
	if last.Sub(first) < 62*24*time.Hour {
		out = append(out, tick{At: x(first), Text: first.Format("02/01"), Sub: first.Format("2006")})
		if x(last)-x(first) > 60 {
			end := tick{At: x(last), Text: last.Format("02/01")}
			if last.Year() != first.Year() {
				end.Sub = last.Format("2006")
			}
			out = append(out, end)
		}
		return out
	}
	months := (last.Year()-first.Year())*12 + int(last.Month()-first.Month())
	every := 1
	for _, e := range []int{1, 2, 3, 6, 12, 24, 60, 120} {
		if every = e; months/e <= int(s.plotWidth()/64) {
			break
		}
	}
	year := ""
	for t := time.Date(first.Year(), 1, 1, 0, 0, 0, 0, page.Zone()); !t.After(last); t = t.AddDate(0, every, 0) {
		if t.Before(first) {
			continue
		}
		k := tick{At: x(t), Text: t.Format("01")}
		if y := t.Format("2006"); y != year {
			k.Sub, year = y, y
		}
		out = append(out, k)
	}
	return out
}
