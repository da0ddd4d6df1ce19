package subscription

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// Limits of connections. A client that says nothing for silence is gone: it must answer the pings.
const (
	maxLines         = 500
	maxLinesByAuthor = 20
	maxBound         = 100     // subscriptions of one connection
	maxMessage       = 1 << 10 // bytes
	writeTime        = 10 * time.Second
	pingEvery        = 30 * time.Second
	silence          = 90 * time.Second
	bindTime         = 2 * time.Second // for a subscription to run that was created just before
)

// Path is where the WebSocket is served. The CapabilityStatement names it in the extension capabilitystatement-websocket.
const Path = "/fhir/websocket"

// Handler serves GET Path (R4, subscription.html, WebSocket): the client says "bind {id}", the server "bound {id}" and from then on
// "ping {id}" when there is something new, or "error {id} ..." with a sentence. authorize tells who it is; a program hears of its own
// subscriptions only. Its errors are answered with their status. A browser's page of another origin is refused.
func (d *Dispatcher) Handler(authorize func(r *http.Request) (author string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		author, err := authorize(r)
		switch {
		case fault.Is(err, fault.Unavailable):
			http.Error(w, fault.MessageOf(err), http.StatusServiceUnavailable)
		case err != nil || author == "":
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "Connecting needs an access token.", http.StatusUnauthorized)
		case r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
			w.Header().Set("Upgrade", "websocket")
			http.Error(w, "This address speaks WebSocket only.", http.StatusUpgradeRequired)
		case r.Header.Get("Origin") != "" && !sameHost(r):
			http.Error(w, "Pages of another origin may not connect.", http.StatusForbidden)
		default:
			d.connect(w, r, author)
		}
	})
}

func sameHost(r *http.Request) bool {
	_, host, _ := strings.Cut(r.Header.Get("Origin"), "://")
	return strings.EqualFold(host, r.Host)
}

func (d *Dispatcher) connect(w http.ResponseWriter, r *http.Request, author string) {
	l := &line{author: author, ended: make(chan struct{})}
	if !d.hub.enter(l) {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "There are too many connections already.", http.StatusServiceUnavailable)
		return
	}
	defer d.hub.drop(l)
	conn, rw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		d.Logger.Debug("a WebSocket was not opened", "op", "subscription.connect", "err", err)
		return
	}
	defer func() { _ = conn.Close() }()
	l.open(conn)
	defer close(l.ended)
	go l.keepAlive()
	for {
		text, err := l.hear(rw.Reader)
		if err != nil {
			return
		}
		if !l.say(d.answer(l, text)) {
			return
		}
	}
}

// answer does what a client's message asks.
func (d *Dispatcher) answer(l *line, text string) string {
	id, ok := strings.CutPrefix(strings.TrimSpace(text), "bind ")
	switch {
	case !ok || !fhir.IsID(id):
		return "error - The message is not understood. Say: bind, a space, and the id of a Subscription."
	case l.bound >= maxBound:
		return "error " + id + " This connection is bound to as many subscriptions as it may."
	case !d.hub.bind(id, l, bindTime):
		return "error " + id + " There is no such subscription of yours that is active."
	}
	l.bound++
	return "bound " + id
}

// line is one connection.
type line struct {
	author string
	bound  int // only the reader uses it
	ended  chan struct{}

	mu   sync.Mutex
	conn net.Conn // nil before it is open and after it has ended
}

func (l *line) open(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	_ = conn.SetDeadline(time.Time{}) // those of the request
}

// say sends a text; false when the client does not take it, after which the connection is closed.
func (l *line) say(text string) bool { return l.send(ws.NewTextFrame([]byte(text))) }

func (l *line) send(f ws.Frame) bool {
	b, err := ws.CompileFrame(f)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || l.conn == nil {
		return false
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTime)); err == nil {
		_, err = l.conn.Write(b)
		if err == nil {
			return true
		}
	}
	_ = l.conn.Close() // wakes the reader
	l.conn = nil
	return false
}

// hangUp ends the connection from this side.
func (l *line) hangUp() {
	l.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "the service stops")))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

func (l *line) keepAlive() {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.send(ws.NewPingFrame(nil))
		case <-l.ended:
			return
		}
	}
}

var errNotServed = errors.New("the client sent what is not served, or closed")

// hear reads the next text. Control frames are answered; fragments and large messages end the connection.
func (l *line) hear(r io.Reader) (string, error) {
	for {
		l.mu.Lock()
		conn := l.conn
		l.mu.Unlock()
		if conn == nil {
			return "", net.ErrClosed
		}
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return "", err
		}
		header, err := ws.ReadHeader(r)
		if err != nil {
			return "", err
		}
		if !header.Masked || !header.Fin || header.Length > maxMessage {
			l.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusProtocolError, "")))
			return "", errNotServed
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return "", err
		}
		ws.Cipher(payload, header.Mask, 0)
		switch header.OpCode {
		case ws.OpText:
			return string(payload), nil
		case ws.OpPing:
			l.send(ws.NewPongFrame(payload))
		case ws.OpPong:
		default:
			l.send(ws.NewCloseFrame(nil))
			return "", errNotServed
		}
	}
}
