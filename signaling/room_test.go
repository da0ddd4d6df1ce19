package signaling_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/media/mediatest"
	"khamxa/signaling"
	"khamxa/signaling/wire"
)

const sdp = "v=0\r\ns=-\r\n"

func TestACallFromHelloToLeave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		doctor := w.enter("room dr doctor")
		expect(t, "a doctor's first messages", doctor.types(), "welcome admitted peers media:connecting offer")

		patient := w.enter("room pt patient")
		expect(t, "a patient's first messages", patient.types(), "welcome waiting")
		expect(t, "what the doctor hears of who waits", doctor.types(), "")

		if err := w.server.Admit(t.Context(), "room", "pt"); err != nil {
			t.Fatal(err)
		}
		frames := patient.got()
		var numbers []int64
		for _, f := range frames {
			numbers = append(numbers, f.N)
		}
		if diff := cmp.Diff([]int64{2, 3, 4, 5}, numbers); diff != "" {
			t.Errorf("numbers: %s", diff)
		}
		want := &wire.Peers{Peers: []wire.Peer{
			{ID: "dr", Role: "doctor", Name: "Bác dr", Audio: true, Video: true, Online: true},
			{ID: "pt", Role: "patient", Name: "Bác pt", Audio: true, Video: true, Online: true},
		}}
		if diff := cmp.Diff(want, last[*wire.Peers](t, doctor)); diff != "" {
			t.Error(diff)
		}
		offer := frames[len(frames)-1].Message.(*wire.Offer)
		expect(t, "session of the first offer", offer.Session, w.plane.Session("room", "pt"))

		patient.say(&wire.Answer{Session: offer.Session, Seq: 1, SDP: sdp})
		patient.say(&wire.Candidate{Session: offer.Session, Candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", Mid: "0"})
		w.plane.State("room", "pt", media.Connected)
		expect(t, "after connecting", patient.types(), "media:connected")

		w.plane.Offer("room", "pt")
		expect(t, "a later offer", last[*wire.Offer](t, patient).Seq, 2)

		patient.say(&wire.Mute{Kind: "audio", Muted: true})
		expect(t, "muted audio as the doctor sees it", last[*wire.Peers](t, doctor).Peers[1].Audio, false)
		patient.say(&wire.Ping{})
		expect(t, "after mute and ping", patient.types(), "peers pong")

		patient.say(&wire.Leave{})
		expect(t, "close after leave", patient.closedAs(), wire.Bye)
		expect(t, "peers after leave", len(last[*wire.Peers](t, doctor).Peers), 1)

		wantEvents := []string{"arrived dr", "arrived pt", "admitted pt", "connected pt", "left pt"}
		if diff := cmp.Diff(wantEvents, w.happened()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"join dr", "join pt", "answer pt", "leave pt"}, w.calls()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnAdmittedTicketDoesNotWait(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		expect(t, "first messages", w.enter("room pt patient+").types(), "welcome admitted peers media:connecting offer")
	})
}

func TestTicketsThatAreRefused(t *testing.T) {
	cases := map[string]wire.Code{
		"nonsense":                               wire.BadTicket,
		"room pt late":                           wire.BadTicket,
		"ro.om pt patient":                       wire.BadTicket,
		"room p* patient":                        wire.BadTicket,
		"room pt role>":                          wire.BadTicket,
		"room " + strings.Repeat("p", 65) + " x": wire.BadTicket,
		"down":                                   wire.Busy,
	}
	for ticket, want := range cases {
		t.Run(ticket, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p := w.enter(ticket)
				expect(t, "messages", p.types(), "error:"+string(want))
				expect(t, "close", p.closedAs(), want)
				expect(t, "rooms", w.server.Stats().Rooms, 0)
			})
		})
	}
}

