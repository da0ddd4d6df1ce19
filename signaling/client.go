package signaling

import "khamxa/signaling/wire"

// handlers: one function for each message that a client may send after hello.
var handlers = map[wire.Type]func(*room, *seat, wire.Message){
	"ack":       func(_ *room, st *seat, m wire.Message) { st.session.acknowledge(m.(*wire.Ack).N) },
	"ping":      func(_ *room, st *seat, _ wire.Message) { st.session.link.say(&wire.Pong{}) },
	"leave":     func(r *room, st *seat, _ wire.Message) { r.vacate(st) },
	"mute":      func(r *room, st *seat, m wire.Message) { r.mute(st, m.(*wire.Mute)) },
	"answer":    func(r *room, st *seat, m wire.Message) { r.answer(st, m.(*wire.Answer)) },
	"candidate": func(r *room, st *seat, m wire.Message) { r.candidate(st, m.(*wire.Candidate)) },
	"restart":   func(r *room, st *seat, _ wire.Message) { r.remakeMedia(st) },
}

// client handles one message of a client. Who speaks is known from the link; what it may say is decided here, from the
// message table, and nowhere else.
func (r *room) client(l *Link, m wire.Message) {
	st := l.seat
	if st == nil || r.seats[st.peer] != st || st.session == nil || st.session.link != l {
		return // refused, replaced or gone: its close is on the way
	}
	row, _ := wire.RowOf(m.Type())
	if row.Stage == wire.Admitted && !st.admitted {
		l.say(wire.NewError(wire.NotAdmitted, m.Type()))
		return
	}
	handlers[m.Type()](r, st, m)
}

func (r *room) mute(st *seat, m *wire.Mute) {
	muted := &st.audioMuted
	if m.Kind == "video" {
		muted = &st.videoMuted
	}
	if *muted != m.Muted {
		*muted = m.Muted
		r.broadcast()
	}
}
