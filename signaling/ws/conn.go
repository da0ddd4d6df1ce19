package ws

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"khamxa/signaling"
	"khamxa/signaling/wire"
)

// conn is one connection. serve reads; write runs only while the queue holds something.
type conn struct {
	handler *Handler
	socket  net.Conn
	early   []byte // what the client sent right behind its request
	link    *signaling.Link
	pinger  *time.Timer

	mu      sync.Mutex
	group   string // network.Group of the client until it is welcomed, then ""
	queue   []outgoing
	bytes   int
	writing bool
	closing bool // the close frame is queued or cannot be sent: nothing more is taken
	read    bool // the reader has ended
}

// outgoing is one frame from the server: never masked, never fragmented (RFC 6455 sections 5.1 and 5.4).
type outgoing struct {
	op      ws.OpCode
	payload []byte
}

var _ signaling.Conn = (*conn)(nil)

// Send is part of signaling.Conn.
func (c *conn) Send(text []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || len(c.queue) >= wire.MaxQueued || c.bytes+len(text) > wire.MaxQueuedBytes {
		return false
	}
	if c.group != "" && wire.TypeOf(text) == (*wire.Welcome)(nil).Type() {
		c.handler.known(c.group)
		c.group = ""
	}
	c.push(outgoing{ws.OpText, text})
	return true
}

// Close is part of signaling.Conn.
func (c *conn) Close(code wire.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return
	}
	if code == wire.TooSlow { // what is queued would not be read either
		c.queue, c.bytes = nil, 0
	}
	c.closing = true
	c.push(outgoing{ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code.CloseStatus()), string(code))})
}

// pong answers a ping. A client that sends many and does not read gets no more of them.
func (c *conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing && len(c.queue) < 2*wire.MaxQueued {
		c.push(outgoing{ws.OpPong, payload})
	}
}

// push needs the lock.
func (c *conn) push(o outgoing) {
	c.queue = append(c.queue, o)
	c.bytes += len(o.payload)
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// write sends what is queued, then ends. A client that takes longer than wire.WriteTimeout for a batch is cut off.
func (c *conn) write() {
	for {
		c.mu.Lock()
		batch := c.queue
		c.queue, c.bytes = nil, 0
		if len(batch) == 0 {
			c.writing = false
			if c.closing {
				c.socket.SetReadDeadline(time.Now().Add(lingerTime))
			}
			c.finish()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if err := c.flush(batch); err != nil {
			c.mu.Lock()
			c.closing = true
			c.queue = nil
			c.mu.Unlock()
			c.socket.Close() // wakes the reader
		}
	}
}

func (c *conn) flush(batch []outgoing) error {
	if err := c.socket.SetWriteDeadline(time.Now().Add(wire.WriteTimeout)); err != nil {
		return err
	}
	var frames net.Buffers
	for _, o := range batch {
		h := ws.Header{Fin: true, OpCode: o.op, Length: int64(len(o.payload))}
		var head [ws.MaxHeaderSize]byte
		n := ws.HeaderSize(h)
		if err := ws.WriteHeaderBuffer(io.Discard, h, head[:]); err != nil {
			return err
		}
		frames = append(frames, head[:n:n], o.payload)
	}
	_, err := frames.WriteTo(c.socket)
	return err
}

// finish closes the socket when neither side is at work any more, which is once. It needs the lock.
func (c *conn) finish() {
	if c.read && !c.writing {
		c.socket.Close()
		c.handler.leave(c.group)
	}
}

// serve reads until the connection ends. It is the only caller of the link.
func (c *conn) serve() {
	c.link = c.handler.server.Open(c)
	c.mu.Lock()
	c.pinger = time.AfterFunc(wire.PingInterval, c.ping)
	c.mu.Unlock()
	if code := c.receive(); code != "" {
		c.link.Fail(code)
		c.linger()
	}
	c.link.Closed()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pinger.Stop()
	c.read, c.closing = true, true
	c.finish()
}

// ping keeps the connection's way open through routers and finds a client that is gone. It does not extend the read deadline: only
// what the client sends does.
func (c *conn) ping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.push(outgoing{op: ws.OpPing})
		c.pinger.Reset(wire.PingInterval)
	}
}

// receive hands messages to the link. It gives the code that ends the connection, or "" if the other side or Close has ended it.
func (c *conn) receive() wire.Code {
	reader := &wsutil.Reader{Source: c, State: ws.StateServerSide, MaxMessageSize: wire.MaxMessage}
	reader.OnIntermediate = c.onControl
	for {
		c.arm()
		h, err := reader.NextFrame()
		if err != nil {
			return c.reason(err)
		}
		if h.OpCode.IsControl() {
			if err := c.onControl(h, reader); err != nil {
				return c.reason(err)
			}
			continue
		}
		if h.OpCode != ws.OpText {
			return wire.NotText
		}
		raw, err := readMessage(reader, h)
		if err != nil {
			return c.reason(err)
		}
		if !utf8.Valid(raw) {
			return wire.BadUTF8
		}
		c.link.Receive(raw)
	}
}

func readMessage(reader *wsutil.Reader, h ws.Header) ([]byte, error) {
	if !h.Fin {
		return io.ReadAll(reader)
	}
	raw := make([]byte, h.Length)
	if _, err := io.ReadFull(reader, raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// errOver ends the reading after a close frame.
var errOver = errors.New("closed by the client")

// onControl answers pings and close frames. Pongs only count as a sign of life.
func (c *conn) onControl(h ws.Header, body io.Reader) error {
	payload := make([]byte, h.Length) // at most 125 bytes: NextFrame has checked
	if _, err := io.ReadFull(body, payload); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		c.pong(payload)
	case ws.OpClose:
		c.Close(wire.Bye)
		return errOver
	}
	return nil
}

// reason says why reading ended.
func (c *conn) reason(err error) wire.Code {
	var protocol ws.ProtocolError
	switch {
	case errors.Is(err, wsutil.ErrMessageTooLarge), errors.Is(err, wsutil.ErrFrameTooLarge):
		return wire.TooLarge
	case errors.As(err, &protocol), errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
		return wire.BadFrame
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.closing {
			return wire.GoneQuiet
		}
	}
	return ""
}

// arm sets how long the client may be silent.
func (c *conn) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	patience := wire.QuietTimeout
	if c.closing {
		patience = lingerTime
	}
	c.socket.SetReadDeadline(time.Now().Add(patience))
}

// linger reads on for a moment after a failure: closing a socket with unread bytes in it resets the connection, and the client
// would not learn why.
func (c *conn) linger() {
	c.socket.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.socket, 4*wire.MaxMessage)
}

// Read gives what came with the request, then the socket's bytes.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.socket.Read(p)
}
