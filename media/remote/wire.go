package remote

import (
	"bytes"
	"encoding/json"

	"khamxa/internal/fault"
	"khamxa/media"
)

// Version is the version of CONTROL.md that this package speaks.
const Version = 1

// The verbs of requests, which are the last part of their subjects.
const (
	verbHello     = "hello"
	verbJoin      = "join"
	verbAnswer    = "answer"
	verbCandidate = "candidate"
	verbLeave     = "leave"
	verbClose     = "close"
)

// Subjects; CONTROL.md section 2.
func requestSubject(node, verb string) string { return "media." + node + ".do." + verb }
func eventSubject(node string) string         { return "media." + node + ".tell.event" }
func beatSubject(node string) string          { return "media." + node + ".tell.beat" }
func tellSubject(node string) string          { return "media." + node + ".tell.*" }

// The messages; CONTROL.md section 3.
type (
	// version is in every message.
	version struct {
		V int `json:"v"`
	}
	helloReply struct {
		version
		Boot string `json:"boot"`
		N    uint64 `json:"n"`
	}
	joinRequest struct {
		version
		media.JoinRequest
	}
	offerReply struct {
		version
		media.Offer
	}
	answerRequest struct {
		version
		media.Answer
	}
	candidateRequest struct {
		version
		media.Candidate
	}
	leaveRequest struct {
		version
		Room string `json:"room"`
		Peer string `json:"peer"`
	}
	closeRequest struct {
		version
		Room string `json:"room"`
	}
	eventMessage struct {
		version
		N     uint64      `json:"n"`
		Event media.Event `json:"event"`
	}
)

// Beat is what a node tells each second. N is the number of its last event.
type Beat struct {
	version
	Node  string      `json:"node"`
	N     uint64      `json:"n"`
	Stats media.Stats `json:"stats"`
}

func current() version { return version{V: Version} }

// encode never fails: the messages are structs of strings and numbers.
func encode(message any) []byte {
	data, err := json.Marshal(message)
	if err != nil {
		return []byte(`{}`)
	}
	return data
}

// decode reads a message. Members that are not known are ignored: a newer sender may add some.
func decode(data []byte, message any) error {
	const op = "remote.decode"
	var v version
	if err := json.Unmarshal(data, &v); err != nil {
		return fault.Wrap(err, fault.Invalid, op, "The message is not a JSON object.")
	}
	if v.V != Version {
		return fault.Newf(fault.Unsupported, op, "This speaks version %d of the media control protocol.", Version).At("v")
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(message); err != nil {
		return fault.Wrap(err, fault.Invalid, op, "The message has a member of the wrong type.")
	}
	return nil
}
