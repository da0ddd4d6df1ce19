// Package fault is Khamxa's one error type and its closed list of codes.
//
// Every error that crosses a package boundary and that somebody may have to act on is a *fault.Error: a stable
// code for programs, a sentence for people that is safe to show, and the cause for the log. The edges (HTTP pages, FHIR,
// signalling, the bus, the command line) each turn a code into their own status in one table and nowhere else.
//
// It is a leaf: it imports nothing of Khamxa's, and any package may import it.
package fault

import (
	"errors"
	"fmt"
)

// Code says what kind of failure happened. The list is closed and append-only: codes travel on the wire (signalling,
// bus, OperationOutcome details) and in other people's logs, so none is ever renamed or reused.
type Code string

// The codes.
const (
	Invalid         Code = "invalid"         // the input is wrong; Path says where
	Unauthenticated Code = "unauthenticated" // nobody is signed in, or the credential is not good
	Forbidden       Code = "forbidden"       // the caller is known and may not do this
	NotFound        Code = "not-found"       // no such thing, or none that the caller may know of
	Gone            Code = "gone"            // it was there and has been deleted
	Conflict        Code = "conflict"        // somebody else was first: the version is not the one that was named
	Precondition    Code = "precondition"    // a stated condition does not hold (If-Match, If-None-Exist with many matches)
	State           Code = "state"           // not allowed in the present state (signing an unfinished consult)
	TooLarge        Code = "too-large"       // over a size limit
	TooMany         Code = "too-many"        // over a rate or count limit; try later
	TooCostly       Code = "too-costly"      // the question would take more work than is allowed
	Unsupported     Code = "unsupported"     // well formed, and not something this server does
	Unavailable     Code = "unavailable"     // a part that is needed is down; nothing was changed
	Timeout         Code = "timeout"         // the deadline passed; nothing was changed
	Unknown         Code = "unknown-outcome" // a write may or may not have been kept: ask again with the same key
	Internal        Code = "internal"        // a fault of ours; the sentence says nothing of the cause
)

// Error is a failure with a code. The zero value is not useful; use New or Wrap.
type Error struct {
	Code    Code
	Op      string // what was being done, as package.Function: for the log only
	Message string // one sentence for the person who asked; holds no personal data and no internals
	Path    string // where in the input: a FHIRPath-like expression ("Patient.birthDate"), a form field, a JSON member
	Err     error  // the cause: for the log only, may be nil
}

// New makes an error with a sentence.
func New(code Code, op, message string) *Error {
	return &Error{Code: code, Op: op, Message: message}
}

// Newf is New with a formatted sentence.
func Newf(code Code, op, format string, args ...any) *Error {
	return &Error{Code: code, Op: op, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives a cause a code and a sentence. A nil cause gives nil, so that it can end a function.
func Wrap(err error, code Code, op, message string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Op: op, Message: message, Err: err}
}

// At returns a copy of e that names the place in the input.
func (e *Error) At(path string) *Error {
	c := *e
	c.Path = path
	return &c
}

// Error is the log's form: operation, sentence, place and cause.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Path != "" {
		s += " (at " + e.Path + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the outermost *Error in the chain; Internal for any other error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether err carries the code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// MessageOf is the sentence that may be shown to a person: the outermost *Error's, or a general one for any other error.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return "Something went wrong on the server. It has been written to the log."
}

// PathOf is the place in the input that the outermost *Error names, or "".
func PathOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Path
	}
	return ""
}
