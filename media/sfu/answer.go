package sfu

import (
	"strings"

	"khamxa/internal/fault"
	"khamxa/media"
)

// cleanAnswer checks an answer's text and takes out what the node must not act on: candidates (an ICE-lite node learns addresses from
// checks only) are counted and dropped, and a peer that calls itself ICE-lite is refused, since two lite agents would send to named addresses
// without a check (RFC 8445 section 2.5).
func cleanAnswer(text string) (clean string, candidates int, err error) {
	const op = "sfu.cleanAnswer"
	var b strings.Builder
	b.Grow(len(text) + 16)
	lines := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return "", 0, fault.New(fault.Invalid, op, "A session description holds no control characters.").At("sdp")
		}
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "m="):
			if lines++; lines > media.MaxLines {
				return "", 0, fault.Newf(fault.TooLarge, op, "A session description has at most %d m-lines.", media.MaxLines).At("sdp")
			}
		case strings.HasPrefix(line, "a=candidate:"):
			candidates++
			continue
		case strings.HasPrefix(line, "a=end-of-candidates"):
			continue
		case strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(line, "a=")), "ice-lite"):
			return "", 0, fault.New(fault.Invalid, op, "The peer has to be a full ICE agent.").At("sdp")
		}
		b.WriteString(line)
		b.WriteString("\r\n")
	}
	return b.String(), candidates, nil
}
