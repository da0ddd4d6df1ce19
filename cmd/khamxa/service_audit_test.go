package main

import (
	"bufio"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/validate/validatetest"
)

func queryEscape(s string) string { return url.QueryEscape(s) }
func decimal(n int) string        { return strconv.Itoa(n) }

// auditEvents are the events of one kind, the newest first, as a program sees them whose scope is the audit trail alone.
func auditEvents(t *testing.T, auditor *liveCaller, kind string) (events []*fhir.Value) {
	t.Helper()
	path := "/fhir/AuditEvent?subtype=" + queryEscape(kindSystem+"|"+kind) + "&_sort=-_lastUpdated&_count=200"
	r, err := fhir.Parse([]byte(auditor.wants(t, http.StatusOK, "GET", path, "").body))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Root.Get("entry").Items() {
		events = append(events, e.Get("resource"))
	}
	return events
}

// auditStory: who saw or changed a person's data is an AuditEvent with who, in which role, from where, and whose data it was; the refused
// attempts too.
func auditStory(t *testing.T, s *live, all *liveCaller) {
	auditor := s.newProgram(t, "system/AuditEvent.rs")
	doctor, manager := s.signedIn(t, "doctor"), s.signedIn(t, "manager")
	reader := s.newProgram(t, "system/Patient.r system/Observation.c")
	console := strings.TrimPrefix(s.consult.DoctorURL, s.base)
	doctorRef := s.practitioner(t, all, "BS. Trần Thị Mai")
	managerRef := s.practitioner(t, all, "Phạm Văn Quản")
	for _, c := range []struct {
		name               string
		who                *liveCaller
		method, path, body string
		status             int
		kind, action       string // of the event
		agent, role        string
		outcome, whose     string
	}{
		{"a patient's chart", doctor, "GET", "/patients/" + hereID, "", 200, "registry.chart.read", "R", doctorRef, "doctor", "0", "Patient/" + hereID},
		{"a search for patients", doctor, "GET", "/patients?q=hai+yen", "", 200, "registry.patients.found", "R", doctorRef, "doctor", "0", "Patient/" + hereID},
		{"a consult", doctor, "GET", console, "", 200, "consult.read", "R", doctorRef, "doctor", "0", "Patient/demo-patient"},
		{"the queue", doctor, "GET", "/consults", "", 200, "consult.queue.read", "R", doctorRef, "doctor", "0", "Patient/demo-patient"},
		{"the list behind a number", manager, "GET", "/reports/hypertension/people?state=controlled", "", 200, "registry.report.people", "R", managerRef, "manager", "0", "Patient/" + thereID},
		{"a FHIR read", reader, "GET", "/fhir/Patient/" + thereID, "", 200, "fhir.read", "R", reader.who, "client", "0", "Patient/" + thereID},
		{"a FHIR read with a doctor's session", doctor, "GET", "/fhir/Observation/bp-" + hereID, "", 200, "fhir.read", "R", doctorRef, "doctor", "0", "Observation/bp-" + hereID},
		{"a FHIR search", doctor, "GET", "/fhir/Patient?phone=" + queryEscape(herePhone), "", 200, "fhir.search-type", "R", doctorRef, "doctor", "0", "Patient/" + hereID},
		{"a FHIR history", all, "GET", "/fhir/Patient/" + hereID + "/_history", "", 200, "fhir.history-instance", "R", all.who, "client", "0", "Patient/" + hereID + "/_history/"},
		{"a FHIR create", reader, "POST", "/fhir/Observation", livePressure("x", hereID, 133, 84), 201, "fhir.create", "C", reader.who, "client", "0", "Observation/"},
		{"a FHIR read out of scope", reader, "GET", "/fhir/Observation/bp-" + thereID, "", 403, "fhir.read", "R", reader.who, "client", "4", "Observation/bp-" + thereID},
		{"a FHIR read out of reach", doctor, "GET", "/fhir/Patient/" + thereID, "", 404, "fhir.read", "R", doctorRef, "doctor", "4", "Patient/" + thereID},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(auditEvents(t, auditor, c.kind))
			c.who.wants(t, c.status, c.method, c.path, c.body)
			events := auditEvents(t, auditor, c.kind)
			if len(events) <= before {
				t.Fatalf("%d events %s before, %d after", before, c.kind, len(events))
			}
			e := newestOf(events, c.agent)
			if e == nil {
				t.Fatalf("no event names %s: %s", c.agent, events[0].Bytes())
			}
			checkEvent(t, e, c.role, c.action, c.outcome)
			if !names(e, c.whose) {
				t.Errorf("%s is not among what was touched: %s", c.whose, e.Bytes())
			}
		})
	}
	t.Run("sign-ins, tokens and refusals of them", func(t *testing.T) {
		signIns, tokens := auditEvents(t, auditor, "sign-in"), auditEvents(t, auditor, "token")
		for what, events := range map[string][]*fhir.Value{"a wrong password": signIns, "wrong credentials": tokens} {
			if !slices.ContainsFunc(events, func(e *fhir.Value) bool { return e.Get("outcome").IsString("4") }) {
				t.Errorf("%s left no event", what)
			}
		}
		if newestOf(signIns, doctorRef) == nil || newestOf(tokens, reader.who) == nil {
			t.Error("a sign-in or a token left no event")
		}
	})
	t.Run("a search is kept with what was searched for", func(t *testing.T) {
		e := newestOf(auditEvents(t, auditor, "fhir.search-type"), doctorRef)
		for _, entity := range e.Get("entity").Items() {
			if raw, err := base64.StdEncoding.DecodeString(entity.Get("query").String()); err == nil && strings.Contains(string(raw), "phone=") {
				return
			}
		}
		t.Errorf("no query: %s", e.Bytes())
	})
}

