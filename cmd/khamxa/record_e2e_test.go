//go:build e2e

package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// figureWithin is how soon a reading is in the figures: "within about a second", with slack for a machine that has other work.
const figureWithin = slack * time.Second

// figures are what the report of the running month says.
type figures struct {
	Numerator, Denominator, NotAssessable int
	Communes                              map[string][3]int // the same three by commune
}

// plusOne is what the report must say when a person of a commune who was lost to follow-up, and so not assessable, is under control.
func (f figures) plusOne(commune string) figures {
	f.Numerator++
	f.Denominator++
	f.NotAssessable--
	f.Communes = maps.Clone(f.Communes)
	row := f.Communes[commune]
	f.Communes[commune] = [3]int{row[0] + 1, row[1] + 1, row[2] - 1}
	return f
}

func (f figures) equal(g figures) bool {
	return f.Numerator == g.Numerator && f.Denominator == g.Denominator && f.NotAssessable == g.NotAssessable && maps.Equal(f.Communes, g.Communes)
}

// report opens the report and reads it.
func (s *story) report(t *testing.T) figures {
	t.Helper()
	s.manager.open(t, s.server.base+"/reports/hypertension")
	return mustAsk[figures](t, s.manager, `(() => {
  const three = e => [Number(e.dataset.numerator), Number(e.dataset.denominator), Number(e.dataset.notAssessable)];
  const [numerator, denominator, notAssessable] = three(document.getElementById("control"));
  const communes = Object.fromEntries([...document.querySelectorAll("tr[data-commune]")].map(r => [r.dataset.commune, three(r)]));
  return {numerator, denominator, notAssessable, communes};
})()`)
}

// listed tells whether the list of people behind the numerator, opened from its number, has the patient.
func (s *story) listed(t *testing.T) bool {
	t.Helper()
	s.manager.open(t, s.server.base+"/reports/hypertension")
	s.manager.do(t, "open the numerator", chromedp.Click(chromedp.CSS(`#control .fraction div:first-child a[data-count]`)))
	s.manager.seen(t, "#people")
	return mustAsk[bool](t, s.manager, fmt.Sprintf(`document.querySelector('tr.person[data-patient=%q]') !== null`, patientID))
}

// managerReads: the figures of the province before the consult.
func (s *story) managerReads(t *testing.T) {
	s.manager = s.person(t, s.clinic, "manager", desk())
	s.signIn(t, s.manager, "manager", s.server.base+"/reports/hypertension")
	s.before = s.report(t)
	t.Logf("control %d of %d, not assessable %d", s.before.Numerator, s.before.Denominator, s.before.NotAssessable)
	if s.before.Numerator == 0 || s.before.Denominator <= s.before.Numerator || len(s.before.Communes) < 2 {
		t.Errorf("these figures prove little: %+v", s.before)
	}
	if s.listed(t) {
		t.Error("the patient is in the numerator before anything was measured")
	}
}

// reportMoves: by exactly this patient, and nothing else in it moves.
func (s *story) reportMoves(t *testing.T) {
	want := s.before.plusOne(commune)
	waitFor(t, "the report has the reading", func() error {
		if got := s.report(t); !got.equal(want) {
			if time.Since(s.saved) > figureWithin {
				t.Fatalf("after %v the report says %+v, not %+v", time.Since(s.saved), got, want)
			}
			return errors.New("not yet")
		}
		return nil
	})
	t.Logf("the report has the reading %d ms after it was saved", time.Since(s.saved).Milliseconds())
	if !s.listed(t) {
		t.Error("the patient is not in the list behind the numerator")
	}
}

// doctorClosesTab: the last words are typed and the tab is closed before anything says that they are saved.
func (s *story) doctorClosesTab(t *testing.T) {
	s.console.enter(t, "plan", plan)
	if err := chromedp.Cancel(s.console.ctx); err != nil {
		t.Fatal(err)
	}
	s.console = s.tab(t, s.doctor, "console again")
	s.console.open(t, s.server.demo.doctorURL)
	s.noteIs(t)
	s.console.until(t, "it is saved", `["saved", ""].includes(document.getElementById("note-status").dataset.state ?? "") && Number(document.getElementById("plan").dataset.version) > 0`)
	inCall(t, 0, s.console, s.patient)
	if got := mustAsk[string](t, s.console, `document.querySelector("#readings li[data-n='1'] strong").textContent`); got != "126/78" {
		t.Errorf("the blood pressure beside the note is %q", got)
	}
}

// noteIs waits until the console shows what was typed.
func (s *story) noteIs(t *testing.T) {
	t.Helper()
	for field, text := range map[string]string{"reason": reason, "findings": findings, "assessment": assessment, "plan": plan} {
		s.console.until(t, field+" is what was typed", fmt.Sprintf(`document.getElementById(%q).value === %q`, field, text))
	}
}

// doctorSigns: the end is asked about once, the patient's page says so, and the signed note changes no more.
func (s *story) doctorSigns(t *testing.T) {
	s.console.press(t, "end")
	s.console.press(t, "sure-yes")
	s.patient.phase(t, "ended")
	s.patient.seen(t, "#end-text")
	s.console.seen(t, "#sign")
	if got := s.client.search(t, "Composition?patient="+patientID); len(got) != 0 {
		t.Errorf("a note is in the record before it was signed: %+v", got)
	}
	s.console.press(t, "sign")
	s.console.seen(t, "#signed-mark")
	s.console.until(t, "the page is the signed note", `document.readyState === "complete" && document.getElementById("plan").readOnly`)
	s.noteIs(t)
	s.doctor.until(t, "the queue shows it signed, by itself", s.row("signed"))
}

