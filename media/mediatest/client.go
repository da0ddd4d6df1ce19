package mediatest

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"khamxa/media"
)

const (
	patience  = 15 * time.Second       // for what has to happen
	packetGap = 5 * time.Millisecond   // between the packets of a source
	reports   = 100 * time.Millisecond // between sender reports
	audioStep = 960                    // timestamp units from packet to packet
	videoStep = 3000
)

// received is one RTP packet as a client got it.
type received struct {
	seq     uint16
	ts      uint32
	marker  bool
	payload []byte
}

// inbound is one track that a client receives.
type inbound struct {
	stream, id string
	kind       webrtc.RTPCodecType
	ssrc       uint32
	packets    []received
	reports    []*rtcp.SenderReport
	ended      bool
}

// client is one peer with a real WebRTC connection. Its fields below mu are for await's conditions and the methods.
type client struct {
	t       *testing.T
	h       *harness
	id      string
	pc      *webrtc.PeerConnection
	session string
	offers  chan media.Offer
	edit    func(sdp string) string // of the answers, when set
	done    context.CancelFunc
	wait    sync.WaitGroup

	mu       sync.Mutex
	last     media.Offer
	answered int
	tracks   []*inbound
	states   []media.State
	plis     []time.Time // when key frame requests came
	feedback int         // congestion feedback messages
}

// connect makes a client, joins, and answers every offer from then on. With send it sends audio and video.
func (h *harness) connect(t *testing.T, room, id string, send bool) *client {
	t.Helper()
	c := h.newClient(t, id)
	if send {
		c.addSources()
	}
	c.join(room)
	return c
}

func (h *harness) newClient(t *testing.T, id string) *client {
	t.Helper()
	pc, err := clientAPI(t, h.network).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithCancel(context.Background())
	c := &client{t: t, h: h, id: id, pc: pc, offers: make(chan media.Offer, 64), done: done}
	pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) { c.receive(remote, receiver) })
	c.wait.Go(func() { c.negotiate(ctx) })
	t.Cleanup(c.close)
	return c
}

// clientAPI is a browser's part: full ICE on loopback, pion's default interceptors with frequent reports.
func clientAPI(t *testing.T, network webrtc.NetworkType) *webrtc.API {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	registry := &interceptor.Registry{}
	sender, err := report.NewSenderInterceptor(report.SenderInterval(reports))
	if err != nil {
		t.Fatal(err)
	}
	registry.Add(sender)
	for _, err := range []error{
		webrtc.ConfigureNack(m, registry),
		webrtc.ConfigureTWCCHeaderExtensionSender(m, registry),
		webrtc.ConfigureSimulcastExtensionHeaders(m),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{network})
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(s))
}

func (c *client) join(room string) {
	c.t.Helper()
	offer, err := c.h.plane.Join(c.t.Context(), media.JoinRequest{Room: room, Peer: c.id})
	if err != nil {
		c.t.Fatalf("%s joins: %v", c.id, err)
	}
	c.session = offer.Session
	c.h.add(c)
	c.offers <- offer
}

// negotiate answers offers in their order.
func (c *client) negotiate(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-c.offers:
			answer, err := c.answerTo(o)
			if err == nil {
				err = c.h.plane.Answer(ctx, answer)
			}
			if err != nil {
				if ctx.Err() == nil && !c.h.ended() {
					c.t.Errorf("%s answers offer %d: %v", c.id, o.Seq, err)
				}
				return
			}
			c.mu.Lock()
			c.last, c.answered = o, o.Seq
			c.mu.Unlock()
			c.h.changed()
		}
	}
}

// answerTo applies an offer and makes its answer, without sending it.
func (c *client) answerTo(o media.Offer) (media.Answer, error) {
	a := media.Answer{Room: o.Room, Peer: o.Peer, Session: o.Session, Seq: o.Seq}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.SDP}); err != nil {
		return a, err
	}
	description, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return a, err
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(description); err != nil {
		return a, err
	}
	<-gathered
	a.SDP = c.pc.LocalDescription().SDP
	if c.edit != nil {
		a.SDP = c.edit(a.SDP)
	}
	return a, nil
}

