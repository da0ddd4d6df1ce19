package wire

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"khamxa/internal/fault"
)

// Hello opens a session with a ticket, or resumes one. It has either Ticket or Resume.
type Hello struct {
	Version int         `json:"version"`
	Ticket  string      `json:"ticket,omitempty"`
	Resume  *ResumeFrom `json:"resume,omitempty"`
}

// ResumeFrom names the session to go on with and the last numbered message that the client has handled.
type ResumeFrom struct {
	Session string `json:"session"`
	Token   string `json:"token"` // a secret; never logged
	Last    int64  `json:"last"`
}

// Ack says that all messages up to N have been handled.
type Ack struct {
	N int64 `json:"n"`
}

// Ping asks for a Pong.
type Ping struct{}

// Answer is the SDP answer to the offer with the same Session and Seq.
type Answer struct {
	Session string `json:"session"`
	Seq     int    `json:"seq"`
	SDP     string `json:"sdp"`
}

// Candidate is one ICE candidate of the client; "" ends them.
type Candidate struct {
	Session   string `json:"session"`
	Candidate string `json:"candidate"`
	Mid       string `json:"mid"`
}

// Mute tells the others that the sender has muted or unmuted its audio or video.
type Mute struct {
	Kind  string `json:"kind"` // audio or video
	Muted bool   `json:"muted"`
}

// Restart asks for a new media session.
type Restart struct{}

// Leave gives the seat up.
type Leave struct{}

// Welcome answers Hello. Ping and Grace are milliseconds.
type Welcome struct {
	Version  int    `json:"version"`
	Session  string `json:"session"`
	Resume   string `json:"resume"` // a secret; never logged
	Resumed  bool   `json:"resumed"`
	Peer     string `json:"peer"`
	Role     string `json:"role"`
	Admitted bool   `json:"admitted"`
	Ping     int64  `json:"ping"`
	Grace    int64  `json:"grace"`
}

// Waiting says that the peer is in the waiting room.
type Waiting struct{}

// AdmittedNow says that the peer is admitted. Its type on the wire is "admitted".
type AdmittedNow struct{}

// Peers is the whole list of admitted peers, sorted by id.
type Peers struct {
	Peers []Peer `json:"peers"`
}

// Peer is one admitted peer as the others see it.
type Peer struct {
	ID     string `json:"id"`
	Role   string `json:"role"`
	Name   string `json:"name"`
	Audio  bool   `json:"audio"`  // not muted
	Video  bool   `json:"video"`  // not muted
	Online bool   `json:"online"` // its connection is up
}

// Offer is the server's SDP offer. A new Session means a new peer connection; Seq counts its offers from 1.
type Offer struct {
	Session string `json:"session"`
	Seq     int    `json:"seq"`
	SDP     string `json:"sdp"`
}

// Media tells the state of the peer's media: connecting, connected or reconnecting.
type Media struct {
	State string `json:"state"`
}

// The states of Media.
const (
	MediaConnecting   = "connecting"
	MediaConnected    = "connected"
	MediaReconnecting = "reconnecting"
)

// Ended says that the call is over for the peer: closed (for everyone) or removed.
type Ended struct {
	Reason string `json:"reason"`
}

// The reasons of Ended.
const (
	ReasonClosed  = "closed"
	ReasonRemoved = "removed"
)

// Error refuses a message or explains why the connection is about to be closed.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Re      Type   `json:"re,omitempty"` // the type of the message that was refused, if known
}

// NewError is the error message of a code.
func NewError(code Code, re Type) *Error {
	return &Error{Code: code, Message: code.Sentence(), Re: re}
}

// Pong answers Ping.
type Pong struct{}

// Type gives "hello".
func (*Hello) Type() Type { return "hello" }

// Type gives "ack".
func (*Ack) Type() Type { return "ack" }

// Type gives "ping".
func (*Ping) Type() Type { return "ping" }

// Type gives "answer".
func (*Answer) Type() Type { return "answer" }

// Type gives "candidate".
func (*Candidate) Type() Type { return "candidate" }

// Type gives "mute".
func (*Mute) Type() Type { return "mute" }

// Type gives "restart".
func (*Restart) Type() Type { return "restart" }

// Type gives "leave".
func (*Leave) Type() Type { return "leave" }

// Type gives "welcome".
func (*Welcome) Type() Type { return "welcome" }

// Type gives "waiting".
func (*Waiting) Type() Type { return "waiting" }

// Type gives "admitted".
func (*AdmittedNow) Type() Type { return "admitted" }

// Type gives "peers".
func (*Peers) Type() Type { return "peers" }

// Type gives "offer".
func (*Offer) Type() Type { return "offer" }

// Type gives "media".
func (*Media) Type() Type { return "media" }

// Type gives "ended".
func (*Ended) Type() Type { return "ended" }

// Type gives "error".
func (*Error) Type() Type { return "error" }

