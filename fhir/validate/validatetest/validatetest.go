// Package validatetest holds what Khamxa writes itself to the rules that it holds others to.
//
// Writes over /fhir pass validate.Write; what components build and commit does not, for it is theirs to get right. Their tests call
// Log at the end, so that all that any of them wrote is checked. Only tests import it.
package validatetest

import (
	"context"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/fhir/validate"
)

// Log validates every version in the log that was not written by one of the authors to leave out, and reports each
// finding as an error of t. An empty log is an error too.
func Log(t testing.TB, log store.Log, leaveOut ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, a := range leaveOut {
		left[a] = true
	}
	seen := 0
	for after := store.Seq(0); ; {
		entries, err := log.Entries(context.Background(), after, 1000)
		if err != nil {
			t.Errorf("the log cannot be read: %v", err)
			return
		}
		for _, e := range entries {
			after = e.Seq
			seen++
			for _, c := range e.Changes {
				if c.Body == nil || left[e.Author] {
					continue
				}
				check(t, c)
			}
		}
		if len(entries) == 0 {
			break
		}
	}
	if seen == 0 {
		t.Error("the log is empty")
	}
}

func check(t testing.TB, c store.EntryChange) {
	t.Helper()
	r, err := fhir.Parse(c.Body)
	if err == nil {
		err = validate.Write(r)
	}
	for _, i := range fhir.Issues(err) {
		t.Errorf("%s/%s version %s is not valid: %s: %s", c.Type, c.ID, c.VersionID, i.Expression, i.Text)
	}
}
