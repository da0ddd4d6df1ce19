package main

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/internal/audit"
	"khamxa/internal/audit/spool"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
)

func TestActionOf(t *testing.T) {
	for interaction, want := range map[string]audit.Action{
		"read": audit.Read, "vread": audit.Read, "search-type": audit.Read, "history-instance": audit.Read,
		"history-type": audit.Read, "history-system": audit.Read, "search-system": audit.Read, "search-compartment": audit.Read, "patch": audit.Update,
		"create": audit.Create, "update": audit.Update, "delete": audit.Delete, "transaction": audit.Execute, "batch": audit.Execute,
	} {
		if got := actionOf(interaction); got != want {
			t.Errorf("%s is %q, want %q", interaction, got, want)
		}
	}
}

// TestOutcomeOf: what the caller may not have is refused, what we could not do has failed.
func TestOutcomeOf(t *testing.T) {
	for code, want := range map[fault.Code]audit.Outcome{
		"": audit.Success, fault.Forbidden: audit.Refused, fault.NotFound: audit.Refused, fault.Gone: audit.Refused, fault.Conflict: audit.Refused,
		fault.Invalid: audit.Refused, fault.Unauthenticated: audit.Refused, fault.TooMany: audit.Refused,
		fault.Internal: audit.Failed, fault.Unavailable: audit.Failed, fault.Timeout: audit.Failed, fault.Unknown: audit.Failed,
	} {
		if got := outcomeOf(code); got != want {
			t.Errorf("%q is %q, want %q", code, got, want)
		}
	}
}

// TestRoleOf: a program is a program even when its request carries somebody's session.
func TestRoleOf(t *testing.T) {
	doctor := identity.StaffCaller(identity.Staff{ID: "s1", Roles: []identity.Grant{{Role: identity.Doctor}, {Role: identity.Manager}}})
	for _, c := range []struct {
		name   string
		caller identity.Caller
		who    string
		want   string
	}{
		{"a doctor", doctor, "Practitioner/s1", "doctor"},
		{"a program", identity.Caller{}, "Device/client-1", "client"},
		{"a program in a doctor's browser", doctor, "Device/client-1", "client"},
		{"somebody else than the session's person", doctor, "Practitioner/s2", ""},
		{"nobody", identity.Caller{}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := roleOf(c.caller, c.who); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestFamily(t *testing.T) {
	for kind, want := range map[string]string{
		"sign-in": "110114", "sign-out": "110114", "token": "110114", "staff.create": "110137", "client.create": "110137",
		"fhir.read": "110110", "registry.chart.read": "110110", "consult.read": "110110",
	} {
		r, err := fhir.Parse(auditEvent("a1", &spool.Batch{Event: audit.Event{Kind: kind}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Root.Get("type").Get("code").String(); got != want {
			t.Errorf("%s is of the family %s, want %s", kind, got, want)
		}
	}
}

// openTestCore is an open store in a new folder, closed with the test.
func openTestCore(t *testing.T) *core {
	t.Helper()
	c, err := openCore(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.store.Close() }) // the test may have closed it
	return c
}

// TestTrailSplitsLongPages: a page of more records than an event may name becomes several events that name them all, each once.
func TestTrailSplitsLongPages(t *testing.T) {
	c := openTestCore(t)
	var seen []string
	for i := range 2*audit.MaxObjects + 1 {
		seen = append(seen, fmt.Sprintf("Observation/o%d", i))
	}
	at := time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC)
	trail := trail{log: c.store, clock: time.Now}
	event := rest.Event{Time: at, Author: "Device/client-1", Interaction: "search-type", Type: "Observation", Query: "code=x", Resources: seen, Count: len(seen)}
	if err := trail.rest(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	entries, err := c.store.Entries(t.Context(), 0, 100)
	if err != nil || len(entries) != 1 || len(entries[0].Changes) != 3 || entries[0].Author != event.Author {
		t.Fatalf("%+v, %v", entries, err)
	}
	var kept []string
	for _, c := range entries[0].Changes {
		r, err := fhir.Parse(c.Body)
		if err != nil || r.Type != auditType || !r.Root.Get("recorded").IsString("2026-11-02T03:04:05Z") {
			t.Fatalf("%s, %v", c.Body, err)
		}
		for _, entity := range r.Root.Get("entity").Items() {
			if what := entity.Get("what").Get("reference").String(); what != "" {
				kept = append(kept, what)
			}
		}
	}
	if diff := cmp.Diff(seen, kept); diff != "" {
		t.Error("(-seen +kept)\n" + diff)
	}
}

// TestTrailThatCannotBeKept: who was about to be shown something gets an error instead, from every way into the trail.
func TestTrailThatCannotBeKept(t *testing.T) {
	c := openTestCore(t)
	if err := c.store.Close(); err != nil {
		t.Fatal(err)
	}
	trail := trail{log: c.store, clock: time.Now}
	event := audit.Event{Kind: "registry.chart.read", Action: audit.Read, Patient: "Patient/1"}
	for name, err := range map[string]error{
		"a page":       trail.pages(httptest.NewRequest("GET", "/patients/1", nil), event),
		"FHIR":         trail.rest(t.Context(), rest.Event{Author: "Device/client-1", Interaction: "read", Type: "Patient", ID: "1"}),
		"the identity": trail.Record(t.Context(), event),
	} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s gets %v, want unavailable", name, err)
		}
	}
	if _, err := c.store.Read(t.Context(), "Patient", "1"); fault.Is(err, fault.NotFound) {
		t.Error("the store still reads: the test shows nothing")
	}
}

// TestTrailNamesOncePatientFirst: the patient whose data it was comes first, and no reference twice.
func TestTrailNamesOncePatientFirst(t *testing.T) {
	list := spool.Batches("x", spool.Entry{Event: audit.Event{Patient: "Patient/1", Objects: []string{"Observation/2", "Patient/1", "Observation/3"}}})
	if len(list) != 1 || len(list[0].Shown) != 1 {
		t.Fatalf("%+v", list)
	}
	got := list[0].Shown[0].Objects
	if diff := cmp.Diff([]string{"Patient/1", "Observation/2", "Observation/3"}, got); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
}
