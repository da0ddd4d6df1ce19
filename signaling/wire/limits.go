package wire

import "time"

// The limits of PROTOCOL.md section 5. Both sides keep to them.
const (
	MaxMessage        = 64 << 10 // bytes in a message
	MaxSDP            = 60 << 10 // bytes in an SDP: leaves room for the rest of its message
	MaxSections       = 32       // media sections in an SDP
	MaxCandidate      = 512      // bytes in a candidate
	MaxCandidates     = 50       // candidates of a media session
	MaxTicket         = 4 << 10  // bytes in a ticket
	Rate              = 50       // messages a second from a client
	Burst             = 100      // messages at once from a client
	MaxPeers          = 8        // peers in a room, those with kept seats included
	MaxKept           = 256      // numbered messages kept for a session
	MaxKeptBytes      = 512 << 10
	MaxQueued         = 128 // messages waiting to be sent to a connection
	MaxQueuedBytes    = 512 << 10
	HelloTimeout      = 10 * time.Second
	PingInterval      = 20 * time.Second
	QuietTimeout      = 45 * time.Second // without a frame from the client
	WriteTimeout      = 10 * time.Second
	ResumeWindow      = 60 * time.Second // a session outlives its connection
	SeatWindow        = 15 * time.Minute // a seat outlives its session
	maxIDLen          = 64
	maxMidLen         = 32
	maxRoleLen        = 32
	maxNameLen        = 400 // bytes: about 100 letters with their marks
	maxMessageMembers = 64
)

// Limit is one row of the limit table.
type Limit struct {
	Name  string // as PROTOCOL.md has it
	Value int    // bytes, messages, peers or seconds, as the name says
}

// Limits is the limit table, in the order of PROTOCOL.md section 5.
func Limits() []Limit {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	return []Limit{
		{"bytes in a message, either way", MaxMessage},
		{"bytes in an SDP", MaxSDP},
		{"media sections in an SDP", MaxSections},
		{"bytes in a candidate", MaxCandidate},
		{"candidates of a media session", MaxCandidates},
		{"bytes in a ticket", MaxTicket},
		{"messages a second from a client", Rate},
		{"messages at once from a client", Burst},
		{"peers in a room, those with kept seats included", MaxPeers},
		{"numbered messages kept for a session", MaxKept},
		{"bytes of numbered messages kept for a session", MaxKeptBytes},
		{"messages waiting to be sent to a connection", MaxQueued},
		{"bytes waiting to be sent to a connection", MaxQueuedBytes},
		{"seconds to say hello", seconds(HelloTimeout)},
		{"seconds between pings", seconds(PingInterval)},
		{"seconds without a frame from the client", seconds(QuietTimeout)},
		{"seconds for a write", seconds(WriteTimeout)},
		{"seconds a session can be resumed", seconds(ResumeWindow)},
		{"seconds a seat is kept", seconds(SeatWindow)},
	}
}
