// Package sfu is a media node on pion: it implements media.Plane by forwarding RTP packets between the peers of a room.
//
// It forwards and nothing else: it does not decode, mix, record or decide who may talk to whom. Only the server offers. It is ICE-lite
// (RFC 8445 section 2.5): it never sends a packet to an address that it has not received a valid connectivity check from, and
// ignores the candidates that peers name. One read loop per published track rewrites the RTP header for each subscriber and shares the
// payload; one ring of packets per published track answers every subscriber's retransmission requests.
//
// Locks, always taken in this order: Node.mu (the rooms), room.mu (peers, negotiation, who receives what), track.mu (packets).
// A panic in one peer's goroutine ends that peer and nothing else. Used by the process khamxa media, through media/remote.
package sfu
