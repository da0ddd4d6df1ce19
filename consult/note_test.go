package consult_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/consult"
	"khamxa/internal/fault"
)

func (w *world) save(t testing.TB, id string, edits ...consult.Edit) consult.Saved {
	t.Helper()
	saved, err := w.service.SaveDraft(t.Context(), w.doctor, id, edits)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func (w *world) textOf(t testing.TB, id string, f consult.Field) string {
	t.Helper()
	c, err := w.service.Get(t.Context(), w.doctor, id)
	if err != nil {
		t.Fatal(err)
	}
	return c.Note.Section(f).Text
}

func TestTwoTabsDoNotOverwriteEachOther(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	w.save(t, c.ID, consult.Edit{Field: consult.Plan, Text: "tab one", Base: 0, Editor: "one", Revision: 1})
	saved := w.save(t, c.ID,
		consult.Edit{Field: consult.Plan, Text: "tab two", Base: 0, Editor: "two", Revision: 1},
		consult.Edit{Field: consult.Findings, Text: "only here", Base: 0, Editor: "two", Revision: 2})
	if got := saved.Conflicts[consult.Plan]; got.Text != "tab one" || got.Version != 1 || got.By.Name != w.doctor.Name {
		t.Errorf("the conflict shows %+v", got)
	}
	if diff := cmp.Diff(map[consult.Field]int{consult.Findings: 1}, saved.Versions); diff != "" {
		t.Errorf("the other section: %s", diff)
	}
	if got := w.textOf(t, c.ID, consult.Plan); got != "tab one" {
		t.Errorf("the plan is %q, it was overwritten", got)
	}
	saved = w.save(t, c.ID, consult.Edit{Field: consult.Plan, Text: "tab two, after looking", Base: 1, Editor: "two", Revision: 3})
	if saved.Versions[consult.Plan] != 2 {
		t.Errorf("an edit of what was seen got %+v", saved)
	}
}

// TestClosingTab is the race of a closing tab: its last save leaves before the answer to the one before, or overtakes it.
func TestClosingTab(t *testing.T) {
	first := consult.Edit{Field: consult.Reason, Text: "đau", Base: 0, Editor: "tab", Revision: 1}
	last := consult.Edit{Field: consult.Reason, Text: "đau đầu", Base: 0, Editor: "tab", Revision: 2}
	for name, order := range map[string][]consult.Edit{"in order": {first, last}, "overtaken": {last, first}, "sent twice": {first, last, last, first}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, _, _ := w.consultIn(t, consult.Booked)
			for _, e := range order {
				if saved := w.save(t, c.ID, e); len(saved.Conflicts) > 0 {
					t.Errorf("the page is in conflict with itself: %+v", saved.Conflicts)
				}
			}
			if got := w.textOf(t, c.ID, consult.Reason); got != "đau đầu" {
				t.Errorf("the section holds %q, what was typed last is lost", got)
			}
		})
	}
}

