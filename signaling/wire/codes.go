package wire

// Code is the stable word of an error, for programs. The list is closed and append-only.
type Code string

// The codes of PROTOCOL.md section 4.
const (
	BadMessage    Code = "bad-message"
	UnknownType   Code = "unknown-type"
	HelloTwice    Code = "hello-twice"
	ResumeRefused Code = "resume-refused"
	NotAdmitted   Code = "not-admitted"
	BadSDP        Code = "bad-sdp"
	BadVersion    Code = "bad-version"
	BadTicket     Code = "bad-ticket"
	HelloFirst    Code = "hello-first"
	HelloLate     Code = "hello-timeout"
	RoomFull      Code = "room-full"
	Busy          Code = "busy"
	TooMany       Code = "too-many"
	TooSlow       Code = "too-slow"
	GoneQuiet     Code = "gone-quiet"
	Replaced      Code = "replaced"
	Removed       Code = "removed"
	CallEnded     Code = "ended"
	BadFrame      Code = "bad-frame"
	NotText       Code = "not-text"
	BadUTF8       Code = "bad-utf8"
	TooLarge      Code = "too-large"
	Internal      Code = "internal"
	ComeAgain     Code = "come-again"
	// Bye closes a connection after leave. It is no error and is not in the table.
	Bye Code = "bye"
)

// Then is what a client does after a code.
type Then string

// The choices.
const (
	Stay   Then = "stay"   // the connection goes on
	Resume Then = "resume" // connect again and resume
	Again  Then = "again"  // connect again; resuming may be refused
	Never  Then = "never"  // tell the person
)

// CodeRow is one row of the code table.
type CodeRow struct {
	Code     Code
	Close    uint16 // the WebSocket close status (RFC 6455 section 7.4; 4000-4999 are ours), 0 if the connection goes on
	Then     Then
	Sentence string // safe to show
}

// Table: every error code, in the order of PROTOCOL.md section 4.
var codeRows = []CodeRow{
	{BadMessage, 0, Stay, "This message cannot be read."},
	{UnknownType, 0, Stay, "This type of message is not known here."},
	{HelloTwice, 0, Stay, "This connection has been welcomed already."},
	{ResumeRefused, 0, Stay, "This connection cannot be taken up again. Say hello with a ticket."},
	{NotAdmitted, 0, Stay, "You are still in the waiting room."},
	{BadSDP, 0, Stay, "The media server cannot use this description."},
	{BadVersion, 4000, Never, "This page is of another version than the server. Load it again."},
	{BadTicket, 4001, Never, "This ticket is not valid."},
	{HelloFirst, 4002, Again, "The first message must be hello."},
	{HelloLate, 4003, Again, "No hello came in time."},
	{RoomFull, 4004, Never, "The room is full."},
	{Busy, 4005, Again, "The server is busy. Try again in a moment."},
	{TooMany, 4006, Resume, "Too many messages in a short time."},
	{TooSlow, 4007, Resume, "Messages are not read fast enough."},
	{GoneQuiet, 4008, Resume, "Nothing has come from you for too long."},
	{Replaced, 4009, Never, "The call has been opened in another place."},
	{Removed, 4010, Never, "You have been removed from the call."},
	{CallEnded, 4011, Never, "The call is over."},
	{BadFrame, 1002, Resume, "This frame breaks the WebSocket protocol."},
	{NotText, 1003, Resume, "Only text messages are understood."},
	{BadUTF8, 1007, Resume, "This text is not UTF-8."},
	{TooLarge, 1009, Resume, "This message is too large."},
	{Internal, 1011, Again, "Something went wrong on the server."},
	{ComeAgain, 1012, Again, "The server is being restarted. Connect again in a moment."},
}

// Codes is the code table, in the order of PROTOCOL.md section 4.
func Codes() []CodeRow { return append([]CodeRow(nil), codeRows...) }

func (c Code) row() CodeRow {
	for _, row := range codeRows {
		if row.Code == c {
			return row
		}
	}
	return CodeRow{Code: c}
}

// Sentence says the code in words that are safe to show; "" for a code that is not in the table.
func (c Code) Sentence() string { return c.row().Sentence }

// CloseStatus is the WebSocket close status that goes with the code: 0 if the connection goes on, 1000 for Bye.
func (c Code) CloseStatus() uint16 {
	if c == Bye {
		return 1000
	}
	return c.row().Close
}
