package guideline_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/registry/guideline"
)

func TestGrade(t *testing.T) {
	for _, c := range []struct {
		name     string
		sys, dia float64
		level    guideline.Level
		isolated bool
		step     guideline.Step
	}{
		{"both low", 119, 79, guideline.Optimal, false, guideline.StepYearly},
		{"systolic at the edge", 120, 79, guideline.Normal, false, guideline.StepYearly},
		{"diastolic decides", 119, 85, guideline.HighNormal, false, guideline.StepHalfYear},
		{"just under hypertension", 139, 89, guideline.HighNormal, false, guideline.StepHalfYear},
		{"a decimal stays under", 139.9, 89.9, guideline.HighNormal, false, guideline.StepHalfYear},
		{"systolic 140", 140, 89, guideline.Grade1, true, guideline.StepSecondVisit},
		{"diastolic 90", 139, 90, guideline.Grade1, false, guideline.StepSecondVisit},
		{"higher of the two", 150, 105, guideline.Grade2, false, guideline.StepStartSoon},
		{"systolic 160", 160, 80, guideline.Grade2, true, guideline.StepStartSoon},
		{"grade 3 by diastolic, no emergency", 150, 110, guideline.Grade3, false, guideline.StepStartSoon},
		{"emergency by systolic", 180, 90, guideline.Grade3, false, guideline.StepEmergency},
		{"emergency by diastolic", 150, 120, guideline.Grade3, false, guideline.StepEmergency},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := guideline.Grade(c.sys, c.dia)
			if g.Level != c.level || g.IsolatedSystolic != c.isolated || g.Step != c.step {
				t.Errorf("%v/%v is %v, isolated %v, %v; want %v, %v, %v", c.sys, c.dia, g.Level, g.IsolatedSystolic, g.Step, c.level, c.isolated, c.step)
			}
			for _, id := range []string{g.Rule, g.StepRule} {
				if _, ok := guideline.ByID(id); !ok {
					t.Errorf("rule %q is not in the table", id)
				}
			}
		})
	}
}

// TestGradeTreated: nobody who is treated is told to come again in a year, or that the diagnosis has to be confirmed.
func TestGradeTreated(t *testing.T) {
	for _, c := range []struct {
		name     string
		sys, dia float64
		level    guideline.Level
		step     guideline.Step
		rule     string
	}{
		{"normal", 126, 78, guideline.Normal, guideline.StepKeep, guideline.RuleControlHEARTS360},
		{"just on target", 139.9, 89.9, guideline.HighNormal, guideline.StepKeep, guideline.RuleControlHEARTS360},
		{"systolic 140", 140, 80, guideline.Grade1, guideline.StepReview, guideline.RuleControlHEARTS360},
		{"diastolic 90", 120, 90, guideline.Grade1, guideline.StepReview, guideline.RuleControlHEARTS360},
		{"high", 165, 95, guideline.Grade2, guideline.StepReview, guideline.RuleControlHEARTS360},
		{"an emergency stays one", 182, 95, guideline.Grade3, guideline.StepEmergency, guideline.RuleEmergency},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := guideline.GradeTreated(c.sys, c.dia)
			if g.Level != c.level || g.Step != c.step || g.StepRule != c.rule || g.Next != "guideline.bp.next."+string(c.step) {
				t.Errorf("%v/%v is %+v", c.sys, c.dia, g)
			}
		})
	}
}

func TestControl(t *testing.T) {
	for _, c := range []struct {
		name      string
		threshold guideline.Threshold
		sys, dia  float64
		want      bool
	}{
		{"139/89", guideline.ControlHEARTS360(), 139, 89, true},
		{"140 is not controlled", guideline.ControlHEARTS360(), 140, 70, false},
		{"90 is not controlled", guideline.ControlHEARTS360(), 120, 90, false},
		{"WHO, low risk", guideline.ControlWHO(false), 135, 80, true},
		{"WHO, high risk", guideline.ControlWHO(true), 130, 80, false},
		{"WHO, high risk, below", guideline.ControlWHO(true), 129, 89, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.threshold.Holds(guideline.Pressure{Systolic: c.sys, Diastolic: c.dia}); got != c.want {
				t.Errorf("%v/%v controlled is %v, want %v", c.sys, c.dia, got, c.want)
			}
		})
	}
}

func TestPlausible(t *testing.T) {
	for _, c := range []struct {
		name     string
		sys, dia float64
		ok       bool
		unusual  []string
	}{
		{"ordinary", 128, 78, true, nil},
		{"lower limits", 50, 20, true, []string{"guideline.bp.unusual.systolic", "guideline.bp.unusual.diastolic"}},
		{"upper limits", 300, 200, true, []string{"guideline.bp.unusual.systolic", "guideline.bp.unusual.diastolic"}},
		{"too low", 49, 40, false, nil},
		{"a digit too many", 1300, 80, false, nil},
		{"swapped", 80, 130, false, nil},
		{"equal", 90, 90, false, nil},
		{"small difference", 120, 110, true, []string{"guideline.bp.unusual.difference"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := guideline.Pressure{Systolic: c.sys, Diastolic: c.dia}
			if got := guideline.Plausible(p); got != c.ok {
				t.Fatalf("plausible is %v, want %v", got, c.ok)
			}
			if c.ok {
				if diff := cmp.Diff(c.unusual, guideline.Unusual(p)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestSession(t *testing.T) {
	p := func(s, d float64) guideline.Pressure { return guideline.Pressure{Systolic: s, Diastolic: d} }
	for _, c := range []struct {
		name string
		in   []guideline.Pressure
		want guideline.Pressure
	}{
		{"none", nil, p(0, 0)},
		{"one", []guideline.Pressure{p(150, 95)}, p(150, 95)},
		{"two: the mean", []guideline.Pressure{p(150, 90), p(141, 85)}, p(145.5, 87.5)},
		{"three: the first is left out", []guideline.Pressure{p(170, 100), p(140, 90), p(138, 86)}, p(139, 88)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := guideline.Session(c.in); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// Every key that the tables give out has words in both languages, and no words are left without a key in the other language.
func TestMessages(t *testing.T) {
	words := map[string]map[string]string{}
	for _, lang := range []string{"vi", "en"} {
		raw, err := guideline.Messages.ReadFile("messages/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]string
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		words[lang] = m
	}
	var keys []string
	seen := map[string]bool{}
	for _, r := range guideline.Rules() {
		keys = append(keys, r.Text)
		if seen[r.ID] || r.Source.Document == "" || r.Source.Version == "" || r.Source.Note == "" {
			t.Errorf("rule %s is doubled or has no source", r.ID)
		}
		seen[r.ID] = true
	}
	for sys := 60.0; sys <= 260; sys += 5 {
		g := guideline.Grade(sys, 50)
		keys = append(keys, g.Text, g.Next, guideline.GradeTreated(sys, 50).Next)
		keys = append(keys, guideline.Unusual(guideline.Pressure{Systolic: sys, Diastolic: 31})...)
	}
	for lang, m := range words {
		for _, k := range keys {
			if m[k] == "" {
				t.Errorf("%s has no words for %s", lang, k)
			}
		}
	}
	for k := range words["vi"] {
		if words["en"][k] == "" {
			t.Errorf("%s is missing in English", k)
		}
	}
	if len(words["vi"]) != len(words["en"]) {
		t.Errorf("%d Vietnamese and %d English messages", len(words["vi"]), len(words["en"]))
	}
}
