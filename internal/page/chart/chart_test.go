package chart_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/page"
	"khamxa/internal/page/chart"
	"khamxa/internal/page/pagetest"
)

var update = flag.Bool("update", false, "write the golden files")

func frame(id string) chart.Frame {
	return chart.Frame{ID: id, Lang: page.Vietnamese, Title: "Tỷ lệ <đạt>", Desc: "Từ 40% đến 50% & hơn", Table: chart.Table{
		Summary: "Xem bằng số", Head: []string{"Tháng", "Tỷ lệ"}, Rows: [][]chart.Cell{{{Text: "T1", Href: "/r?a=1&b=2"}, {Text: "40,0%"}}},
	}}
}

// run is a year with a gap, a lonely point and an open end.
func run() chart.Run {
	r := chart.Run{Frame: frame("run"), Target: 0.5, TargetLabel: "mục tiêu 50%"}
	for i, v := range []float64{0.40, 0.42, 0, 0.45, 0, 0.44, 0.47, 0.48, 0.46, 0.5, 0.52, 0.43} {
		p := chart.Point{Label: "T" + string(rune('A'+i)), Group: "2025", Known: v > 0, Value: v, Low: v - 0.05, High: v + 0.05, Tip: "\"tip\""}
		if i > 5 {
			p.Group = "2026"
		}
		r.Points = append(r.Points, p)
	}
	r.Points[11].Open, r.Points[11].Selected, r.Points[11].Href = true, true, "/r?m=12"
	return r
}

func stack() chart.Stack {
	return chart.Stack{
		Frame:  frame("stack"),
		Series: []chart.Series{{Class: "s0", Label: "Đạt"}, {Class: "s1", Label: "Chưa"}, {Class: "s2", Label: "Không đo"}},
		Columns: []chart.Column{
			{Label: "T1", Group: "2026", Values: []int{3, 1, 0}, Tips: []string{"3 người", "1 người", ""}, Hrefs: []string{"/a", "/b", "/c"}},
			{Label: "T2", Group: "2026", Values: []int{0, 0, 0}},
			{Label: "T3", Group: "2026", Values: []int{1, 1, 2}, Open: true},
		},
	}
}

func pressure(days ...int) chart.Pressure {
	p := chart.Pressure{Frame: frame("bp"), SystolicLimit: 140, DiastolicLimit: 90, Systolic: "Tâm thu", Diastolic: "Tâm trương"}
	first := time.Date(2025, 3, 1, 8, 0, 0, 0, page.Zone())
	for i, d := range days {
		p.Readings = append(p.Readings, chart.Reading{At: first.AddDate(0, 0, d), Systolic: 165 - float64(7*i), Diastolic: 98.5 - float64(3*i), Tip: "165/98,5"})
	}
	return p
}

type drawer interface {
	HTML() (template.HTML, error)
}

func TestGolden(t *testing.T) {
	for name, c := range map[string]drawer{
		"run": run(), "stack": stack(), "pressure": pressure(400, 0, 30, 95, 200, 310), "pressure-days": pressure(0, 21), "pressure-one": pressure(0),
		"interval": chart.Interval{Low: 0.2, Value: 0.3, High: 0.45, Reference: 0.4},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.HTML()
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, string(got))
			for _, problem := range pagetest.Check("<h1>a</h1>" + string(got)) {
				t.Error(problem)
			}
			for _, bad := range []string{"NaN", "Inf", "style=", "<script", `"Tỷ lệ <đạt>"`} {
				if strings.Contains(string(got), bad) {
					t.Errorf("the chart holds %s", bad)
				}
			}
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wellFormed reads the figure as XML: SVG is stricter than HTML.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
	}
}

func TestEmptyChartsAreDrawn(t *testing.T) {
	for name, c := range map[string]drawer{
		"run without points": chart.Run{Frame: frame("a")}, "run without values": chart.Run{Frame: frame("a"), Points: make([]chart.Point, 3)},
		"stack without columns": chart.Stack{Frame: frame("a")}, "pressure without readings": pressure(), "interval at the edges": chart.Interval{High: 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.HTML()
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, string(got))
			if strings.Contains(string(got), "NaN") || strings.Contains(string(got), "Inf") {
				t.Error("the chart holds numbers that are none")
			}
		})
	}
}

// What a chart says of a month without a denominator: nothing. The line has a gap there, and no point.
func TestRunLeavesGaps(t *testing.T) {
	got, err := run().HTML()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "<circle"); n != 2*10 {
		t.Errorf("%d points are drawn in two sizes, want 20", n)
	}
	if n := strings.Count(string(got), `class="open"`); n != 2 {
		t.Errorf("%d open ends, want one in each size", n)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		lang            page.Lang
		percent, number string
	}{{page.Vietnamese, "54,3%", "12.345,5"}, {page.English, "54.3%", "12,345.5"}} {
		if got := chart.Percent(c.lang, 0.5432); got != c.percent {
			t.Errorf("%s: %s, want %s", c.lang, got, c.percent)
		}
		if got := chart.Number(c.lang, 12345.5); got != c.number {
			t.Errorf("%s: %s, want %s", c.lang, got, c.number)
		}
	}
}

// Every class that the markup gives is in the style sheet, so that nothing is drawn black by accident.
func TestClassesHaveColours(t *testing.T) {
	raw, err := os.ReadFile("css/chart.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range []string{".grid", ".bands", ".lines", ".target", ".limit", ".dot", ".open", ".over", ".under", ".selected", ".value", ".strip", ".span", ".s0", ".s1", ".s2", ".s3", ".systolic", ".diastolic", ".track", ".range", ".reference"} {
		if !strings.Contains(string(raw), class) {
			t.Errorf("no style for %s", class)
		}
	}
}
