package signaling

import (
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"khamxa/signaling/wire"
)

// room is the state of one live call. Everything in it but the mailbox belongs to the goroutine that runs run.
type room struct {
	id    string
	s     *Server
	box   mailbox
	seats map[string]*seat // by peer
	lanes map[string]*lane // by peer: requests to the media node
	owed  int              // leaves that wait to be tried again
}

func newRoom(s *Server, id string) *room {
	return &room{id: id, s: s, seats: map[string]*seat{}, lanes: map[string]*lane{}}
}

// post hands the room an event; false if the room has ended.
func (r *room) post(e event) bool {
	return r.box.post(e, func() { r.s.tasks.Go(r.run) })
}

// run is the room's loop. It returns when nothing is left to do; the next post starts it again. A room without seats, requests to
// the media node and leaves that are owed is over.
func (r *room) run() {
	over := func() bool { return len(r.seats) == 0 && len(r.lanes) == 0 && r.owed == 0 }
	for {
		batch, ended := r.box.take(over)
		for _, e := range batch {
			e.happen(r)
		}
		if batch == nil {
			if ended {
				r.s.forget(r)
			}
			return
		}
	}
}

// stop ends the timers of a room that nobody runs any more; the links have been told to come again by Close.
func (r *room) stop() {
	for _, st := range r.seats {
		st.stopTimers()
		if st.session != nil {
			r.s.dropSession(st.session.id)
		}
	}
}

// The events. Each is handled by the room's loop.
type (
	joinEvent struct {
		link   *Link
		ticket Ticket
	}
	resumeEvent struct {
		link *Link
		from wire.ResumeFrom
	}
	clientEvent struct {
		link *Link
		m    wire.Message
	}
	closedEvent struct{ link *Link }
	admitEvent  struct {
		peer  string
		reply chan<- bool
	}
	removeEvent struct {
		peer  string
		reply chan<- bool
	}
	endEvent    struct{ reply chan<- bool }
	statusEvent struct{ reply chan<- []PeerStatus }
	awayEvent   struct {
		seat    *seat
		absence int
		gone    bool // after wire.SeatWindow, else after wire.ResumeWindow
	}
)

func (e joinEvent) happen(r *room)   { r.join(e.link, e.ticket) }
func (e resumeEvent) happen(r *room) { r.resume(e.link, e.from) }
func (e clientEvent) happen(r *room) { r.client(e.link, e.m) }
func (e closedEvent) happen(r *room) { r.closed(e.link) }
func (e admitEvent) happen(r *room)  { e.reply <- r.admit(e.peer) }
func (e removeEvent) happen(r *room) { e.reply <- r.remove(e.peer) }
func (e endEvent) happen(r *room)    { r.end(); e.reply <- true }
func (e statusEvent) happen(r *room) { e.reply <- r.status() }

// A peer has been away for long. First its session goes, so that a page that comes back gets a new one; then its seat.
func (e awayEvent) happen(r *room) {
	st := e.seat
	if r.seats[st.peer] != st || st.online() || st.absence != e.absence {
		return
	}
	r.endSession(st, wire.Bye)
	if e.gone {
		r.vacate(st)
	}
}

// join gives a link its seat: a new one, or the one that the peer has already. The newest connection wins.
func (r *room) join(l *Link, t Ticket) {
	if code := r.s.barredAs(r.id, t.Peer); code != "" {
		l.fail(code, "hello")
		return
	}
	st := r.seats[t.Peer]
	kind := Returned
	if st == nil {
		if len(r.seats) >= wire.MaxPeers {
			l.fail(wire.RoomFull, "hello")
			return
		}
		kind = Arrived
		st = &seat{peer: t.Peer}
		r.seats[t.Peer] = st
	}
	st.take(t)
	r.endSession(st, wire.Replaced)
	st.session = newSession()
	r.s.keepSession(st.session.id, r)
	r.attach(st, l)
	r.dropMedia(st)
	l.say(st.welcome(false))
	r.emit(kind, st)
	if !st.admitted {
		r.tell(st, &wire.Waiting{})
		return
	}
	r.tell(st, &wire.AdmittedNow{})
	r.broadcast()
	r.startMedia(st)
}

// resume goes on with a session on a new link.
func (r *room) resume(l *Link, from wire.ResumeFrom) {
	st := r.seatOf(from)
	if st == nil || !st.session.canReplay(from.Last) {
		l.refuseResume()
		return
	}
	if old := st.session.link; old != nil {
		old.fail(wire.Replaced, "")
	}
	wasOnline := st.online()
	r.attach(st, l)
	l.say(st.welcome(true))
	st.session.acknowledge(from.Last)
	for _, k := range st.session.kept {
		l.send(k.raw)
	}
	if !wasOnline {
		r.emit(Returned, st)
		r.changed(st)
	}
	if st.admitted && st.media.phase == mediaIdle {
		r.startMedia(st)
	}
}