func TestStaleAndRepeatedAnswersGoNowhere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		session := last[*wire.Offer](t, p).Session
		p.say(&wire.Answer{Session: "another", Seq: 1, SDP: sdp})
		p.say(&wire.Answer{Session: session, Seq: 2, SDP: sdp}) // not offered yet
		p.say(&wire.Answer{Session: session, Seq: 1, SDP: sdp})
		p.say(&wire.Answer{Session: session, Seq: 1, SDP: sdp}) // said again after a resume
		c := &wire.Candidate{Session: session, Candidate: "candidate:1", Mid: "0"}
		p.say(c)
		p.say(c)
		p.say(&wire.Candidate{Session: "another", Candidate: "candidate:1"})
		for i := range 2 * wire.MaxCandidates {
			time.Sleep(50 * time.Millisecond) // within the rate
			p.say(&wire.Candidate{Session: session, Candidate: fmt.Sprintf("candidate:%d x", i)})
		}
		expect(t, "answers to the client", p.types(), "")
		if diff := cmp.Diff([]string{"join dr", "answer dr"}, w.calls()); diff != "" {
			t.Error(diff)
		}
		expect(t, "candidates passed on", len(w.plane.Calls())-2, wire.MaxCandidates)
	})
}

func TestBadMessages(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		p.got()
		for raw, want := range map[string]string{
			`{"type":"ping"`:                   "error:bad-message",
			`{"type":"mute","kind":"screen"}`:  "error:bad-message",
			`{"type":"admit","peer":"pt"}`:     "error:unknown-type",
			`{"type":"offer","sdp":"v=0"}`:     "error:unknown-type",
			`{"type":"hello","version":1}`:     "error:bad-message",
			`{"type":"ping","type":"restart"}`: "error:bad-message",
		} {
			p.link.Receive([]byte(raw))
			expect(t, raw, p.types(), want)
		}
		p.say(&wire.Hello{Version: 1, Ticket: "room dr doctor"})
		expect(t, "hello again", p.types(), "error:hello-twice")
		p.link.Receive([]byte(`{"type":"mute","kind":"screen"}`))
		m := last[*wire.Error](t, p)
		expect(t, "re", m.Re, "mute")
		expect(t, "the sentence names the member", strings.Contains(m.Message, "(kind)"), true)
		p.say(&wire.Ping{})
		expect(t, "the connection goes on", p.types(), "pong")

		p.link.Receive([]byte(`{"type":"ping","x":"` + strings.Repeat("x", wire.MaxMessage) + `"}`))
		expect(t, "too large", p.closedAs(), wire.TooLarge)
	})
}

func TestHelloRules(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.open()
		p.say(&wire.Ping{})
		expect(t, "a message before hello", p.closedAs(), wire.HelloFirst)

		p = w.open()
		p.say(&wire.Hello{Version: wire.Version + 1, Ticket: "room dr doctor"})
		expect(t, "a later version", p.closedAs(), wire.BadVersion)

		p = w.open()
		time.Sleep(wire.HelloTimeout - time.Millisecond)
		expect(t, "just in time", p.closedAs(), "")
		time.Sleep(2 * time.Millisecond)
		expect(t, "no hello", p.closedAs(), wire.HelloLate)

		p = w.enter("room dr doctor")
		time.Sleep(2 * wire.HelloTimeout)
		expect(t, "hello was said", p.closedAs(), "")
	})
}

func TestRate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		for range 500 { // 40 a second: allowed for ever
			time.Sleep(25 * time.Millisecond)
			p.say(&wire.Ping{})
		}
		expect(t, "a steady client", p.closedAs(), "")
		time.Sleep(10 * time.Second)
		for i := range wire.Burst + 5 {
			p.link.Receive([]byte(`{"type":"ping"}`))
			if i < wire.Burst && len(p.closed) > 0 {
				t.Fatalf("closed after %d messages", i+1)
			}
		}
		expect(t, "a flood", p.closedAs(), wire.TooMany)
		expect(t, "a flooding peer keeps its seat", len(status(t, w, "room")), 1)
	})
}

func status(t *testing.T, w *world, room string) []signaling.PeerStatus {
	t.Helper()
	list, err := w.server.Status(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSlowReader(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		slow := w.enter("room dr doctor")
		slow.mu.Lock()
		slow.stuck = true
		slow.mu.Unlock()
		other := w.enter("room dr2 doctor")
		expect(t, "the slow one", slow.closedAs(), wire.TooSlow)
		expect(t, "the other one", strings.Contains(other.types(), "offer"), true)
	})
}

