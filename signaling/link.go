package signaling

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"khamxa/internal/fault"
	"khamxa/signaling/wire"
)

// Conn is one connection as a room sees it. signaling/ws fulfils it. Both methods are safe for concurrent use and never block.
type Conn interface {
	// Send queues one text message. It is false if the queue is full or the connection is closed.
	Send(text []byte) bool
	// Close sends what is queued, then closes with the code's status and the code as the reason. Only the first call counts.
	Close(code wire.Code)
}

// Link is one connection's way into the server. Receive, Fail and Closed are called by one goroutine, the connection's reader.
type Link struct {
	server *Server
	conn   Conn
	bucket *rate.Limiter
	stage  atomic.Int32
	room   *room // set before the room is told of the link; the reader's alone
	seat   *seat // the room loop's alone

	mu    sync.Mutex
	hello *time.Timer // runs while there is no hello
}

// The stages of a link.
const (
	stageNew    int32 = iota // no hello yet, or its resume was refused
	stageAsked               // the room has its hello
	stageInside              // it has been welcomed
	stageOver                // it is being closed
)

// Open takes a new connection. It must say hello within wire.HelloTimeout.
func (s *Server) Open(c Conn) *Link {
	l := &Link{server: s, conn: c, bucket: rate.NewLimiter(wire.Rate, wire.Burst)}
	s.mu.Lock()
	draining := s.draining
	if !draining {
		s.links[l] = struct{}{}
	}
	s.mu.Unlock()
	if draining {
		l.fail(wire.ComeAgain, "")
		return l
	}
	l.awaitHello()
	return l
}

// Receive takes one message as it came. Whatever it holds, the answer is a message to the client or a close: nothing is returned.
func (l *Link) Receive(raw []byte) {
	if l.stage.Load() == stageOver {
		return
	}
	if !l.bucket.AllowN(l.server.clock(), 1) {
		l.fail(wire.TooMany, "")
		return
	}
	frame, err := wire.Decode(raw, wire.Client)
	if err != nil {
		l.refuse(raw, err)
		return
	}
	m := frame.Message
	if hello, ok := m.(*wire.Hello); ok {
		l.greet(hello)
		return
	}
	switch l.stage.Load() {
	case stageNew:
		l.fail(wire.HelloFirst, m.Type())
	default:
		if l.room.box.full() || !l.room.post(clientEvent{l, m}) {
			l.fail(wire.Busy, m.Type())
		}
	}
}

// Closed tells that the connection is gone, for whatever reason. Nothing may be received after it.
func (l *Link) Closed() {
	l.stage.Store(stageOver)
	l.heard()
	l.server.mu.Lock()
	delete(l.server.links, l)
	l.server.mu.Unlock()
	if l.room != nil {
		l.room.post(closedEvent{l})
	}
}

// greet handles hello.
func (l *Link) greet(h *wire.Hello) {
	if !l.stage.CompareAndSwap(stageNew, stageAsked) {
		l.say(wire.NewError(wire.HelloTwice, h.Type()))
		return
	}
	l.heard()
	if wire.CheckVersion(h.Version) != nil {
		l.fail(wire.BadVersion, h.Type())
		return
	}
	if h.Resume != nil {
		r := l.server.roomOfSession(h.Resume.Session)
		if r != nil {
			l.room = r
		}
		if r == nil || !r.post(resumeEvent{l, *h.Resume}) {
			l.refuseResume()
		}
		return
	}
	ticket, err := l.server.verify(h.Ticket)
	if err != nil {
		code := wire.BadTicket
		if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout) {
			code = wire.Busy
		}
		l.fail(code, h.Type())
		return
	}
	if code := l.server.enter(l, ticket); code != "" {
		l.fail(code, h.Type())
	}
}

// verify reads a ticket and does not trust its contents either: they become ids on the bus and names on a page.
func (s *Server) verify(token string) (Ticket, error) {
	t, err := s.tickets(token)
	switch {
	case err != nil:
		return Ticket{}, err
	case !wire.ValidID(t.Room), !wire.ValidID(t.Peer), !wire.ValidRole(t.Role), !wire.ValidName(t.Name):
		return Ticket{}, fault.New(fault.Invalid, "signaling.verify", "The ticket's contents cannot be right.")
	case !s.clock().Before(t.Expires):
		return Ticket{}, fault.New(fault.Unauthenticated, "signaling.verify", "The ticket has expired.")
	}
	return t, nil
}

// refuseResume lets the client say hello again, with a ticket.
func (l *Link) refuseResume() {
	l.awaitHello()
	l.stage.CompareAndSwap(stageAsked, stageNew)
	l.say(wire.NewError(wire.ResumeRefused, "hello"))
}

// refuse answers a message that cannot be decoded.
func (l *Link) refuse(raw []byte, err error) {
	switch fault.CodeOf(err) {
	case fault.TooLarge:
		l.fail(wire.TooLarge, "")
	case fault.Unsupported:
		l.say(wire.NewError(wire.UnknownType, wire.TypeOf(raw)))
	default:
		m := wire.NewError(wire.BadMessage, wire.TypeOf(raw))
		m.Message += " " + fault.MessageOf(err)
		if path := fault.PathOf(err); path != "" {
			m.Message += " (" + path + ")"
		}
		l.say(m)
	}
}

// say sends a message without a number.
func (l *Link) say(m wire.Message) {
	raw, err := wire.Encode(m, 0)
	if err != nil {
		l.server.log.Error("signaling: message not sent", "type", m.Type(), "err", err)
		return
	}
	l.send(raw)
}

func (l *Link) send(raw []byte) {
	if !l.conn.Send(raw) && l.stage.Load() != stageOver {
		l.fail(wire.TooSlow, "")
	}
}

// Fail ends the connection for a reason that its carrier has found: a broken frame, silence. Only the first reason counts.
func (l *Link) Fail(code wire.Code) { l.fail(code, "") }

// fail tells why and closes.
func (l *Link) fail(code wire.Code, re wire.Type) {
	if l.stage.Swap(stageOver) == stageOver {
		return
	}
	l.heard()
	if raw, err := wire.Encode(wire.NewError(code, re), 0); err == nil {
		l.conn.Send(raw)
	}
	l.conn.Close(code)
}

// bye closes without an error.
func (l *Link) bye(code wire.Code) {
	if l.stage.Swap(stageOver) != stageOver {
		l.conn.Close(code)
	}
}

func (l *Link) awaitHello() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hello = time.AfterFunc(wire.HelloTimeout, func() {
		if l.stage.Load() == stageNew {
			l.fail(wire.HelloLate, "")
		}
	})
}

// heard stops the wait for hello. The timer is let go, so that an idle link is small.
func (l *Link) heard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hello != nil {
		l.hello.Stop()
		l.hello = nil
	}
}
