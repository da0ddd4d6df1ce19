// Package signaling keeps the rooms and peers of live calls, as state machines.
//
// PROTOCOL.md says what peers and server tell each other; package wire has the messages as data. At most one goroutine runs a
// room and takes typed messages from its mailbox; nothing else touches a room's state, and it never waits for a socket or for the
// media node. This package opens no socket: signaling/ws carries its links over WebSocket. It knows nothing of consults or records:
// who may enter a room is in the ticket, and what happens in a room is told by Options.Events. The caller is cmd/khamxa, which
// joins it to consult, identity and the media plane.
package signaling

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/signaling/wire"
)

// RoleDoctor is the role that is admitted from the start. All other roles wait unless their ticket says that they are admitted.
const RoleDoctor = "doctor"

// Ticket is the permission for one peer to enter one room, as read from a signed token.
type Ticket struct {
	Room     string // ^[A-Za-z0-9_-]{1,64}$
	Peer     string // the same grammar; stable for a person, so that a reload finds the seat again
	Role     string
	Name     string // shown to the others in the room, at most 400 bytes
	Admitted bool
	Expires  time.Time
}

// EventKind says what a RoomEvent tells.
type EventKind string

// The kinds. Arrived: a peer took a seat. Returned: it is connected again, or reloaded its page. Dropped: its connection is lost; the
// seat is kept for wire.SeatWindow. LetIn: Admit let it in. MediaUp: its media are connected. MediaLost: they failed.
// Left: its seat is given up, by itself, by removal or because it did not come back. RoomClosed: CloseRoom ended the call.
const (
	Arrived    EventKind = "arrived"
	Returned   EventKind = "returned"
	Dropped    EventKind = "dropped"
	LetIn      EventKind = "admitted"
	MediaUp    EventKind = "connected"
	MediaLost  EventKind = "disconnected"
	Left       EventKind = "left"
	RoomClosed EventKind = "closed"
)

const (
	opTimeout   = 10 * time.Second // for one request to the media node
	maxRooms    = 20_000
	barLifetime = wire.SeatWindow // how long a closed room and a removed peer are remembered: longer than a ticket lives
)

// RoomEvent tells what happened in a room. Peer and Role are empty for RoomClosed.
type RoomEvent struct {
	Kind EventKind
	Room string
	Peer string
	Role string
}

// PeerStatus is one seat as Status shows it.
type PeerStatus struct {
	Peer     string
	Role     string
	Admitted bool
	Online   bool // its connection is up
	Media    bool // its media are connected
}

// Stats are the server's figures for monitoring.
type Stats struct {
	Links int // open connections
	Rooms int
}

// Options are what a Server is made of.
type Options struct {
	// Plane controls the media node.
	Plane media.Plane
	// Tickets verifies a token: signature and lifetime. fault.Unavailable makes the client come again; any other error refuses it.
	Tickets func(token string) (Ticket, error)
	// Events is told what happens in the rooms, in order per room. It must not block. It may be nil.
	Events func(RoomEvent)
	// Log gets ids of rooms and peers, never names, tickets or tokens. It may be nil.
	Log *slog.Logger
	// Clock gives the present time, for tickets and rates. nil means time.Now.
	Clock func() time.Time
}

// Server holds the rooms of one node.
type Server struct {
	plane   media.Plane
	tickets func(string) (Ticket, error)
	events  func(RoomEvent)
	log     *slog.Logger
	clock   func() time.Time

	ctx    context.Context // ends with Close; requests to the media node hang on it
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu       sync.Mutex
	draining bool
	boot     string // of the media node, "" before its first event
	links    map[*Link]struct{}
	rooms    map[string]*room
	sessions map[string]*room     // by session id
	barred   map[string]time.Time // "room" or "room/peer" -> until when nobody enters
}

// New starts a server: it listens to the media node's events until Close.
func New(o Options) *Server {
	s := &Server{
		plane: o.Plane, tickets: o.Tickets, events: o.Events, log: o.Log, clock: o.Clock,
		links: map[*Link]struct{}{}, rooms: map[string]*room{}, sessions: map[string]*room{}, barred: map[string]time.Time{},
	}
	if s.events == nil {
		s.events = func(RoomEvent) {}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tasks.Go(s.follow)
	return s
}

// Close drains the server: every client is told to come again, then rooms and their goroutines end. Media connections stay as they
// are; a client that comes again replaces its own. It returns fault.Timeout if ctx ends first.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	links := make([]*Link, 0, len(s.links))
	for l := range s.links {
		links = append(links, l)
	}
	rooms := slices.Collect(maps.Values(s.rooms))
	s.mu.Unlock()
	for _, l := range links {
		l.fail(wire.ComeAgain, "")
	}
	s.cancel()
	for _, r := range rooms {
		r.box.shut()
	}
	done := make(chan struct{})
	go func() { s.tasks.Wait(); close(done) }()
	select {
	case <-done:
		for _, r := range rooms {
			r.stop()
		}
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Timeout, "signaling.Close", "The rooms did not end in time.")
	}
}

// spawn runs a task that Close waits for; none is begun once Close has.
func (s *Server) spawn(task func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.tasks.Go(task)
	}
}

// Stats gives the present figures.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Links: len(s.links), Rooms: len(s.rooms)}
}

// Admit lets a waiting peer in. Admitting twice is no error. fault.NotFound if the peer has no seat in the room: it will be admitted
// by its next ticket.
func (s *Server) Admit(ctx context.Context, room, peer string) error {
	s.unbar(room + "/" + peer)
	found, err := ask(ctx, s, room, func(reply chan<- bool) event { return admitEvent{peer, reply} })
	if err == nil && !found {
		err = fault.New(fault.NotFound, "signaling.Admit", "This person is not in the room.")
	}
	return err
}

// Remove takes a peer out of the room and keeps it out for 15 minutes, or until it is admitted again; later tickets are the caller's
// business. Removing a peer that has no seat only keeps it out.
func (s *Server) Remove(ctx context.Context, room, peer string) error {
	s.bar(room + "/" + peer)
	_, err := ask(ctx, s, room, func(reply chan<- bool) event { return removeEvent{peer, reply} })
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// CloseRoom ends the call for everyone and keeps the room closed for 15 minutes, longer than a ticket lives. Closing twice is
// no error. The media node is told too, with retries in the background if it does not answer.
func (s *Server) CloseRoom(ctx context.Context, room string) error {
	s.bar(room)
	_, err := ask(ctx, s, room, func(reply chan<- bool) event { return endEvent{reply} })
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	s.spawn(func() {
		if err := persist(s.ctx, func(ctx context.Context) error { return s.plane.Close(ctx, room) }); err != nil {
			s.log.Warn("signaling: media room not closed", "room", room, "err", err)
		}
	})
	return nil
}

// Status lists the seats of a room, sorted by peer. fault.NotFound if there is no such room.
func (s *Server) Status(ctx context.Context, room string) ([]PeerStatus, error) {
	return ask(ctx, s, room, func(reply chan<- []PeerStatus) event { return statusEvent{reply} })
}
