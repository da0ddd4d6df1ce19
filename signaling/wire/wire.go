// Package wire is the signalling protocol as data: messages, their table, limits, the version handshake and the error codes.
//
// It is the code side of signaling/PROTOCOL.md, which comes first: a test decodes every example there with this package and
// compares every table. It opens no socket and keeps no state. Package signaling, its WebSocket binding and its test client
// use it; it imports nothing of Khamxa's but fault.
package wire

import "khamxa/internal/fault"

// Version is the version of the protocol that this code speaks, and Oldest the oldest that it still understands: the one
// before, so that a page loaded before an upgrade goes on working. Version 1 has none before it.
const (
	Version = 1
	Oldest  = 1
)

// CheckVersion gives fault.Unsupported for a version that this server does not speak.
func CheckVersion(version int) error {
	if version < Oldest || version > Version {
		return fault.New(fault.Unsupported, "wire.CheckVersion", BadVersion.Sentence()).At("version")
	}
	return nil
}

// Type is a message's "type" member.
type Type string

// Side says who sends a message.
type Side int

// The sides.
const (
	Client Side = iota
	Server
)

// Stage is how far a client must be to send a message.
type Stage int

// The stages. First: on a connection that has not been welcomed. Welcomed: afterwards, waiting or admitted. Admitted: only
// while the peer is admitted.
const (
	First Stage = iota
	Welcomed
	Admitted
)

// Message is one message without its number. The types of this package implement it, and nothing else does.
type Message interface {
	// Type is the message's "type" member.
	Type() Type
	check() error
}

// Row is one row of the message table.
type Row struct {
	Type     Type
	From     Side
	Numbered bool  // carries "n", kept until it is acknowledged
	Stage    Stage // for messages from the client
	fresh    func() Message
}

// Table: every message of the protocol, in the order of PROTOCOL.md section 2.
var rows = []Row{
	{Type: "hello", From: Client, Stage: First, fresh: func() Message { return &Hello{} }},
	{Type: "ack", From: Client, Stage: Welcomed, fresh: func() Message { return &Ack{} }},
	{Type: "ping", From: Client, Stage: Welcomed, fresh: func() Message { return &Ping{} }},
	{Type: "answer", From: Client, Stage: Admitted, fresh: func() Message { return &Answer{} }},
	{Type: "candidate", From: Client, Stage: Admitted, fresh: func() Message { return &Candidate{} }},
	{Type: "mute", From: Client, Stage: Admitted, fresh: func() Message { return &Mute{} }},
	{Type: "restart", From: Client, Stage: Admitted, fresh: func() Message { return &Restart{} }},
	{Type: "leave", From: Client, Stage: Welcomed, fresh: func() Message { return &Leave{} }},
	{Type: "welcome", From: Server, fresh: func() Message { return &Welcome{} }},
	{Type: "waiting", From: Server, Numbered: true, fresh: func() Message { return &Waiting{} }},
	{Type: "admitted", From: Server, Numbered: true, fresh: func() Message { return &AdmittedNow{} }},
	{Type: "peers", From: Server, Numbered: true, fresh: func() Message { return &Peers{} }},
	{Type: "offer", From: Server, Numbered: true, fresh: func() Message { return &Offer{} }},
	{Type: "media", From: Server, Numbered: true, fresh: func() Message { return &Media{} }},
	{Type: "ended", From: Server, Numbered: true, fresh: func() Message { return &Ended{} }},
	{Type: "error", From: Server, fresh: func() Message { return &Error{} }},
	{Type: "pong", From: Server, fresh: func() Message { return &Pong{} }},
}

// Messages is the message table, in the order of PROTOCOL.md section 2.
func Messages() []Row { return append([]Row(nil), rows...) }

// RowOf finds a type in the table.
func RowOf(t Type) (Row, bool) {
	for _, row := range rows {
		if row.Type == t {
			return row, true
		}
	}
	return Row{}, false
}
