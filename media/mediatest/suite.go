package mediatest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"khamxa/internal/fault"
	"khamxa/media"
)

// Run is the contract suite of media.Plane with real media over loopback: make gives a new Plane without rooms for each test, whose
// node listens on 127.0.0.1. It includes RunControl.
func Run(t *testing.T, make func(t *testing.T) media.Plane) {
	RunControl(t, make)
	tests := []struct {
		name string
		run  func(t *testing.T, h *harness)
	}{
		{"packets arrive unchanged and in sequence", testForward},
		{"a third peer makes everybody negotiate", testThird},
		{"who leaves takes its tracks along", testLeave},
		{"who joins again replaces itself", testReplace},
		{"m-lines are used again", testReuse},
		{"closing a room ends its connections", testClose},
		{"a closed page is told as closed", testClosedPage},
		{"key frame requests reach the publisher, spaced and never lost", testKeyFrames},
		{"a lost packet is sent again", testRepair},
		{"publishers get congestion feedback, subscribers sender reports", testReports},
		{"answers to other offers", testAnswers},
		{"too many candidates", testCandidates},
		{"an address that a peer names gets no packet", testNamedAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, newHarness(t, make(t)))
		})
	}
}

// RunTCP checks that media flows between peers that have ICE over TCP only (RFC 6544).
func RunTCP(t *testing.T, plane media.Plane) {
	h := newHarness(t, plane)
	h.network = webrtc.NetworkTypeTCP4
	testForward(t, h)
}

// RunControl is the part of the suite that needs no media: what a Plane accepts, refuses and tells.
func RunControl(t *testing.T, make func(t *testing.T) media.Plane) {
	t.Run("offers", func(t *testing.T) { testOffers(t, make(t)) })
	t.Run("refusals", func(t *testing.T) { testRefusals(t, make(t)) })
	t.Run("a full room", func(t *testing.T) { testFullRoom(t, make(t)) })
	t.Run("leaving and closing twice", func(t *testing.T) { testTwice(t, make(t)) })
	t.Run("every reader gets the node first", func(t *testing.T) { testReaders(t, make(t)) })
}

