// Package chart draws the few charts of the pages as SVG on the server: a run chart with its interval, stacked columns, a blood
// pressure series, and an interval for a table's row.
//
// Each chart is a figure with a title, a description for screen readers, and the same numbers as a table under it. It is drawn twice,
// wide and for a phone, and the style sheet shows one: text that is scaled down with the picture cannot be read. Colours are classes, so
// that dark mode and paper work and the security policy holds (no style attributes, no script). The style sheet is css/chart.css of
// Source, which a page's own style sheet imports as "/chart/chart.css".
//
// It knows nothing of what the numbers mean and asks nobody for them. Web packages may call it. All functions are safe for concurrent use.
package chart

import (
	"bytes"
	"embed"
	"html/template"
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"khamxa/internal/fault"
	"khamxa/internal/page"
)

//go:embed css
var files embed.FS

//go:embed chart.html
var markup string

// Source is what the page shell needs of this package: the style sheet chart/chart.css.
func Source() page.Source { return page.Source{Name: "chart", FS: files} }

// Frame is what every chart has. ID must be unique in its page and starts every id in the chart.
type Frame struct {
	ID    string
	Lang  page.Lang
	Title string
	Desc  string // what it shows in one or two sentences, for people who do not see it
	Table Table
}

// Table is the chart in numbers. Summary is the text to click on; the first column names the rows.
type Table struct {
	Summary string
	Head    []string
	Rows    [][]Cell
}

// Cell is one cell, a link if Href is given.
type Cell struct{ Text, Href string }

// figure is what the template "figure" takes: the frame, the legend, and the two drawings.
type figure struct {
	Frame
	Kind     string // name of the template that draws
	Keys     []key
	Drawings []any
}

type key struct{ Class, Label string }

// parsed is the parsed markup. It is only executed, never changed.
var parsed = template.Must(template.New("chart").Parse(markup))

// html executes one template of the set.
func html(name string, view any) (template.HTML, error) {
	var b bytes.Buffer
	if err := parsed.ExecuteTemplate(&b, name, view); err != nil {
		return "", fault.Wrap(err, fault.Internal, "chart.html", "A chart could not be drawn.")
	}
	return template.HTML(b.String()), nil // made by html/template, which escaped what was filled in
}

// size is a drawing's canvas in units of its viewBox, which is about a CSS pixel.
type size struct {
	Name                     string // "wide" or "narrow": class and part of the ids
	Width, Height            num
	left, right, top, bottom float64
}

func (s size) plotWidth() float64  { return float64(s.Width) - s.left - s.right }
func (s size) plotHeight() float64 { return float64(s.Height) - s.top - s.bottom }

// Left, Right, Top and Bottom are the edges of the plot.
func (s size) Left() num { return num(s.left) }

// Right is described at Left.
func (s size) Right() num { return s.Width - num(s.right) }

// Top is described at Left.
func (s size) Top() num { return num(s.top) }

// Bottom is described at Left.
func (s size) Bottom() num { return s.Height - num(s.bottom) }

// Depth is the height of the plot.
func (s size) Depth() num { return num(s.plotHeight()) }

func wide() size {
	return size{Name: "wide", Width: 620, Height: 290, left: 46, right: 12, top: 18, bottom: 44}
}

func narrow() size {
	return size{Name: "narrow", Width: 336, Height: 250, left: 40, right: 10, top: 18, bottom: 42}
}

// num prints a coordinate shortly: at most one decimal.
type num float64

func (n num) String() string {
	return strconv.FormatFloat(math.Round(float64(n)*10)/10, 'f', -1, 64)
}

// at writes a point of a path: "12.5,40".
func at(x, y num) string { return x.String() + "," + y.String() }

// tick is a mark on an axis. Sub is a second line, under Text.
type tick struct {
	At        num
	Text, Sub string
}

// printer prints numbers the language's way.
func printer(lang page.Lang) *message.Printer {
	if lang == page.English {
		return message.NewPrinter(language.English)
	}
	return message.NewPrinter(language.Vietnamese)
}

// Percent prints a fraction with one decimal, as the template function percent does: 54,3% or 54.3%.
func Percent(lang page.Lang, fraction float64) string {
	text := printer(lang).Sprint(number.Percent(fraction, number.MinFractionDigits(1), number.MaxFractionDigits(1)))
	return strings.ReplaceAll(text, "\u00a0", "")
}

// Number prints a number with at most one decimal: 1.234 or 1,234.
func Number(lang page.Lang, v float64) string {
	return printer(lang).Sprint(number.Decimal(v, number.MaxFractionDigits(1)))
}

// wholePercent is the short form on an axis.
func wholePercent(fraction float64) string { return strconv.Itoa(int(math.Round(fraction*100))) + "%" }

// labelled says which of n steps get a label so that the last one does and at most most do.
func labelled(i, n, most int) bool {
	every := max(1, (n+most-1)/most)
	return (n-1-i)%every == 0
}
