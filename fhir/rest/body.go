package rest

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"khamxa/internal/fault"
)

// drained is how much of a refused body is read and thrown away, so that a client that is still sending gets to read why.
const drained = 32 << 20

// readBody reads what the route expects. A status of 0 stands for the one that the error's code has.
func (s *server) readBody(c *call, w http.ResponseWriter, r *http.Request) (int, error) {
	if c.rt.code == importCode {
		return s.readUpload(c, w, r)
	}
	if c.rt.payload == noBody || c.rt.payload == operationBody && r.ContentLength == 0 {
		return 0, nil
	}
	var err error
	if c.media, err = bodyType(c.rt.payload, r.Header.Get("Content-Type")); err != nil {
		return http.StatusUnsupportedMediaType, err
	}
	limit := c.rt.payload.limit()
	if r.ContentLength > limit {
		return 0, tooLarge(limit)
	}
	plain, done, err := s.codings.reader(r.Header.Values("Content-Encoding"), io.LimitReader(r.Body, limit+1))
	if err != nil {
		w.Header().Set("Accept-Encoding", "gzip, zstd") // RFC 7694
		return http.StatusUnsupportedMediaType, err
	}
	defer done()
	body, err := io.ReadAll(io.LimitReader(plain, limit+1))
	switch {
	case errors.Is(err, errDamaged):
		return 0, &fault.Error{Code: fault.Invalid, Op: "rest.readBody", Message: "The compressed body is damaged or not complete; nothing was changed.", Err: err}
	case err != nil:
		return 0, unreadable(err)
	case int64(len(body)) > limit:
		return 0, tooLarge(limit)
	case c.rt.payload == formBody:
		return 0, c.readForm(string(body))
	}
	c.body = body
	return 0, nil
}

func tooLarge(limit int64) error {
	return fault.Newf(fault.TooLarge, "rest.readBody", "The body is larger than %d KiB, the most that is accepted here.", limit>>10)
}

func unreadable(err error) error {
	var net interface{ Timeout() bool }
	if errors.As(err, &net) && net.Timeout() {
		return fault.Wrap(err, fault.Timeout, "rest.readBody", "The body did not arrive in time; nothing was changed.")
	}
	return &fault.Error{Code: fault.Invalid, Op: "rest.readBody", Message: "The body ended before it was complete; nothing was changed.", Err: err}
}

// readForm adds the parameters of a _search to those of the address. https://hl7.org/fhir/R4/http.html#search
func (c *call) readForm(body string) error {
	form, err := url.ParseQuery(body)
	if err != nil {
		return fault.New(fault.Invalid, "rest.readForm", "The form in the body is not well formed.")
	}
	for name, values := range form {
		c.values[name] = append(c.values[name], values...)
	}
	return nil
}

// drain throws away what is left of a refused body, within a limit. A client that waits to be told to go on ("Expect:
// 100-continue") is not made to send it.
func (s *server) drain(r *http.Request) {
	if r.Body == nil || r.Header.Get("Expect") != "" {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, drained) // the request is refused whatever comes
}
