package sfu

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"khamxa/internal/fault"
	"khamxa/media"
)

// ownLines is how many m-lines, the first ones, are for what the peer sends.
const ownLines = 2

// gatherTimeout bounds the collecting of the node's own addresses, which needs no network.
const gatherTimeout = 3 * time.Second

// peer is the node's end of one peer's connection. Its fields are under room.mu, but for what never changes.
type peer struct {
	room    *room
	id      string
	session string
	pc      *webrtc.PeerConnection

	gone       bool
	state      media.State
	candidates int // that the peer has named
	expected   int // tracks that the peer's last answer said it sends
	published  map[webrtc.RTPCodecType]*track
	slots      []*slot // m-lines that carry other peers' tracks to this one

	seq         int  // of the last offer
	outstanding bool // the last offer has no answer yet
	dirty       bool // the tracks changed meanwhile, or did not all fit
	answerTimer *time.Timer
}

// slot is one m-line towards a peer. When its track goes, the m-line is offered as inactive; once that is answered, another track of its
// kind may have it. (A change of the track without an inactive step between would reach the page without a track event.)
type slot struct {
	transceiver *webrtc.RTPTransceiver
	down        *down // nil: none
	draining    bool  // the inactive step is not answered yet
}

// newPeer makes the connection, with an m-line for the audio and one for the video that the peer may send.
func newPeer(r *room, id string) (*peer, error) {
	cert, err := r.node.certificate()
	if err != nil {
		return nil, err
	}
	pc, err := r.node.api.NewPeerConnection(webrtc.Configuration{
		Certificates:  []webrtc.Certificate{cert},
		BundlePolicy:  webrtc.BundlePolicyMaxBundle,
		RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	})
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "sfu.newPeer", "")
	}
	p := &peer{room: r, id: id, session: rand.Text(), pc: pc, published: map[webrtc.RTPCodecType]*track{}}
	// Ends a peer that does not answer. It is set going with each offer.
	p.answerTimer = time.AfterFunc(time.Hour, func() { r.node.run(p, "answer timer", p.answerMissing) })
	p.answerTimer.Stop()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		_, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			_ = pc.Close()
			return nil, fault.Wrap(err, fault.Internal, "sfu.newPeer", "")
		}
	}
	pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		r.node.run(p, "track", func() { p.receive(remote, receiver) })
	})
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { r.node.run(p, "state", p.stateChanged) })
	return p, nil
}

// shut closes the connection and waits for it. room.mu is not held. A nil peer is shut.
func (p *peer) shut() {
	if p == nil {
		return
	}
	if err := p.pc.Close(); err != nil {
		p.room.node.log.Debug("closing a peer", "err", err)
	}
}

// firstOffer makes the first offer, with the tracks that are there and the node's addresses.
func (p *peer) firstOffer(ctx context.Context) (media.Offer, error) {
	gathered := webrtc.GatheringCompletePromise(p.pc)
	p.reconcile()
	if err := p.offer(); err != nil {
		return media.Offer{}, err
	}
	timeout := time.NewTimer(gatherTimeout)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-ctx.Done():
		return media.Offer{}, fault.Wrap(ctx.Err(), fault.Timeout, "sfu.Node.Join", "There was no time left to join.")
	case <-timeout.C:
		return media.Offer{}, fault.New(fault.Internal, "sfu.Node.Join", "")
	}
	return p.lastOffer(), nil
}

// offer makes the next offer of the connection.
func (p *peer) offer() error {
	const op = "sfu.peer.offer"
	description, err := p.pc.CreateOffer(nil)
	if err != nil {
		return fault.Wrap(err, fault.Internal, op, "")
	}
	if err := p.pc.SetLocalDescription(description); err != nil {
		return fault.Wrap(err, fault.Internal, op, "")
	}
	p.seq++
	p.outstanding = true
	p.answerTimer.Reset(p.room.node.options.AnswerWait)
	return nil
}

// lastOffer is the offer as it is told to the peer.
func (p *peer) lastOffer() media.Offer {
	return media.Offer{Room: p.room.id, Peer: p.id, Session: p.session, Seq: p.seq, SDP: p.pc.LocalDescription().SDP}
}

// negotiate offers anew when the tracks in the room are not those that the peer gets. While an offer is without an answer it only
// remembers that it has to.
func (p *peer) negotiate() {
	switch {
	case p.gone || p.seq == 0:
		return
	case p.outstanding:
		p.dirty = true
		return
	case !p.reconcile():
		return
	}
	if err := p.offer(); err != nil {
		p.room.node.log.Warn("media offer failed", "room", p.room.id, "err", err)
		p.room.node.run(p, "failed offer", func() { p.room.fail(p, media.Failed) })
		return
	}
	o := p.lastOffer()
	p.room.node.events.emit(media.Event{Kind: media.EventOffer, Room: p.room.id, Peer: p.id, Session: p.session, Offer: &o})
}