// checkEvent: an event says in which role somebody did what, from where, when and how it ended, and nothing of what was seen.
func checkEvent(t *testing.T, e *fhir.Value, role, action, outcome string) {
	t.Helper()
	agent := e.Get("agent").At(0)
	if got := agent.Get("role").At(0).Get("coding").At(0).Get("code").String(); got != role {
		t.Errorf("the role is %q, want %q", got, role)
	}
	if got := agent.Get("network").Get("address").String(); got != "127.0.0.1" {
		t.Errorf("the address is %q", got)
	}
	if gotAction, gotOutcome := e.Get("action").String(), e.Get("outcome").String(); gotAction != action || gotOutcome != outcome {
		t.Errorf("action %q, outcome %q, want %q, %q", gotAction, gotOutcome, action, outcome)
	}
	if recorded, err := time.Parse(time.RFC3339Nano, e.Get("recorded").String()); err != nil || time.Since(recorded).Abs() > time.Minute {
		t.Errorf("recorded %v, %v", recorded, err)
	}
	for _, personal := range []string{hereName, thereName, herePhone, therePhone} {
		if strings.Contains(string(e.Bytes()), personal) {
			t.Errorf("the event tells %q: %s", personal, e.Bytes())
		}
	}
}

// newestOf is the first event whose agent is the one named.
func newestOf(events []*fhir.Value, who string) *fhir.Value {
	for _, e := range events {
		if e.Get("agent").At(0).Get("who").Get("reference").IsString(who) {
			return e
		}
	}
	return nil
}

// names reports whether an event has a reference among what was touched; one that ends in a slash stands for any of that type.
func names(e *fhir.Value, reference string) bool {
	return slices.ContainsFunc(e.Get("entity").Items(), func(entity *fhir.Value) bool {
		got := entity.Get("what").Get("reference").String()
		return got == reference || strings.HasSuffix(reference, "/") && strings.HasPrefix(got, reference)
	})
}

func (s *live) practitioner(t *testing.T, all *liveCaller, name string) string {
	t.Helper()
	found := all.wants(t, http.StatusOK, "GET", "/fhir/Practitioner?name:exact="+queryEscape(name), "").ids(t, "Practitioner")
	if len(found) != 1 {
		t.Fatalf("%s is %q", name, found)
	}
	return "Practitioner/" + found[0]
}

// allIsValid: what the service itself has written by now is valid: its people, the demo's patient and consult, what was entered in pages,
// the audit trail.
func (s *live) allIsValid(t *testing.T) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	validatetest.Log(t, db, "Device/") // programs: what they sent has passed validate.Write
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// endStory: SIGTERM with an open stream of events and an open signalling connection. Both are ended, the service ends with exit code 0
// long before it would cut requests off (drainRequests), what it acknowledged is there, and its log (at level debug) holds nothing of a person and no secret.
func endStory(t *testing.T, s *live, all *liveCaller) {
	events := s.openEvents(t, s.signedIn(t, "doctor"))
	lines := bufio.NewScanner(events.Body)
	if !lines.Scan() || lines.Text() != "retry: 2000" {
		t.Fatalf("the stream begins with %q, %v", lines.Text(), lines.Err())
	}
	signal, err := s.signal(t)
	if err != nil {
		t.Fatal(err)
	}
	all.wants(t, http.StatusCreated, "PUT", "/fhir/Observation/bp-last", livePressure("bp-last", hereID, 126, 77))
	took, err := s.stop(t)
	if err != nil || took > 8*time.Second {
		t.Errorf("the service ended after %v with %v", took, err)
	}
	for lines.Scan() { // what was still on its way
		continue
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream was cut off: %v", err)
	}
	refusedWith(t, signal, "come-again")
	for line := range s.lines {
		t.Errorf("a line more than the demo's: %s", line)
	}
	if _, err := os.Stat(filepath.Join(s.dir, socketName)); err == nil {
		t.Error("the admin socket is still there")
	}
	s.allIsValid(t)
	said := s.khamxa(t, "verify")
	if !strings.Contains(said, "Nothing is wrong") || !headOfLog.MatchString(said) {
		t.Error(said)
	}
	restored := filepath.Join(filepath.Dir(s.dir), "restored")
	s.khamxa(t, "backup", "--out", restored+".db")
	if out, err := liveCommand(t, "restore", "--from", restored+".db", "--data", restored).CombinedOutput(); err != nil || string(out) != said {
		t.Errorf("%v: %s", err, out)
	}
	log := s.said.String()
	if !strings.Contains(log, "level=DEBUG") {
		t.Error("the log has no line at level debug: what follows shows less than it says")
	}
	for _, personal := range append([]string{hereName, thereName, herePhone, therePhone, "990001234", "hai+yen", "Hải Yến", "Trường Giang", "Mẫu"}, s.secrets...) {
		if strings.Contains(log, personal) {
			t.Errorf("the log tells %q", personal)
		}
	}
}
