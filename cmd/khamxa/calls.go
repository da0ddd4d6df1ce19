package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"khamxa/consult"
	"khamxa/internal/bus"
	"khamxa/internal/daemon"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/network"
	"khamxa/media"
	"khamxa/media/remote"
	"khamxa/signaling"
	"khamxa/signaling/ws"
)

// calls is everything that a live call needs: the bus, the media process, and signalling.
type calls struct {
	server *bus.Server // nil with a bus elsewhere
	conn   *bus.Conn
	child  *daemon.Child // nil with a media process elsewhere
	node   string        // the media node's name on the bus

	signalling *signaling.Server
	sockets    *ws.Handler
	observed   chan signaling.RoomEvent // what rooms tell, for the consults

	beat     atomic.Pointer[beat]
	log      *slog.Logger
	clock    func() time.Time
	running  sync.WaitGroup
	stopping []func() // in the order in which the parts were started
}

// beat is the media node's last sign of life.
type beat struct {
	at    time.Time
	stats media.Stats
}

// silence is how long a media process may give no sign of life (one a second) before it counts as hanging.
const silence = 3 * time.Second

// startCalls starts the parts, each as soon as what it stands on is there. After an error what was started is stopped again.
func startCalls(ctx context.Context, s settings, tickets *identity.Tickets, refusals *network.Refusals, log *slog.Logger, clock func() time.Time) (_ *calls, err error) {
	c := &calls{log: log, clock: clock, node: externalNode, observed: make(chan signaling.RoomEvent, 1024)}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	way, err := c.connect(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.media == embedded {
		if err := c.startMedia(ctx, s, way); err != nil {
			return nil, err
		}
	}
	unwatch, err := remote.Beats(c.conn, func(b remote.Beat) {
		if b.Node == c.node {
			c.beat.Store(&beat{at: clock(), stats: b.Stats})
		}
	})
	if err != nil {
		return nil, err
	}
	c.stopping = append(c.stopping, unwatch)
	c.signalling = signaling.New(signaling.Options{
		Plane: remote.NewClient(c.conn, c.node), Tickets: verifier(tickets), Events: c.told, Log: log, Clock: clock,
	})
	c.sockets, err = ws.New(ws.Options{Server: c.signalling, PublicURL: s.publicURL, Refusals: refusals, Log: log})
	return c, err
}

// connect starts the bus, or reaches the one that is named.
func (c *calls) connect(ctx context.Context, s settings) (way bus.Handoff, err error) {
	way = bus.Handoff{URL: s.bus}
	if s.bus == embedded {
		if c.server, err = bus.StartEmbedded(ctx, c.log); err != nil {
			return way, err
		}
		c.stopping = append(c.stopping, c.server.Close)
		way = c.server.Handoff()
	}
	c.conn, err = bus.Connect(ctx, bus.Options{URL: way.URL, User: way.User, Password: way.Password, Name: "serve", Log: c.log})
	if err == nil {
		c.stopping = append(c.stopping, c.conn.Close)
	}
	return way, err
}

// startMedia keeps a media process running. Its port is chosen once, so that a process that was started again is found at the address
// that browsers know.
func (c *calls) startMedia(ctx context.Context, s settings, way bus.Handoff) error {
	const op = "khamxa.startMedia"
	program, err := os.Executable()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, op, "The program cannot find itself to start the media process.")
	}
	address, err := mediaAddress(ctx, s)
	if err != nil {
		return err
	}
	c.node = "media-" + strings.ToLower(rand.Text()[:10])
	input, err := json.Marshal(handoff{Handoff: way, Node: c.node})
	if err != nil {
		return fault.Wrap(err, fault.Internal, op, "The way to the bus could not be written down.")
	}
	args := []string{"media", "--listen-udp", address, "--log-level", s.level.String()}
	if s.mediaPublicIP != "" {
		args = append(args, "--public-ip", s.mediaPublicIP)
	}
	c.child = &daemon.Child{
		Path: program, Args: args, Env: withoutSettings(os.Environ()), Input: append(input, '\n'), Output: os.Stderr, Log: c.log,
		Alive: c.lastBeat, Silence: silence, Clock: c.clock,
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // it is stopped in its turn, not by ctx
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.child.Run(running) // nil, by its contract
	}()
	c.stopping = append(c.stopping, func() { stop(); <-ended })
	return nil
}

// withoutSettings leaves out the variables that are this process's own settings: the child is told everything on its command line.
func withoutSettings(environ []string) []string {
	out := make([]string, 0, len(environ))
	for _, v := range environ {
		if !strings.HasPrefix(v, "KHAMXA_") {
			out = append(out, v)
		}
	}
	return out
}

// mediaAddress is where the media process listens: as it is said, or where the service's own address lets phones reach it.
func mediaAddress(ctx context.Context, s settings) (string, error) {
	address := s.mediaListen
	switch {
	case address == "" && daemon.Loopback(s.listen):
		address = "127.0.0.1:0"
	case address == "":
		return "0.0.0.0:" + defaultMediaPort, nil
	}
	if _, port, _ := net.SplitHostPort(address); port != "0" {
		return address, nil
	}
	// A port that is free for TCP now is taken by nobody in the moment until the child has it, as good as always; and if it is, the child
	// says so and is started again, and an operator who gives a port has no such moment.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "khamxa.mediaAddress", "There is no free port for the media process at "+address+".")
	}
	defer func() { _ = listener.Close() }() // it only found the port
	return listener.Addr().String(), nil
}

