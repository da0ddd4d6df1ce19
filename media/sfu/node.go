package sfu

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"khamxa/internal/fault"
	"khamxa/media"
)

// DefaultMaxRooms is how many rooms a node carries unless Options say otherwise.
const DefaultMaxRooms = 500

// Options set up a node.
type Options struct {
	// ListenUDP is HOST:PORT of the one UDP port that carries all media. A HOST of 0.0.0.0 or [::] binds every address of the
	// machine's interfaces that are up, the loopback ones left out; port 0 takes a free one. 127.0.0.1 is enough for browsers on the
	// same machine: Chromium reaches it from the machine's other address with no switch set. Only on a machine that has nothing but
	// loopback does Chromium need --allow-loopback-in-peer-connection (chromium_test.go has both).
	ListenUDP string
	// ListenTCP is HOST:PORT for ICE over TCP (RFC 6544, passive), for networks that block UDP. Empty: the same as UDP. "none": no TCP.
	ListenTCP string
	// PublicIPs are the addresses that peers are told instead of the bound ones, for a machine behind one-to-one NAT. Peers are told
	// exactly these; name the local address too when peers in the same network connect directly.
	PublicIPs []string
	// MaxRooms is how many rooms the node carries; 0 means DefaultMaxRooms.
	MaxRooms int
	// AnswerWait is how long a peer may take to answer an offer before its connection counts as failed; 0 means 20 s.
	AnswerWait time.Duration
	Log        *slog.Logger     // nil discards
	Clock      func() time.Time // nil means time.Now
}

// Node is a media node. Make one with New and end it with Close.
type Node struct {
	options Options
	log     *slog.Logger
	clock   func() time.Time
	boot    string
	sockets *sockets
	api     *webrtc.API
	events  *hub
	count   counters

	runMu   sync.Mutex
	stopped bool
	running sync.WaitGroup // the node's goroutines

	certMu sync.Mutex
	cert   *webrtc.Certificate

	mu     sync.Mutex
	rooms  map[string]*room
	closed bool
}

var _ media.Plane = (*Node)(nil)

// counters are the sums of media.Stats.
type counters struct {
	packetsIn, packetsOut, bytesIn, bytesOut, retransmitted, unrepaired, keyFrameRequests atomic.Uint64
}

// New opens the node's sockets. It fails with fault.Invalid for an address that cannot be, fault.Unavailable when it is taken.
func New(o Options) (*Node, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MaxRooms <= 0 {
		o.MaxRooms = DefaultMaxRooms
	}
	if o.AnswerWait <= 0 {
		o.AnswerWait = 20 * time.Second
	}
	n := &Node{options: o, log: o.Log, clock: o.Clock, boot: rand.Text(), rooms: map[string]*room{}}
	n.events = newHub(n.boot)
	var err error
	if n.sockets, err = listen(o); err != nil {
		return nil, err
	}
	if n.api, err = newAPI(o, n.sockets); err != nil {
		n.sockets.close()
		return nil, err
	}
	return n, nil
}

// Boot is the random id of this node's life.
func (n *Node) Boot() string { return n.boot }

// Addr is the first UDP address that the node listens on.
func (n *Node) Addr() netip.AddrPort { return n.sockets.addrs[0] }

// Addrs are all UDP addresses that the node listens on.
func (n *Node) Addrs() []netip.AddrPort { return slices.Clone(n.sockets.addrs) }

// Stats gives the node's numbers. It takes every lock in turn, so that it also shows that none is stuck.
func (n *Node) Stats() media.Stats {
	s := media.Stats{
		Boot:             n.boot,
		PacketsIn:        n.count.packetsIn.Load(),
		PacketsOut:       n.count.packetsOut.Load(),
		BytesIn:          n.count.bytesIn.Load(),
		BytesOut:         n.count.bytesOut.Load(),
		Retransmitted:    n.count.retransmitted.Load(),
		Unrepaired:       n.count.unrepaired.Load(),
		KeyFrameRequests: n.count.keyFrameRequests.Load(),
	}
	for _, r := range n.allRooms() {
		r.mu.Lock()
		s.Peers += len(r.peers)
		s.Tracks += len(r.tracks)
		if len(r.peers) > 0 {
			s.Rooms++
		}
		r.mu.Unlock()
	}
	return s
}

func (n *Node) allRooms() []*room {
	n.mu.Lock()
	defer n.mu.Unlock()
	rooms := make([]*room, 0, len(n.rooms))
	for _, r := range n.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// Shutdown ends every room, the sockets and the event readers, and waits for the node's goroutines. Calling it twice is harmless. (Close
// is the port's: it ends one room.)
func (n *Node) Shutdown() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	for _, r := range n.allRooms() {
		r.close()
	}
	n.events.close()
	n.sockets.close()
	n.runMu.Lock()
	n.stopped = true
	n.runMu.Unlock()
	n.running.Wait()
}

