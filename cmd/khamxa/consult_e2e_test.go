//go:build e2e

package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What a patient's page may weigh, in bytes over the wire.
const (
	joinWeight = 30_000
	callWeight = 60_000
)

// refusesStrangeProgram: without a token there is an answer that a FHIR client understands, and no patient.
func (s *story) refusesStrangeProgram(t *testing.T) {
	status, raw, err := request(t.Context(), http.MethodGet, s.server.base+"/fhir/Patient", nil, nil)
	if err != nil || status != http.StatusUnauthorized {
		t.Fatalf("/fhir/Patient: %d %v", status, err)
	}
	outcome := decode[resource](t, raw)
	if outcome.ResourceType != "OperationOutcome" || len(outcome.Issue) != 1 || outcome.Issue[0].Code != "login" || outcome.Issue[0].Details.Text == "" {
		t.Errorf("it answers %s", raw)
	}
}

// doctorSignsIn: with the printed password, to the queue; the demo's consult is in it.
func (s *story) doctorSignsIn(t *testing.T) {
	s.doctor = s.person(t, s.clinic, "doctor", desk())
	s.signIn(t, s.doctor, "doctor", s.server.base+"/consults")
	s.doctor.until(t, "the consult is in the queue", s.row("invited"))
	s.console = s.tab(t, s.doctor, "console")
	s.console.open(t, s.server.demo.doctorURL)
	s.console.seen(t, `#console[data-consult="invited"]`)
}

// row says that the consult stands in the doctor's queue with a phase.
func (s *story) row(phase string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.consult-row[data-phase=%q] a')].some(a => a.pathname === "/consults/%s")`, phase, s.consult)
}

// patientJoins: the page is light, one tap is enough, and whoever waits has nothing of the room.
func (s *story) patientJoins(t *testing.T) {
	p := s.person(t, s.street, "patient", phone())
	s.patient = p
	p.open(t, s.server.demo.patientURL)
	p.seen(t, "#join")
	before := p.weight(t)
	t.Logf("the join page: %.0f bytes over the wire", before)
	if before > joinWeight || before == 0 {
		t.Errorf("the join page weighs %.0f bytes, not up to %d", before, joinWeight)
	}
	p.press(t, "join")
	p.phase(t, "waiting")
	p.onlyWaits(t, 0)
	call := p.weight(t) - before
	t.Logf("what the call needs: %.0f bytes over the wire", call)
	if call > callWeight || call == 0 {
		t.Errorf("the call module weighs %.0f bytes, not up to %d", call, callWeight)
	}
	if address := mustAsk[string](t, p, `location.hash + document.cookie`); address != "" {
		t.Errorf("the secret stayed in the address or in a readable cookie: %q", address)
	}
	s.doctor.until(t, "the queue shows who waits, by itself", s.row("arrived"))
}

// doctorAdmits: one click, and both see and hear each other.
func (s *story) doctorAdmits(t *testing.T) {
	s.patient.onlyWaits(t, 0)
	began := time.Now()
	s.console.press(t, "admit")
	inCall(t, 0, s.console, s.patient)
	t.Logf("a second of video on both sides %d ms after the click", time.Since(began).Milliseconds())
	s.patient.wasLetIn(t)
	s.console.staysAtHome(t)
	s.patient.staysAtHome(t)
}

// doctorMeasures: what is saved in the call is in the record at once.
func (s *story) doctorMeasures(t *testing.T) {
	if got := s.client.pressures(t, patientID, s.consult); len(got) != 0 {
		t.Fatalf("there is a blood pressure before one was taken: %v", got)
	}
	s.console.enter(t, "sys", "126")
	s.console.enter(t, "dia", "78")
	s.console.enter(t, "pulse", "72")
	s.console.press(t, "save-vitals")
	s.console.seen(t, `#vitals-status[data-state="saved"]`)
	s.saved = time.Now()
	s.console.until(t, "the advice is one for a person who is treated", `document.querySelector("#readings .advice").textContent.includes("Đạt mục tiêu điều trị")`)
	if got := s.client.pressures(t, patientID, s.consult); !slices.Equal(got, []string{"126/78"}) {
		t.Errorf("/fhir/Observation has %v", got)
	}
	e := s.client.one(t, "Encounter?patient="+patientID+"&identifier=urn:khamxa:consult|"+s.consult)
	if e.Status != "in-progress" || e.Class.Code != "VR" {
		t.Errorf("the encounter is %s, of class %s", e.Status, e.Class.Code)
	}
}

// mediaDies: the process that carries the packets is killed; it comes again and so do picture and sound, in the same pages.
func (s *story) mediaDies(t *testing.T) {
	s.console.enter(t, "reason", reason)
	s.console.enter(t, "findings", findings)
	s.console.enter(t, "assessment", assessment)
	s.console.seen(t, `#note-status[data-state="saved"]`)
	s.console.picture(t, "console")
	s.patient.picture(t, "patient")
	doctor, patient := s.console.call(t), s.patient.call(t)
	old, err := s.server.mediaProcess()
	if err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.console.firstFrame(t, doctor.Session)
	s.patient.firstFrame(t, patient.Session)
	t.Logf("pictures on both sides %.2f s after the media process was killed", time.Since(killed).Seconds())
	inCall(t, max(doctor.Session, patient.Session), s.console, s.patient)
	if again, err := s.server.mediaProcess(); err != nil || again == old {
		t.Errorf("the media process is %d, after %d (%v)", again, old, err)
	}
}