func TestRoomFull(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range wire.MaxPeers {
			expect(t, "close", w.enter(fmt.Sprintf("room p%d patient", i)).closedAs(), "")
		}
		expect(t, "one more", w.enter("room more patient").closedAs(), wire.RoomFull)
		expect(t, "one that has a seat", w.enter("room p3 patient").closedAs(), "")
		expect(t, "another room", w.enter("room2 more patient").closedAs(), "")
	})
}

func TestCommands(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for name, err := range map[string]error{
			"admit in no room":  w.server.Admit(ctx, "nowhere", "pt"),
			"status of no room": func() error { _, err := w.server.Status(ctx, "nowhere"); return err }(),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v, want not-found", name, err)
			}
		}
		doctor, patient := w.enter("room dr doctor"), w.enter("room pt patient")
		if err := w.server.Admit(ctx, "room", "somebody"); !fault.Is(err, fault.NotFound) {
			t.Errorf("admitting nobody: %v", err)
		}
		for range 2 {
			if err := w.server.Admit(ctx, "room", "pt"); err != nil {
				t.Error(err)
			}
		}
		w.plane.State("room", "dr", media.Connected)
		want := []signaling.PeerStatus{
			{Peer: "dr", Role: "doctor", Admitted: true, Online: true, Media: true},
			{Peer: "pt", Role: "patient", Admitted: true, Online: true},
		}
		synctest.Wait()
		if diff := cmp.Diff(want, status(t, w, "room")); diff != "" {
			t.Error(diff)
		}

		patient.got()
		if err := w.server.Remove(ctx, "room", "pt"); err != nil {
			t.Error(err)
		}
		expect(t, "what a removed peer gets", patient.types(), "ended:removed error:removed")
		expect(t, "how it is closed", patient.closedAs(), wire.Removed)
		expect(t, "what stays on the node", strings.Join(w.plane.Peers("room"), " "), "dr")
		expect(t, "coming back with the old ticket", w.enter("room pt patient+").closedAs(), wire.Removed)
		if err := w.server.Admit(ctx, "room", "pt"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		expect(t, "coming back after the doctor's word", w.enter("room pt patient+").closedAs(), "")

		doctor.got()
		for range 2 {
			if err := w.server.CloseRoom(ctx, "room"); err != nil {
				t.Error(err)
			}
		}
		expect(t, "the end", doctor.types(), "ended:closed error:ended")
		expect(t, "how it is closed", doctor.closedAs(), wire.CallEnded)
		expect(t, "what stays on the node", len(w.plane.Peers("room")), 0)
		expect(t, "coming back", w.enter("room dr doctor").closedAs(), wire.CallEnded)
		expect(t, "rooms left", w.server.Stats().Rooms, 0)
		time.Sleep(wire.SeatWindow)
		expect(t, "much later", w.enter("room dr doctor").closedAs(), "")
	})
}

func TestClosingARoomReachesANodeThatIsDown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.enter("room dr doctor")
		down := fault.New(fault.Unavailable, "test", "down")
		w.plane.Fail(mediatest.Leave, down)
		w.plane.Fail(mediatest.Close, down)
		if err := w.server.CloseRoom(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.plane.Fail(mediatest.Close, nil)
		time.Sleep(20 * time.Second)
		expect(t, "rooms on the node", len(w.plane.Peers("room")), 0)
	})
}

func TestCloseTellsEverybodyToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		fresh, doctor, patient := w.open(), w.enter("room dr doctor"), w.enter("room pt patient")
		w.end()
		for name, p := range map[string]*page{"fresh": fresh, "doctor": doctor, "patient": patient} {
			expect(t, name, p.closedAs(), wire.ComeAgain)
		}
		expect(t, "a connection after it", w.open().closedAs(), wire.ComeAgain)
		if err := w.server.Admit(context.Background(), "room", "pt"); err == nil {
			t.Error("a command worked after Close")
		}
	})
}
