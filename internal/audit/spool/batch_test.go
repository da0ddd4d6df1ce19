package spool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/audit"
	"khamxa/internal/audit/spool"
)

// TestBatches: what belongs together is one batch, nothing is lost or said of another, and no batch is too long.
func TestBatches(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 11, 24, 1, 2, second, 0, time.UTC) }
	event := func(who, kind string, action audit.Action, second int, objects ...string) audit.Event {
		return audit.Event{Who: who, Kind: kind, Action: action, When: at(second), Objects: objects, Type: "Patient"}
	}
	search := func(second int, query string, objects ...string) spool.Entry {
		return spool.Entry{Event: event("a", "fhir.search-type", audit.Read, second, objects...), Query: query}
	}
	got := spool.Batches(
		"n",
		spool.Entry{Event: event("a", "fhir.read", audit.Read, 1, "Patient/1")},
		spool.Entry{Event: event("b", "fhir.read", audit.Read, 2, "Patient/1")},
		search(2, "x=1", "Patient/1", "Patient/2"), search(3, "x=2", "Patient/2"), search(4, "x=1", "Patient/1", "Patient/3"), search(4, "x=3"),
		spool.Entry{Event: event("a", "fhir.read", audit.Read, 5, "Patient/1")},
		spool.Entry{Event: event("a", "fhir.update", audit.Update, 6, "Patient/1")},
		spool.Entry{Event: event("a", "fhir.update", audit.Update, 7, "Patient/1")},
	)
	batch := func(i int, who, kind string, action audit.Action, first, last, deeds int, shown ...spool.Shown) spool.Batch {
		return spool.Batch{
			ID: fmt.Sprint("n/", i), Event: audit.Event{Who: who, Kind: kind, Action: action, When: at(last)},
			First: at(first), Deeds: deeds, Shown: shown,
		}
	}
	want := []spool.Batch{
		batch(0, "a", "fhir.read", audit.Read, 1, 5, 2, spool.Shown{Objects: []string{"Patient/1"}}),
		batch(1, "b", "fhir.read", audit.Read, 2, 2, 1, spool.Shown{Objects: []string{"Patient/1"}}),
		batch(2, "a", "fhir.search-type", audit.Read, 2, 4, 4,
			spool.Shown{Query: "x=1", Objects: []string{"Patient/1", "Patient/2", "Patient/3"}},
			spool.Shown{Query: "x=2", Objects: []string{"Patient/2"}}, spool.Shown{Query: "x=3"}),
		batch(3, "a", "fhir.update", audit.Update, 6, 7, 2, spool.Shown{Objects: []string{"Patient/1", "Patient/1"}}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
}

// TestLongBatches: an event that names more than one batch may hold becomes several, which all say which search it was.
func TestLongBatches(t *testing.T) {
	var objects []string
	for i := range 3 * audit.MaxObjects {
		objects = append(objects, fmt.Sprint("Patient/", i))
	}
	got := spool.Batches("n", spool.Entry{Event: audit.Event{Action: audit.Read, Objects: objects}, Query: "q"})
	var all []string
	for _, b := range got {
		if len(b.Shown) != 1 || b.Shown[0].Query != "q" || len(b.Shown[0].Objects) >= audit.MaxObjects {
			t.Fatalf("%+v", b)
		}
		all = append(all, b.Shown[0].Objects...)
	}
	if diff := cmp.Diff(objects, all); diff != "" || len(got) != 4 {
		t.Errorf("%d batches (-want +got)\n%s", len(got), diff)
	}
}
