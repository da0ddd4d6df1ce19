// Package signalingtest is a client of the signalling protocol over a real WebSocket, for tests and load tools.
//
// It does what a page does on the wire and nothing by itself: no acknowledgement, no answer, no reconnection. Tests of other
// components and `khamxa bench signaling` use it; the service does not.
package signalingtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"khamxa/internal/fault"
	"khamxa/signaling/wire"
)

// Client is one connection. Its methods may be used by one reader and one writer at the same time.
type Client struct {
	socket net.Conn
	source io.Reader

	mu sync.Mutex // of writes
}

// Closed is how the server closed the connection. It is the cause of the fault.Gone that Next returns.
type Closed struct {
	Status uint16
	Reason string // a code of the protocol
}

// Error gives the reason.
func (c *Closed) Error() string { return "closed: " + c.Reason }

// Dial connects to a "ws://host/path" address. Header may hold an Origin; nil is no header. An HTTP refusal is fault.Forbidden for
// 403, fault.Unavailable for anything else.
func Dial(ctx context.Context, address string, header http.Header) (*Client, error) {
	status := 0
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP(header), OnStatusError: func(code int, _ []byte, _ io.Reader) { status = code }}
	socket, early, _, err := d.Dial(ctx, address)
	if err != nil {
		code := fault.Unavailable
		if status == http.StatusForbidden {
			code = fault.Forbidden
		}
		return nil, fault.Wrap(err, code, "signalingtest.Dial", "No connection to the server.")
	}
	c := &Client{socket: socket, source: socket}
	if early != nil {
		rest, _ := early.Peek(early.Buffered())
		c.source = io.MultiReader(bytes.NewReader(bytes.Clone(rest)), socket)
	}
	return c, nil
}

// Say sends one message.
func (c *Client) Say(m wire.Message) error {
	raw, err := wire.Encode(m, 0)
	if err != nil {
		return err
	}
	return c.Frame(ws.NewTextFrame(raw))
}

// Text sends any text as one message.
func (c *Client) Text(text string) error { return c.Frame(ws.NewTextFrame([]byte(text))) }

// Frame sends one frame, masked as a client's must be.
func (c *Client) Frame(f ws.Frame) error { return c.Bytes(ws.MustCompileFrame(ws.MaskFrame(f))) }

// Bytes sends bytes as they are, below the framing.
func (c *Client) Bytes(raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.socket.Write(raw)
	return fault.Wrap(err, fault.Unavailable, "signalingtest.Client", "The connection does not take anything.")
}

// Next gives the next message of the server; pings are answered meanwhile. fault.Gone with a *Closed as cause when the server has closed,
// fault.Timeout when ctx ends first, fault.Unavailable when the connection broke.
func (c *Client) Next(ctx context.Context) (wire.Frame, error) {
	c.socket.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { c.socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	reader := wsutil.Reader{Source: c.source, State: ws.StateClientSide}
	for {
		h, err := reader.NextFrame()
		if err != nil {
			return wire.Frame{}, c.failed(ctx, err)
		}
		payload, err := io.ReadAll(&reader)
		if err != nil {
			return wire.Frame{}, c.failed(ctx, err)
		}
		switch h.OpCode {
		case ws.OpText:
			return wire.Decode(payload, wire.Server)
		case ws.OpPing:
			if err := c.Frame(ws.NewPongFrame(payload)); err != nil {
				return wire.Frame{}, err
			}
		case ws.OpClose:
			status, reason := ws.ParseCloseFrameData(payload)
			_ = c.Frame(ws.NewCloseFrame(ws.NewCloseFrameBody(status, ""))) // the server may not wait for it
			c.socket.Close()
			return wire.Frame{}, fault.Wrap(&Closed{uint16(status), reason}, fault.Gone, "signalingtest.Next", "The server has closed the connection.")
		}
	}
}

func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fault.Wrap(err, fault.Timeout, "signalingtest.Next", "No message came in time.")
	}
	return fault.Wrap(err, fault.Unavailable, "signalingtest.Next", "The connection broke.")
}

// Expect gives the next message of one type, and drops the others that come before it.
func Expect[M wire.Message](ctx context.Context, c *Client) (M, error) {
	for {
		var none M
		frame, err := c.Next(ctx)
		if err != nil {
			return none, err
		}
		if m, ok := frame.Message.(M); ok {
			return m, nil
		}
	}
}

// ClosedAs drops messages until the server closes, and gives how it did. ok is false if the connection just broke or ctx ended.
func (c *Client) ClosedAs(ctx context.Context) (closed Closed, ok bool) {
	for {
		_, err := c.Next(ctx)
		var how *Closed
		if errors.As(err, &how) {
			return *how, true
		}
		if err != nil && (fault.Is(err, fault.Timeout) || fault.Is(err, fault.Unavailable)) {
			return Closed{}, false
		}
	}
}

// Enter says hello with a ticket and gives the welcome. A refusal is fault.Forbidden with the code in the sentence.
func (c *Client) Enter(ctx context.Context, ticket string) (*wire.Welcome, error) {
	return c.hello(ctx, &wire.Hello{Version: wire.Version, Ticket: ticket})
}

// Resume says hello with a resume token.
func (c *Client) Resume(ctx context.Context, w *wire.Welcome, last int64) (*wire.Welcome, error) {
	return c.hello(ctx, &wire.Hello{Version: wire.Version, Resume: &wire.ResumeFrom{Session: w.Session, Token: w.Resume, Last: last}})
}

func (c *Client) hello(ctx context.Context, h *wire.Hello) (*wire.Welcome, error) {
	if err := c.Say(h); err != nil {
		return nil, err
	}
	frame, err := c.Next(ctx)
	if err != nil {
		return nil, err
	}
	switch m := frame.Message.(type) {
	case *wire.Welcome:
		return m, nil
	case *wire.Error:
		return nil, fault.Newf(fault.Forbidden, "signalingtest.hello", "refused: %s", m.Code)
	}
	return nil, fault.Newf(fault.Internal, "signalingtest.hello", "the server answered %s", frame.Message.Type())
}

// Drop breaks the connection without a close frame, as a lost network does.
func (c *Client) Drop() { c.socket.Close() }
