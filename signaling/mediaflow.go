package signaling

import (
	"context"
	"time"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/signaling/wire"
)

// How long a seat waits before its media are made again: doubling from the first to the longest until they connect.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 5 * time.Second
	maxEarly     = 16 // events of a media session that come before the answer that names it
)

type mediaPhase int

// The phases of a seat's media. Idle: none, and none wanted now. Joining: asked for. Up: there is a media session, connected
// or not. Retrying: a timer runs.
const (
	mediaIdle mediaPhase = iota
	mediaJoining
	mediaUp
	mediaRetrying
)

// seatMedia is a seat's media connection as the room sees it.
type seatMedia struct {
	phase     mediaPhase
	gen       int    // counts the attempts: what belongs to an older one is dropped
	session   string // the media node's name of the peer connection
	offered   int    // newest offer sent to the page
	answered  int    // newest answer given to the node
	heard     map[string]bool
	early     []media.Event
	attempts  int // since it was last connected
	connected bool
	told      string // what the page was told last
	timer     *time.Timer
}

// lane does the requests to the media node of one peer, one after the other and outside the loop. It outlives a seat, so that a
// peer that leaves and comes back at once is not thrown out by its own leave.
type lane struct {
	queue []op
	busy  bool
}

type opKind int

const (
	opJoin opKind = iota
	opAnswer
	opCandidate
	opLeave
)

// op is one request to the media node.
type op struct {
	kind      opKind
	seat      *seat // nil for leave
	gen       int
	tries     int // of a leave
	answer    media.Answer
	candidate media.Candidate
}

type (
	opDone struct {
		peer  string
		op    op
		offer media.Offer
		err   error
	}
	planeEvent struct{ e media.Event }
	nodeEvent  struct{ restarted bool }
	retryEvent struct {
		seat *seat
		gen  int
	}
	owedEvent struct {
		peer  string
		tries int
	}
)

// maxLane bounds the requests that wait for a node that does not answer; candidates beyond it are dropped.
const maxLane = 2 * wire.MaxCandidates

// maxLeaves bounds how often a leave is tried: after that (a minute) the node has lost the peer by itself.
const maxLeaves = 7

// ask queues a request. Joining or leaving makes everything queued before it pointless.
func (r *room) ask(peer string, o op) {
	la := r.lanes[peer]
	if la == nil {
		la = &lane{}
		r.lanes[peer] = la
	}
	if o.kind == opJoin || o.kind == opLeave {
		la.queue = nil
	}
	if len(la.queue) >= maxLane {
		return
	}
	la.queue = append(la.queue, o)
	if !la.busy {
		r.next(peer, la)
	}
}

// next starts the lane's next request, or ends the lane.
func (r *room) next(peer string, la *lane) {
	if len(la.queue) == 0 {
		delete(r.lanes, peer)
		return
	}
	o := la.queue[0]
	la.queue = la.queue[1:]
	la.busy = true
	r.s.tasks.Go(func() {
		done := opDone{peer: peer, op: o}
		done.offer, done.err = r.perform(peer, o)
		r.post(done)
	})
}

// perform runs outside the loop.
func (r *room) perform(peer string, o op) (media.Offer, error) {
	plane := r.s.plane
	ctx, cancel := context.WithTimeout(r.s.ctx, opTimeout)
	defer cancel()
	switch o.kind {
	case opJoin:
		return plane.Join(ctx, media.JoinRequest{Room: r.id, Peer: peer})
	case opAnswer:
		return media.Offer{}, plane.Answer(ctx, o.answer)
	case opLeave:
		return media.Offer{}, plane.Leave(ctx, r.id, peer)
	default:
		return media.Offer{}, plane.Candidate(ctx, o.candidate)
	}
}

func (e opDone) happen(r *room) {
	la := r.lanes[e.peer]
	la.busy = false
	if e.err != nil {
		r.s.log.Warn("signaling: media request failed", "room", r.id, "peer", e.peer, "err", e.err)
	}
	if e.op.kind == opLeave && e.err != nil && passing(e.err) && e.op.tries < maxLeaves {
		r.owed++
		owed := owedEvent{e.peer, e.op.tries + 1}
		time.AfterFunc(firstRetry<<owed.tries, func() { r.post(owed) })
	}
	if st := e.op.seat; st != nil && r.seats[e.peer] == st && st.media.gen == e.op.gen {
		switch e.op.kind {
		case opJoin:
			r.joined(st, e.offer, e.err)
		case opAnswer:
			r.answerTaken(st, e.err)
		case opCandidate, opLeave: // a candidate that is of no use costs nothing; a leave has no seat
		}
	}
	r.next(e.peer, la)
}

// A leave is owed to the node: whoever was removed must not go on receiving. Unless the peer is back: its join replaces the old one.
func (e owedEvent) happen(r *room) {
	r.owed--
	if st := r.seats[e.peer]; st == nil || !st.onNode {
		r.ask(e.peer, op{kind: opLeave, tries: e.tries})
	}
}

// startMedia asks for a connection for a peer that is admitted and there.
func (r *room) startMedia(st *seat) {
	st.media.reset(mediaJoining)
	if !st.admitted || !st.online() {
		st.media.phase = mediaIdle
		return
	}
	if st.media.told != wire.MediaReconnecting {
		r.tellMedia(st, wire.MediaConnecting)
	}
	st.onNode = true
	r.ask(st.peer, op{kind: opJoin, seat: st, gen: st.media.gen})
}

// dropMedia forgets the seat's media session. The node is told by a leave or by the next join.
func (r *room) dropMedia(st *seat) {
	st.media.reset(mediaIdle)
	st.media.attempts = 0
	st.media.told = ""
}

