package chart

import "html/template"

// Interval is a proportion with its interval on a line from 0 to 100 %, for a table's row. It has no title of its own: the numbers stand
// beside it, and screen readers skip it.
type Interval struct {
	Low, Value, High float64 // fractions
	Reference        float64 // a mark to compare with, as the whole of which the row is a part; 0 for none
}

// HTML is the drawing alone.
func (i Interval) HTML() (template.HTML, error) {
	const width, margin = 120, 6
	x := func(v float64) num { return num(margin + v*(width-2*margin)) }
	return html("interval", struct{ Start, End, Low, Value, High, Reference num }{x(0), x(1), x(i.Low), x(i.Value), x(i.High), reference(i.Reference, x)})
}

// reference is 0 for none, which no mark can be at because of the margin.
func reference(v float64, x func(float64) num) num {
	if v <= 0 {
		return 0
	}
	return x(v)
}