// Type gives "pong".
func (*Pong) Type() Type { return "pong" }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidID reports whether s can be the id of a room, peer or session. The grammar keeps ids safe as bus subjects and path parts.
func ValidID(s string) bool { return len(s) <= maxIDLen && idPattern.MatchString(s) }

func refuse(path, sentence string) error {
	return fault.New(fault.Invalid, "wire.Decode", sentence).At(path)
}

func (m *Hello) check() error {
	switch {
	case (m.Ticket == "") == (m.Resume == nil):
		return refuse("ticket", "hello needs either a ticket or a session to resume")
	case len(m.Ticket) > MaxTicket:
		return refuse("ticket", "the ticket is too long")
	case m.Resume != nil && !ValidID(m.Resume.Session):
		return refuse("resume.session", "this cannot be the id of a session")
	case m.Resume != nil && !ValidID(m.Resume.Token):
		return refuse("resume.token", "this cannot be a resume token")
	case m.Resume != nil && m.Resume.Last < 0:
		return refuse("resume.last", "numbers of messages start at 0")
	}
	return nil
}

func (m *Ack) check() error {
	if m.N < 1 {
		return refuse("n", "messages are numbered from 1")
	}
	return nil
}

func (m *Answer) check() error { return checkSDP(m.Session, m.Seq, m.SDP) }

func (m *Offer) check() error { return checkSDP(m.Session, m.Seq, m.SDP) }

func checkSDP(session string, seq int, sdp string) error {
	switch {
	case !ValidID(session):
		return refuse("session", "this cannot be the id of a media session")
	case seq < 1:
		return refuse("seq", "offers are numbered from 1")
	case !strings.HasPrefix(sdp, "v=0"):
		return refuse("sdp", "this is not an SDP: it does not begin with v=0")
	case len(sdp) > MaxSDP:
		return refuse("sdp", "the SDP is too long")
	case strings.Count(sdp, "\nm=") > MaxSections:
		return refuse("sdp", "the SDP has too many media sections")
	case strings.ContainsRune(sdp, 0):
		return refuse("sdp", "the SDP holds a zero byte")
	}
	return nil
}

func (m *Candidate) check() error {
	switch {
	case !ValidID(m.Session):
		return refuse("session", "this cannot be the id of a media session")
	case len(m.Candidate) > MaxCandidate:
		return refuse("candidate", "the candidate is too long")
	case m.Candidate != "" && !strings.HasPrefix(m.Candidate, "candidate:"):
		return refuse("candidate", "a candidate begins with candidate:")
	case strings.ContainsAny(m.Candidate, "\r\n\x00"):
		return refuse("candidate", "a candidate is one line")
	case len(m.Mid) > maxMidLen || strings.ContainsAny(m.Mid, "\r\n\x00"):
		return refuse("mid", "this cannot be the id of a media section")
	}
	return nil
}

func (m *Mute) check() error {
	if m.Kind != "audio" && m.Kind != "video" {
		return refuse("kind", "the kind is audio or video")
	}
	return nil
}

func (m *Welcome) check() error {
	switch {
	case CheckVersion(m.Version) != nil:
		return refuse("version", "this version is not known")
	case !ValidID(m.Session):
		return refuse("session", "this cannot be the id of a session")
	case !ValidID(m.Resume):
		return refuse("resume", "this cannot be a resume token")
	case !ValidID(m.Peer):
		return refuse("peer", "this cannot be the id of a peer")
	case m.Ping <= 0 || m.Grace <= 0:
		return refuse("ping", "lengths of time are positive")
	}
	return nil
}

func (m *Peers) check() error {
	if m.Peers == nil {
		return refuse("peers", "the list is missing")
	}
	for _, p := range m.Peers {
		if !ValidID(p.ID) {
			return refuse("peers.id", "this cannot be the id of a peer")
		}
	}
	return nil
}

func (m *Media) check() error {
	if m.State != MediaConnecting && m.State != MediaConnected && m.State != MediaReconnecting {
		return refuse("state", "this is not a state of the media")
	}
	return nil
}

func (m *Ended) check() error {
	if m.Reason != ReasonClosed && m.Reason != ReasonRemoved {
		return refuse("reason", "this is not a reason")
	}
	return nil
}

func (m *Error) check() error {
	if m.Code == "" || m.Message == "" {
		return refuse("code", "an error has a code and a sentence")
	}
	return nil
}

func (*Ping) check() error        { return nil }
func (*Restart) check() error     { return nil }
func (*Leave) check() error       { return nil }
func (*Waiting) check() error     { return nil }
func (*AdmittedNow) check() error { return nil }
func (*Pong) check() error        { return nil }

// ValidName reports whether s can be shown as a peer's name: not empty, at most 400 bytes of UTF-8, no control characters.
func ValidName(s string) bool {
	return s != "" && len(s) <= maxNameLen && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// ValidRole reports whether s can be a role: an id of at most 32 characters. Roles give no right on the wire.
func ValidRole(s string) bool { return len(s) <= maxRoleLen && ValidID(s) }
