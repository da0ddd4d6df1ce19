package mediatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"khamxa/internal/fault"
	"khamxa/media"
)

// The methods of a Plane, as Call.Method and Fake.Fail name them.
const (
	Join      = "join"
	Answer    = "answer"
	Candidate = "candidate"
	Leave     = "leave"
	Close     = "close"
)

// Call is one call that a Fake received, refused ones included. Members that the method does not have are empty.
type Call struct {
	Method, Room, Peer, Session string
	Seq                         int
	SDP, Candidate              string
}

// Fake is a Plane without media, for tests of those who call one. It keeps rooms and sessions as the port promises, records every
// call, and emits what the test asks for. Make one with NewFake. It is safe for concurrent use.
type Fake struct {
	mu       sync.Mutex
	boots    int
	sessions int
	calls    []Call
	fails    map[string]error
	rooms    map[string]map[string]*fakePeer
	readers  map[*fakeReader]struct{}
	changed  chan struct{} // closed and replaced at each call
}

type fakePeer struct {
	session string
	seq     int
}

type fakeReader struct {
	mu     sync.Mutex
	events []media.Event
	wake   chan struct{}
}

var _ media.Plane = (*Fake)(nil)

// NewFake makes a Fake without rooms.
func NewFake() *Fake {
	return &Fake{
		boots:   1,
		fails:   map[string]error{},
		rooms:   map[string]map[string]*fakePeer{},
		readers: map[*fakeReader]struct{}{},
		changed: make(chan struct{}),
	}
}

// Calls gives the calls so far.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Await waits until a call fits, and gives the first that does. It fails with fault.Timeout when ctx ends first.
func (f *Fake) Await(ctx context.Context, fits func(Call) bool) (Call, error) {
	for {
		f.mu.Lock()
		i := slices.IndexFunc(f.calls, fits)
		changed := f.changed
		var c Call
		if i >= 0 {
			c = f.calls[i]
		}
		f.mu.Unlock()
		if i >= 0 {
			return c, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Call{}, fault.Wrap(ctx.Err(), fault.Timeout, "mediatest.Fake.Await", "No such call came.")
		}
	}
}

// Fail makes every later call of a method return err; nil ends it.
func (f *Fake) Fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[method] = err
}

// Peers gives the ids of a room's peers in order.
func (f *Fake) Peers(room string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.rooms[room]))
}

// Session gives the session of a peer, or "".
func (f *Fake) Session(room, peer string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.rooms[room][peer]; p != nil {
		return p.session
	}
	return ""
}

// Emit gives an event to every reader. It fills Boot.
func (f *Fake) Emit(e media.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.emit(e)
}

// Offer makes the next offer of a peer and emits it, as when the tracks in its room change. It reports false for a peer that is not there.
func (f *Fake) Offer(room, peer string) (media.Offer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.rooms[room][peer]
	if p == nil {
		return media.Offer{}, false
	}
	p.seq++
	o := p.offer(room, peer)
	f.emit(media.Event{Kind: media.EventOffer, Room: room, Peer: peer, Session: p.session, Offer: &o})
	return o, true
}

// State emits a state of a peer's present session. After Failed and Closed the peer is gone, as on a node.
func (f *Fake) State(room, peer string, state media.State) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.rooms[room][peer]
	if p == nil {
		return false
	}
	if state == media.Failed || state == media.Closed {
		f.remove(room, peer)
	}
	f.emit(media.Event{Kind: media.EventState, Room: room, Peer: peer, Session: p.session, State: state})
	return true
}

// Restart forgets every room and emits EventNode with a new boot id, as a node that was killed and started again.
func (f *Fake) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boots++
	clear(f.rooms)
	f.emit(media.Event{Kind: media.EventNode})
}

// Join is part of media.Plane.
func (f *Fake) Join(_ context.Context, r media.JoinRequest) (media.Offer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record(Call{Method: Join, Room: r.Room, Peer: r.Peer}); err != nil {
		return media.Offer{}, err
	}
	if err := r.Check(); err != nil {
		return media.Offer{}, err
	}
	room := f.rooms[r.Room]
	if room == nil {
		room = map[string]*fakePeer{}
		f.rooms[r.Room] = room
	}
	if room[r.Peer] == nil && len(room) >= media.MaxPeers {
		return media.Offer{}, fault.New(fault.TooMany, "mediatest.Fake.Join", "The room is full.")
	}
	f.sessions++
	p := &fakePeer{session: fmt.Sprintf("session-%d", f.sessions), seq: 1}
	room[r.Peer] = p
	return p.offer(r.Room, r.Peer), nil
}

// Answer is part of media.Plane.
func (f *Fake) Answer(_ context.Context, a media.Answer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record(Call{Method: Answer, Room: a.Room, Peer: a.Peer, Session: a.Session, Seq: a.Seq, SDP: a.SDP}); err != nil {
		return err
	}
	if err := a.Check(); err != nil {
		return err
	}
	return f.known(a.Room, a.Peer, a.Session)
}

// Candidate is part of media.Plane.
func (f *Fake) Candidate(_ context.Context, c media.Candidate) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record(Call{Method: Candidate, Room: c.Room, Peer: c.Peer, Session: c.Session, Candidate: c.Candidate}); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	return f.known(c.Room, c.Peer, c.Session)
}

// Leave is part of media.Plane.
func (f *Fake) Leave(_ context.Context, room, peer string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record(Call{Method: Leave, Room: room, Peer: peer}); err != nil {
		return err
	}
	f.remove(room, peer)
	return media.JoinRequest{Room: room, Peer: peer}.Check()
}

// Close is part of media.Plane.
func (f *Fake) Close(_ context.Context, room string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.record(Call{Method: Close, Room: room}); err != nil {
		return err
	}
	delete(f.rooms, room)
	return media.CheckID("room", room)
}

// Events is part of media.Plane.
func (f *Fake) Events(ctx context.Context, each func(media.Event)) error {
	r := &fakeReader{wake: make(chan struct{}, 1)}
	f.mu.Lock()
	f.readers[r] = struct{}{}
	r.add(media.Event{Kind: media.EventNode, Boot: f.boot()})
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.readers, r)
		f.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		for _, e := range r.take() {
			if ctx.Err() != nil {
				return nil
			}
			each(e)
		}
	}
}

func (r *fakeReader) add(e media.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *fakeReader) take() []media.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

func (p *fakePeer) offer(room, peer string) media.Offer {
	return media.Offer{
		Room: room, Peer: peer, Session: p.session, Seq: p.seq,
		SDP: fmt.Sprintf("v=0\r\ns=fake offer %d of %s\r\n", p.seq, p.session),
	}
}

func (f *Fake) boot() string { return fmt.Sprintf("boot-%d", f.boots) }

func (f *Fake) emit(e media.Event) {
	e.Boot = f.boot()
	for r := range f.readers {
		r.add(e)
	}
}

func (f *Fake) record(c Call) error {
	f.calls = append(f.calls, c)
	close(f.changed)
	f.changed = make(chan struct{})
	return f.fails[c.Method]
}

func (f *Fake) known(room, peer, session string) error {
	if p := f.rooms[room][peer]; p == nil || p.session != session {
		return fault.New(fault.NotFound, "mediatest.Fake", "There is no such connection.")
	}
	return nil
}

func (f *Fake) remove(room, peer string) {
	delete(f.rooms[room], peer)
	if len(f.rooms[room]) == 0 {
		delete(f.rooms, room)
	}
}
