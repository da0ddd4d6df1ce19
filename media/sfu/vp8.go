package sfu

// startsKeyFrame tells whether an RTP payload of VP8 is the first packet of a key frame: RFC 7741 section 4.2 (payload descriptor: the
// S bit set and partition index 0) and section 4.3 (payload header: the inverse key frame flag P is 0).
func startsKeyFrame(p []byte) bool {
	if len(p) < 1 {
		return false
	}
	const (
		extended = 0x80 // X
		start    = 0x10 // S
		index    = 0x07 // PID
	)
	if p[0]&start == 0 || p[0]&index != 0 {
		return false
	}
	at := 1
	if p[0]&extended != 0 {
		if len(p) < 2 {
			return false
		}
		x := p[1]
		at = 2
		if x&0x80 != 0 { // I: picture id of one or two bytes
			if len(p) <= at {
				return false
			}
			if p[at]&0x80 != 0 {
				at++
			}
			at++
		}
		if x&0x40 != 0 { // L: TL0PICIDX
			at++
		}
		if x&0x30 != 0 { // T or K: TID, Y and KEYIDX share a byte
			at++
		}
	}
	return len(p) > at && p[at]&0x01 == 0
}
