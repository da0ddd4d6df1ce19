package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// statusOf is the one table from fault codes to HTTP status. The issue type of each code is in fhir.Outcome.
// https://hl7.org/fhir/R4/http.html#Status-Codes
func statusOf(code fault.Code) int {
	switch code {
	case fault.Invalid, fault.TooCostly, fault.Unsupported:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict, fault.State:
		return http.StatusConflict
	case fault.Gone:
		return http.StatusGone
	case fault.Precondition:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable, fault.Timeout:
		return http.StatusServiceUnavailable
	default: // Unknown, Internal
		return http.StatusInternalServerError
	}
}

// refuse answers with an OperationOutcome. A status of 0 stands for the one in the table. What is a fault of ours goes to
// the log here, once, with its cause.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	code := fault.CodeOf(err)
	if status == 0 {
		status = statusOf(code)
	}
	h := w.Header()
	switch code {
	case fault.Unauthenticated:
		challenge := `Bearer realm="khamxa"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	case fault.TooMany, fault.Unavailable, fault.Timeout:
		h.Set("Retry-After", "5")
	default: // the status says it all
	}
	if status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "status", status, "code", string(code), "err", err)
	}
	body := fhir.Outcome(outward(err))
	if strings.Contains(r.URL.RawQuery, "_pretty=true") {
		body = pretty(body)
	}
	s.write(w, r, status, body)
}

// outward is the error as a client may see it: always one of ours, so that no foreign text gets out.
func outward(err error) error { return eachOf(err, outwardOne) }

func outwardOne(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return fault.Wrap(err, fault.Internal, "rest.refuse", fault.MessageOf(err))
}

// respond writes an answer with the headers of its version. https://hl7.org/fhir/R4/http.html#versioning
func (s *server) respond(w http.ResponseWriter, r *http.Request, c *call, a answer) {
	h := w.Header()
	if v := a.version; v != nil {
		h.Set("ETag", etag(v.VersionID))
		h.Set("Last-Modified", modified(v.Updated))
		if a.located {
			h.Set("Location", c.base+"/"+versionPath(v.Type, v.ID, v.VersionID))
		}
	}
	for name, values := range a.header {
		h[name] = values
	}
	if a.file != nil {
		defer a.file.close()
		s.sendFile(w, r, a.file)
		return
	}
	body := a.body
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		body = nil
	} else if c.values.Get("_pretty") == "true" {
		body = pretty(body)
	}
	s.write(w, r, a.status, body)
}

// mostPretty is the size in bytes up to which a body is indented: what is deep inside grows to many times its size, and nobody reads more.
const mostPretty = 1 << 20

// pretty indents a body for a person's eyes (http.html#pretty), if it is not too large for that. The text of numbers stays.
func pretty(body []byte) []byte {
	if len(body) > mostPretty {
		return body
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") != nil {
		return body
	}
	return indented.Bytes()
}

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	if coded, name := s.codings.encode(r.Header.Values("Accept-Encoding"), body); name != "" {
		w.Header().Set("Content-Encoding", name)
		body = coded
	}
	if len(body) > 0 {
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if r.Method == http.MethodHead || len(body) == 0 {
		return
	}
	if _, err := w.Write(body); err != nil {
		s.Log.DebugContext(r.Context(), "client went away", "err", err)
	}
}

func versionPath(typ, id, version string) string { return typ + "/" + id + "/_history/" + version }
