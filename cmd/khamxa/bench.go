package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"khamxa/internal/fault"
)

// benchFigures are the results of one bench, in the order in which they were taken.
type benchFigures struct {
	names  []string
	values map[string]float64
	abouts map[string]string
}

// set keeps one figure under its name in the outside contract; about says to a person what it is.
func (f *benchFigures) set(name string, value float64, about string) {
	if f.values == nil {
		f.values, f.abouts = map[string]float64{}, map[string]string{}
	}
	if _, again := f.values[name]; !again {
		f.names = append(f.names, name)
	}
	f.values[name], f.abouts[name] = rounded(value), about
}

// rounded keeps four digits: what is behind them is noise.
func rounded(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	if scale < 1 {
		return math.Round(v)
	}
	return math.Round(v*scale) / scale
}

// print writes the figures: one JSON object, or a table.
func (f *benchFigures) print(t terminal, bench string, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(struct {
			Bench   string             `json:"bench"`
			Machine string             `json:"machine"`
			Metrics map[string]float64 `json:"metrics"`
		}{bench, machine(), f.values})
		if err != nil {
			return fault.Wrap(err, fault.Internal, "khamxa.bench", "The figures could not be written down.")
		}
		return t.printf("%s", line)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "khamxa bench %s on %s\n\n", bench, machine())
	for _, name := range f.names {
		fmt.Fprintf(&b, "%14s  %-44s %s\n", figure(f.values[name]), name, f.abouts[name])
	}
	return t.printf("%s", strings.TrimRight(b.String(), "\n"))
}

func figure(v float64) string {
	if v == math.Trunc(v) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprint(v)
}

// machine names what the figures were taken on.
func machine() string {
	cpu, memory := "", ""
	eachLine("/proc/cpuinfo", func(line string) bool {
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "model name" {
			cpu = " " + strings.TrimSpace(value)
		}
		return cpu == ""
	})
	if kb := procNumber("/proc/meminfo", "MemTotal"); kb > 0 {
		memory = fmt.Sprintf(", %d GB", int64(math.Round(kb/(1<<20))))
	}
	return fmt.Sprintf("%d CPUs%s%s, %s/%s, %s", runtime.NumCPU(), cpu, memory, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// procNumber is the number in a line "Name:  123 kB" of a file of /proc; 0 where there is none.
func procNumber(file, name string) (n float64) {
	eachLine(file, func(line string) bool {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			_, _ = fmt.Sscan(rest, &n) // 0 says that it is not known
			return false
		}
		return true
	})
	return n
}

func eachLine(file string, f func(string) bool) {
	in, err := os.Open(file)
	if err != nil {
		return // a system without /proc
	}
	defer func() { _ = in.Close() }() // it was only read
	for s := bufio.NewScanner(in); s.Scan() && f(s.Text()); {
		continue
	}
}

// timings are what one kind of request took.
type timings struct {
	each []time.Duration // sorted
	wall time.Duration

	calls     int     // with those that are not counted
	processor float64 // of the service for each call, in us
}

// perSecond is how many were done in a second by all clients together.
func (t *timings) perSecond() float64 { return float64(len(t.each)) / t.wall.Seconds() }

// at is the percentile in milliseconds.
func (t *timings) at(percent float64) float64 {
	if len(t.each) == 0 {
		return 0
	}
	i := int(math.Ceil(float64(len(t.each))*percent/100)) - 1
	return float64(t.each[max(0, i)].Microseconds()) / 1000
}

// together runs clients side by side, each calling do with running numbers until the time is over, and times every call. The first tenth
// is not counted. An error ends it.
func together(ctx context.Context, clients int, span time.Duration, do func(client, n int) error) (*timings, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, span, errEnough)
	defer cancel()
	type result struct {
		each  []time.Duration
		calls int
		err   error
	}
	results := make(chan result, clients)
	start := time.Now()
	warm := start.Add(span / 10)
	for client := range clients {
		go func() {
			var r result
			for n := 0; ctx.Err() == nil && r.err == nil; n++ {
				begin := time.Now()
				r.err = do(client, n)
				r.calls++
				if begin.After(warm) {
					r.each = append(r.each, time.Since(begin))
				}
			}
			results <- r
		}()
	}
	var t timings
	var failed error
	for range clients {
		r := <-results
		t.each = append(t.each, r.each...)
		t.calls += r.calls
		if r.err != nil {
			failed = r.err
			cancel()
		}
	}
	t.wall = time.Since(warm)
	slices.Sort(t.each)
	if failed == nil && !errors.Is(context.Cause(ctx), errEnough) {
		failed = fault.Wrap(ctx.Err(), fault.Timeout, "khamxa.bench", "Stopped.")
	}
	return &t, failed
}

var errEnough = fault.New(fault.Timeout, "khamxa.bench", "The time of the measurement is over.")