func TestSaveDraft(t *testing.T) {
	tests := []struct {
		name, text, want string
		field            consult.Field
		code             fault.Code
	}{
		{name: "decomposed letters are composed", field: consult.Plan, text: "Tha\u0306m kha\u0301m", want: "Thăm khám"},
		{name: "control characters and CRLF", field: consult.Plan, text: "a\r\nb\x00\x07\tc", want: "a\nb\tc"},
		{name: "empty again", field: consult.Plan, text: "", want: ""},
		{name: "no such section", field: "prescription", text: "x", code: fault.Invalid},
		{name: "not Unicode", field: consult.Plan, text: "\xff", code: fault.Invalid},
		{name: "longest", field: consult.Plan, text: strings.Repeat("ế", consult.MaxSection), want: strings.Repeat("ế", consult.MaxSection)},
		{name: "too long", field: consult.Plan, text: strings.Repeat("ế", consult.MaxSection+1), code: fault.TooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c, _, _ := w.consultIn(t, consult.Booked)
			_, err := w.service.SaveDraft(t.Context(), w.doctor, c.ID, []consult.Edit{{Field: tt.field, Text: tt.text}})
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("err = %v, want code %q", err, tt.code)
			}
			if got := w.textOf(t, c.ID, consult.Plan); err == nil && got != tt.want {
				t.Errorf("kept %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSaveDraftAtOnce(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	var group sync.WaitGroup
	for i, f := range consult.Fields() {
		group.Go(func() {
			_, err := w.service.SaveDraft(t.Context(), w.doctor, c.ID, []consult.Edit{{Field: f, Text: string(rune('a' + i))}})
			if err != nil {
				t.Errorf("%s: %v", f, err)
			}
		})
	}
	group.Wait()
	for i, f := range consult.Fields() {
		if got := w.textOf(t, c.ID, f); got != string(rune('a'+i)) {
			t.Errorf("%s holds %q", f, got)
		}
	}
}

func TestSaveVitals(t *testing.T) {
	tests := []struct {
		name    string
		reading consult.Reading
		path    string // of the error, "" when it is kept
	}{
		{"usual", consult.Reading{N: 1, Systolic: 152, Diastolic: 94}, ""},
		{"with pulse", consult.Reading{N: 1, Systolic: 152, Diastolic: 94, Pulse: 80}, ""},
		{"lowest", consult.Reading{N: 1, Systolic: 50, Diastolic: 20}, ""},
		{"highest", consult.Reading{N: 1, Systolic: 300, Diastolic: 200}, ""},
		{"no systolic", consult.Reading{N: 1, Diastolic: 94}, "systolic"},
		{"no diastolic", consult.Reading{N: 1, Systolic: 152}, "diastolic"},
		{"systolic too low", consult.Reading{N: 1, Systolic: 49, Diastolic: 30}, "systolic"},
		{"systolic too high", consult.Reading{N: 1, Systolic: 301, Diastolic: 94}, "systolic"},
		{"diastolic too low", consult.Reading{N: 1, Systolic: 152, Diastolic: 19}, "diastolic"},
		{"diastolic too high", consult.Reading{N: 1, Systolic: 300, Diastolic: 201}, "diastolic"},
		{"swapped", consult.Reading{N: 1, Systolic: 94, Diastolic: 152}, "diastolic"},
		{"equal", consult.Reading{N: 1, Systolic: 94, Diastolic: 94}, "diastolic"},
		{"pulse of a bird", consult.Reading{N: 1, Systolic: 152, Diastolic: 94, Pulse: 251}, "pulse"},
		{"out of order", consult.Reading{N: 2, Systolic: 152, Diastolic: 94}, "n"},
		{"number zero", consult.Reading{Systolic: 152, Diastolic: 94}, "n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			c, _, _ := w.consultIn(t, consult.Admitted)
			c, err := w.service.SaveVitals(t.Context(), w.doctor, c.ID, tt.reading)
			if fault.PathOf(err) != tt.path || (tt.path != "") != (err != nil) {
				t.Fatalf("err = %v, want it at %q", err, tt.path)
			}
			if err == nil && (len(c.Readings) != 1 || !c.Readings[0].Kept || len(w.keeper.vitals) != 1) {
				t.Errorf("kept %+v, log %v", c.Readings, w.keeper.vitals)
			}
			if err != nil && len(w.keeper.vitals) != 0 {
				t.Error("a wrong reading reached the log")
			}
		})
	}
}

func TestVitalsAreCorrectedAndRepeated(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	save := func(r consult.Reading) consult.Consult {
		t.Helper()
		c, err := w.service.SaveVitals(t.Context(), w.doctor, c.ID, r)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	measured := w.now
	save(consult.Reading{N: 1, Systolic: 250, Diastolic: 94})
	w.pass(2 * time.Minute)
	save(consult.Reading{N: 1, Systolic: 152, Diastolic: 94}) // a typing mistake, put right
	c = save(consult.Reading{N: 2, Systolic: 148, Diastolic: 90})
	want := []consult.Reading{
		{N: 1, Systolic: 152, Diastolic: 94, At: measured, By: w.doctor.Person, Kept: true},
		{N: 2, Systolic: 148, Diastolic: 90, At: w.now, By: w.doctor.Person, Kept: true},
	}
	if diff := cmp.Diff(want, c.Readings); diff != "" {
		t.Error(diff)
	}
	if w.keeper.vitals[c.ID+"-1"].Systolic != 152 {
		t.Error("the correction did not reach the log")
	}
}

func TestVitalsStayWhenTheLogIsDown(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Admitted)
	w.keeper.fail = fault.New(fault.Unavailable, "test", "down")
	r := consult.Reading{N: 1, Systolic: 152, Diastolic: 94}
	if _, err := w.service.SaveVitals(t.Context(), w.doctor, c.ID, r); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("err = %v", err)
	}
	c, _ = w.service.Get(t.Context(), w.doctor, c.ID)
	if len(c.Readings) != 1 || c.Readings[0].Kept {
		t.Fatalf("the reading is %+v, want it there and not kept", c.Readings)
	}
	w.keeper.fail = nil
	c, err := w.service.SaveVitals(t.Context(), w.doctor, c.ID, r)
	if err != nil || len(c.Readings) != 1 || !c.Readings[0].Kept {
		t.Errorf("saved again: %+v, %v", c.Readings, err)
	}
}
