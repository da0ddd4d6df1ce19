package consult_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/consult"
	"khamxa/internal/fault"
)

func TestSign(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Ended)
	w.pass(time.Minute)
	c, err := w.service.Sign(t.Context(), w.doctor, c.ID)
	if err != nil || c.Phase != consult.Signed || c.Author != w.doctor.Person || !c.Closed.Equal(w.now) {
		t.Fatalf("signed: %+v, %v", c, err)
	}
	again, err := w.service.Sign(t.Context(), w.doctor, c.ID)
	if err != nil || w.keeper.signings != 1 {
		t.Errorf("signing twice wrote %d times, %v", w.keeper.signings, err)
	}
	if diff := cmp.Diff(c, again); diff != "" {
		t.Error(diff)
	}
	if _, err := w.service.SaveDraft(t.Context(), w.doctor, c.ID, []consult.Edit{{Field: consult.Plan, Text: "x", Base: 1}}); !fault.Is(err, fault.State) {
		t.Errorf("a signed note was changed: %v", err)
	}
	if _, err := w.service.SaveVitals(t.Context(), w.doctor, c.ID, consult.Reading{N: 1, Systolic: 150, Diastolic: 90}); !fault.Is(err, fault.State) {
		t.Errorf("a reading was added after signing: %v", err)
	}
}

func TestSignWantsConclusionAndPlan(t *testing.T) {
	for _, missing := range []consult.Field{consult.Assessment, consult.Plan} {
		t.Run(string(missing), func(t *testing.T) {
			w := newWorld(t)
			c, _, _ := w.consultIn(t, consult.Ended)
			w.save(t, c.ID, consult.Edit{Field: missing, Text: " \n ", Base: 1})
			_, err := w.service.Sign(t.Context(), w.doctor, c.ID)
			if !fault.Is(err, fault.Invalid) || fault.PathOf(err) != string(missing) {
				t.Errorf("err = %v at %q", err, fault.PathOf(err))
			}
			if w.keeper.signings != 0 {
				t.Error("it was written all the same")
			}
			w.save(t, c.ID, consult.Edit{Field: missing, Text: "now", Base: 2})
			if _, err := w.service.Sign(t.Context(), w.doctor, c.ID); err != nil {
				t.Errorf("after it was filled in: %v", err)
			}
		})
	}
}

// TestSignUnknownOutcome: the log wrote it and the answer was lost, or it did not write it. Neither is known.
func TestSignUnknownOutcome(t *testing.T) {
	unknown := fault.New(fault.Unknown, "test", "no answer")
	for name, set := range map[string]func(*keeper){
		"written, answer lost": func(k *keeper) { k.lost = unknown },
		"not written":          func(k *keeper) { k.fail = unknown },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, _, _ := w.consultIn(t, consult.Ended)
			set(w.keeper)
			sealed := w.now
			if _, err := w.service.Sign(t.Context(), w.doctor, c.ID); !fault.Is(err, fault.Unknown) {
				t.Fatalf("err = %v", err)
			}
			w.keeper.fail, w.keeper.lost = nil, nil
			w.pass(time.Hour)
			if _, err := w.service.SaveDraft(t.Context(), w.doctor, c.ID, []consult.Edit{{Field: consult.Plan, Text: "other", Base: 1}}); !fault.Is(err, fault.State) {
				t.Errorf("the note may change while the outcome is open: %v", err)
			}
			c, err := w.service.Sign(t.Context(), w.doctor, c.ID)
			if err != nil || c.Phase != consult.Signed || !c.Closed.Equal(sealed) {
				t.Fatalf("signed again: %s at %v, %v", c.Phase, c.Closed, err)
			}
			kept := w.keeper.signed[c.ID]
			if diff := cmp.Diff(kept.Note, c.Note); diff != "" || !kept.Seal.At.Equal(sealed) {
				t.Errorf("the second attempt wrote other bytes: %s", diff)
			}
		})
	}
}

func TestSignCertainFailureOpensTheNoteAgain(t *testing.T) {
	w := newWorld(t)
	c, _, _ := w.consultIn(t, consult.Ended)
	w.keeper.fail = fault.New(fault.Unavailable, "test", "down")
	if _, err := w.service.Sign(t.Context(), w.doctor, c.ID); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("err = %v", err)
	}
	w.keeper.fail = nil
	w.save(t, c.ID, consult.Edit{Field: consult.Plan, Text: "changed", Base: 1})
	c, err := w.service.Sign(t.Context(), w.doctor, c.ID)
	if err != nil || w.keeper.signed[c.ID].Note.Plan.Text != "changed" {
		t.Errorf("signed %q, %v", w.keeper.signed[c.ID].Note.Plan.Text, err)
	}
}
