package signaling_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"khamxa/internal/fault"
	"khamxa/media/mediatest"
	"khamxa/signaling"
	"khamxa/signaling/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reporter is what *testing.T and *rapid.T have in common.
type reporter interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is a server with a fake media node and no sockets. Everything runs on synctest's clock.
type world struct {
	t      reporter
	server *signaling.Server
	plane  *mediatest.Fake

	mu     sync.Mutex
	events []signaling.RoomEvent
}

// inWorld runs a test in a bubble: time passes only while everybody waits.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		synctest.Wait()
		test(t, w)
	})
}

func newWorld(t reporter) *world {
	w := &world{t: t, plane: mediatest.NewFake()}
	w.server = signaling.New(signaling.Options{Plane: w.plane, Tickets: readTicket, Events: w.event})
	return w
}

func (w *world) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.server.Close(ctx); err != nil {
		w.t.Error(err)
	}
}

func (w *world) event(e signaling.RoomEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// happened gives the events so far as "kind peer", and forgets them.
func (w *world) happened() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []string{}
	for _, e := range w.events {
		list = append(list, strings.TrimSpace(string(e.Kind)+" "+e.Peer))
	}
	w.events = nil
	return list
}

// calls gives the requests that the media node has had, as "method peer", without candidates.
func (w *world) calls() []string {
	synctest.Wait()
	list := []string{}
	for _, c := range w.plane.Calls() {
		if c.Method != mediatest.Candidate {
			list = append(list, strings.TrimSpace(c.Method+" "+c.Peer))
		}
	}
	return list
}

// readTicket reads the tests' tickets: "room peer role", with "+" behind the role for an admitted one; "late" and "down" are errors.
func readTicket(token string) (signaling.Ticket, error) {
	f := strings.Fields(token)
	switch {
	case token == "down":
		return signaling.Ticket{}, fault.New(fault.Unavailable, "test", "The key store is down.")
	case len(f) != 3:
		return signaling.Ticket{}, fault.New(fault.Unauthenticated, "test", "This is not a ticket.")
	}
	role, admitted := strings.CutSuffix(f[2], "+")
	t := signaling.Ticket{Room: f[0], Peer: f[1], Role: role, Name: "Bác " + f[1], Admitted: admitted, Expires: time.Now().Add(time.Minute)}
	if role == "late" {
		t.Expires = time.Now()
	}
	return t, nil
}

// page is a client without a socket.
type page struct {
	w    *world
	link *signaling.Link

	mu     sync.Mutex
	in     []wire.Frame
	stuck  bool // Send refuses: the client does not read
	closed chan wire.Code
	opened chan struct{}
	once   sync.Once
}

func (w *world) open() *page {
	p := &page{w: w, closed: make(chan wire.Code, 1), opened: make(chan struct{})}
	p.link = w.server.Open(p)
	close(p.opened)
	return p
}

// enter opens a page and says hello with a ticket.
func (w *world) enter(ticket string) *page {
	w.t.Helper()
	p := w.open()
	p.say(&wire.Hello{Version: 1, Ticket: ticket})
	return p
}

func (p *page) Send(text []byte) bool {
	frame, err := wire.Decode(text, wire.Server)
	if err != nil {
		p.w.t.Errorf("the server sent what cannot be read: %s: %v", text, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck {
		return false
	}
	p.in = append(p.in, frame)
	return true
}

func (p *page) Close(code wire.Code) {
	p.closed <- code
	go p.drop()
}

// drop loses the connection.
func (p *page) drop() {
	p.once.Do(func() {
		<-p.opened // a server that is being closed closes a connection while it opens
		p.link.Closed()
	})
}

func (p *page) say(m wire.Message) {
	p.w.t.Helper()
	raw, err := wire.Encode(m, 0)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.link.Receive(raw)
	synctest.Wait()
}

// got gives what came in since the last time.
func (p *page) got() []wire.Frame {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.in
	p.in = nil
	return list
}

// types gives the types of what came in since the last time.
func (p *page) types() string {
	var list []string
	for _, f := range p.got() {
		name := string(f.Message.Type())
		switch m := f.Message.(type) {
		case *wire.Error:
			name = "error:" + string(m.Code)
		case *wire.Media:
			name = "media:" + m.State
		case *wire.Ended:
			name = "ended:" + m.Reason
		}
		list = append(list, name)
	}
	return strings.Join(list, " ")
}

func (p *page) closedAs() wire.Code {
	synctest.Wait()
	select {
	case code := <-p.closed:
		return code
	default:
		return ""
	}
}

// last gives the newest message of a type that came in since the last time.
func last[M wire.Message](t reporter, p *page) M {
	t.Helper()
	var found M
	ok := false
	for _, f := range p.got() {
		if m, is := f.Message.(M); is {
			found, ok = m, true
		}
	}
	if !ok {
		t.Fatalf("no %T came", found)
	}
	return found
}

func expect[T comparable](t reporter, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
