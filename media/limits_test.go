package media_test

import (
	"strings"
	"testing"

	"khamxa/internal/fault"
	"khamxa/media"
)

func TestChecks(t *testing.T) {
	const good = "candidate:1 1 udp 2122260223 192.0.2.7 51234 typ host generation 0 ufrag abcd"
	answer := func(f func(*media.Answer)) interface{ Check() error } {
		a := media.Answer{Room: "r", Peer: "p", Session: "s", Seq: 1, SDP: "v=0"}
		f(&a)
		return a
	}
	candidate := func(line string) interface{ Check() error } {
		return media.Candidate{Room: "r", Peer: "p", Session: "s", Candidate: line, Mid: "0"}
	}
	tests := []struct {
		name string
		what interface{ Check() error }
		code fault.Code
		path string
	}{
		{"join", media.JoinRequest{Room: "A-z_09", Peer: strings.Repeat("p", 64)}, "", ""},
		{"join without a room", media.JoinRequest{Peer: "p"}, fault.Invalid, "room"},
		{"join with a long peer", media.JoinRequest{Room: "r", Peer: strings.Repeat("p", 65)}, fault.Invalid, "peer"},
		{"subject injection", media.JoinRequest{Room: "a.b", Peer: "p"}, fault.Invalid, "room"},
		{"subject wildcard", media.JoinRequest{Room: "r", Peer: "*"}, fault.Invalid, "peer"},
		{"not ASCII", media.JoinRequest{Room: "phòng", Peer: "p"}, fault.Invalid, "room"},
		{"answer", answer(func(*media.Answer) {}), "", ""},
		{"answer without a session", answer(func(a *media.Answer) { a.Session = "" }), fault.Invalid, "session"},
		{"answer to offer 0", answer(func(a *media.Answer) { a.Seq = 0 }), fault.Invalid, "seq"},
		{"empty answer", answer(func(a *media.Answer) { a.SDP = "" }), fault.Invalid, "sdp"},
		{"largest answer", answer(func(a *media.Answer) { a.SDP = strings.Repeat("x", media.MaxSDP) }), "", ""},
		{"too large an answer", answer(func(a *media.Answer) { a.SDP = strings.Repeat("x", media.MaxSDP+1) }), fault.TooLarge, "sdp"},
		{"candidate", candidate(good), "", ""},
		{"end of candidates", candidate(""), "", ""},
		{"hidden address", candidate(strings.Replace(good, "192.0.2.7", "0a1b.local", 1)), "", ""},
		{"IPv6", candidate(strings.Replace(good, "192.0.2.7", "2001:db8::1", 1)), "", ""},
		{"host name", candidate(strings.Replace(good, "192.0.2.7", "internal.example", 1)), fault.Invalid, "candidate"},
		{"port", candidate(strings.Replace(good, "51234", "70000", 1)), fault.Invalid, "candidate"},
		{"line break", candidate(good + "\r\na=ice-lite"), fault.Invalid, "candidate"},
		{"words", candidate("hello"), fault.Invalid, "candidate"},
		{"too long", candidate(good + strings.Repeat(" x", media.MaxCandidate)), fault.TooLarge, "candidate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.what.Check()
			if fault.CodeOf(err) != tt.code || fault.PathOf(err) != tt.path {
				t.Errorf("err = %v, want code %q path %q", err, tt.code, tt.path)
			}
		})
	}
}

// FuzzCandidate: a checked candidate is one line and names no host.
func FuzzCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2122260223 192.0.2.7 51234 typ host")
	f.Add("candidate:1 1 tcp 1 ::1 9 typ host tcptype active")
	f.Fuzz(func(t *testing.T, line string) {
		c := media.Candidate{Room: "r", Peer: "p", Session: "s", Candidate: line}
		if c.Check() == nil && strings.ContainsAny(line, "\r\n\x00") {
			t.Errorf("%q passed", line)
		}
	})
}