// spawn starts a goroutine that Shutdown waits for. After Shutdown nothing starts.
func (n *Node) spawn(f func()) {
	n.runMu.Lock()
	defer n.runMu.Unlock()
	if n.stopped {
		return
	}
	n.running.Go(f)
}

// Join is part of media.Plane.
func (n *Node) Join(ctx context.Context, req media.JoinRequest) (offer media.Offer, err error) {
	defer n.guard("join", &err)
	if err := req.Check(); err != nil {
		return media.Offer{}, err
	}
	for {
		r, err := n.enter(req.Room)
		if err != nil {
			return media.Offer{}, err
		}
		offer, ended, err := r.join(ctx, req.Peer)
		if !ended {
			return offer, err
		}
		// The room ended between the two steps: make it anew.
	}
}

// Answer is part of media.Plane.
func (n *Node) Answer(_ context.Context, a media.Answer) (err error) {
	defer n.guard("answer", &err)
	if err := a.Check(); err != nil {
		return err
	}
	r, err := n.room(a.Room)
	if err != nil {
		return err
	}
	return r.answer(a)
}

// Candidate is part of media.Plane. An ICE-lite node learns a peer's addresses from its checks (RFC 8445 section 2.5), so that a
// candidate is checked, counted and not used.
func (n *Node) Candidate(_ context.Context, c media.Candidate) (err error) {
	defer n.guard("candidate", &err)
	if err := c.Check(); err != nil {
		return err
	}
	r, err := n.room(c.Room)
	if err != nil {
		return err
	}
	return r.candidate(c)
}

// Leave is part of media.Plane.
func (n *Node) Leave(_ context.Context, roomID, peerID string) (err error) {
	defer n.guard("leave", &err)
	if err := (media.JoinRequest{Room: roomID, Peer: peerID}).Check(); err != nil {
		return err
	}
	if r, err := n.room(roomID); err == nil {
		r.leave(peerID)
	}
	return nil
}

// Close is part of media.Plane: it ends one room.
func (n *Node) Close(_ context.Context, roomID string) (err error) {
	defer n.guard("close", &err)
	if err := media.CheckID("room", roomID); err != nil {
		return err
	}
	if r, err := n.room(roomID); err == nil {
		r.close()
	}
	return nil
}

// Events is part of media.Plane.
func (n *Node) Events(ctx context.Context, f func(media.Event)) error { return n.events.read(ctx, f) }

// enter gives the room, made if need be.
func (n *Node) enter(id string) (*room, error) {
	const op = "sfu.Node.Join"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, fault.New(fault.Unavailable, op, "The media node is stopping.")
	}
	if r := n.rooms[id]; r != nil {
		return r, nil
	}
	if len(n.rooms) >= n.options.MaxRooms {
		return nil, fault.New(fault.TooMany, op, "The media node carries as many rooms as it may.")
	}
	r := newRoom(n, id)
	n.rooms[id] = r
	return r, nil
}

func (n *Node) room(id string) (*room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.rooms[id]; r != nil {
		return r, nil
	}
	return nil, fault.New(fault.NotFound, "sfu.Node", "There is no such room.")
}

// forget drops a room that has ended.
func (n *Node) forget(r *room) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms[r.id] == r {
		delete(n.rooms, r.id)
	}
}

// run starts a goroutine that belongs to a peer. A panic in it ends that peer.
func (n *Node) run(p *peer, what string, f func()) {
	n.spawn(func() {
		defer func() {
			if v := recover(); v != nil {
				n.log.Error("media peer panicked", "in", what, "room", p.room.id, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				p.room.fail(p, media.Failed)
			}
		}()
		f()
	})
}

// guard, deferred, turns a panic in a call into an error, so that one peer's input cannot end the process.
func (n *Node) guard(op string, err *error) {
	if v := recover(); v != nil {
		n.log.Error("media call panicked", "in", op, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = fault.Newf(fault.Internal, "sfu.Node."+op, "")
	}
}

// certificate gives the node's DTLS certificate. One serves every peer connection, which saves each join the making of a key. It is
// renewed well before the month that pion lets it live is over.
func (n *Node) certificate() (webrtc.Certificate, error) {
	const renewBefore = 7 * 24 * time.Hour
	n.certMu.Lock()
	defer n.certMu.Unlock()
	if n.cert == nil || n.cert.Expires().Sub(n.clock()) < renewBefore {
		cert, err := newCertificate()
		if err != nil {
			return webrtc.Certificate{}, fault.Wrap(err, fault.Internal, "sfu.Node.certificate", "")
		}
		n.cert = cert
	}
	return *n.cert, nil
}
