package signaling_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/media"
	"khamxa/signaling/wire"
)

// resume opens another connection and says hello with what the first one was given.
func (w *world) resume(from *wire.Welcome, last int64) *page {
	p := w.open()
	p.say(&wire.Hello{Version: 1, Resume: &wire.ResumeFrom{Session: from.Session, Token: from.Resume, Last: last}})
	return p
}

func TestResumeReplaysExactlyWhatWasMissed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first := w.enter("room dr doctor")
		frames := first.got()
		welcome, seen := frames[0].Message.(*wire.Welcome), frames[len(frames)-1].N
		w.plane.State("room", "dr", media.Connected)
		w.happened()

		first.drop() // "connected" may or may not have been read
		w.enter("room pt patient+")
		w.plane.Offer("room", "dr")
		time.Sleep(wire.ResumeWindow - time.Second)

		second := w.resume(welcome, seen)
		frames = second.got()
		again := frames[0].Message.(*wire.Welcome)
		expect(t, "resumed", again.Resumed, true)
		expect(t, "the same session", again.Session, welcome.Session)
		var got []string
		for i, f := range frames[1:] {
			got = append(got, string(f.Message.Type()))
			expect(t, "number", f.N, seen+int64(i)+1)
		}
		// The peer's own Dropped changed the list too; then the patient came, then it came back itself.
		if diff := cmp.Diff([]string{"media", "peers", "peers", "offer", "peers"}, got); diff != "" {
			t.Error(diff)
		}
		if slices.Contains(w.calls(), "leave dr") || strings.Count(strings.Join(w.calls(), ","), "join dr") != 1 {
			t.Errorf("the media were touched: %v", w.calls())
		}
		if diff := cmp.Diff([]string{"dropped dr", "arrived pt", "returned dr"}, w.happened()); diff != "" {
			t.Error(diff)
		}

		second.say(&wire.Ack{N: frames[len(frames)-1].N})
		second.drop()
		third := w.resume(welcome, frames[len(frames)-1].N)
		expect(t, "nothing was missed but the own return", third.types(), "welcome peers peers")
	})
}

func TestOthersSeeWhoIsAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		doctor, patient := w.enter("room dr doctor"), w.enter("room pt patient+")
		waiting := w.enter("room pt2 patient")
		doctor.got()
		waiting.drop()
		expect(t, "the doctor hears nothing of a waiting peer", doctor.types(), "")
		patient.drop()
		expect(t, "online while away", last[*wire.Peers](t, doctor).Peers[1].Online, false)
	})
}

func TestResumeIsRefused(t *testing.T) {
	setUp := func(t *testing.T, w *world) (*page, *wire.Welcome) {
		p := w.enter("room dr doctor")
		return p, p.got()[0].Message.(*wire.Welcome)
	}
	cases := map[string]func(t *testing.T, w *world) *page{
		"an unknown session": func(t *testing.T, w *world) *page {
			_, welcome := setUp(t, w)
			return w.resume(&wire.Welcome{Session: "unknown", Resume: welcome.Resume}, 0)
		},
		"another's token": func(t *testing.T, w *world) *page {
			_, welcome := setUp(t, w)
			other := w.enter("room pt patient")
			theirs := other.got()[0].Message.(*wire.Welcome)
			return w.resume(&wire.Welcome{Session: welcome.Session, Resume: theirs.Resume}, 0)
		},
		"a message that was never sent": func(t *testing.T, w *world) *page {
			_, welcome := setUp(t, w)
			return w.resume(welcome, 1000)
		},
		"messages that were acknowledged": func(t *testing.T, w *world) *page {
			p, welcome := setUp(t, w)
			p.say(&wire.Ack{N: 3})
			p.drop()
			return w.resume(welcome, 1)
		},
		"more missed than is kept": func(t *testing.T, w *world) *page {
			p, welcome := setUp(t, w)
			p.drop()
			for i := range wire.MaxKept + 10 {
				if i%2 == 0 {
					w.enter("room pt patient+")
				}
				w.plane.Offer("room", "dr")
			}
			synctest.Wait()
			return w.resume(welcome, 1)
		},
		"too late": func(t *testing.T, w *world) *page {
			p, welcome := setUp(t, w)
			p.drop()
			time.Sleep(wire.ResumeWindow + time.Second)
			return w.resume(welcome, 4)
		},
		"after a reload took the seat": func(t *testing.T, w *world) *page {
			_, welcome := setUp(t, w)
			w.enter("room dr doctor")
			return w.resume(welcome, 4)
		},
		"after leaving": func(t *testing.T, w *world) *page {
			p, welcome := setUp(t, w)
			p.say(&wire.Leave{})
			return w.resume(welcome, 4)
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p := prepare(t, w)
				expect(t, "answer", p.types(), "error:resume-refused")
				expect(t, "the connection goes on", p.closedAs(), "")
				p.say(&wire.Hello{Version: 1, Ticket: "room dr doctor"})
				expect(t, "with a ticket", strings.HasPrefix(p.types(), "welcome admitted"), true)
			})
		})
	}
}

func TestARefusedResumeMustSayHelloInTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.resume(&wire.Welcome{Session: "unknown", Resume: "unknown"}, 0)
		time.Sleep(wire.HelloTimeout + time.Millisecond)
		expect(t, "close", p.closedAs(), wire.HelloLate)
	})
}

func TestTheNewestConnectionWins(t *testing.T) {
	t.Run("resuming beside a connection that hangs", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			old := w.enter("room dr doctor")
			welcome := old.got()[0].Message.(*wire.Welcome)
			w.resume(welcome, 4)
			expect(t, "the old one", old.closedAs(), wire.Replaced)
			expect(t, "online", status(t, w, "room")[0].Online, true)
			if diff := cmp.Diff([]string{"arrived dr"}, w.happened()); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("a reload keeps seat and admission and gets new media", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			old := w.enter("room pt patient")
			if err := w.server.Admit(t.Context(), "room", "pt"); err != nil {
				t.Fatal(err)
			}
			old.say(&wire.Mute{Kind: "video", Muted: true})
			before := last[*wire.Offer](t, old).Session
			fresh := w.enter("room pt patient") // its ticket knows nothing of the admission
			expect(t, "the old one", old.closedAs(), wire.Replaced)
			frames := fresh.got()
			expect(t, "admitted", frames[0].Message.(*wire.Welcome).Admitted, true)
			offer := frames[len(frames)-1].Message.(*wire.Offer)
			if offer.Session == before || offer.Session != w.plane.Session("room", "pt") {
				t.Errorf("media session %s, before %s", offer.Session, before)
			}
			for _, f := range frames {
				if peers, ok := f.Message.(*wire.Peers); ok {
					expect(t, "a new page is not muted", peers.Peers[0].Video, true)
				}
			}
			old.say(&wire.Leave{}) // what the replaced page says does not count
			expect(t, "seats", len(status(t, w, "room")), 1)
			if diff := cmp.Diff([]string{"arrived pt", "admitted pt", "returned pt"}, w.happened()); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func TestHowLongASeatIsKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		doctor, patient := w.enter("room dr doctor"), w.enter("room pt patient")
		if err := w.server.Admit(t.Context(), "room", "pt"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		patient.drop()
		time.Sleep(wire.SeatWindow - time.Second)
		patient = w.enter("room pt patient")
		expect(t, "still admitted", patient.got()[0].Message.(*wire.Welcome).Admitted, true)

		patient.drop()
		w.happened()
		doctor.got()
		time.Sleep(wire.SeatWindow - time.Second)
		if len(w.happened()) != 0 {
			t.Error("left too early: the second absence counts from its own beginning")
		}
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff([]string{"left pt"}, w.happened()); diff != "" {
			t.Error(diff)
		}
		expect(t, "peers", len(last[*wire.Peers](t, doctor).Peers), 1)
		expect(t, "on the node", fmt.Sprint(w.plane.Peers("room")), "[dr]")
		expect(t, "coming back", w.enter("room pt patient").types(), "welcome waiting")
	})
}

func TestARoomEndsWithItsLastSeat(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		expect(t, "rooms", w.server.Stats().Rooms, 1)
		p.drop()
		time.Sleep(wire.SeatWindow + time.Second)
		expect(t, "rooms after its last seat", w.server.Stats().Rooms, 0)
		expect(t, "links", w.server.Stats().Links, 0)
	})
}

func TestAdmittedWhileAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room pt patient")
		welcome := p.got()[0].Message.(*wire.Welcome)
		p.drop()
		if err := w.server.Admit(t.Context(), "room", "pt"); err != nil {
			t.Fatal(err)
		}
		if len(w.calls()) != 0 {
			t.Errorf("media without a page: %v", w.calls())
		}
		p = w.resume(welcome, 1)
		expect(t, "after resuming", p.types(), "welcome admitted peers peers media:connecting offer")
	})
}
