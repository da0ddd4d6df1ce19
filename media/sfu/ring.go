package sfu

const (
	maxPacket = 1500 // bytes; pion's own receive limit is below it
	// 512 packets are about two seconds of video at 2.5 Mbit/s and ten of audio.
	ringSize = 512
)

// entry is one packet of a published track, as the publisher sent it but for header extensions and padding.
type entry struct {
	seq     uint16
	set     bool
	marker  bool
	key     bool // first packet of a key frame
	ts      uint32
	payload []byte
}

// ring holds the newest packets of a track by sequence number. It is written by one reader, and its entries are overwritten in
// place: whoever reads one does so under track.mu.
type ring struct {
	entries [ringSize]entry
	newest  uint16
	any     bool
}

// put keeps a packet and gives its entry; nil for one that is a duplicate or too old to keep.
func (r *ring) put(seq uint16, ts uint32, marker, key bool, payload []byte) *entry {
	if r.any {
		ahead := int16(seq - r.newest)
		if ahead <= -ringSize {
			return nil
		}
		if ahead > 0 {
			r.newest = seq
		}
	} else {
		r.any, r.newest = true, seq
	}
	e := &r.entries[seq%ringSize]
	if e.set && e.seq == seq {
		return nil
	}
	e.seq, e.ts, e.marker, e.key, e.set = seq, ts, marker, key, true
	e.payload = append(e.payload[:0], payload...)
	return e
}

// get gives the packet with a sequence number, or nil when it is not here.
func (r *ring) get(seq uint16) *entry {
	if e := &r.entries[seq%ringSize]; e.set && e.seq == seq && int16(seq-r.newest) <= 0 && int16(seq-r.newest) > -ringSize {
		return e
	}
	return nil
}

// sinceKey gives the sequence number of the newest key frame's first packet, when it is at most limit packets back and no packet
// since then is missing.
func (r *ring) sinceKey(limit int) (seq uint16, ok bool) {
	if !r.any {
		return 0, false
	}
	for i := range uint16(min(limit, ringSize)) {
		e := r.get(r.newest - i)
		if e == nil {
			return 0, false
		}
		if e.key {
			return e.seq, true
		}
	}
	return 0, false
}
