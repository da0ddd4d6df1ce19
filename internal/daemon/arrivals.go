package daemon

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// bodyGrace is how long what a client is sending may still take when the server drains.
const bodyGrace = time.Second

// arrivals knows the connections on which a request is still arriving: its head, on a new connection, or its body. When the server drains
// they get a short deadline; http.Server alone would wait for them as for a request that is being answered.
//
// A connection whose request has arrived must keep no read deadline: net/http goes on reading there to see the client go, and would take
// the deadline for that.
type arrivals struct {
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	hurrying bool
}

func newArrivals() *arrivals { return &arrivals{conns: map[net.Conn]struct{}{}} }

type connKey struct{}

// context is http.Server.ConnContext: a request's handler can find its connection.
func (a *arrivals) context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// state is http.Server.ConnState. A new connection's first request is arriving; handler says when a later body is.
func (a *arrivals) state(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		a.begin(c)
	case http.StateIdle, http.StateClosed, http.StateHijacked:
		a.forget(c)
	case http.StateActive: // handler knows more
	}
}

func (a *arrivals) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(net.Conn)
		switch {
		case !ok:
		case r.Body == nil || r.Body == http.NoBody:
			a.end(c)
		default:
			a.begin(c)
			r.Body = &arrivingBody{ReadCloser: r.Body, end: sync.OnceFunc(func() { a.end(c) })}
		}
		next.ServeHTTP(w, r)
	})
}

// arrivingBody says when it has arrived. A body that its handler leaves unread stays on its way: net/http reads on after the answer.
type arrivingBody struct {
	io.ReadCloser
	end func()
}

// Read implements io.Reader.
func (b *arrivingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.end()
	}
	return n, err
}

// begin notes that a request is arriving.
func (a *arrivals) begin(c net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns[c] = struct{}{}
	if a.hurrying {
		c.SetReadDeadline(time.Now().Add(bodyGrace))
	}
}

// end notes that it has arrived, and takes back the deadline.
func (a *arrivals) end(c net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.conns[c]; ok && a.hurrying {
		c.SetReadDeadline(time.Time{})
	}
	delete(a.conns, c)
}

func (a *arrivals) forget(c net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
}

// hurry gives what is arriving, and what begins to from now on, bodyGrace.
func (a *arrivals) hurry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hurrying = true
	for c := range a.conns {
		c.SetReadDeadline(time.Now().Add(bodyGrace))
	}
}
