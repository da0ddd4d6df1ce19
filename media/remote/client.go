package remote

import (
	"context"
	"strings"
	"time"

	"khamxa/internal/bus"
	"khamxa/internal/fault"
	"khamxa/media"
)

const (
	// Deadline bounds each call of a Client.
	Deadline = 3 * time.Second
	// tellQueue is how many events and heartbeats may wait for one reader.
	tellQueue = 1024
)

// Client is the Plane of a node on the bus. It has no state of its own; the zero value is not useful. A call that gets no answer within
// Deadline fails with fault.Unavailable, although the node may have carried it out: every call of the port can be made again.
type Client struct {
	conn *bus.Conn
	node string
}

var _ media.Plane = (*Client)(nil)

// NewClient gives the Plane of the node that Serve calls by the same id.
func NewClient(conn *bus.Conn, id string) *Client { return &Client{conn: conn, node: id} }

// ask sends a request and decodes its reply.
func ask[T any](ctx context.Context, c *Client, verb string, request any) (reply T, err error) {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	data, err := c.conn.Request(ctx, requestSubject(c.node, verb), encode(request))
	switch {
	case fault.Is(err, fault.Unknown):
		return reply, fault.Wrap(err, fault.Unavailable, "remote.Client."+verb, "The media node does not answer.")
	case err != nil:
		return reply, err
	}
	return reply, decode(data, &reply)
}

// Join is part of media.Plane.
func (c *Client) Join(ctx context.Context, r media.JoinRequest) (media.Offer, error) {
	reply, err := ask[offerReply](ctx, c, verbJoin, joinRequest{current(), r})
	return reply.Offer, err
}

// Answer is part of media.Plane.
func (c *Client) Answer(ctx context.Context, a media.Answer) error {
	if err := a.Check(); err != nil {
		return err // what is too large stays off the bus
	}
	_, err := ask[version](ctx, c, verbAnswer, answerRequest{current(), a})
	return err
}

// Candidate is part of media.Plane.
func (c *Client) Candidate(ctx context.Context, candidate media.Candidate) error {
	if err := candidate.Check(); err != nil {
		return err
	}
	_, err := ask[version](ctx, c, verbCandidate, candidateRequest{current(), candidate})
	return err
}

// Leave is part of media.Plane.
func (c *Client) Leave(ctx context.Context, room, peer string) error {
	_, err := ask[version](ctx, c, verbLeave, leaveRequest{current(), room, peer})
	return err
}

// Close is part of media.Plane.
func (c *Client) Close(ctx context.Context, room string) error {
	_, err := ask[version](ctx, c, verbClose, closeRequest{current(), room})
	return err
}

// told is one message that a node told.
type told struct {
	beat bool
	data []byte
}

// Events is part of media.Plane. A node that is not there yet is waited for. An EventNode comes first, again when the node has restarted, and
// when events were lost on the way: in each case the caller's peers have to join again.
func (c *Client) Events(ctx context.Context, f func(media.Event)) error {
	queue := make(chan told, tellQueue)
	full := make(chan struct{}, 1)
	beats := beatSubject(c.node)
	stop, err := c.conn.Subscribe(tellSubject(c.node), func(subject string, data []byte) {
		select {
		case queue <- told{beat: subject == beats, data: data}:
		default:
			select {
			case full <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	s := sequence{f: f}
	// The first heartbeat tells the same within a second; asking is faster.
	if hello, err := ask[helloReply](ctx, c, verbHello, current()); err == nil {
		s.at(hello.Boot, hello.N)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-full:
			return fault.New(fault.TooMany, "remote.Client.Events", "The reader of events is too slow.")
		case m := <-queue:
			if ctx.Err() != nil {
				return nil
			}
			if err := s.take(m); err != nil {
				return err
			}
		}
	}
}

// sequence follows a node's life by boot id and event number.
type sequence struct {
	f    func(media.Event)
	boot string
	n    uint64
}

// at says where the node is: a new boot id, or a number beyond the last one seen, is told as EventNode.
func (s *sequence) at(boot string, n uint64) {
	if boot == s.boot && n <= s.n {
		return
	}
	s.boot, s.n = boot, n
	s.f(media.Event{Kind: media.EventNode, Boot: boot})
}

func (s *sequence) take(m told) error {
	if m.beat {
		var b Beat
		if err := decode(m.data, &b); err != nil {
			return err
		}
		s.at(b.Stats.Boot, b.N)
		return nil
	}
	var e eventMessage
	if err := decode(m.data, &e); err != nil {
		return err
	}
	switch {
	case e.Event.Boot == s.boot && e.N <= s.n:
		return nil // told before the answer to hello
	case e.Event.Boot != s.boot || e.N != s.n+1:
		s.at(e.Event.Boot, e.N-1)
	}
	s.n = e.N
	s.f(e.Event)
	return nil
}

// Beats calls f for each heartbeat of every node, until stop is called: for metrics and for choosing a node.
func Beats(conn *bus.Conn, f func(Beat)) (stop func(), err error) {
	return conn.Subscribe(beatSubject("*"), func(subject string, data []byte) {
		var b Beat
		if decode(data, &b) == nil && strings.HasPrefix(subject, "media."+b.Node+".") {
			f(b)
		}
	})
}
