package media

import (
	"net/netip"
	"strconv"
	"strings"

	"khamxa/internal/fault"
)

// The limits of a node. A Plane refuses what is over the first three with fault.TooLarge or fault.TooMany, as each says.
const (
	MaxSDP        = 64 << 10 // bytes of an answer; above: fault.TooLarge
	MaxLines      = 16       // m-lines of an answer; above: fault.TooLarge
	MaxCandidates = 50       // candidates of one session, those in answers included; above: fault.TooMany
	MaxPeers      = 8        // peers of one room; above: fault.TooMany
	MaxCandidate  = 512      // bytes of one candidate; above: fault.TooLarge
)

// ValidID tells whether s can name a room, a peer, a session or a node: ^[A-Za-z0-9_-]{1,64}$. Such a name is safe as a part of
// a bus subject and in SDP.
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// CheckID returns fault.Invalid with path when s is not a valid id.
func CheckID(path, s string) error {
	if ValidID(s) {
		return nil
	}
	return fault.New(fault.Invalid, "media.CheckID", "An id is 1 to 64 letters, digits, - and _.").At(path)
}

// Check returns fault.Invalid for ids that cannot be.
func (r JoinRequest) Check() error {
	return firstError(CheckID("room", r.Room), CheckID("peer", r.Peer))
}

// Check returns fault.Invalid for what can be seen to be wrong without knowing the session, fault.TooLarge above MaxSDP.
func (a Answer) Check() error {
	if err := firstError(CheckID("room", a.Room), CheckID("peer", a.Peer), CheckID("session", a.Session)); err != nil {
		return err
	}
	const op = "media.Answer.Check"
	switch {
	case a.Seq < 1:
		return fault.New(fault.Invalid, op, "An answer names the offer that it answers, counted from 1.").At("seq")
	case a.SDP == "":
		return fault.New(fault.Invalid, op, "An answer has a session description.").At("sdp")
	case len(a.SDP) > MaxSDP:
		return fault.Newf(fault.TooLarge, op, "A session description has at most %d bytes.", MaxSDP).At("sdp")
	}
	return nil
}

// Check returns fault.Invalid for a candidate that RFC 8839 section 5.1 does not know, fault.TooLarge above MaxCandidate.
func (c Candidate) Check() error {
	if err := firstError(CheckID("room", c.Room), CheckID("peer", c.Peer), CheckID("session", c.Session)); err != nil {
		return err
	}
	const op = "media.Candidate.Check"
	switch {
	case len(c.Candidate) > MaxCandidate || len(c.Mid) > 64:
		return fault.Newf(fault.TooLarge, op, "A candidate has at most %d bytes.", MaxCandidate).At("candidate")
	case c.Candidate != "" && !candidateLine(c.Candidate):
		return fault.New(fault.Invalid, op, "This is not an ICE candidate.").At("candidate")
	}
	return nil
}

// candidateLine tells whether s has the form of RFC 8839 section 5.1:
// candidate:foundation component transport priority address port typ type ...
// The address may be a name that ends in .local (browsers hide host addresses so).
func candidateLine(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	f := strings.Fields(s)
	if len(f) < 8 || !strings.HasPrefix(f[0], "candidate:") || f[6] != "typ" {
		return false
	}
	if _, err := strconv.ParseUint(f[3], 10, 32); err != nil {
		return false
	}
	if _, err := strconv.ParseUint(f[5], 10, 16); err != nil {
		return false
	}
	_, err := netip.ParseAddr(f[4])
	return err == nil || strings.HasSuffix(f[4], ".local")
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