// reconcile makes the slots carry the room's tracks as far as m-lines allow, and reports whether that changed anything.
func (p *peer) reconcile() (changed bool) {
	p.dirty = false
	carried := map[*track]bool{}
	for _, s := range p.slots {
		if s.down == nil {
			continue
		}
		if slices.Contains(p.room.tracks, s.down.track) {
			carried[s.down.track] = true
			continue
		}
		if err := p.pc.RemoveTrack(s.transceiver.Sender()); err != nil {
			p.room.node.log.Warn("media track not removed", "room", p.room.id, "err", err)
		}
		s.down, s.draining = nil, true
		changed = true
	}
	for _, t := range p.room.tracks {
		if t.peer == p || t.peer.id == p.id || carried[t] {
			continue
		}
		switch ok, err := p.carry(t); {
		case err != nil:
			p.room.node.log.Warn("media track not added", "room", p.room.id, "err", err)
		case ok:
			changed = true
		default:
			p.dirty = true // no m-line is free: again after the answer
		}
	}
	return changed
}

// carry gives a track a slot; false when there is none.
func (p *peer) carry(t *track) (bool, error) {
	d := newDown(t, p)
	for _, s := range p.slots {
		if s.down != nil || s.draining || s.transceiver.Kind() != t.kind {
			continue
		}
		sender, err := p.room.node.api.NewRTPSender(d, p.pc.SCTP().Transport())
		if err != nil {
			return false, err
		}
		if err := s.transceiver.SetSender(sender, d); err != nil {
			return false, err
		}
		s.down = d
		p.listen(d, sender)
		return true, nil
	}
	if ownLines+len(p.slots) >= media.MaxLines {
		return false, nil
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return false, err
	}
	p.slots = append(p.slots, &slot{transceiver: transceiver, down: d})
	p.listen(d, transceiver.Sender())
	return true, nil
}

// listen reads what the peer says of a track that it receives, until the sender stops.
func (p *peer) listen(d *down, sender *webrtc.RTPSender) {
	p.room.node.run(p, "feedback", func() {
		buf := make([]byte, maxPacket)
		for {
			n, _, err := sender.Read(buf)
			if err != nil {
				return
			}
			packets, err := rtcp.Unmarshal(buf[:n])
			if err != nil {
				continue
			}
			d.feedback(packets)
		}
	})
}

// answer applies an answer to the last offer.
func (p *peer) answer(a media.Answer) error {
	const op = "sfu.Node.Answer"
	switch {
	case a.Seq > p.seq:
		return fault.New(fault.Invalid, op, "This answers an offer that was never made.").At("seq")
	case a.Seq < p.seq || !p.outstanding:
		return nil
	}
	c, err := cleanAnswer(a.SDP)
	if err != nil {
		return err
	}
	if err := p.countCandidates(c.candidates); err != nil {
		return err
	}
	p.expected = 0
	for _, sends := range c.sends[:min(ownLines, len(c.sends))] {
		if sends {
			p.expected++
		}
	}
	err = p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.text})
	if err != nil {
		return &fault.Error{Code: fault.Invalid, Op: op, Path: "sdp", Message: "The session description does not answer the offer.", Err: err}
	}
	p.outstanding = false
	p.answerTimer.Stop()
	for _, s := range p.slots {
		s.draining = false
	}
	p.start()
	if p.dirty {
		p.negotiate()
	}
	return nil
}

func (p *peer) countCandidates(n int) error {
	if p.candidates+n > media.MaxCandidates {
		return fault.Newf(fault.TooMany, "sfu.peer", "A connection has at most %d candidates.", media.MaxCandidates)
	}
	p.candidates += n
	return nil
}

// start lets the tracks flow that are negotiated, once there is a connection.
func (p *peer) start() {
	if p.state != media.Connected && p.state != media.Disconnected {
		return
	}
	for _, s := range p.slots {
		if s.down != nil {
			s.down.start()
		}
	}
}

// stateChanged follows the connection's state. pion calls handlers in goroutines of their own, so that only the present state counts.
func (p *peer) stateChanged() {
	switch p.pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnected:
		p.follow(media.Connected)
	case webrtc.PeerConnectionStateDisconnected:
		p.follow(media.Disconnected)
	case webrtc.PeerConnectionStateFailed:
		p.room.fail(p, media.Failed)
	case webrtc.PeerConnectionStateClosed:
		p.room.fail(p, media.Closed)
	}
}

func (p *peer) follow(state media.State) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.gone {
		return
	}
	p.setState(state)
	p.start()
}

// setState tells of a new state. room.mu is held.
func (p *peer) setState(state media.State) {
	if p.state == state {
		return
	}
	p.state = state
	p.room.node.events.emit(media.Event{Kind: media.EventState, Room: p.room.id, Peer: p.id, Session: p.session, State: state})
}

// answerMissing ends a peer that did not answer in time.
func (p *peer) answerMissing() {
	p.room.mu.Lock()
	missing := p.outstanding && !p.gone
	p.room.mu.Unlock()
	if missing {
		p.room.fail(p, media.Failed)
	}
}

// receive publishes a track that the peer sends, and forwards it until it ends.
func (p *peer) receive(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	if remote.RID() != "" {
		return // a simulcast layer, which was not offered
	}
	t := newTrack(p, remote)
	if !p.room.publish(p, t) {
		return
	}
	p.room.node.run(p, "reports", func() { t.readReports(receiver) })
	t.readPackets(remote)
	p.room.unpublish(p, t)
}