func testOffers(t *testing.T, p media.Plane) {
	ctx := t.Context()
	first, err := p.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	if first.Room != "room" || first.Peer != "an" || first.Seq != 1 || !strings.HasPrefix(first.SDP, "v=0") || !media.ValidID(first.Session) {
		t.Errorf("first offer: %+v", first)
	}
	second, err := p.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	if second.Session == first.Session || second.Seq != 1 {
		t.Errorf("the same peer joins again: session %q and %q, seq %d; want a new session and 1", first.Session, second.Session, second.Seq)
	}
	old := media.Candidate{Room: "room", Peer: "an", Session: first.Session}
	if err := p.Candidate(ctx, old); !fault.Is(err, fault.NotFound) {
		t.Errorf("candidate of the replaced session: %v, want not-found", err)
	}
	if err := p.Answer(ctx, media.Answer{Room: "room", Peer: "an", Session: first.Session, Seq: 1, SDP: "v=0"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("answer of the replaced session: %v, want not-found", err)
	}
	old.Session = second.Session
	if err := p.Candidate(ctx, old); err != nil {
		t.Errorf("end of candidates of the present session: %v", err)
	}
}

func testRefusals(t *testing.T, p media.Plane) {
	ctx := t.Context()
	o, err := p.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	answer := media.Answer{Room: o.Room, Peer: o.Peer, Session: o.Session, Seq: o.Seq, SDP: "v=0"}
	with := func(f func(*media.Answer)) media.Answer { a := answer; f(&a); return a }
	tests := []struct {
		name string
		err  error
		code fault.Code
	}{
		{"join without a peer", second(p.Join(ctx, media.JoinRequest{Room: "room"})), fault.Invalid},
		{"join with a dot", second(p.Join(ctx, media.JoinRequest{Room: "a.b", Peer: "an"})), fault.Invalid},
		{"answer in another room", p.Answer(ctx, with(func(a *media.Answer) { a.Room = "other" })), fault.NotFound},
		{"answer of another peer", p.Answer(ctx, with(func(a *media.Answer) { a.Peer = "binh" })), fault.NotFound},
		{"answer in another session", p.Answer(ctx, with(func(a *media.Answer) { a.Session = "other" })), fault.NotFound},
		{"answer without SDP", p.Answer(ctx, with(func(a *media.Answer) { a.SDP = "" })), fault.Invalid},
		{"too large an answer", p.Answer(ctx, with(func(a *media.Answer) { a.SDP = strings.Repeat("x", media.MaxSDP+1) })), fault.TooLarge},
		{"not a candidate", p.Candidate(ctx, media.Candidate{Room: "room", Peer: "an", Session: o.Session, Candidate: "x"}), fault.Invalid},
		{"candidate of nobody", p.Candidate(ctx, media.Candidate{Room: "room", Peer: "binh", Session: o.Session}), fault.NotFound},
		{"leave with a bad id", p.Leave(ctx, "room", "*"), fault.Invalid},
		{"close with a bad id", p.Close(ctx, ">"), fault.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !fault.Is(tt.err, tt.code) {
				t.Errorf("err = %v, want %s", tt.err, tt.code)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func testFullRoom(t *testing.T, p media.Plane) {
	for i := range media.MaxPeers {
		if _, err := p.Join(t.Context(), media.JoinRequest{Room: "room", Peer: fmt.Sprint("peer", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "late"}); !fault.Is(err, fault.TooMany) {
		t.Errorf("one more: %v, want too-many", err)
	}
	if _, err := p.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "peer3"}); err != nil {
		t.Errorf("one of them again: %v", err)
	}
	if err := p.Leave(t.Context(), "room", "peer1"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "late"}); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

func testTwice(t *testing.T, p media.Plane) {
	ctx := t.Context()
	o, err := p.Join(ctx, media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Leave(ctx, "room", "an"); err != nil {
			t.Errorf("Leave: %v", err)
		}
		if err := p.Close(ctx, "room"); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	err = p.Answer(ctx, media.Answer{Room: "room", Peer: "an", Session: o.Session, Seq: 1, SDP: "v=0"})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("answer after the end: %v, want not-found", err)
	}
}

func testReaders(t *testing.T, p media.Plane) {
	var boots []string
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var first *media.Event
		err := p.Events(ctx, func(e media.Event) {
			if first == nil {
				first = &e
				cancel()
			}
		})
		if err != nil {
			t.Fatalf("Events: %v", err)
		}
		if first == nil || first.Kind != media.EventNode || first.Boot == "" {
			t.Fatalf("first event: %+v, want one of the node", first)
		}
		boots = append(boots, first.Boot)
	}
	if boots[0] != boots[1] {
		t.Errorf("boot ids %v differ without a restart", boots)
	}
}

// check compares everything that came on a track with what its peer sent: each payload whole, sequence numbers and timestamps in step
// with the packets' own numbers, video from a key frame on.
func (c *client) check(t *testing.T, peer string, kind webrtc.RTPCodecType) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.from(peer, kind)
	if in == nil || len(in.packets) == 0 {
		t.Fatalf("%s gets no %s of %s", c.id, kind, peer)
	}
	number, step := 1, uint32(audioStep)
	if kind == webrtc.RTPCodecTypeVideo {
		number, step = 2, videoStep
		if in.packets[0].payload[1] != 0 {
			t.Errorf("%s: the video of %s does not begin with a key frame", c.id, peer)
		}
	}
	first := in.packets[0]
	n0 := binary.BigEndian.Uint32(first.payload[number:])
	for i, p := range in.packets {
		n := binary.BigEndian.Uint32(p.payload[number:])
		want := audioPayload(peer, n)
		if kind == webrtc.RTPCodecTypeVideo {
			want = videoPayload(peer, n, p.payload[1] == 0)
		}
		if !bytes.Equal(want, p.payload) {
			t.Fatalf("%s: packet %d of %s is not what was sent: %s", c.id, i, peer, cmp.Diff(want, p.payload))
		}
		if p.seq-first.seq != uint16(n-n0) || p.ts-first.ts != (n-n0)*step || !p.marker {
			t.Fatalf("%s: packet %d of %s, sent as number %d after %d, has seq %d after %d, time %d after %d", c.id, i, peer, n, n0, p.seq, first.seq, p.ts, first.ts)
		}
	}
}

func (c *client) checkBoth(t *testing.T, peer string) {
	t.Helper()
	c.check(t, peer, webrtc.RTPCodecTypeAudio)
	c.check(t, peer, webrtc.RTPCodecTypeVideo)
}

func testForward(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", true)
	stranger := h.connect(t, "other", "chi", true)
	h.await(t, "both receive", func() bool { return an.gets("binh", 60)() && binh.gets("an", 60)() })
	h.await(t, "connected events", func() bool {
		return slices.Contains(an.states, media.Connected) && slices.Contains(binh.states, media.Connected)
	})
	an.checkBoth(t, "binh")
	binh.checkBoth(t, "an")
	h.locked(func() bool {
		if len(an.tracks) != 2 || len(binh.tracks) != 2 || len(stranger.tracks) != 0 {
			t.Errorf("tracks: %d, %d, in the other room %d; want 2, 2, 0", len(an.tracks), len(binh.tracks), len(stranger.tracks))
		}
		return true
	})
}

func testThird(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", true)
	h.await(t, "two receive", func() bool { return an.gets("binh", 5)() && binh.gets("an", 5)() })
	chi := h.connect(t, "room", "chi", true)
	h.await(t, "three receive", func() bool {
		return an.gets("chi", 10)() && binh.gets("chi", 10)() && chi.gets("an", 10)() && chi.gets("binh", 10)()
	})
	for _, c := range []*client{an, binh, chi} {
		for _, peer := range []string{"an", "binh", "chi"} {
			if c.id != peer {
				c.checkBoth(t, peer)
			}
		}
	}
}

// tracksOf counts the m-lines of a description that carry a peer's tracks towards the reader.
func tracksOf(sdp, peer string) int {
	n := 0
	for section := range strings.SplitSeq(sdp, "m=") {
		if strings.Contains(section, "a=msid:"+peer+" ") && strings.Contains(section, "a=sendonly") {
			n++
		}
	}
	return n
}

func testLeave(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", true)
	h.await(t, "media", func() bool { return an.gets("binh", 5)() && binh.gets("an", 5)() && tracksOf(an.last.SDP, "binh") == 2 })
	if err := h.plane.Leave(t.Context(), "room", "binh"); err != nil {
		t.Fatal(err)
	}
	h.await(t, "an offer without the one who left", func() bool { return tracksOf(an.last.SDP, "binh") == 0 })
	h.locked(func() bool {
		for _, e := range h.events {
			if e.Peer == "binh" && e.Kind == media.EventState && e.State != media.Connected {
				t.Errorf("leaving made the event %+v", e)
			}
		}
		return true
	})
}

func testReplace(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", true)
	h.await(t, "media", func() bool { return an.gets("binh", 5)() && binh.gets("an", 5)() })
	again := h.connect(t, "room", "binh", true)
	h.await(t, "media of the new connection", func() bool {
		in := an.from("binh", webrtc.RTPCodecTypeVideo)
		return again.gets("an", 5)() && an.gets("binh", 5)() && strings.HasPrefix(in.id, again.session)
	})
	again.checkBoth(t, "an")
	an.checkBoth(t, "binh")
	h.locked(func() bool {
		for _, e := range h.events {
			if e.Session == binh.session && (e.State == media.Closed || e.State == media.Failed) {
				t.Errorf("being replaced made the event %+v", e)
			}
		}
		return true
	})
}

func testReuse(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", false)
	for i := range media.MaxLines/2 + 1 {
		binh := h.connect(t, "room", "binh", true)
		h.await(t, "media", func() bool { return an.gets("binh", 2)() })
		if err := h.plane.Leave(t.Context(), "room", "binh"); err != nil {
			t.Fatal(err)
		}
		h.await(t, "an offer without the one who left", func() bool { return tracksOf(an.last.SDP, "binh") == 0 })
		binh.close()
		if lines := strings.Count(an.last.SDP, "\nm="); lines > 6 {
			t.Fatalf("after %d visits the offer has %d m-lines", i+1, lines)
		}
	}
}

func testClose(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", true)
	h.await(t, "media", func() bool { return an.gets("binh", 5)() && binh.gets("an", 5)() })
	closed := make(chan struct{}, 8)
	for _, c := range []*client{an, binh} {
		c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
			if s == webrtc.PeerConnectionStateClosed {
				closed <- struct{}{}
			}
		})
	}
	if err := h.plane.Close(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	<-closed
	<-closed
	if err := h.plane.Candidate(t.Context(), media.Candidate{Room: "room", Peer: "an", Session: an.session}); !fault.Is(err, fault.NotFound) {
		t.Errorf("after the end: %v, want not-found", err)
	}
}

func testClosedPage(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", true)
	h.await(t, "media", func() bool { return an.gets("binh", 5)() && binh.gets("an", 5)() })
	_ = binh.pc.Close()
	h.await(t, "the closed event", func() bool { return slices.Contains(binh.states, media.Closed) })
	h.await(t, "an offer without the one who left", func() bool { return tracksOf(an.last.SDP, "binh") == 0 })
}

func testKeyFrames(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", false)
	h.await(t, "media", binh.gets("an", 5))
	var ssrc uint32
	var before int
	h.locked(func() bool {
		ssrc, before = binh.from("an", webrtc.RTPCodecTypeVideo).ssrc, len(an.plis)
		return true
	})
	// A burst: one request goes out at once or when the spacing allows, one more for those that came after it.
	for range 20 {
		if err := binh.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
			t.Fatal(err)
		}
	}
	h.await(t, "a key frame request", func() bool { return len(an.plis) > before })
	if err := binh.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
		t.Fatal(err)
	}
	h.await(t, "the delayed request", func() bool { return len(an.plis) > before+1 })
	h.locked(func() bool {
		for i := 1; i < len(an.plis); i++ {
			if gap := an.plis[i].Sub(an.plis[i-1]); gap.Milliseconds() < 450 {
				t.Errorf("requests %d and %d are %v apart", i-1, i, gap)
			}
		}
		return true
	})
}

