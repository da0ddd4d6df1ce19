//go:build e2e

package main_test

import (
	"context"
	"path"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The demo's person, and what is written down of her.
const (
	patientID   = "demo-patient"
	patientName = "Nguyễn Thị Mẫu"
	doctorName  = "Trần Thị Mai"
	commune     = "14221"

	reason     = "Tái khám sau hơn một năm không đến. Còn uống thuốc đều."
	findings   = "Tỉnh táo, không phù, không đau ngực, không khó thở."
	assessment = "Tăng huyết áp nguyên phát, huyết áp đạt mục tiêu."
	plan       = "Tiếp tục amlodipin 5 mg mỗi sáng. Tái khám sau 30 ngày."
)

// story is one consult, from the doctor's sign-in to the signed note after a restart of the service.
type story struct {
	life   *testing.T // the whole test; what a step opens stays open until its end
	khamxa binary
	dir    string
	server *server
	client *client

	clinic, street           context.Context // two browsers: one at the clinic, one out there
	doctor, console, manager *page           // doctor: the queue, open all day; console: the consult
	patient                  *page           // the phone that is in the consult
	waiting                  *page           // the phone that waits for the next one
	pages                    []*page         // every page that was opened

	consult string
	before  figures   // of the report, before the blood pressure
	saved   time.Time // when the blood pressure was
}

// TestStory does a whole consult in real browsers, with real media, on the program as it is installed.
func TestStory(t *testing.T) {
	s := &story{life: t, khamxa: build(t), dir: t.TempDir()}
	steps := []struct {
		name string
		do   func(*testing.T)
	}{
		{"an empty folder is ready at once", s.startsOnEmptyFolder},
		{"the service opens a population", s.serves},
		{"without a token nothing is told", s.refusesStrangeProgram},
		{"the doctor signs in", s.doctorSignsIn},
		{"the manager reads the report", s.managerReads},
		{"the patient joins by one tap and waits", s.patientJoins},
		{"the doctor admits", s.doctorAdmits},
		{"a blood pressure beside the video", s.doctorMeasures},
		{"the report moves by one", s.reportMoves},
		{"the media process is killed", s.mediaDies},
		{"the patient reloads", s.patientReloads},
		{"a link without its secret gives nothing", s.strangerTries},
		{"the link on a second device gives nothing", s.secondDeviceTries},
		{"a new link moves the consult to another phone", s.patientChangesPhone},
		{"closing the console loses nothing typed", s.doctorClosesTab},
		{"the doctor ends and signs", s.doctorSigns},
		{"the record is complete", s.recordIsComplete},
		{"the next consult begins with a link", s.nextConsult},
		{"nothing was asked of others, and no page complained", s.pagesAreQuiet},
		{"a restart loses nothing", s.restarts},
	}
	for _, step := range steps {
		if !t.Run(step.name, step.do) {
			for _, p := range s.pages {
				if p.ctx.Err() == nil {
					p.picture(t, "failed-"+p.name)
				}
			}
			t.FailNow() // each step stands on the one before
		}
	}
}

// Screens of the two sides.
func desk() screen  { return screen{width: 1366, height: 768} }
func phone() screen { return screen{width: 360, height: 640, touch: true} }

// person opens a page for somebody who was never here: no cookies, no storage.
func (s *story) person(t *testing.T, browser context.Context, name string, sc screen) *page {
	t.Helper()
	p := newPage(t, browser, name, s.server.base[len("http://"):], sc, chromedp.WithNewBrowserContext())
	s.pages = append(s.pages, p)
	return p
}

// tab opens one more page for somebody.
func (s *story) tab(t *testing.T, of *page, name string) *page {
	t.Helper()
	p := newPage(t, of.ctx, name, of.origin, of.screen)
	s.pages = append(s.pages, p)
	return p
}

// signIn goes to a page as a member of staff who is not signed in yet, through /login.
func (s *story) signIn(t *testing.T, p *page, role, address string) {
	t.Helper()
	login := s.server.demo.logins[role]
	p.open(t, address)
	p.until(t, "is asked to sign in", `location.pathname === "/login"`)
	p.enter(t, "login", login)
	p.enter(t, "password", s.server.demo.passwords[login])
	p.do(t, "sign in", chromedp.Click(chromedp.CSS(`form[action="/login"] button[type=submit]`)))
	p.until(t, "is signed in", `location.pathname !== "/login" && document.readyState === "complete"`)
}

// startsOnEmptyFolder is the first start of somebody who tries Khamxa.
func (s *story) startsOnEmptyFolder(t *testing.T) {
	server := s.khamxa.serve(t, t, t.TempDir(), freeAddress(t))
	t.Logf("ready after %d ms", server.ready.Milliseconds())
	if limit := readyWithin * slack; server.ready > limit {
		t.Errorf("ready after %v, not within %v", server.ready, limit)
	}
	t.Logf("stopped in %d ms", server.stop(t).Milliseconds())
}

// serves starts the service of the story, on a population in which one person is a figure among others.
func (s *story) serves(t *testing.T) {
	s.khamxa.run(t, "seed", "--data", s.dir, "--patients", "150", "--months", "18", "--seed", "1")
	s.server = s.khamxa.serve(t, s.life, s.dir, freeAddress(t))
	s.consult = path.Base(s.server.demo.doctorURL)
	s.client = newClient(t, s.khamxa, s.dir, s.server.base)
	s.client.signIn(t)
	s.clinic, s.street = openBrowser(t, s.life), openBrowser(t, s.life)
}
