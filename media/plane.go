// Package media is the vocabulary of the media component: the Plane port, which controls one media node, and plain values.
//
// The media component carries audio and video packets between the peers of a room, and nothing else: no names, no rights,
// no records. It runs as a process of its own (khamxa media), so that nothing else ever delays a packet. CONTROL.md is the
// control protocol. media/sfu implements Plane on pion; media/remote carries it over the bus; media/mediatest is its
// contract suite. Only this folder imports pion. Package signaling is the caller.
package media

import "context"

// JoinRequest asks for a connection for one peer of one room. Ids match ^[A-Za-z0-9_-]{1,64}$.
type JoinRequest struct {
	Room string `json:"room"`
	Peer string `json:"peer"`
}

// Offer is the server's SDP offer for one peer. Only the server offers. Session names the peer connection: a new one for each
// Join, so that an answer to a connection that is gone is recognised. Seq counts the offers of one session from 1.
type Offer struct {
	Room    string `json:"room"`
	Peer    string `json:"peer"`
	Session string `json:"session"`
	Seq     int    `json:"seq"`
	SDP     string `json:"sdp"`
}

// Answer is a peer's SDP answer to the offer with the same Session and Seq.
type Answer struct {
	Room    string `json:"room"`
	Peer    string `json:"peer"`
	Session string `json:"session"`
	Seq     int    `json:"seq"`
	SDP     string `json:"sdp"`
}

// Candidate is one trickled ICE candidate of a peer ("candidate:..." of RFC 8839 section 5.1); "" ends the candidates.
type Candidate struct {
	Room      string `json:"room"`
	Peer      string `json:"peer"`
	Session   string `json:"session"`
	Candidate string `json:"candidate"`
	Mid       string `json:"mid"`
}

// EventKind says what an Event tells.
type EventKind string

// The kinds. EventOffer: a new offer for a peer, because the tracks in its room changed. EventState: the peer's connection
// became State. EventNode: the node (re)started and has no rooms: whoever has peers there joins them again.
const (
	EventOffer EventKind = "offer"
	EventState EventKind = "state"
	EventNode  EventKind = "node"
)

// State is a peer connection's state as the node sees it.
type State string

// The states. Failed and Closed are final for the session; the caller joins again.
const (
	Connected    State = "connected"
	Disconnected State = "disconnected"
	Failed       State = "failed"
	Closed       State = "closed"
)

// Event is what a node tells without being asked. Boot is a random id of the node's process: it changes when the node restarts.
type Event struct {
	Kind    EventKind `json:"kind"`
	Boot    string    `json:"boot"`
	Room    string    `json:"room,omitempty"`
	Peer    string    `json:"peer,omitempty"`
	Session string    `json:"session,omitempty"`
	State   State     `json:"state,omitempty"`
	Offer   *Offer    `json:"offer,omitempty"`
}

// Plane controls one media node. All methods are safe for concurrent use and return *fault.Error: Invalid (an id or SDP that
// cannot be right), NotFound (no such room, peer or session; the caller joins again), TooMany (a limit of the node),
// Unavailable (the node does not answer).
type Plane interface {
	// Join makes a peer connection and gives its first offer. A peer that is there already is replaced: its old connection
	// closes without an event. The room is made with its first peer.
	Join(ctx context.Context, r JoinRequest) (Offer, error)
	// Answer completes a negotiation. An answer to an older Seq is ignored without error; to another Session it is NotFound.
	Answer(ctx context.Context, a Answer) error
	// Candidate takes a peer's candidate: it is checked and counted; a node that is ICE-lite does not use it.
	Candidate(ctx context.Context, c Candidate) error
	// Leave closes a peer's connection; the others stop receiving its tracks. Leaving twice is no error.
	Leave(ctx context.Context, room, peer string) error
	// Close ends a room and every connection in it. Closing twice is no error.
	Close(ctx context.Context, room string) error
	// Events calls f for each event, in order per peer, and returns when ctx ends (nil). f must not block, and may call the Plane.
	// Every subscriber gets an EventNode first. It returns an error when it could not subscribe, or when f was too slow and events
	// would have been lost: the caller subscribes again, and treats the EventNode that comes first as a restart of the node.
	Events(ctx context.Context, f func(Event)) error
}
