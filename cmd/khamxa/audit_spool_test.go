package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// readEvent is what the FHIR face tells of one read.
func readEvent(id string, at time.Time) rest.Event {
	return rest.Event{Time: at, Author: "Device/client-1", Interaction: "read", Type: "Patient", ID: id, Resources: []string{"Patient/" + id}, Count: 1}
}

// auditTrail are the references that the audit events of a log name, event by event.
func auditTrail(t *testing.T, c *core) (named [][]string) {
	t.Helper()
	entries, err := c.store.Entries(t.Context(), 0, store.MaxEntries)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		for _, change := range e.Changes {
			r, err := fhir.Parse(change.Body)
			if err != nil || r.Type != auditType || e.Author != "Device/client-1" {
				t.Fatalf("%s by %s, %v", change.Body, e.Author, err)
			}
			var one []string
			for _, entity := range r.Root.Get("entity").Items() {
				one = append(one, entity.Get("what").Get("reference").String())
			}
			named = append(named, one)
		}
	}
	return named
}

// TestTrailThroughTheSpool: what was shown before the process was killed is in the log after the next start, once, and what is shown then
// follows; many reads are few events; settling brings all of them.
func TestTrailThroughTheSpool(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	killed := t.TempDir()
	before := openTestCore(t)
	dying := trail{log: before.store, clock: time.Now}
	if err := dying.openSpool(t.Context(), killed, before.log); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := dying.rest(t.Context(), readEvent(fmt.Sprint(i), at.Add(time.Duration(i)*time.Millisecond))); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(killed, "*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%q, %v", left, err)
	}
	raw, err := os.ReadFile(left[0]) // what a killed process leaves
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.close(); err != nil {
		t.Fatal(err)
	}
	c, dir := openTestCore(t), t.TempDir()
	for range 2 { // killed again before the file was removed
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(left[0])), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		again := trail{log: c.store, clock: time.Now}
		if err := again.openSpool(t.Context(), dir, c.log); err != nil {
			t.Fatal(err)
		}
		if err := again.close(); err != nil {
			t.Fatal(err)
		}
	}
	next := trail{log: c.store, clock: time.Now}
	if err := next.openSpool(t.Context(), dir, c.log); err != nil {
		t.Fatal(err)
	}
	if err := next.rest(t.Context(), readEvent("later", at)); err != nil {
		t.Fatal(err)
	}
	if err := next.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"Patient/0", "Patient/1", "Patient/2"}, {"Patient/later"}}, auditTrail(t, c)); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	if err := next.close(); err != nil {
		t.Fatal(err)
	}
	if err := next.rest(t.Context(), readEvent("unseen", at)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a read that cannot be written down gets %v, want unavailable", err)
	}
}
