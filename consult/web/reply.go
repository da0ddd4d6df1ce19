package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"khamxa/internal/fault"
	"khamxa/internal/page"
)

// maxBody is the largest request body in bytes: four sections of a note in Vietnamese, escaped.
const maxBody = 512 << 10

// wantsJSON reports whether a script asked, and not a form.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// answer writes JSON.
func answer(rw http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, "internal", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	_, _ = rw.Write(raw) // the client is gone if this fails
}

// problem is an error as scripts get it: a code for them, sentences for the person.
type problem struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
}

// fail answers with an error, as JSON to a script and as a page to a person.
func (w *Web) fail(rw http.ResponseWriter, r *http.Request, err error) {
	if !wantsJSON(r) {
		w.o.Shell.Error(rw, r, err)
		return
	}
	w.failJSON(rw, r, err, nil)
}

func (w *Web) failJSON(rw http.ResponseWriter, r *http.Request, err error, fields page.FormErrors) {
	code := fault.CodeOf(err)
	status := page.StatusOf(code)
	if status >= http.StatusInternalServerError {
		w.o.Log.ErrorContext(r.Context(), "consult: request failed", "method", r.Method, "code", string(code), "err", err)
	}
	answer(rw, status, problem{Code: string(code), Message: w.o.Shell.Sentence(w.o.Shell.Lang(r), err), Fields: fields})
}

// readJSON decodes a request's body, strictly.
func readJSON(rw http.ResponseWriter, r *http.Request, into any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return fault.New(fault.Invalid, "consult/web.readJSON", "The request must be JSON.")
	}
	d := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return bodyFault(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "consult/web.readJSON", "The request holds more than one value.")
	}
	return nil
}

// readForm parses a posted form.
func readForm(rw http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return bodyFault(err)
	}
	return nil
}

func bodyFault(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault.Wrap(err, fault.TooLarge, "consult/web.read", "The request is too large.")
	}
	return fault.Wrap(err, fault.Invalid, "consult/web.read", "The request cannot be read.")
}
