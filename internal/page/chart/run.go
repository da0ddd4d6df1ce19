package chart

import (
	"html/template"
	"math"
	"strings"
)

// Run is a run chart of a proportion: one point a step, its interval as a band.
type Run struct {
	Frame
	Points      []Point
	Target      float64 // 0 to 1; 0 draws none
	TargetLabel string
}

// Point is one step of a run chart. Value, Low and High are fractions, 0 to 1.
type Point struct {
	Label string // on the axis: "T11"
	Group string // under it where it changes: "2026"

	Known            bool // false: nothing to divide by; the line has a gap
	Value, Low, High float64
	Tip              string // shown when pointed at, and read out
	Href             string // where a click leads, "" for nowhere
	Open             bool   // the step is not over: dashed, hollow
	Selected         bool   // its value is written beside it
}

type runDrawing struct {
	size
	Frame
	Grid, Steps []tick
	Target      *tick
	Bands       []string
	Lines       []string
	OpenLines   []string
	Marks       []mark
}

type mark struct {
	X, Y        num
	Class       string
	Tip, Href   string
	Text        string // written beside it
	TextY       num
	Anchor      string
	Left, Width num // of the strip that reacts to the pointer
}

// HTML is the chart as a figure.
func (r Run) HTML() (template.HTML, error) {
	f := figure{Frame: r.Frame, Kind: "run"}
	for _, s := range []size{wide(), narrow()} {
		f.Drawings = append(f.Drawings, r.draw(s))
	}
	return html("figure", f)
}

func (r Run) draw(s size) runDrawing {
	d := runDrawing{size: s, Frame: r.Frame}
	low, high := r.scale()
	y := func(v float64) num { return s.Bottom() - num((v-low)/(high-low)*s.plotHeight()) }
	n := len(r.Points)
	step := s.plotWidth() / float64(max(1, n))
	x := func(i int) num { return num(s.left + (float64(i)+0.5)*step) }

	for v := low; v <= high+0.001; v += gridStep(low, high) {
		d.Grid = append(d.Grid, tick{At: y(v), Text: wholePercent(v)})
	}
	if r.Target > 0 {
		d.Target = &tick{At: y(r.Target), Text: r.TargetLabel}
	}
	d.Steps = steps(n, s, func(i int) (num, string, string) { return x(i), r.Points[i].Label, r.Points[i].Group })
	for _, seg := range r.segments() {
		d.addSegment(seg, r.Points, x, y)
	}
	for i, p := range r.Points {
		if p.Known {
			m := mark{X: x(i), Y: y(p.Value), Tip: p.Tip, Href: p.Href, Left: x(i) - num(step/2), Width: num(step), Class: pointClass(p)}
			if p.Selected {
				m.Text, m.TextY, m.Anchor = Percent(r.Lang, p.Value), y(p.High)-8, anchor(x(i), s)
			}
			d.Marks = append(d.Marks, m)
		}
	}
	return d
}

func pointClass(p Point) string {
	c := "dot"
	if p.Open {
		c += " open"
	}
	if p.Selected {
		c += " selected"
	}
	return c
}

// anchor keeps a text near an edge inside the drawing.
func anchor(x num, s size) string {
	switch {
	case x > s.Right()-26:
		return "end"
	case x < s.Left()+26:
		return "start"
	}
	return "middle"
}

// scale is the range of the axis: what the bands need, in whole steps of 10 %, at least 30 % wide.
func (r Run) scale() (low, high float64) {
	low, high = 1, 0
	for _, p := range r.Points {
		if p.Known {
			low, high = min(low, p.Low), max(high, p.High)
		}
	}
	if low > high {
		return 0, 1
	}
	if r.Target > 0 {
		low, high = min(low, r.Target-0.02), max(high, r.Target+0.02) // its name stands on the line
	}
	low, high = math.Floor(low*10+1e-9)/10, math.Ceil(high*10-1e-9)/10
	for high-low < 0.3-1e-9 {
		high, low = min(1, high+0.1), max(0, low-0.1)
	}
	return low, high
}

func gridStep(low, high float64) float64 {
	if high-low > 0.6 {
		return 0.2
	}
	return 0.1
}

// segments are the runs of neighbouring known points, as [from, to).
func (r Run) segments() (out [][2]int) {
	for i := 0; i < len(r.Points); i++ {
		if !r.Points[i].Known {
			continue
		}
		j := i
		for j < len(r.Points) && r.Points[j].Known {
			j++
		}
		out = append(out, [2]int{i, j})
		i = j
	}
	return out
}

// addSegment draws one run of points: the band forth along its upper edge and back along the lower, the line, and the open end dashed.
func (d *runDrawing) addSegment(seg [2]int, points []Point, x func(int) num, y func(float64) num) {
	var up, down, line []string
	for i := seg[0]; i < seg[1]; i++ {
		up = append(up, at(x(i), y(points[i].High)))
		down = append([]string{at(x(i), y(points[i].Low))}, down...)
		if points[i].Open && i > seg[0] {
			d.OpenLines = append(d.OpenLines, "M"+at(x(i-1), y(points[i-1].Value))+"L"+at(x(i), y(points[i].Value)))
			continue
		}
		line = append(line, at(x(i), y(points[i].Value)))
	}
	if len(up) > 1 {
		d.Bands = append(d.Bands, "M"+strings.Join(append(up, down...), "L")+"Z")
	} else { // a single point shows its interval as a bar
		d.Lines = append(d.Lines, "M"+up[0]+"L"+down[0])
	}
	if len(line) > 1 {
		d.Lines = append(d.Lines, "M"+strings.Join(line, "L"))
	}
}

// steps are the labels of the lower axis: as many as fit, the last one always, a group's name where it changes.
func steps(n int, s size, of func(i int) (x num, label, group string)) (out []tick) {
	most := int(s.plotWidth() / 38)
	last := ""
	for i := range n {
		if !labelled(i, n, most) {
			continue
		}
		x, label, group := of(i)
		t := tick{At: x, Text: label}
		if group != last {
			t.Sub, last = group, group
		}
		out = append(out, t)
	}
	return out
}