// addSources sends audio and video until the client closes.
func (c *client) addSources() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := c.done
	c.done = func() { cancel(); done() }
	for _, s := range []struct {
		mime string
		step uint32
		make func(n uint32, key bool) []byte
	}{
		{webrtc.MimeTypeOpus, audioStep, func(n uint32, _ bool) []byte { return audioPayload(c.id, n) }},
		{webrtc.MimeTypeVP8, videoStep, func(n uint32, key bool) []byte { return videoPayload(c.id, n, key) }},
	} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: s.mime}, "track", "stream")
		if err != nil {
			c.t.Fatal(err)
		}
		sender, err := c.pc.AddTrack(track)
		if err != nil {
			c.t.Fatal(err)
		}
		keys := make(chan struct{}, 64)
		c.wait.Go(func() { c.hear(sender, keys) })
		c.wait.Go(func() {
			tick := time.NewTicker(packetGap)
			defer tick.Stop()
			for n := uint32(0); ; n++ {
				key := n == 0
				select {
				case <-ctx.Done():
					return
				case <-keys:
					key = true
				default:
				}
				_ = track.WriteRTP(&rtp.Packet{
					Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(65500 + n), Timestamp: 4294900000 + n*s.step},
					Payload: s.make(n, key),
				})
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
}

// hear reads what the node says of a track that the client sends.
func (c *client) hear(sender *webrtc.RTPSender, keys chan<- struct{}) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		c.mu.Lock()
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication:
				c.plis = append(c.plis, time.Now())
				select {
				case keys <- struct{}{}:
				default:
				}
			case *rtcp.TransportLayerCC:
				c.feedback++
			}
		}
		c.mu.Unlock()
		c.h.changed()
	}
}

// receive records what comes on a track.
func (c *client) receive(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	in := &inbound{stream: remote.StreamID(), id: remote.ID(), kind: remote.Kind(), ssrc: uint32(remote.SSRC())}
	c.mu.Lock()
	c.tracks = append(c.tracks, in)
	c.mu.Unlock()
	c.wait.Go(func() {
		for {
			packets, _, err := receiver.ReadRTCP()
			if err != nil {
				return
			}
			c.mu.Lock()
			for _, p := range packets {
				if r, ok := p.(*rtcp.SenderReport); ok {
					in.reports = append(in.reports, r)
				}
			}
			c.mu.Unlock()
			c.h.changed()
		}
	})
	for {
		p, _, err := remote.ReadRTP()
		c.mu.Lock()
		if err != nil {
			in.ended = true
			c.mu.Unlock()
			c.h.changed()
			return
		}
		in.packets = append(in.packets, received{p.SequenceNumber, p.Timestamp, p.Marker, p.Payload})
		c.mu.Unlock()
		c.h.changed()
	}
}

// from gives the newest track of a kind that comes from a peer, or nil. c.mu is held, as in await's conditions.
func (c *client) from(peer string, kind webrtc.RTPCodecType) *inbound {
	for i := len(c.tracks) - 1; i >= 0; i-- {
		if in := c.tracks[i]; in.stream == peer && in.kind == kind && !in.ended {
			return in
		}
	}
	return nil
}

// gets tells whether at least n packets of each kind came from a peer.
func (c *client) gets(peer string, n int) func() bool {
	return func() bool {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			if in := c.from(peer, kind); in == nil || len(in.packets) < n {
				return false
			}
		}
		return true
	}
}

// close ends the client as a browser's page does.
func (c *client) close() {
	c.done()
	c.h.remove(c)
	_ = c.pc.Close()
	c.wait.Wait()
}

// audioPayload is what packet n of a peer's audio holds.
func audioPayload(peer string, n uint32) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xfc}, n), peer...)
}

// videoPayload is packet n of a peer's video: a whole VP8 frame in one packet (RFC 7741 section 4.2), and after its first byte the number.
func videoPayload(peer string, n uint32, key bool) []byte {
	frame := byte(0x01)
	if key {
		frame = 0x00
	}
	b := binary.BigEndian.AppendUint32([]byte{0x10, frame}, n)
	return append(append(b, peer...), make([]byte, 900)...)
}
