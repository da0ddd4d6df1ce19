package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// What one subscriber may have retransmitted: a burst, and a rate after it. More would feed a congested link with its own losses.
	resendBurst = 200
	resendRate  = 400 // packets a second
)

// down is one track on its way to one subscriber: a webrtc.TrackLocal that keeps its binding and rewrites headers. The fields
// below track never change after Bind, or are under track.mu.
type down struct {
	track *track
	peer  *peer

	stream  webrtc.TrackLocalWriter // nil until Bind
	ssrc    uint32
	pt      uint8
	rtxSSRC uint32 // 0: the subscriber has no RTX
	rtxPT   uint8

	flowing    bool // in track.downs
	waiting    bool // video: for the first packet of a key frame
	first      uint16
	seqOffset  uint16 // added to the publisher's numbers
	tsOffset   uint32
	packets    uint32
	octets     uint32
	header     rtp.Header
	rtxSeq     uint16
	rtxPayload []byte
	tokens     float64
	refilled   time.Time
}

var _ webrtc.TrackLocal = (*down)(nil)

func newDown(t *track, p *peer) *down {
	var r [8]byte
	_, _ = rand.Read(r[:]) // never fails (crypto/rand)
	return &down{
		track: t, peer: p,
		waiting:   true,
		seqOffset: binary.BigEndian.Uint16(r[0:]),
		rtxSeq:    binary.BigEndian.Uint16(r[2:]),
		tsOffset:  binary.BigEndian.Uint32(r[4:]),
		tokens:    resendBurst,
	}
}

// ID, RID, StreamID and Kind are part of webrtc.TrackLocal. The stream is named for the publishing peer, so that the page knows whose it is.
func (d *down) ID() string { return d.track.id }

// RID is empty: what the node sends is not simulcast.
func (d *down) RID() string { return "" }

// StreamID is the publishing peer's id.
func (d *down) StreamID() string { return d.track.peer.id }

// Kind is audio or video.
func (d *down) Kind() webrtc.RTPCodecType { return d.track.kind }

// Bind takes what was negotiated for the subscriber. It is called while an answer is applied.
func (d *down) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	d.track.mu.Lock()
	defer d.track.mu.Unlock()
	codecs := c.CodecParameters()
	i := slices.IndexFunc(codecs, func(p webrtc.RTPCodecParameters) bool { return strings.EqualFold(p.MimeType, d.track.mime) })
	if i < 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	d.stream, d.ssrc, d.pt = c.WriteStream(), uint32(c.SSRC()), uint8(codecs[i].PayloadType)
	apt := fmt.Sprintf("apt=%d", d.pt)
	for _, p := range codecs {
		if strings.EqualFold(p.MimeType, webrtc.MimeTypeRTX) && p.SDPFmtpLine == apt {
			d.rtxSSRC, d.rtxPT = uint32(c.SSRCRetransmission()), uint8(p.PayloadType)
		}
	}
	return codecs[i], nil
}

// Unbind stops the flow to the subscriber.
func (d *down) Unbind(webrtc.TrackLocalContext) error {
	t := d.track
	t.mu.Lock()
	defer t.mu.Unlock()
	d.flowing, d.stream = false, nil
	t.downs = slices.DeleteFunc(slices.Clone(t.downs), func(x *down) bool { return x == d })
	return nil
}

// start lets packets flow to a subscriber that is bound and connected. Video begins with a key frame: one that is just past, or the next,
// which it asks for.
func (d *down) start() {
	ask, report := d.begin()
	if report != nil {
		_ = d.peer.pc.WriteRTCP([]rtcp.Packet{report})
	}
	if ask {
		d.track.requestKey()
	}
}

// begin adds the subscriber to the track's, catches up from a key frame that is just past, and says what is to be sent without the lock: a
// request for a key frame, and a sender report.
func (d *down) begin() (ask bool, report *rtcp.SenderReport) {
	t := d.track
	t.mu.Lock()
	defer t.mu.Unlock()
	if d.flowing || d.stream == nil || t.ended {
		return false, nil
	}
	d.flowing = true
	t.downs = append(slices.Clone(t.downs), d)
	from, ok := t.ring.sinceKey(catchUp)
	if ok {
		for seq := from; int16(seq-t.ring.newest) <= 0; seq++ {
			d.send(t.ring.get(seq))
		}
	}
	if t.report != nil {
		report = d.senderReport(t.report)
	}
	return t.kind == webrtc.RTPCodecTypeVideo && !ok, report
}