func (r *room) seatOf(from wire.ResumeFrom) *seat {
	for _, st := range r.seats {
		if st.session != nil && st.session.id == from.Session &&
			subtle.ConstantTimeCompare([]byte(st.session.token), []byte(from.Token)) == 1 {
			return st
		}
	}
	return nil
}

func (r *room) attach(st *seat, l *Link) {
	st.stopAway()
	l.seat = st
	st.session.link = l
	l.stage.CompareAndSwap(stageAsked, stageInside)
}

// closed: a connection is gone. The seat, the session and the media stay for a while.
func (r *room) closed(l *Link) {
	st := l.seat
	if st == nil || st.session == nil || st.session.link != l || r.seats[st.peer] != st {
		return
	}
	st.session.link = nil
	st.absence++
	session, seat := awayEvent{st, st.absence, false}, awayEvent{st, st.absence, true}
	st.grace = time.AfterFunc(wire.ResumeWindow, func() { r.post(session) })
	st.away = time.AfterFunc(wire.SeatWindow, func() { r.post(seat) })
	r.emit(Dropped, st)
	r.changed(st)
}

func (r *room) admit(peer string) bool {
	st := r.seats[peer]
	if st == nil {
		return false
	}
	if st.admitted {
		return true
	}
	st.admitted = true
	r.emit(LetIn, st)
	r.tell(st, &wire.AdmittedNow{})
	r.broadcast()
	r.startMedia(st)
	return true
}

func (r *room) remove(peer string) bool {
	st := r.seats[peer]
	if st == nil {
		return false
	}
	r.tell(st, &wire.Ended{Reason: wire.ReasonRemoved})
	r.endSession(st, wire.Removed)
	r.vacate(st)
	return true
}

// end closes the call for everyone. CloseRoom tells the media node.
func (r *room) end() {
	for _, st := range r.sorted() {
		r.tell(st, &wire.Ended{Reason: wire.ReasonClosed})
		r.endSession(st, wire.CallEnded)
		r.leaveMedia(st)
		st.stopTimers()
		delete(r.seats, st.peer)
		r.emit(Left, st)
	}
	r.s.events(RoomEvent{Kind: RoomClosed, Room: r.id})
}

// vacate gives a seat up.
func (r *room) vacate(st *seat) {
	r.endSession(st, wire.Bye)
	r.leaveMedia(st)
	st.stopTimers()
	delete(r.seats, st.peer)
	r.emit(Left, st)
	r.changed(st)
}

// endSession closes the seat's connection, if any, with the code, and forgets what was kept for it.
func (r *room) endSession(st *seat, code wire.Code) {
	session := st.session
	if session == nil {
		return
	}
	st.session = nil
	r.s.dropSession(session.id)
	if l := session.link; l != nil {
		if code == wire.Bye {
			l.bye(code)
		} else {
			l.fail(code, "")
		}
	}
}

// tell sends a numbered message to one seat. What cannot be sent now is replayed after a resume.
func (r *room) tell(st *seat, m wire.Message) {
	if st.session == nil {
		return
	}
	raw, err := st.session.number(m)
	if err != nil {
		r.s.log.Error("signaling: message not sent", "room", r.id, "peer", st.peer, "type", m.Type(), "err", err)
		return
	}
	if l := st.session.link; l != nil {
		l.send(raw)
	}
}

// changed tells the admitted peers of a change of one of them. Who waits is not their business.
func (r *room) changed(st *seat) {
	if st.admitted {
		r.broadcast()
	}
}

// broadcast tells every admitted peer who is there. A waiting peer hears nothing and is not named.
func (r *room) broadcast() {
	list := []wire.Peer{}
	admitted := []*seat{}
	for _, st := range r.sorted() {
		if st.admitted {
			admitted = append(admitted, st)
			list = append(list, wire.Peer{ID: st.peer, Role: st.role, Name: st.name, Audio: !st.audioMuted, Video: !st.videoMuted, Online: st.online()})
		}
	}
	for _, st := range admitted {
		r.tell(st, &wire.Peers{Peers: list})
	}
}

func (r *room) sorted() []*seat {
	list := make([]*seat, 0, len(r.seats))
	for _, st := range r.seats {
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b *seat) int { return strings.Compare(a.peer, b.peer) })
	return list
}

func (r *room) status() []PeerStatus {
	list := []PeerStatus{}
	for _, st := range r.sorted() {
		list = append(list, PeerStatus{Peer: st.peer, Role: st.role, Admitted: st.admitted, Online: st.online(), Media: st.media.connected})
	}
	return list
}

func (r *room) emit(kind EventKind, st *seat) {
	r.s.log.Info("signaling: room event", "kind", string(kind), "room", r.id, "peer", st.peer, "role", st.role)
	r.s.events(RoomEvent{Kind: kind, Room: r.id, Peer: st.peer, Role: st.role})
}
