package signaling

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"khamxa/signaling/wire"
)

// seat is what a room keeps for a peer.
type seat struct {
	peer, role, name       string
	admitted               bool
	audioMuted, videoMuted bool
	session                *session // nil when the peer has been away for longer than wire.ResumeWindow
	media                  seatMedia
	onNode                 bool // the media node has been asked for a connection, and not yet to end it

	absence     int         // counts the times that the connection was lost
	grace, away *time.Timer // run while the peer has no connection
}

// take applies a ticket. Admission is never taken back by one: a ticket may be older than the doctor's word. A new page begins unmuted.
func (st *seat) take(t Ticket) {
	st.role, st.name = t.Role, t.Name
	st.admitted = st.admitted || t.Admitted || t.Role == RoleDoctor
	st.audioMuted, st.videoMuted = false, false
}

func (st *seat) online() bool { return st.session != nil && st.session.link != nil }

func (st *seat) welcome(resumed bool) *wire.Welcome {
	return &wire.Welcome{
		Version: wire.Version, Session: st.session.id, Resume: st.session.token, Resumed: resumed,
		Peer: st.peer, Role: st.role, Admitted: st.admitted,
		Ping: wire.PingInterval.Milliseconds(), Grace: wire.ResumeWindow.Milliseconds(),
	}
}

func (st *seat) stopAway() {
	for _, timer := range []*time.Timer{st.grace, st.away} {
		if timer != nil {
			timer.Stop()
		}
	}
	st.grace, st.away = nil, nil
}

func (st *seat) stopTimers() {
	st.stopAway()
	if st.media.timer != nil {
		st.media.timer.Stop()
	}
}

// session is one page's use of a seat: its connection, if any, and the numbered messages that it has not acknowledged.
type session struct {
	id, token string
	link      *Link
	last      int64 // number of the newest message
	kept      []keptMessage
	keptBytes int
}

type keptMessage struct {
	n   int64
	raw []byte
}

func newSession() *session { return &session{id: randomID(9), token: randomID(16)} }

// number gives a message the next number and keeps it. When too much is kept the oldest go: the page can still resume from a later one.
func (s *session) number(m wire.Message) ([]byte, error) {
	raw, err := wire.Encode(m, s.last+1)
	if err != nil {
		return nil, err
	}
	s.last++
	s.kept = append(s.kept, keptMessage{s.last, raw})
	s.keptBytes += len(raw)
	for len(s.kept) > wire.MaxKept || s.keptBytes > wire.MaxKeptBytes {
		s.dropOldest()
	}
	return raw, nil
}

// acknowledge forgets the messages up to n. A number from the future is as good as the newest.
func (s *session) acknowledge(n int64) {
	for len(s.kept) > 0 && s.kept[0].n <= n {
		s.dropOldest()
	}
}

func (s *session) dropOldest() {
	s.keptBytes -= len(s.kept[0].raw)
	s.kept[0].raw = nil
	s.kept = s.kept[1:]
	if len(s.kept) == 0 {
		s.kept = nil
	}
}

// canReplay reports whether every message after last is still there.
func (s *session) canReplay(last int64) bool {
	return last <= s.last && last+int64(len(s.kept)) >= s.last
}

// randomID gives n random bytes as an id.
func randomID(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
