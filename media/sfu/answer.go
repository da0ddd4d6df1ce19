package sfu

import (
	"strings"

	"khamxa/internal/fault"
	"khamxa/media"
)

// cleaned is an answer that may be applied.
type cleaned struct {
	text       string
	candidates int    // how many it named
	sends      []bool // per m-line: the peer sends on it
}

// cleanAnswer checks an answer's text and takes out what the node must not act on: candidates (an ICE-lite node learns addresses from
// checks only) are counted and dropped, and a peer that calls itself ICE-lite is refused, since two lite agents would send to named addresses
// without a check (RFC 8445 section 2.5).
func cleanAnswer(text string) (*cleaned, error) {
	const op = "sfu.cleanAnswer"
	var b strings.Builder
	b.Grow(len(text) + 16)
	c := &cleaned{}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, fault.New(fault.Invalid, op, "A session description holds no control characters.").At("sdp")
		}
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "m="):
			if c.sends = append(c.sends, !strings.HasPrefix(line, "m=application") && !rejected(line)); len(c.sends) > media.MaxLines {
				return nil, fault.Newf(fault.TooLarge, op, "A session description has at most %d m-lines.", media.MaxLines).At("sdp")
			}
		case strings.HasPrefix(line, "a=candidate:"):
			c.candidates++
			continue
		case strings.HasPrefix(line, "a=end-of-candidates"):
			continue
		case strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(line, "a=")), "ice-lite"):
			return nil, fault.New(fault.Invalid, op, "The peer has to be a full ICE agent.").At("sdp")
		}
		if n := len(c.sends); n > 0 && (line == "a=recvonly" || line == "a=inactive") {
			c.sends[n-1] = false
		}
		b.WriteString(line)
		b.WriteString("\r\n")
	}
	c.text = b.String()
	return c, nil
}

// rejected tells whether an m-line has port 0, by which an answer refuses it (RFC 3264 section 6).
func rejected(line string) bool {
	f := strings.Fields(line)
	return len(f) < 2 || f[1] == "0"
}
