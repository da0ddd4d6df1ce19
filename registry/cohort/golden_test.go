package cohort_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"khamxa/fhir/store"
	"khamxa/registry/cohort"
)

type golden struct {
	name   string
	bodies [][]byte
	expect []expected
}

type expected struct {
	from, to cohort.Month // to included; Forever for the last
	state    string       // "-" for not counted
	commune  string
	why      string
}

// readGolden reads testdata/golden.txt; its header says the form.
func readGolden(t *testing.T) []golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "case: "); ok {
			all = append(all, golden{name: name})
			continue
		}
		g := &all[len(all)-1]
		if line[0] >= '0' && line[0] <= '9' {
			g.expect = append(g.expect, readExpected(t, line))
			continue
		}
		g.bodies = append(g.bodies, readFact(t, fmt.Sprintf("f%d", i), strings.Fields(line)))
	}
	return all
}

func readExpected(t *testing.T, line string) expected {
	t.Helper()
	rule, why, _ := strings.Cut(line, "|")
	f := strings.Fields(rule)
	from, to, isRange := strings.Cut(f[0], "..")
	e := expected{from: month(t, from), state: f[1], why: strings.TrimSpace(why)}
	switch {
	case !isRange:
		e.to = e.from
	case to == "":
		e.to = cohort.Forever
	default:
		e.to = month(t, to)
	}
	if len(f) > 2 && f[2] != "?" {
		e.commune = f[2]
	}
	return e
}

func month(t *testing.T, s string) cohort.Month {
	t.Helper()
	m, err := cohort.ParseMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readFact(t *testing.T, id string, f []string) []byte {
	t.Helper()
	at := func(s string) string {
		switch {
		case strings.HasSuffix(s, "Z"):
			return strings.TrimSuffix(s, "Z") + ":00Z"
		case strings.Contains(s, "T"):
			return s + ":00+07:00"
		}
		return s
	}
	option := func(i int, otherwise string) string {
		if i < len(f) {
			return f[i]
		}
		return otherwise
	}
	switch f[0] {
	case "patient":
		deceased := ""
		if len(f) == 2 {
			deceased = `,"deceasedBoolean":true`
		} else if len(f) == 3 {
			deceased = fmt.Sprintf(`,"deceasedDateTime":%q`, f[2])
		}
		return patientBody("p", deceased)
	case "episode":
		organisation, start, end, rest := f[1], f[3], "", f[4:]
		if len(organisation) == 5 {
			organisation = "tyt-" + organisation
		}
		if len(rest) > 0 && rest[0] == "to" {
			end, rest = rest[1], rest[2:]
		}
		status := "active"
		if len(rest) > 0 {
			status = rest[0]
		}
		return episodeBody(id, "p", organisation, status, start, end)
	case "bp":
		sys, dia, _ := strings.Cut(f[2], "/")
		return bpBody(id, "p", option(3, "final"), at(f[1]), sys, dia)
	case "visit":
		return visitBody(id, "p", option(2, "finished"), "AMB", at(f[1]))
	case "dispense":
		return dispenseBody(id, "p", "completed", at(f[1]))
	}
	t.Fatalf("no such fact: %v", f)
	return nil
}

// beyond is how many months past the last line are looked at.
const beyond = 40

// Every golden patient has the state that was worked out by hand: when asked for the person, in the counters, and in the plain count.
func TestGolden(t *testing.T) {
	cases := readGolden(t)
	if len(cases) < 12 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, g := range cases {
		t.Run(g.name, func(t *testing.T) {
			b := cohort.NewBook()
			var current []cohort.Resource
			for i, body := range g.bodies {
				c := put(body)
				current = append(current, cohort.Resource{Type: c.Type, ID: c.ID, Body: c.Body})
				if err := b.Apply([]store.Entry{{Seq: store.Seq(i + 1), Changes: []store.EntryChange{c}}}); err != nil {
					t.Fatal(err)
				}
			}
			checkMonths(t, b, g)
			diffs, err := cohort.VerifyResources(b, current)
			if err != nil || len(diffs) > 0 {
				t.Errorf("the plain count differs: %v %v", diffs, err)
			}
		})
	}
}

func checkMonths(t *testing.T, b *cohort.Book, g golden) {
	t.Helper()
	if _, counted := b.Standing("p", g.expect[0].from-1); counted {
		t.Errorf("counted before %s", g.expect[0].from)
	}
	next := g.expect[0].from
	for _, e := range g.expect {
		if e.from != next {
			t.Fatalf("the case leaves a gap before %s", e.from)
		}
		to := e.to
		if to == cohort.Forever {
			to = e.from + beyond
		}
		for m := e.from; m <= to; m++ {
			got, commune := "-", ""
			if p, ok := b.Standing("p", m); ok {
				got, commune = p.State.String(), p.Commune
			}
			if got != e.state || commune != e.commune {
				t.Errorf("%s: %s in %q, want %s in %q: %s", m, got, commune, e.state, e.commune, e.why)
			}
			checkFigure(t, b, m, e)
		}
		next = e.to + 1
	}
}

func checkFigure(t *testing.T, b *cohort.Book, m cohort.Month, e expected) {
	t.Helper()
	r, err := b.Figures(cohort.Query{Month: m, Months: 1})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, s := range cohort.States() {
		n := r.Total[0].Count(s)
		sum += n
		want := 0
		if s.String() == e.state {
			want = 1
		}
		if n != want {
			t.Errorf("%s: %d %s in the figures, want %d: %s", m, n, s, want, e.why)
		}
	}
	if e.state == "-" && sum != 0 || e.state != "-" && sum != 1 {
		t.Errorf("%s: counted %d times", m, sum)
	}
}
