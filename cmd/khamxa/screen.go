package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// screen shows what an operation says: lines on standard output, and progress as a bar on standard error while somebody looks there.
type screen struct {
	t     terminal
	looks bool
	what  string
	bar   *progressbar.ProgressBar
}

func newScreen(t terminal) *screen { return &screen{t: t, looks: isTerminal(t.err)} }

// say shows one thing.
func (s *screen) say(m said) {
	switch {
	case m.What != "":
		s.progress(m)
	case m.Note != "":
		s.end()
		s.t.sayf("%s", m.Note)
	case m.Line != "":
		s.end()
		_ = s.t.printf("%s", m.Line) // a reader that went away is no failure of the work
	}
}

func (s *screen) progress(m said) {
	if !s.looks {
		return
	}
	if s.bar == nil || s.what != m.What {
		s.end()
		total := m.Total
		if total == 0 {
			total = -1 // not known: it counts, and draws no end
		}
		s.what = m.What
		s.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(s.t.err), progressbar.OptionSetDescription(m.What),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true))
	}
	_ = s.bar.Set64(m.Done) // a bar that cannot be drawn is no failure of the work
}

// end finishes the bar that is drawn, so that the next line begins at the left.
func (s *screen) end() {
	if s.bar == nil {
		return
	}
	_ = s.bar.Finish()
	s.t.sayf("")
	s.bar = nil
}