// leaveMedia forgets it and tells the node, if the node was ever asked.
func (r *room) leaveMedia(st *seat) {
	r.dropMedia(st)
	if st.onNode {
		st.onNode = false
		r.ask(st.peer, op{kind: opLeave})
	}
}

func (m *seatMedia) reset(phase mediaPhase) {
	if m.timer != nil {
		m.timer.Stop()
	}
	*m = seatMedia{phase: phase, gen: m.gen + 1, attempts: m.attempts, told: m.told}
}

// remakeMedia makes a new connection after a while: the node refused, the connection failed, or the page asked. One at a time.
func (r *room) remakeMedia(st *seat) {
	if st.media.phase == mediaJoining || st.media.phase == mediaRetrying {
		return
	}
	r.retryMedia(st)
}

func (r *room) retryMedia(st *seat) {
	delay := min(firstRetry<<min(st.media.attempts, 10), longestRetry)
	st.media.attempts++
	st.media.reset(mediaRetrying)
	r.tellMedia(st, wire.MediaReconnecting)
	again := retryEvent{st, st.media.gen}
	st.media.timer = time.AfterFunc(delay, func() { r.post(again) })
}

func (e retryEvent) happen(r *room) {
	if r.seats[e.seat.peer] == e.seat && e.seat.media.gen == e.gen {
		r.startMedia(e.seat)
	}
}

func (r *room) joined(st *seat, offer media.Offer, err error) {
	if err != nil {
		r.retryMedia(st)
		return
	}
	early := st.media.early
	st.media.early = nil
	st.media.phase, st.media.session = mediaUp, offer.Session
	st.media.heard = map[string]bool{}
	r.offer(st, offer)
	for _, e := range early {
		r.planeNews(st, e)
	}
}

func (r *room) offer(st *seat, o media.Offer) {
	if o.Seq <= st.media.offered {
		return
	}
	st.media.offered = o.Seq
	r.tell(st, &wire.Offer{Session: o.Session, Seq: o.Seq, SDP: o.SDP})
}

// answer passes an answer on once, if it is for the present media session.
func (r *room) answer(st *seat, m *wire.Answer) {
	if m.Session != st.media.session || m.Seq <= st.media.answered || m.Seq > st.media.offered {
		return
	}
	st.media.answered = m.Seq
	r.ask(st.peer, op{
		kind: opAnswer, seat: st, gen: st.media.gen,
		answer: media.Answer{Room: r.id, Peer: st.peer, Session: m.Session, Seq: m.Seq, SDP: m.SDP},
	})
}

func (r *room) answerTaken(st *seat, err error) {
	switch {
	case err == nil:
	case fault.Is(err, fault.Invalid):
		if st.online() {
			st.session.link.say(wire.NewError(wire.BadSDP, "answer"))
		}
	default: // the node has lost the connection, or cannot be reached
		r.remakeMedia(st)
	}
}

// candidate passes a candidate on once, if it is for the present media session and within the limit.
func (r *room) candidate(st *seat, m *wire.Candidate) {
	key := m.Mid + " " + m.Candidate
	if m.Session != st.media.session || st.media.session == "" || st.media.heard[key] || len(st.media.heard) >= wire.MaxCandidates {
		return
	}
	st.media.heard[key] = true
	r.ask(st.peer, op{
		kind: opCandidate, seat: st, gen: st.media.gen,
		candidate: media.Candidate{Room: r.id, Peer: st.peer, Session: m.Session, Candidate: m.Candidate, Mid: m.Mid},
	})
}

func (e planeEvent) happen(r *room) {
	if st := r.seats[e.e.Peer]; st != nil {
		r.planeNews(st, e.e)
	}
}

// planeNews handles what the node says of one peer. News of a session that nobody has heard of yet may be of the one being made.
func (r *room) planeNews(st *seat, e media.Event) {
	m := &st.media
	if m.phase == mediaJoining && len(m.early) < maxEarly {
		m.early = append(m.early, e)
		return
	}
	if m.phase != mediaUp || e.Session != m.session {
		return
	}
	switch {
	case e.Kind == media.EventOffer && e.Offer != nil:
		r.offer(st, *e.Offer)
	case e.Kind == media.EventState && e.State == media.Connected:
		m.attempts = 0
		if !m.connected {
			m.connected = true
			r.tellMedia(st, wire.MediaConnected)
			r.emit(MediaUp, st)
		}
	case e.Kind == media.EventState && (e.State == media.Failed || e.State == media.Closed):
		r.mediaFailed(st)
	}
}

// mediaFailed: the session is over. A peer that is there gets another; one that is away gets it when it is back.
func (r *room) mediaFailed(st *seat) {
	if st.media.connected {
		r.emit(MediaLost, st)
	}
	if st.online() {
		r.retryMedia(st)
		return
	}
	r.leaveMedia(st)
	r.tellMedia(st, wire.MediaReconnecting)
}

// A node that has restarted knows no rooms: everybody joins again, at once. A node that is heard for the first time may be the
// one that the retries wait for.
func (e nodeEvent) happen(r *room) {
	for _, st := range r.sorted() {
		switch {
		case st.media.phase == mediaRetrying:
			r.startMedia(st)
		case e.restarted && st.media.phase != mediaIdle:
			if st.media.connected {
				r.emit(MediaLost, st)
			}
			r.tellMedia(st, wire.MediaReconnecting)
			r.startMedia(st)
		}
	}
}

func (r *room) tellMedia(st *seat, state string) {
	if st.media.told != state {
		st.media.told = state
		r.tell(st, &wire.Media{State: state})
	}
}
