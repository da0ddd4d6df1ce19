//go:build e2e

package main_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
)

// frames is how many new pictures say that a video moves: a second of them.
const frames = 20

// call is what a page tells of its call.
type call struct {
	Phase, State, Peer string
	Session            int     // counts the page's media sessions, each of which has an RTCPeerConnection of its own; a reload begins again
	Frames, Energy     float64 // of this media session
	Width              float64 // of the picture on the screen, 0 without one
}

// look reads a page's call. It is one expression, so that everything in it belongs together.
const look = `(async () => {
  const c = window.khamxaCall, phase = document.documentElement.dataset.phase ?? "";
  if (!c) return {phase};
  const pc = c.pc;
  if (pc && pc !== window.lastSession) {
    window.lastSession = pc;
    window.sessions = (window.sessions ?? 0) + 1;
  }
  const s = await c.stats(), screen = document.getElementById("remote");
  return {phase, state: c.state, peer: c.peer, session: window.sessions ?? 0, frames: s.framesDecoded, energy: s.audioEnergy,
    width: screen.paused || !screen.srcObject ? 0 : screen.videoWidth};
})()`

func (p *page) call(t *testing.T) call {
	t.Helper()
	return mustAsk[call](t, p, look)
}

// flowing waits until the other's picture moves and sound is heard on this page, in a media session after the given one.
func (p *page) flowing(t *testing.T, after int) call {
	t.Helper()
	var first, now call
	waitFor(t, p.name+" sees and hears the other", func() (err error) {
		if now, err = ask[call](p, look); err != nil {
			return err
		}
		if now.Session <= after {
			return fmt.Errorf("still media session %d", now.Session)
		}
		if first.Session != now.Session {
			first = now
		}
		if now.Phase != "call" || now.Width == 0 || now.Frames < first.Frames+frames || now.Energy <= first.Energy || now.Energy == 0 {
			return fmt.Errorf("from %+v to %+v", first, now)
		}
		return nil
	})
	return now
}

// firstFrame waits for any picture of a media session after the given one.
func (p *page) firstFrame(t *testing.T, after int) {
	t.Helper()
	waitFor(t, p.name+" gets a first picture", func() error {
		now, err := ask[call](p, look)
		if err == nil && (now.Session <= after || now.Frames == 0) {
			err = fmt.Errorf("%+v", now)
		}
		return err
	})
}

// inCall has both pages in the call, with picture and sound both ways.
func inCall(t *testing.T, after int, pages ...*page) {
	t.Helper()
	for _, p := range pages {
		p.phase(t, "call")
	}
	for _, p := range pages {
		c := p.flowing(t, after)
		t.Logf("%s: %.0f frames decoded, audio energy %.4f, picture %.0f wide, media session %d", p.name, c.Frames, c.Energy, c.Width, c.Session)
	}
}

// toldToWait waits until the page is told, after its first n messages, that it waits, and gives which message that is.
func (p *page) toldToWait(t *testing.T, n int) (at int) {
	t.Helper()
	waitFor(t, p.name+" is told to wait", func() error {
		if at = slices.IndexFunc(p.received(n), func(f frame) bool { return f.Type == "waiting" }); at < 0 {
			return errors.New("no such message")
		}
		return nil
	})
	return n + at
}

// onlyWaits fails unless the page was told that it waits, and since its first n messages nothing else; and shows nothing of the room.
func (p *page) onlyWaits(t *testing.T, n int) {
	t.Helper()
	p.toldToWait(t, n)
	p.nothingOfRoom(t, p.received(n))
	room := mustAsk[struct {
		State          string
		Media, Picture bool
	}](t, p, `({state: khamxaCall.state, media: khamxaCall.pc !== null, picture: document.getElementById("remote").srcObject !== null})`)
	if room.State != "waiting" || room.Media || room.Picture {
		t.Errorf("%s waits and has %+v", p.name, room)
	}
}

func (p *page) nothingOfRoom(t *testing.T, frames []frame) {
	t.Helper()
	for _, f := range frames {
		if f.Admitted || !slices.Contains([]string{"welcome", "waiting", "pong"}, f.Type) {
			t.Errorf("%s waits and was sent %s", p.name, f.text)
		}
	}
}

// wasLetIn fails unless the page was sent who is there and an offer of media, and all of it after it was admitted. A connection keeps
// the order, so whatever was meant for others while it waited would stand before.
func (p *page) wasLetIn(t *testing.T) {
	t.Helper()
	all := p.received(0)
	at := slices.IndexFunc(all, func(f frame) bool { return f.Type == "admitted" })
	if at < 0 {
		t.Fatalf("%s was not admitted", p.name)
	}
	p.nothingOfRoom(t, all[:at])
	for _, want := range []string{"peers", "offer"} {
		if !slices.ContainsFunc(all[at:], func(f frame) bool { return f.Type == want }) {
			t.Errorf("%s is in the call and was not sent %q", p.name, want)
		}
	}
}

// staysAtHome fails if the call sends or asks anywhere but to the service's own host: as a STUN or TURN server, or as the other end.
func (p *page) staysAtHome(t *testing.T) {
	t.Helper()
	home, _, err := net.SplitHostPort(p.origin)
	if err != nil {
		t.Fatal(err)
	}
	hosts := mustAsk[[]string](t, p, `(async () => {
  const servers = khamxaCall.pc.getConfiguration().iceServers.flatMap(s => s.urls).map(u => u.split(":")[1]);
  const ends = [...(await khamxaCall.pc.getStats()).values()].filter(s => s.type === "remote-candidate").map(s => s.address);
  return [...servers, ...ends];
})()`)
	if len(hosts) == 0 {
		t.Errorf("%s: the call has no other end", p.name)
	}
	for _, host := range hosts {
		if host != home {
			t.Errorf("%s: the call reaches %s", p.name, host)
		}
	}
}

// watchPhases notes each change of the page's phase from now on.
func (p *page) watchPhases(t *testing.T) {
	t.Helper()
	mustAsk[bool](t, p, `(() => {
  window.phases = [];
  new MutationObserver(() => window.phases.push(document.documentElement.dataset.phase)).observe(document.documentElement, {attributeFilter: ["data-phase"]});
  return true;
})()`)
}

func (p *page) phases(t *testing.T) []string {
	t.Helper()
	return mustAsk[[]string](t, p, `window.phases`)
}