func (c *calls) lastBeat() time.Time {
	if b := c.beat.Load(); b != nil {
		return b.at
	}
	return time.Time{}
}

// told takes what a room tells. It is called by the room and never blocks.
func (c *calls) told(e signaling.RoomEvent) {
	select {
	case c.observed <- e:
	default:
		c.log.Warn("a room's event was not told to its consult: too many wait", "room", e.Room, "kind", string(e.Kind))
	}
}

// tell passes on to the consults who is present in the rooms, until ctx ends.
func (c *calls) tell(ctx context.Context, consults *consult.Service) {
	for {
		var e signaling.RoomEvent
		select {
		case <-ctx.Done():
			return
		case e = <-c.observed:
		}
		here, matters := presence(e.Kind)
		if !matters {
			continue
		}
		if err := consults.ObserveRoom(ctx, consult.RoomEvent{Room: e.Room, Peer: e.Peer, Here: here}); err != nil && ctx.Err() == nil {
			c.log.Warn("a patient's presence was not noted", "room", e.Room, "err", err)
		}
	}
}

// presence is what an event says about whether its peer is connected.
func presence(k signaling.EventKind) (here, matters bool) {
	switch k {
	case signaling.Arrived, signaling.Returned:
		return true, true
	case signaling.Dropped, signaling.Left:
		return false, true
	default: // nothing about presence
		return false, false
	}
}

// start runs the passing on of room events, until stop.
func (c *calls) start(ctx context.Context, consults *consult.Service) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.running.Go(func() { c.tell(ctx, consults) })
	c.stopping = append(c.stopping, func() { stop(); c.running.Wait() })
}

// drain tells every client to come again, and waits until they have gone.
func (c *calls) drain(ctx context.Context) {
	if err := c.signalling.Close(ctx); err != nil {
		c.log.Warn("signalling did not drain in time", "err", err)
	}
	if err := c.sockets.Drain(ctx); err != nil {
		c.log.Warn("signalling's connections did not end in time", "err", err)
	}
}

// stop ends the parts, the last one first.
func (c *calls) stop() {
	for i := len(c.stopping) - 1; i >= 0; i-- {
		c.stopping[i]()
	}
}

// checks are what /readyz asks.
func (c *calls) checks() []daemon.Check {
	return []daemon.Check{
		{Name: "bus", Ask: func(context.Context) error {
			if !c.conn.Connected() {
				return fault.New(fault.Unavailable, "khamxa.ready", "The bus is not connected.")
			}
			return nil
		}},
		{Name: "media", Ask: func(context.Context) error {
			if c.clock().Sub(c.lastBeat()) > silence {
				return fault.New(fault.Unavailable, "khamxa.ready", "The media process gives no sign of life.")
			}
			return nil
		}},
	}
}

// verifier reads tickets for signalling.
func verifier(tickets *identity.Tickets) func(string) (signaling.Ticket, error) {
	return func(text string) (signaling.Ticket, error) {
		t, err := tickets.Verify(text)
		return signaling.Ticket(t), err
	}
}

// issuer issues tickets for consults.
type issuer struct{ tickets *identity.Tickets }

// Issue implements consult.Tickets.
func (i issuer) Issue(t consult.Ticket) (string, error) {
	text := i.tickets.Issue(identity.Ticket(t))
	if text == "" {
		return "", fault.New(fault.Internal, "khamxa.Issue", "No ticket could be made for this room.")
	}
	return text, nil
}

// news spreads changes of consults to the open pages of every node.
type news struct {
	conn *bus.Conn
	log  *slog.Logger
}

// changedSubject is the bus's subject for changes of consults.
const changedSubject = "consult.changed"

// Changed implements consult.Notify.
func (n news) Changed(c consult.Change) {
	raw, err := json.Marshal(c)
	if err == nil {
		err = n.conn.Publish(changedSubject, raw)
	}
	if err != nil {
		n.log.Warn("open pages were not told of a change", "consult", c.Consult, "err", err)
	}
}

// watch calls f for each change until stop.
func (n news) watch(f func(consult.Change)) (stop func(), err error) {
	return n.conn.Subscribe(changedSubject, func(_ string, raw []byte) {
		var c consult.Change
		if err := json.Unmarshal(raw, &c); err != nil {
			n.log.Warn("a change that was told is not understood", "err", err)
			return
		}
		f(c)
	})
}

// untilDrained ends a request that streams events when the service drains; any other request is let to finish.
func untilDrained(draining <-chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			next.ServeHTTP(w, r)
			return
		}
		ctx, stop := context.WithCancel(r.Context())
		defer stop()
		go func() {
			select {
			case <-draining:
				stop()
			case <-ctx.Done():
			}
		}()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