// send writes one packet to the subscriber. track.mu is held.
func (d *down) send(e *entry) {
	if d.waiting {
		if d.track.kind == webrtc.RTPCodecTypeVideo && !e.key {
			return
		}
		d.waiting, d.first = false, e.seq
	}
	if int16(e.seq-d.first) < 0 {
		return // before the first one: late, and of no use
	}
	if e.seq-d.first > 1<<14 {
		d.first = e.seq - 1<<13 // keeps the comparison right when the numbers wrap
	}
	d.header = rtp.Header{
		Version: 2, Marker: e.marker, PayloadType: d.pt, SequenceNumber: e.seq + d.seqOffset, Timestamp: e.ts + d.tsOffset, SSRC: d.ssrc,
	}
	d.write(e.payload)
	d.packets++
	d.octets += uint32(len(e.payload))
}

// write sends d.header with a payload.
func (d *down) write(payload []byte) {
	if n, err := d.stream.WriteRTP(&d.header, payload); err != nil || n == 0 {
		return // the connection is ending: its state tells
	}
	d.track.node.count.packetsOut.Add(1)
	d.track.node.count.bytesOut.Add(uint64(len(payload)))
}

// feedback handles what the subscriber reports.
func (d *down) feedback(packets []rtcp.Packet) {
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			if d.track.kind == webrtc.RTPCodecTypeVideo {
				d.track.requestKey()
			}
		case *rtcp.TransportLayerNack:
			for _, pair := range p.Nacks {
				pair.Range(d.resend)
			}
		}
	}
}

// resend sends a packet again that the subscriber missed; seq is in the subscriber's numbers. It always goes on to the next.
func (d *down) resend(seq uint16) bool {
	t := d.track
	t.mu.Lock()
	defer t.mu.Unlock()
	source := seq - d.seqOffset
	if !d.flowing || d.waiting || int16(source-d.first) < 0 {
		return true
	}
	e := t.ring.get(source)
	if e == nil || !d.allow() {
		t.node.count.unrepaired.Add(1)
		return true
	}
	t.node.count.retransmitted.Add(1)
	d.header = rtp.Header{
		Version: 2, Marker: e.marker, PayloadType: d.pt, SequenceNumber: seq, Timestamp: e.ts + d.tsOffset, SSRC: d.ssrc,
	}
	if d.rtxSSRC == 0 {
		d.write(e.payload)
		return true
	}
	// RFC 4588 section 4: a stream of its own, and the original sequence number before the payload.
	d.rtxSeq++
	d.header.PayloadType, d.header.SSRC, d.header.SequenceNumber = d.rtxPT, d.rtxSSRC, d.rtxSeq
	d.rtxPayload = append(binary.BigEndian.AppendUint16(d.rtxPayload[:0], seq), e.payload...)
	d.write(d.rtxPayload)
	return true
}

// allow takes one token of the subscriber's retransmission budget.
func (d *down) allow() bool {
	now := d.track.node.clock()
	if !d.refilled.IsZero() {
		d.tokens = min(resendBurst, d.tokens+max(0, now.Sub(d.refilled).Seconds())*resendRate)
	}
	d.refilled = now
	if d.tokens < 1 {
		return false
	}
	d.tokens--
	return true
}

// senderReport puts the publisher's report into the subscriber's terms; nil before the first packet. The wall clock stays the publisher's: it
// is the same for its audio and video, which is what keeps lips and sound together. track.mu is held.
func (d *down) senderReport(r *rtcp.SenderReport) *rtcp.SenderReport {
	if !d.flowing || d.waiting {
		return nil
	}
	return &rtcp.SenderReport{
		SSRC: d.ssrc, NTPTime: r.NTPTime, RTPTime: r.RTPTime + d.tsOffset, PacketCount: d.packets, OctetCount: d.octets,
	}
}