func testRepair(t *testing.T, h *harness) {
	h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", false)
	h.await(t, "media", binh.gets("an", 30))
	count := func(in *inbound, seq uint16) (n int) {
		for _, p := range in.packets {
			if p.seq == seq {
				n++
			}
		}
		return n
	}
	var in *inbound
	var seq uint16
	h.locked(func() bool {
		in = binh.from("an", webrtc.RTPCodecTypeVideo)
		seq = in.packets[10].seq
		return true
	})
	err := binh.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
		MediaSSRC: in.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{seq, seq + 1}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.await(t, "the packets once more", func() bool { return count(in, seq) == 2 && count(in, seq+1) == 2 })
	binh.check(t, "an", webrtc.RTPCodecTypeVideo) // what came again is what came first
}

func testReports(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", true)
	binh := h.connect(t, "room", "binh", false)
	h.await(t, "congestion feedback", func() bool { return an.feedback > 2 })
	h.await(t, "sender reports", func() bool {
		in := binh.from("an", webrtc.RTPCodecTypeVideo)
		return in != nil && len(in.reports) > 1 && len(in.packets) > 50
	})
	h.locked(func() bool {
		in := binh.from("an", webrtc.RTPCodecTypeVideo)
		first, last := in.packets[0].ts, in.packets[len(in.packets)-1].ts
		for _, r := range in.reports {
			// The report's media time is one of about the packets': a second is 90,000.
			if r.SSRC != in.ssrc || int32(r.RTPTime-first) < -90000 || int32(r.RTPTime-last) > 90000 || r.NTPTime == 0 {
				t.Errorf("sender report %+v does not fit packets %d to %d of %d", r, first, last, in.ssrc)
			}
		}
		return true
	})
}

