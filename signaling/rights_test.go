package signaling_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"khamxa/media/mediatest"
	"khamxa/signaling/wire"
)

// sample gives a well-formed message of each type, with other people's ids wherever there is room for one.
func sample(kind wire.Type, session string) string {
	body := map[wire.Type]string{
		"hello":     `"version":1,"ticket":"room2 dr2 doctor"`,
		"ack":       `"n":1`,
		"answer":    `"session":"` + session + `","seq":1,"sdp":"v=0\r\n"`,
		"candidate": `"session":"` + session + `","candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","mid":"0"`,
		"mute":      `"kind":"audio","muted":true`,
		"offer":     `"n":1,"session":"` + session + `","seq":1,"sdp":"v=0\r\n"`,
		"peers":     `"n":1,"peers":[]`,
		"media":     `"n":1,"state":"connected"`,
		"ended":     `"n":1,"reason":"closed"`,
		"error":     `"code":"x","message":"y"`,
		"welcome":   `"version":1,"session":"s","resume":"t","peer":"dr","role":"doctor","admitted":true,"ping":1,"grace":1`,
		"waiting":   `"n":1`,
		"admitted":  `"n":1`,
	}[kind]
	if body != "" {
		body = "," + body
	}
	return `{"type":"` + string(kind) + `","room":"room","from":"dr","to":"dr","target":"dr"` + body + `}`
}

// TestMatrix: every message of the table, from every kind of sender. The expectation is computed from the table, so that a new
// message is tested as soon as it stands there.
func TestMatrix(t *testing.T) {
	senders := []struct {
		name, ticket string
		stage        wire.Stage
	}{
		{"nobody", "", wire.First},
		{"waiting patient", "room pt patient", wire.Welcomed},
		{"waiting person of a role that does not exist", "room pt administrator", wire.Welcomed},
		{"admitted patient", "room pt patient+", wire.Admitted},
		{"doctor", "room dr9 doctor", wire.Admitted},
	}
	for _, sender := range senders {
		for _, row := range wire.Messages() {
			t.Run(fmt.Sprintf("%s says %s", sender.name, row.Type), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					doctor := w.enter("room dr doctor")
					p := w.open()
					if sender.ticket != "" {
						p.say(&wire.Hello{Version: 1, Ticket: sender.ticket})
					}
					doctor.got()
					p.got()
					before := w.calls()
					p.link.Receive([]byte(sample(row.Type, w.plane.Session("room", "dr"))))
					got := p.types()

					want := ""
					switch {
					case row.From == wire.Server:
						want = "error:unknown-type"
					case row.Type == "hello" && sender.stage == wire.First:
						want = "welcome"
					case row.Type == "hello":
						want = "error:hello-twice"
					case sender.stage == wire.First:
						want = "error:hello-first"
					case row.Stage == wire.Admitted && sender.stage == wire.Welcomed:
						want = "error:not-admitted"
					}
					if want != "" && !strings.HasPrefix(got, want) {
						t.Errorf("got %q, want %q", got, want)
					}
					if want == "" && strings.Contains(got, "error") {
						t.Errorf("a message that is allowed was answered with %q", got)
					}
					if strings.HasPrefix(want, "error") {
						expect(t, "what the doctor notices", doctor.types(), "")
						if diff := cmp.Diff(before, w.calls()); diff != "" {
							t.Errorf("the media node was asked: %s", diff)
						}
					}
					// Nobody can answer or send candidates into the doctor's media session.
					for _, c := range w.plane.Calls() {
						if c.Method == mediatest.Answer || c.Method == mediatest.Candidate {
							t.Errorf("%+v", c)
						}
					}
				})
			})
		}
	}
}

// TestAWaitingPeerObtainsNothing: whatever a waiting peer sends, and whatever happens in the room meanwhile, it gets nothing of the
// room, the others notice nothing, and the media node is never asked for it.
func TestAWaitingPeerObtainsNothing(t *testing.T) {
	mine := map[string]bool{"welcome": true, "waiting": true, "pong": true}
	synctest.Test(t, func(t *testing.T) {
		// A *testing.T has no deadline in a bubble, so rapid must not see that it is one.
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) {
			w := newWorld(rt)
			defer w.end()
			doctor, other := w.enter("room dr doctor"), w.enter("room pt2 patient+")
			p := w.enter("room pt patient")
			welcome := p.got()[0].Message.(*wire.Welcome)
			step := func(i int) {
				switch i {
				case 0:
					other.say(&wire.Mute{Kind: "audio", Muted: len(other.got())%2 == 0})
				case 1:
					w.plane.Offer("room", "dr")
				case 2:
					w.plane.Restart()
				case 3:
					p.drop()
					p = w.resume(welcome, 1)
				case 4:
					p.drop()
					p = w.enter("room pt patient")
					welcome = p.got()[0].Message.(*wire.Welcome)
				case 5:
					other.drop()
					other = w.enter("room pt2 patient+")
				}
			}
			rows := wire.Messages()
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				if rapid.Bool().Draw(rt, "says") {
					row := rapid.SampledFrom(rows).Draw(rt, "message")
					if row.Type == "leave" {
						continue // a peer that has left does not wait
					}
					p.link.Receive([]byte(sample(row.Type, w.plane.Session("room", rapid.SampledFrom([]string{"dr", "pt2"}).Draw(rt, "whose")))))
				} else {
					step(rapid.IntRange(0, 5).Draw(rt, "event"))
				}
				for _, kind := range strings.Fields(p.types()) {
					if !mine[kind] && !strings.HasPrefix(kind, "error:") {
						rt.Fatalf("a waiting peer got %q", kind)
					}
				}
			}
			doctor.got()
			for _, c := range w.plane.Calls() {
				if c.Peer == "pt" || c.Method == mediatest.Answer || c.Method == mediatest.Candidate {
					rt.Fatalf("the media node was asked: %+v", c)
				}
			}
			doctor.say(&wire.Mute{Kind: "video", Muted: true})
			for _, peer := range last[*wire.Peers](rt, doctor).Peers {
				if peer.ID == "pt" {
					rt.Fatal("a waiting peer is in the list")
				}
			}
		})
	})
}

// TestTwoRooms: what is said in one room is never heard in the other, even by the same peer id and with the other room's ids.
func TestTwoRooms(t *testing.T) {
	for _, row := range wire.Messages() {
		t.Run(string(row.Type), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				dr, pt := w.enter("room dr doctor"), w.enter("room pt patient+")
				same, stranger := w.enter("room2 dr doctor"), w.enter("room2 x patient+")
				for _, p := range []*page{dr, pt, same, stranger} {
					p.got()
				}
				for _, p := range []*page{same, stranger} {
					p.link.Receive([]byte(sample(row.Type, w.plane.Session("room", "dr"))))
					p.link.Receive([]byte(sample(row.Type, w.plane.Session("room", "pt"))))
				}
				synctest.Wait()
				expect(t, "heard by the doctor of the other room", dr.types(), "")
				expect(t, "heard by the patient of the other room", pt.types(), "")
				for _, c := range w.plane.Calls()[4:] {
					if c.Room == "room" {
						t.Errorf("%+v", c)
					}
				}
			})
		})
	}
}
