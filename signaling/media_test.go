package signaling_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/media/mediatest"
	"khamxa/signaling/wire"
)

func (w *world) joins(peer string) int {
	return strings.Count(strings.Join(w.calls(), ","), "join "+peer)
}

func TestANodeThatRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		doctor, patient, waiting := w.enter("room dr doctor"), w.enter("room pt patient+"), w.enter("room pt2 patient")
		away := w.enter("room pt3 patient+")
		welcome := away.got()[0].Message.(*wire.Welcome)
		away.drop()
		for _, peer := range []string{"dr", "pt", "pt3"} {
			w.plane.State("room", peer, media.Connected)
		}
		before := last[*wire.Offer](t, patient).Session
		doctor.got()
		waiting.got()

		w.plane.Restart()
		expect(t, "the doctor's page", doctor.types(), "media:reconnecting offer")
		offer := last[*wire.Offer](t, patient)
		if offer.Session == before || offer.Seq != 1 || offer.Session != w.plane.Session("room", "pt") {
			t.Errorf("the patient got %+v, before it was %s", offer, before)
		}
		expect(t, "a waiting peer", waiting.types(), "")
		expect(t, "joins of a peer that is away", w.joins("pt3"), 1)
		synctest.Wait()
		for _, st := range status(t, w, "room") {
			expect(t, "media of "+st.Peer, st.Media, false)
		}

		back := w.resume(welcome, 3)
		types := back.types()
		expect(t, "a peer that comes back afterwards", strings.HasSuffix(types, "offer"), true)
		expect(t, "and tells it why", strings.Contains(types, "media:reconnecting"), true)
		expect(t, "its joins", w.joins("pt3"), 2)
	})
}

func TestANodeThatIsDown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.plane.Fail(mediatest.Join, fault.New(fault.Unavailable, "test", "down"))
		p := w.enter("room dr doctor")
		expect(t, "the page", p.types(), "welcome admitted peers media:connecting media:reconnecting")
		time.Sleep(time.Minute)
		// 0.25 + 0.5 + 1 + 2 + 4 s, then every 5 s.
		if n := w.joins("dr"); n < 15 || n > 17 {
			t.Errorf("%d attempts in a minute", n)
		}
		expect(t, "no more messages", p.types(), "")

		w.plane.Fail(mediatest.Join, nil)
		time.Sleep(6 * time.Second)
		expect(t, "when it is back", p.types(), "offer")
		w.plane.State("room", "dr", media.Connected)
		expect(t, "connected", p.types(), "media:connected")

		p.drop()
		w.plane.Fail(mediatest.Join, fault.New(fault.Unavailable, "test", "down"))
		w.plane.Restart()
		n := w.joins("dr")
		time.Sleep(10 * time.Minute)
		expect(t, "attempts for a peer that is away", w.joins("dr"), n)
	})
}

func TestRetriesDoNotWaitOnceTheNodeIsHeard(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.plane.Fail(mediatest.Join, fault.New(fault.Unavailable, "test", "down"))
		p := w.enter("room dr doctor")
		time.Sleep(time.Minute)
		p.got()
		w.plane.Fail(mediatest.Join, nil)
		w.plane.Restart()
		expect(t, "at once", p.types(), "offer")
	})
}

func TestAConnectionThatFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		w.plane.State("room", "dr", media.Connected)
		p.got()
		w.happened()
		w.plane.State("room", "dr", media.Disconnected)
		expect(t, "a short interruption", p.types(), "")
		w.plane.State("room", "dr", media.Failed)
		expect(t, "told at once", p.types(), "media:reconnecting")
		time.Sleep(time.Second)
		expect(t, "a new one", p.types(), "offer")
		w.plane.State("room", "dr", media.Connected)
		expect(t, "connected", p.types(), "media:connected")
		if diff := cmp.Diff([]string{"disconnected dr", "connected dr"}, w.happened()); diff != "" {
			t.Error(diff)
		}

		p.drop()
		w.plane.State("room", "dr", media.Failed)
		time.Sleep(10 * time.Second)
		expect(t, "joins for a peer that is away", w.joins("dr"), 2)
	})
}

func TestOldNewsOfANodeIsIgnored(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		p.got()
		w.plane.Emit(media.Event{Kind: media.EventState, Room: "room", Peer: "dr", Session: "old", State: media.Failed})
		w.plane.Emit(media.Event{Kind: media.EventState, Room: "room", Peer: "nobody", Session: "old", State: media.Failed})
		w.plane.Emit(media.Event{
			Kind: media.EventOffer, Room: "room", Peer: "dr", Session: "old",
			Offer: &media.Offer{Room: "room", Peer: "dr", Session: "old", Seq: 9, SDP: sdp},
		})
		w.plane.Emit(media.Event{
			Kind: media.EventOffer, Room: "other", Peer: "dr", Session: w.plane.Session("room", "dr"),
			Offer: &media.Offer{Session: w.plane.Session("room", "dr"), Seq: 9, SDP: sdp},
		})
		time.Sleep(10 * time.Second)
		expect(t, "messages", p.types(), "")
		expect(t, "joins", w.joins("dr"), 1)
	})
}

func TestRestartRequestsAreSpreadOut(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		p.got()
		for range 200 { // for 40 seconds, five a second
			p.say(&wire.Restart{})
			time.Sleep(200 * time.Millisecond)
		}
		if n := w.joins("dr"); n < 8 || n > 15 {
			t.Errorf("%d joins in 40 s", n)
		}
		expect(t, "close", p.closedAs(), "")
	})
}

func TestAnswersThatTheNodeRefuses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		offer := last[*wire.Offer](t, p)
		w.plane.Fail(mediatest.Answer, fault.New(fault.Invalid, "test", "no fingerprint"))
		p.say(&wire.Answer{Session: offer.Session, Seq: 1, SDP: sdp})
		expect(t, "an SDP of no use", p.types(), "error:bad-sdp")

		w.plane.Offer("room", "dr")
		synctest.Wait()
		w.plane.Fail(mediatest.Answer, fault.New(fault.NotFound, "test", "no such session"))
		p.say(&wire.Answer{Session: offer.Session, Seq: 2, SDP: sdp})
		time.Sleep(time.Second)
		expect(t, "a session that is gone", p.types(), "offer media:reconnecting offer")
	})
}

func TestLeavingAndComingBackAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.enter("room dr doctor")
		p.say(&wire.Leave{})
		again := w.enter("room dr doctor")
		offer := last[*wire.Offer](t, again)
		expect(t, "the media that the page was offered", w.plane.Session("room", "dr"), offer.Session)

		w.plane.Fail(mediatest.Leave, fault.New(fault.Unavailable, "test", "down"))
		again.say(&wire.Leave{})
		again = w.enter("room dr doctor")
		offer = last[*wire.Offer](t, again)
		w.plane.Fail(mediatest.Leave, nil)
		time.Sleep(time.Minute)
		expect(t, "a leave that is tried again does not hit the new one", w.plane.Session("room", "dr"), offer.Session)

		w.plane.Fail(mediatest.Leave, fault.New(fault.Unavailable, "test", "down"))
		again.say(&wire.Leave{})
		synctest.Wait()
		expect(t, "the node still has it", fmt.Sprint(w.plane.Peers("room")), "[dr]")
		w.plane.Fail(mediatest.Leave, nil)
		time.Sleep(time.Minute)
		expect(t, "the leave is tried again", fmt.Sprint(w.plane.Peers("room")), "[]")
		expect(t, "rooms", w.server.Stats().Rooms, 0)
	})
}
