package sfu

import (
	"context"
	"sync"
	"time"

	"khamxa/internal/fault"
	"khamxa/media"
)

// siblingWait is how long a track waits for the other one of its peer before it is offered alone.
const siblingWait = 100 * time.Millisecond

// room is one call: its peers and the tracks that they publish. It ends with its last peer. Everything in it, its peers' negotiation
// state included, is under mu.
type room struct {
	node *Node
	id   string

	mu     sync.Mutex
	peers  map[string]*peer
	tracks []*track // in the order of their arrival
	ended  bool
}

func newRoom(n *Node, id string) *room {
	return &room{node: n, id: id, peers: map[string]*peer{}}
}

// join adds a peer, or replaces the one with its id, and gives the first offer. It reports ended when the room was over.
func (r *room) join(ctx context.Context, id string) (_ media.Offer, ended bool, _ error) {
	const op = "sfu.Node.Join"
	var old, failed *peer
	defer func() { old.shut(); failed.shut() }() // after the lock is released
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.endIfEmpty()
	if r.ended {
		return media.Offer{}, true, nil
	}
	if old = r.peers[id]; old == nil && len(r.peers) >= media.MaxPeers {
		return media.Offer{}, false, fault.New(fault.TooMany, op, "The room is full.")
	}
	p, err := newPeer(r, id)
	if err != nil {
		return media.Offer{}, false, err
	}
	if old != nil {
		r.remove(old)
	}
	offer, err := p.firstOffer(ctx)
	if err != nil {
		failed = p
		p.gone = true
		p.answerTimer.Stop()
		r.negotiateAll()
		return media.Offer{}, false, err
	}
	r.peers[id] = p
	r.negotiateAll()
	return offer, false, nil
}

// answer applies a peer's answer.
func (r *room) answer(a media.Answer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.peer(a.Peer, a.Session)
	if err != nil {
		return err
	}
	return p.answer(a)
}

// candidate counts a peer's candidate.
func (r *room) candidate(c media.Candidate) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.peer(c.Peer, c.Session)
	if err != nil {
		return err
	}
	if c.Candidate == "" {
		return nil
	}
	return p.countCandidates(1)
}

func (r *room) peer(id, session string) (*peer, error) {
	if p := r.peers[id]; p != nil && p.session == session {
		return p, nil
	}
	return nil, fault.New(fault.NotFound, "sfu.Node", "There is no such connection.")
}

// leave ends a peer without an event.
func (r *room) leave(id string) { r.take(id).shut() }

// take removes a peer; nil when it is not there.
func (r *room) take(id string) *peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.peers[id]
	if p != nil {
		r.remove(p)
		r.negotiateAll()
		r.endIfEmpty()
	}
	return p
}

// fail ends a peer because its connection ended, and tells so.
func (r *room) fail(p *peer, state media.State) {
	if r.lost(p, state) {
		p.shut()
	}
}

// lost removes a peer whose connection ended; false when it was gone before.
func (r *room) lost(p *peer, state media.State) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.gone {
		return false
	}
	p.setState(state)
	r.remove(p)
	r.negotiateAll()
	r.endIfEmpty()
	return true
}

// close ends the room and every peer in it, without events.
func (r *room) close() {
	peers := r.clear()
	r.node.forget(r)
	for _, p := range peers {
		p.shut()
	}
}

func (r *room) clear() (peers []*peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for _, p := range r.peers {
		peers = append(peers, p)
		r.remove(p)
	}
	return peers
}

// remove takes a peer and its tracks out of the room. The caller negotiates with the others, and shuts the peer without the lock.
func (r *room) remove(p *peer) {
	p.gone = true
	p.answerTimer.Stop()
	if r.peers[p.id] == p {
		delete(r.peers, p.id)
	}
	for _, t := range p.published {
		r.drop(t)
	}
	clear(p.published)
}

// endIfEmpty ends a room that nobody is in. r.mu is held; forgetting takes Node.mu, which comes first, so it is done on the side.
func (r *room) endIfEmpty() {
	if len(r.peers) > 0 || r.ended {
		return
	}
	r.ended = true
	r.node.spawn(func() { r.node.forget(r) })
}

// publish adds a track of a peer, unless the peer is gone. A track of the same kind that the peer had goes.
func (r *room) publish(p *peer, t *track) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.gone {
		return false
	}
	if old := p.published[t.kind]; old != nil {
		r.drop(old)
	}
	p.published[t.kind] = t
	r.tracks = append(r.tracks, t)
	if len(p.published) >= p.expected {
		r.negotiateAll()
		return true
	}
	// The peer's other track is about to come: one offer for both.
	time.AfterFunc(siblingWait, func() {
		r.node.run(p, "negotiation", func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.negotiateAll()
		})
	})
	return true
}

// unpublish takes a track that ended out of the room, if it is still there.
func (r *room) unpublish(p *peer, t *track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.published[t.kind] != t {
		return
	}
	delete(p.published, t.kind)
	r.drop(t)
	r.negotiateAll()
}

// drop ends a track and takes it off the room's list.
func (r *room) drop(t *track) {
	t.end()
	for i, x := range r.tracks {
		if x == t {
			r.tracks = append(r.tracks[:i:i], r.tracks[i+1:]...)
			return
		}
	}
}

// negotiateAll brings every peer that has been offered something up to date with the room's tracks.
func (r *room) negotiateAll() {
	for _, p := range r.peers {
		p.negotiate()
	}
}
