package media

// Stats is what a node counts. The numbers of things are of now; the counters run from the node's start and never go back.
type Stats struct {
	Boot             string `json:"boot"`
	Rooms            int    `json:"rooms"`
	Peers            int    `json:"peers"`
	Tracks           int    `json:"tracks"`           // published tracks
	PacketsIn        uint64 `json:"packetsIn"`        // RTP packets from publishers
	PacketsOut       uint64 `json:"packetsOut"`       // RTP packets to subscribers, retransmissions included
	BytesIn          uint64 `json:"bytesIn"`          // payload bytes
	BytesOut         uint64 `json:"bytesOut"`         // payload bytes
	Retransmitted    uint64 `json:"retransmitted"`    // packets that a subscriber missed and got again
	Unrepaired       uint64 `json:"unrepaired"`       // packets that a subscriber missed and that were no longer here, or over its limit
	KeyFrameRequests uint64 `json:"keyFrameRequests"` // requests sent to publishers, after coalescing
}
