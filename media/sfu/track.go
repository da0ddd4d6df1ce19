package sfu

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// keyFrameSpacing is the least time between two key frame requests to a publisher: a key frame is large, and one serves all.
	keyFrameSpacing = 500 * time.Millisecond
	// A subscriber that starts within so many packets of a key frame is sent those at once, instead of waiting for the next one.
	catchUp = 64
)

// track is one track that a peer publishes, and those who receive it.
type track struct {
	node *Node
	peer *peer
	kind webrtc.RTPCodecType
	mime string
	pt   uint8 // of the publisher's packets
	id   string
	ssrc uint32 // the publisher's

	mu     sync.Mutex
	ring   ring
	downs  []*down
	ended  bool
	report *rtcp.SenderReport // the publisher's last

	key    keyRequests
	askKey func() // sends one request to the publisher
}

// keyRequests spaces the key frame requests of one track. A request that comes too soon is delayed and coalesced, never dropped.
type keyRequests struct {
	mu      sync.Mutex
	last    time.Time
	pending *time.Timer
	ended   bool
}

// newTrack makes the track of a remote one. There is one codec of each kind, so that the kind tells it before the first packet.
func newTrack(p *peer, remote *webrtc.TrackRemote) *track {
	t := &track{
		node: p.room.node, peer: p, kind: remote.Kind(), ssrc: uint32(remote.SSRC()),
		id: p.session + "-" + remote.Kind().String(),
	}
	t.askKey = func() {
		t.node.count.keyFrameRequests.Add(1)
		_ = p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: t.ssrc}})
	}
	t.mime, t.pt = webrtc.MimeTypeOpus, uint8(opusPT)
	if t.kind == webrtc.RTPCodecTypeVideo {
		t.mime, t.pt = webrtc.MimeTypeVP8, uint8(vp8PT)
	}
	return t
}

// readPackets forwards what comes until the track ends.
func (t *track) readPackets(remote *webrtc.TrackRemote) {
	buf := make([]byte, maxPacket)
	var h rtp.Header
	for {
		n, _, err := remote.Read(buf)
		if err != nil {
			return
		}
		size, err := h.Unmarshal(buf[:n])
		if err != nil || h.PayloadType != t.pt {
			continue
		}
		payload := buf[size:n]
		if h.Padding && len(payload) > 0 {
			payload = payload[:max(0, len(payload)-int(payload[len(payload)-1]))]
		}
		if !t.forward(h.SequenceNumber, h.Timestamp, h.Marker, payload) {
			return
		}
	}
}

// forward keeps a packet and sends it to every subscriber; false when the track has ended.
func (t *track) forward(seq uint16, ts uint32, marker bool, payload []byte) bool {
	t.node.count.packetsIn.Add(1)
	t.node.count.bytesIn.Add(uint64(len(payload)))
	key := t.kind == webrtc.RTPCodecTypeVideo && startsKeyFrame(payload)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	e := t.ring.put(seq, ts, marker, key, payload)
	if e == nil {
		return true
	}
	for _, d := range t.downs {
		d.send(e)
	}
	return true
}

// readReports hears the publisher's sender reports until the track ends, and passes them on.
func (t *track) readReports(receiver *webrtc.RTPReceiver) {
	buf := make([]byte, maxPacket)
	for {
		n, _, err := receiver.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			if r, ok := p.(*rtcp.SenderReport); ok && r.SSRC == t.ssrc {
				t.reported(r)
			}
		}
	}
}

// message is a sender report for one subscriber.
type message struct {
	to     *peer
	report *rtcp.SenderReport
}

// reported passes a sender report on, each subscriber's in its own terms.
func (t *track) reported(r *rtcp.SenderReport) {
	for _, m := range t.mapped(r) {
		_ = m.to.pc.WriteRTCP([]rtcp.Packet{m.report})
	}
}

func (t *track) mapped(r *rtcp.SenderReport) (messages []message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report = r
	for _, d := range t.downs {
		if m := d.senderReport(r); m != nil {
			messages = append(messages, message{d.peer, m})
		}
	}
	return messages
}

// requestKey asks the publisher for a key frame: now, or as soon as the spacing allows.
func (t *track) requestKey() {
	if t.key.due(t.node.clock, t.askKey) {
		t.askKey()
	}
}

// due reports whether a request may go out at once. If not, it sees to it that one goes out when the time has come.
func (k *keyRequests) due(clock func() time.Time, ask func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended || k.pending != nil {
		return false
	}
	now := clock()
	wait := min(keyFrameSpacing, keyFrameSpacing-now.Sub(k.last)) // a clock that is set back does not hold requests up
	if k.last.IsZero() || wait <= 0 {
		k.last = now
		return true
	}
	k.pending = time.AfterFunc(wait, func() {
		if k.fire(clock) {
			ask()
		}
	})
	return false
}

// fire ends a delay, and reports whether the request is still wanted.
func (k *keyRequests) fire(clock func() time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending = nil
	k.last = clock()
	return !k.ended
}

// end drops the request that waits, and every later one.
func (k *keyRequests) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	if k.pending != nil {
		k.pending.Stop()
	}
}

// end stops the track: nothing more is forwarded.
func (t *track) end() {
	t.mu.Lock()
	t.ended = true
	t.downs = nil
	t.mu.Unlock()
	t.key.end()
}
