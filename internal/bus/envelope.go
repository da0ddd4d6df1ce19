package bus

import (
	"encoding/json"
	"errors"

	"khamxa/internal/fault"
)

// faultName is the header that marks a reply as a refusal. Its value is the code, for those who watch the bus; the body is the envelope.
const faultName = "Khamxa-Fault"

// envelope is a *fault.Error on the bus. The operation and the cause are for the log of the process that made it and stay there.
type envelope struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message,omitempty"`
	Path    string     `json:"path,omitempty"`
}

func encodeFault(err error) []byte {
	e := envelope{Code: fault.CodeOf(err), Path: fault.PathOf(err), Message: fault.MessageOf(err)}
	data, merr := json.Marshal(e)
	if merr != nil { // three strings always encode
		return []byte(`{"code":"internal"}`)
	}
	return data
}

// decodeFault never returns nil: a body that is not an envelope is a fault too.
func decodeFault(data []byte, op string) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fault.Wrap(err, fault.Internal, op, "The answer could not be understood.")
	}
	if e.Code == "" {
		return fault.Wrap(errors.New("envelope without a code"), fault.Internal, op, "The answer could not be understood.")
	}
	return &fault.Error{Code: e.Code, Op: op, Message: e.Message, Path: e.Path}
}
