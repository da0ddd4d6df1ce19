package seed_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry/cohort"
	"khamxa/registry/seed"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.FixedZone("", 7*3600))

// generate makes a population and gives its transactions.
func generate(t *testing.T, o seed.Options) ([]store.Transaction, seed.Summary) {
	t.Helper()
	var out []store.Transaction
	o.Out = func(tx store.Transaction) error {
		out = append(out, tx)
		return nil
	}
	sum, err := seed.Generate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return out, sum
}

func digest(txs []store.Transaction) [32]byte {
	h := sha256.New()
	for _, tx := range txs {
		for _, c := range tx.Changes {
			fmt.Fprintf(h, "%s/%s %s\n", c.Type, c.ID, c.Body)
		}
		fmt.Fprintln(h, "--")
	}
	return [32]byte(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	o := seed.Options{Patients: 60, Months: 18, Seed: 7, Now: now}
	a, _ := generate(t, o)
	o.Now = now.Add(10 * time.Hour) // the same day
	b, _ := generate(t, o)
	if digest(a) != digest(b) {
		t.Error("the same options gave other bytes")
	}
	o.Seed = 8
	c, _ := generate(t, o)
	if digest(a) == digest(c) {
		t.Error("another seed gave the same bytes")
	}
}

func TestPersonDoesNotDependOnNumber(t *testing.T) {
	few, _ := generate(t, seed.Options{Patients: 5, Months: 18, Seed: 7, Now: now})
	many, _ := generate(t, seed.Options{Patients: 50, Months: 18, Seed: 7, Now: now})
	var a, b []string
	for _, tx := range few {
		for _, c := range tx.Changes {
			a = append(a, string(c.Body))
		}
	}
	for _, tx := range many {
		for _, c := range tx.Changes {
			b = append(b, string(c.Body))
		}
	}
	if len(b) < len(a) || strings.Join(a, "\n") != strings.Join(b[:len(a)], "\n") {
		t.Error("the first five people of fifty are not the five")
	}
}

// The population looks like what it imitates: within wide bounds, so that the test says when the model breaks, not when it is tuned.
func TestPopulation(t *testing.T) {
	txs, sum := generate(t, seed.Options{Patients: 1500, Months: 24, Seed: 1, Now: now})
	b := cohort.NewBook()
	ids, nguyen, female, patients, zeros, readings := map[string]bool{}, 0, 0, 0, 0, 0
	for i, tx := range txs {
		e := store.Entry{Seq: store.Seq(i + 1)}
		for _, c := range tx.Changes {
			r, err := fhir.Parse(c.Body)
			if err != nil {
				t.Fatalf("%s: %v", c.Body, err)
			}
			if r.ID != c.ID || ids[c.Type+c.ID] {
				t.Fatalf("%s/%s is doubled or has another id in its body", c.Type, c.ID)
			}
			ids[c.Type+c.ID] = true
			switch c.Type {
			case "Patient":
				patients++
				if r.Root.Get("name").At(0).Get("family").IsString("Nguyễn") {
					nguyen++
				}
				if r.Root.Get("gender").IsString("female") {
					female++
				}
			case "Observation":
				readings++
				if strings.HasSuffix(r.Root.Get("contained").At(0).Get("component").At(0).Get("valueQuantity").Get("value").String(), "0") {
					zeros++
				}
			}
			e.Changes = append(e.Changes, store.EntryChange{Method: c.Method, Type: c.Type, ID: c.ID, Body: c.Body})
		}
		if err := b.Apply([]store.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	within := func(what string, got, low, high float64) {
		t.Logf("%s: %.3f", what, got)
		if got < low || got > high {
			t.Errorf("%s is %.3f, want %.2f to %.2f", what, got, low, high)
		}
	}
	m := cohort.MonthOf(now) - 1
	r, err := b.Figures(cohort.Query{Month: m, Months: 18})
	if err != nil {
		t.Fatal(err)
	}
	f := r.Total[17]
	d := float64(f.Denominator)
	within("patients", float64(patients), 1500, 1500)
	within("share enrolled", float64(sum.Enrolled)/1500, 0.55, 0.8)
	within("share called Nguyễn", float64(nguyen)/1500, 0.34, 0.43)
	within("share of women", float64(female)/1500, 0.46, 0.62)
	within("resources per person", float64(sum.Resources)/1500, 15, 45)
	within("control", float64(f.Numerator)/d, 0.3, 0.65)
	within("missed", float64(f.Count(cohort.Missed))/d, 0.08, 0.35)
	within("visited without BP", float64(f.Count(cohort.VisitedNoBP))/d, 0.002, 0.1)
	within("lost", float64(f.Count(cohort.Lost))/float64(f.Counted()), 0.02, 0.2)
	within("new", float64(f.Count(cohort.New))/float64(f.Counted()), 0.02, 0.2)
	within("last digit 0", float64(zeros)/float64(readings), 0.12, 0.5)
	if len(r.Communes) != 22 {
		t.Errorf("people in %d communes, want 22", len(r.Communes))
	}
}

func TestRefusals(t *testing.T) {
	ok := func(store.Transaction) error { return nil }
	for _, c := range []struct {
		name string
		o    seed.Options
	}{
		{"nobody", seed.Options{Months: 1, Now: now, Out: ok}},
		{"no time", seed.Options{Patients: 1, Now: now, Out: ok}},
		{"too long", seed.Options{Patients: 1, Months: 241, Now: now, Out: ok}},
		{"no clock", seed.Options{Patients: 1, Months: 1, Out: ok}},
		{"nowhere to put it", seed.Options{Patients: 1, Months: 1, Now: now}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := seed.Generate(context.Background(), c.o); !fault.Is(err, fault.Invalid) {
				t.Errorf("got %v, want invalid", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := seed.Generate(ctx, seed.Options{Patients: 1, Months: 1, Now: now, Out: ok}); !fault.Is(err, fault.Timeout) {
		t.Errorf("a cancelled context gives %v", err)
	}
}

// The demonstration patient is lost to follow-up, and one good pressure moves numerator and denominator by one, whatever day it is.
func TestDemo(t *testing.T) {
	for _, on := range []string{"2026-01-01", "2026-03-31", "2026-11-23", "2028-02-29", "2027-12-31"} {
		t.Run(on, func(t *testing.T) {
			today, err := time.Parse(time.DateOnly, on)
			if err != nil {
				t.Fatal(err)
			}
			tx, id := seed.Demo(today)
			e := store.Entry{Seq: 1}
			for _, c := range tx.Changes {
				if _, err := fhir.Parse(c.Body); err != nil {
					t.Fatal(err)
				}
				e.Changes = append(e.Changes, store.EntryChange{Method: c.Method, Type: c.Type, ID: c.ID, Body: c.Body})
			}
			b := cohort.NewBook()
			if err := b.Apply([]store.Entry{e}); err != nil {
				t.Fatal(err)
			}
			m := cohort.MonthOf(today)
			if p, ok := b.Standing(id, m); !ok || p.State != cohort.Lost || p.Commune != "14221" {
				t.Fatalf("she is %v (%v), want lost in 14221", p.State, ok)
			}
			bp := fmt.Sprintf(`{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
				"subject":{"reference":"Patient/%s"},"effectiveDateTime":"%sT10:00:00+07:00","component":[
				{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":132,"code":"mm[Hg]"}},
				{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":82,"code":"mm[Hg]"}}]}`, id, on)
			if err := b.Apply([]store.Entry{{Seq: 2, Changes: []store.EntryChange{{Method: store.Put, Type: "Observation", ID: "o", Body: []byte(bp)}}}}); err != nil {
				t.Fatal(err)
			}
			r, err := b.Figures(cohort.Query{Month: m, Months: 1, Communes: []string{"14221"}})
			if err != nil {
				t.Fatal(err)
			}
			if f := r.Total[0]; f.Numerator != 1 || f.Denominator != 1 || f.NotAssessable != 0 {
				t.Errorf("after the reading %d of %d, %d apart; want 1 of 1, 0", f.Numerator, f.Denominator, f.NotAssessable)
			}
		})
	}
}
