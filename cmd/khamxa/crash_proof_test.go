package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// tampering is a difference, made on purpose, between what was noted and what is there. found is what an inspection must say of it.
type tampering struct {
	name, found string
	make        func(*tamperer)
}

// tamperer notes, and writes, what is wrong. The rest is a writer's own.
type tamperer struct {
	*crashWriter
	t *testing.T
}

// tamperings lists what an inspection must see. The first rows must be found right.
func tamperings() []tampering {
	return []tampering{
		{"nothing is wrong", "", func(w *tamperer) { w.work() }},
		{"no answer, and all of it is there", "", func(w *tamperer) {
			w.send(w.set())
			w.claim(outcomeUnknown, w.set()...)
		}},
		{"no answer, and nothing of it is there", "", func(w *tamperer) { w.claim(outcomeUnknown, w.set()...) }},

		{"acknowledged, and never there", "was acknowledged and is lost; the history ends with version 0", func(w *tamperer) {
			w.claim(outcomeAcked, entry{Type: "Patient", ID: "never", Mark: "never", Version: 1, Hash: "never"})
		}},
		{"the last version is lost", "was acknowledged and is lost; the history ends with version 1", func(w *tamperer) {
			w.put("Patient/shorter")
			w.claim(outcomeAcked, entry{Type: "Patient", ID: "shorter", Mark: "lost", Version: 2, Hash: "lost"})
		}},
		{"a deletion is lost", "version 2 (a deletion) is not what was acknowledged", func(w *tamperer) {
			w.put("Patient/undead")
			w.write("Patient/undead", "another")
			w.claim(outcomeAcked, entry{Type: "Patient", ID: "undead", Deleted: true, Version: 2})
		}},
		{"other bytes", "version 1 (other) is not what was acknowledged", func(w *tamperer) {
			w.write("Patient/other", "other")
			w.claim(outcomeAcked, entry{Type: "Patient", ID: "other", Mark: "other", Version: 1, Hash: hashOf([]byte("{}"))})
		}},
		{"one version for two", "version 1 was acknowledged twice", func(w *tamperer) {
			w.put("Patient/both")
			w.claim(outcomeAcked, entry{Type: "Patient", ID: "both", Mark: "second", Version: 1, Hash: "second"})
		}},
		{"what was refused is there", "is not what anybody wrote", func(w *tamperer) {
			w.write("Basic/refused", w.name())
			w.claim(outcomeRefused, entry{Type: "Basic", ID: "refused", Mark: w.name()})
		}},
		{"a body by half", "is not what anybody wrote", func(w *tamperer) {
			w.write("Patient/cut", "cut")
			w.claim(outcomeUnknown, entry{Type: "Patient", ID: "cut", Mark: "whole"})
		}},
		{"a transaction by half", "half there: Patient/", func(w *tamperer) {
			w.send(w.set()[:1])
			w.claim(outcomeUnknown, w.set()...)
		}},
		{"a transaction without its update", "half there: Patient/", func(w *tamperer) {
			w.send(w.set()[:4])
			w.claim(outcomeUnknown, w.set()...)
		}},
		{"once is twice", "2 resources of type Observation have the mark twice", func(w *tamperer) {
			w.post("Observation", "twice")
			w.post("Observation", "twice")
			w.claim(outcomeUnknown, entry{Type: "Observation", Mark: "twice"})
		}},
		{"a search finds one too many", "a search for the mark of version", func(w *tamperer) {
			w.put("Patient/first")
			w.write("Patient/second", w.name())
		}},
		{"the audit trail lacks an event", "Patient/unseen: acknowledged, and lost from the audit trail: 1 of", func(w *tamperer) {
			w.put("Patient/unseen")
			for _, a := range w.journal.since(w.t) {
				w.claim(a.Outcome, a.Writes...)
				w.claim(a.Outcome, a.Writes...)
			}
		}},
	}
}

// The inspection sees what is wrong, and takes what is right for right.
func TestTheInspectionSeesWhatIsWrong(t *testing.T) {
	c := newCrash(t)
	v, err := startVictim(t, c.data)
	if err != nil {
		t.Fatal(err)
	}
	caller, err := newFHIRCaller(v.base, c.client)
	if err != nil {
		t.Fatal(err)
	}
	defer caller.close()
	for i, row := range tamperings() {
		t.Run(row.name, func(t *testing.T) {
			chronicle, began := newChronicle(), time.Now()
			w := c.newWriter(caller, chronicle, i*lifetime, 0)
			w.wrong = func(what string) { t.Error(what) }
			row.make(&tamperer{crashWriter: w, t: t})
			wrong := strings.Join(chronicle.inspect(caller, c.journal.since(t), began), "\n")
			if row.found == "" && wrong != "" || !strings.Contains(wrong, row.found) {
				t.Errorf("found: %q\nwant: %q", wrong, row.found)
			}
		})
	}
	t.Run("a client that was never made", func(t *testing.T) {
		chronicle := newChronicle()
		chronicle.inspectClients(v.base, []attempt{{Name: "true", Client: &c.client}, {Name: "false", Client: &apiClient{ID: c.client.ID, Secret: "never"}}})
		if wrong := chronicle.findings(); len(wrong) != 1 || !strings.Contains(wrong[0], "false: the client was acknowledged and is lost") {
			t.Errorf("found: %q", wrong)
		}
	})
	t.Run("all that is there", func(t *testing.T) {
		wrong := strings.Join(newChronicle().inspectAll(caller), "\n")
		for _, want := range []string{"a search for all of type Patient finds", "Patient/shorter: a search for all of its type finds what must not be there"} {
			if !strings.Contains(wrong, want) {
				t.Errorf("found: %q\nwant: %q", wrong, want)
			}
		}
	})
}

// work is a little of everything that a writer does.
func (w *tamperer) work() {
	own := w.ownPatient(0)
	for _, do := range []func() bool{
		func() bool { return w.put(own) }, func() bool { return w.put(own) }, func() bool { return w.remove(own) }, func() bool { return w.put(own) },
		w.create, w.create, w.contend, w.contend, w.transact, w.transact,
	} {
		if !do() {
			w.t.Fatal("a step of the writer failed")
		}
		w.step++
	}
}

// claim notes an attempt that did not happen, or not so.
func (w *tamperer) claim(outcome string, writes ...entry) {
	if !w.note(attempt{Outcome: outcome, Writes: writes}) {
		w.t.FailNow()
	}
}

// write puts a version that nobody notes.
func (w *tamperer) write(ref, mark string) {
	typ, id := split(ref)
	w.must(w.caller.do(http.MethodPut, "/"+ref, bodyOf(typ, id, mark, "")))
}

// post creates a resource that nobody notes.
func (w *tamperer) post(typ, mark string) {
	w.must(w.caller.do(http.MethodPost, "/"+typ, bodyOf(typ, "", mark, "Patient/nobody")))
}

// send sends a transaction that nobody notes.
func (w *tamperer) send(writes []entry) {
	w.must(w.caller.do(http.MethodPost, "", transactionOf(writes, held{})))
}

func (w *tamperer) must(a fhirAnswer, err error) {
	w.t.Helper()
	if err != nil || a.status >= http.StatusBadRequest {
		w.t.Fatalf("status %d: %s (error: %v)", a.status, a.body, err)
	}
}