func testAnswers(t *testing.T, h *harness) {
	an := h.newClient(t, "an")
	offer, err := h.plane.Join(t.Context(), media.JoinRequest{Room: "room", Peer: "an"})
	if err != nil {
		t.Fatal(err)
	}
	an.session = offer.Session
	h.add(an)
	answer, err := an.answerTo(offer)
	if err != nil {
		t.Fatal(err)
	}
	with := func(f func(*media.Answer)) media.Answer { a := answer; f(&a); return a }
	refused := map[string]media.Answer{
		"to an offer that was not made": with(func(a *media.Answer) { a.Seq = 2 }),
		"that is not SDP":               with(func(a *media.Answer) { a.SDP = "hello" }),
		"of a lite agent":               with(func(a *media.Answer) { a.SDP = strings.Replace(a.SDP, "a=group", "a=ice-lite\r\na=group", 1) }),
		"with control characters":       with(func(a *media.Answer) { a.SDP += "a=x:\x00\r\n" }),
	}
	for name, a := range refused {
		if err := h.plane.Answer(t.Context(), a); !fault.Is(err, fault.Invalid) {
			t.Errorf("answer %s: %v, want invalid", name, err)
		}
	}
	long := with(func(a *media.Answer) { a.SDP += strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", media.MaxLines) })
	if err := h.plane.Answer(t.Context(), long); !fault.Is(err, fault.TooLarge) {
		t.Errorf("answer with many m-lines: %v, want too-large", err)
	}
	if err := h.plane.Answer(t.Context(), answer); err != nil {
		t.Fatalf("the right answer: %v", err)
	}
	if err := h.plane.Answer(t.Context(), answer); err != nil {
		t.Errorf("the same answer again: %v, want it ignored", err)
	}
	h.await(t, "connected", func() bool { return slices.Contains(an.states, media.Connected) })
}

func testCandidates(t *testing.T, h *harness) {
	an := h.connect(t, "room", "an", false)
	h.await(t, "the answer", func() bool { return an.answered == 1 })
	c := media.Candidate{
		Room: "room", Peer: "an", Session: an.session, Candidate: "candidate:1 1 udp 2122260223 192.0.2.7 51234 typ host", Mid: "0",
	}
	for i := range media.MaxCandidates {
		err := h.plane.Candidate(t.Context(), c)
		if fault.Is(err, fault.TooMany) && i > media.MaxCandidates/2 {
			return // those in the answer count
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := h.plane.Candidate(t.Context(), c); !fault.Is(err, fault.TooMany) {
		t.Errorf("one more: %v, want too-many", err)
	}
}

// testNamedAddress has a peer name somebody else's address, in its answer and as a candidate: nothing may be sent there (RFC 8826 section 4.2).
func testNamedAddress(t *testing.T, h *harness) {
	victim, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = victim.Close() }() // for a test that ends early
	got := make(chan int, 1)
	go func() { // counts packets until the socket closes
		n := 0
		for {
			if _, _, err := victim.ReadFromUDP(make([]byte, 1500)); err != nil {
				got <- n
				return
			}
			n++
		}
	}()
	line := fmt.Sprintf("candidate:7 1 udp 2130706431 127.0.0.1 %d typ host", victim.LocalAddr().(*net.UDPAddr).Port)
	h.connect(t, "room", "an", true)
	binh := h.newClient(t, "binh")
	binh.edit = func(sdp string) string { // first among the candidates
		return strings.Replace(sdp, "a=mid:0\r\n", "a=mid:0\r\na="+line+"\r\n", 1)
	}
	binh.join("room")
	h.await(t, "the answer", func() bool { return binh.answered == 1 })
	c := media.Candidate{Room: "room", Peer: "binh", Session: binh.session, Candidate: line, Mid: "0"}
	if err := h.plane.Candidate(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	h.await(t, "media", binh.gets("an", 100))
	_ = victim.Close()
	if n := <-got; n > 0 {
		t.Errorf("the named address got %d packets", n)
	}
}