// patientReloads: the place, the seat in the room and the call are the same; nobody admits again.
func (s *story) patientReloads(t *testing.T) {
	seat, seen := s.patient.call(t).Peer, len(s.patient.received(0))
	began := time.Now()
	s.patient.do(t, "reload", chromedp.Reload())
	inCall(t, 0, s.patient)
	inCall(t, 0, s.console)
	t.Logf("a second of video on both sides %d ms after the reload", time.Since(began).Milliseconds())
	if now := s.patient.call(t).Peer; now != seat || seat == "" {
		t.Errorf("the seat is %q, after %q", now, seat)
	}
	for _, f := range s.patient.received(seen) {
		if f.Type == "waiting" {
			t.Error("the patient had to wait again")
		}
	}
}

// strangerTries has the address as a chat's preview or a referrer would have it.
func (s *story) strangerTries(t *testing.T) {
	address, _, secret := strings.Cut(s.server.demo.patientURL, "#")
	if !secret {
		t.Fatalf("the link has no fragment: %s", s.server.demo.patientURL)
	}
	s.getsNothing(t, "stranger", address)
}

// secondDeviceTries has the whole link, which is bound to the phone that used it.
func (s *story) secondDeviceTries(t *testing.T) {
	s.getsNothing(t, "second device", s.server.demo.patientURL)
}

// getsNothing opens an address on another device, and fails if that learns anything or if the call that is on notices.
func (s *story) getsNothing(t *testing.T, name, address string) {
	t.Helper()
	inside := []*page{s.console, s.patient}
	before := make([]call, len(inside))
	for i, p := range inside {
		before[i] = p.call(t)
		p.watchPhases(t)
	}
	p := s.person(t, s.street, name, phone())
	p.open(t, address)
	p.press(t, "join")
	p.phase(t, "refused")
	p.seen(t, "#refused-text")
	if p.socketsOpened() != 0 || mustAsk[bool](t, p, `window.khamxaCall !== undefined`) {
		t.Errorf("%s was let to signalling", name)
	}
	invitation := "/j/" + strings.Split(strings.Split(address, "/j/")[1], "#")[0]
	want := []string{"GET " + invitation + " 200", "POST " + invitation + "/redeem 404"}
	if got := p.answers(); !slices.Equal(got, want) {
		t.Errorf("%s was answered %v, not %v", name, got, want)
	}
	for _, word := range []string{patientName, doctorName, s.consult, "126"} {
		if mustAsk[bool](t, p, fmt.Sprintf(`document.documentElement.outerHTML.includes(%q)`, word)) {
			t.Errorf("%s is told %q", name, word)
		}
	}
	for i, p := range inside {
		now := p.flowing(t, 0)
		if changes := p.phases(t); len(changes) > 0 || now.Session != before[i].Session || now.Peer != before[i].Peer {
			t.Errorf("%s noticed: phases %v, %+v after %+v", p.name, changes, now, before[i])
		}
	}
	p.close()
}

// patientChangesPhone: the doctor gives a new link. The old phone is out; the new one waits, although the doctor is in the room.
func (s *story) patientChangesPhone(t *testing.T) {
	s.console.press(t, "new-link")
	s.console.press(t, "sure-yes")
	s.console.seen(t, "#link")
	link := mustAsk[string](t, s.console, `document.getElementById("link").value`)
	if link == "" || link == s.server.demo.patientURL {
		t.Fatalf("the new link is %q", link)
	}
	s.patient.phase(t, "refused")
	p := s.person(t, s.street, "other phone", phone())
	p.open(t, link)
	p.press(t, "join")
	p.phase(t, "waiting")
	s.console.do(t, "see who waits", chromedp.WaitVisible(chromedp.ID("admit")))
	if c := s.console.call(t); c.State != "admitted" {
		t.Errorf("the doctor is not in the room: %+v", c)
	}
	s.stirRoom(t)
	p.onlyWaits(t, 0)
	s.console.press(t, "admit")
	inCall(t, 0, s.console, p)
	p.wasLetIn(t)
	s.patient.close()
	s.patient = p
}

// stirRoom has something happen in the room that everybody in it is told: the doctor is silent for a moment.
func (s *story) stirRoom(t *testing.T) {
	t.Helper()
	for _, want := range []string{`"audio":false`, `"audio":true`} {
		seen := len(s.console.received(0))
		s.console.press(t, "mic")
		waitFor(t, "the room is told of "+want, func() error {
			if !slices.ContainsFunc(s.console.received(seen), func(f frame) bool { return f.Type == "peers" && strings.Contains(f.text, want) }) {
				return errors.New("no such message")
			}
			return nil
		})
	}
}