// recordIsComplete: everything that signing promises is in the record, once.
func (s *story) recordIsComplete(t *testing.T) {
	mine := "?patient=" + patientID + "&identifier=urn:khamxa:consult|" + s.consult
	note := s.client.one(t, "Composition"+mine)
	var text strings.Builder
	for _, part := range note.Section {
		text.WriteString(part.Text.Div)
	}
	for _, want := range []string{reason, findings, assessment, plan, "126/78"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the note has no %q: %s", want, text.String())
		}
	}
	if note.Status != "final" || !decode[coded](t, note.Type).has("http://loinc.org", "11488-4") {
		t.Errorf("the note is %s, of type %s", note.Status, note.Type)
	}
	if e := s.client.one(t, "Encounter"+mine); e.Status != "finished" || e.Class.Code != "VR" {
		t.Errorf("the encounter is %s, of class %s", e.Status, e.Class.Code)
	}
	if a := s.client.one(t, "Appointment"+mine); a.Status != "fulfilled" {
		t.Errorf("the appointment is %s", a.Status)
	}
	if got := s.client.pressures(t, patientID, s.consult); !slices.Equal(got, []string{"126/78"}) {
		t.Errorf("/fhir/Observation has %v", got)
	}
	if got, want := s.report(t), s.before.plusOne(commune); !got.equal(want) {
		t.Errorf("signing moved the figures: %+v, not %+v", got, want)
	}
}

// nextConsult: from the patient's chart, with a link of the console's own.
func (s *story) nextConsult(t *testing.T) {
	next := s.tab(t, s.doctor, "next console")
	next.open(t, s.server.base+"/patients/"+patientID)
	next.press(t, "open-consult")
	next.seen(t, `#console[data-consult="booked"]`)
	next.press(t, "invite")
	next.seen(t, "#link")
	p := s.person(t, s.street, "next patient", phone())
	p.open(t, mustAsk[string](t, next, `document.getElementById("link").value`))
	p.press(t, "join")
	p.phase(t, "waiting")
	p.onlyWaits(t, 0)
	next.do(t, "see who waits", chromedp.WaitVisible(chromedp.ID("admit")))
	s.waiting = p
}

// pagesAreQuiet: over the whole story no page asked another origin for anything, and none complained, except that Chromium notes a
// link that was refused as a failed request.
func (s *story) pagesAreQuiet(t *testing.T) {
	for _, p := range s.pages {
		p.mu.Lock()
		for _, address := range p.foreign {
			t.Errorf("%s asked %s", p.name, address)
		}
		for _, line := range p.noise {
			refused := strings.Contains(line, "status of 404") && strings.Contains(line, p.origin+"/j/")
			if !refused {
				t.Errorf("%s: %s", p.name, line)
			}
		}
		if len(p.loaded) == 0 {
			t.Errorf("nothing was seen of %s", p.name)
		}
		p.mu.Unlock()
	}
}

// restarts: the service is asked to stop in the middle of the day, with pages open, and started again on the same folder.
func (s *story) restarts(t *testing.T) {
	kept := []string{"Composition/" + s.consult, "Encounter/" + s.consult, "Appointment/" + s.consult, "Observation/" + s.consult + "-bp-1", "Patient/" + patientID}
	before := make([][]byte, len(kept))
	for i, path := range kept {
		before[i] = s.client.get(t, path)
	}
	serving := s.verify(t)
	seen := len(s.waiting.received(0))
	t.Logf("stopped in %d ms", s.server.stop(t).Milliseconds())
	if stopped := s.verify(t); stopped < serving {
		t.Errorf("the log ends with commit %d, and had %d", stopped, serving)
	}

	s.server = s.khamxa.serve(t, s.life, s.dir, s.server.base[len("http://"):])
	t.Logf("ready again after %d ms", s.server.ready.Milliseconds())
	s.client.signIn(t)
	for i, path := range kept {
		if after := s.client.get(t, path); !bytes.Equal(after, before[i]) {
			t.Errorf("%s is %s, and was %s", path, after, before[i])
		}
	}
	s.waiting.onlyWaits(t, s.waiting.toldToWait(t, seen)) // the phone came back by itself
	s.recordIsCompleteAfterRestart(t)
	s.server.stop(t)
}

// verify has the program check the log, the index and the figures, and gives the number of the last commit.
func (s *story) verify(t *testing.T) (head int) {
	t.Helper()
	out := s.khamxa.run(t, "verify", "--data", s.dir)
	_, last, found := strings.Cut(out, "head ")
	if _, err := fmt.Sscanf(last, "%d sha256:", &head); err != nil || !found || head == 0 {
		t.Fatalf("khamxa verify printed %q (%v)", out, err)
	}
	return head
}

// recordIsCompleteAfterRestart looks at it with new eyes: nobody is signed in.
func (s *story) recordIsCompleteAfterRestart(t *testing.T) {
	t.Helper()
	s.manager = s.person(t, s.clinic, "manager after the restart", desk())
	s.signIn(t, s.manager, "manager", s.server.base+"/reports/hypertension")
	s.recordIsComplete(t)
	s.console = s.person(t, s.clinic, "doctor after the restart", desk())
	s.signIn(t, s.console, "doctor", s.server.base+"/consults/"+s.consult)
	s.console.seen(t, "#signed-mark")
	s.noteIs(t)
}

func decode[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}
