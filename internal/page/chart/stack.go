package chart

import "html/template"

// Stack is stacked columns of shares: each column is the whole, its parts are the series from the bottom up.
type Stack struct {
	Frame
	Series  []Series
	Columns []Column
}

// Series is one kind of part. Class is one of "s0" to "s3", a colour of the style sheet.
type Series struct{ Class, Label string }

// Column is one step. Values are counts in the order of the series; Tips belong to them.
type Column struct {
	Label, Group string // as in Point
	Values       []int
	Tips         []string
	Hrefs        []string // "" or missing: no link
	Open         bool
}

type stackDrawing struct {
	size
	Frame
	Grid, Steps []tick
	Parts       []part
}

type part struct {
	X, Y, Width, Height num
	Class, Tip, Href    string
}

// HTML is the chart as a figure.
func (c Stack) HTML() (template.HTML, error) {
	f := figure{Frame: c.Frame, Kind: "stack"}
	for _, s := range c.Series {
		f.Keys = append(f.Keys, key(s))
	}
	for _, s := range []size{wide(), narrow()} {
		f.Drawings = append(f.Drawings, c.draw(s))
	}
	return html("figure", f)
}

func (c Stack) draw(s size) stackDrawing {
	d := stackDrawing{size: s, Frame: c.Frame}
	n := len(c.Columns)
	step := s.plotWidth() / float64(max(1, n))
	width := step * 0.74
	for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
		d.Grid = append(d.Grid, tick{At: s.Bottom() - num(v*s.plotHeight()), Text: wholePercent(v)})
	}
	x := func(i int) num { return num(s.left + (float64(i)+0.5)*step) }
	d.Steps = steps(n, s, func(i int) (num, string, string) { return x(i), c.Columns[i].Label, c.Columns[i].Group })
	for i, col := range c.Columns {
		sum := 0
		for _, v := range col.Values {
			sum += v
		}
		y := float64(s.Bottom())
		for k, v := range col.Values {
			if v == 0 {
				continue
			}
			h := float64(v) / float64(sum) * s.plotHeight()
			y -= h
			p := part{X: x(i) - num(width/2), Y: num(y), Width: num(width), Height: num(h), Class: c.Series[k].Class, Tip: nth(col.Tips, k), Href: nth(col.Hrefs, k)}
			if col.Open {
				p.Class += " open"
			}
			d.Parts = append(d.Parts, p)
		}
	}
	return d
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}
