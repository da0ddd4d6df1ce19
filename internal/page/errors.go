package page

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"khamxa/internal/fault"
)

// errorTemplate is the page of every failure.
const errorTemplate = "page/error"

// errorView is what the error page shows: three sentences and nothing of the inside.
type errorView struct {
	Heading string // what happened
	Detail  string // the sentence of the fault, when it can be shown in the caller's language
	Advice  string // what to do now
}

// StatusOf is the one table from fault codes to HTTP statuses of pages.
func StatusOf(code fault.Code) int {
	switch code {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Gone:
		return http.StatusGone
	case fault.Conflict, fault.State:
		return http.StatusConflict
	case fault.Precondition:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.TooCostly, fault.Unsupported:
		return http.StatusUnprocessableEntity
	case fault.Unavailable, fault.Timeout, fault.Unknown:
		return http.StatusServiceUnavailable
	default: // internal, and any code that is added without a line here
		return http.StatusInternalServerError
	}
}

// Error answers with the error page in the caller's language and the status of the fault's code. Internal faults are
// logged here, once; the page never shows their cause.
func (s *Shell) Error(w http.ResponseWriter, r *http.Request, err error) {
	s.Fail(w, r, StatusOf(fault.CodeOf(err)), err)
}

// Fail is Error with another status, for what HTTP knows and faults do not (405).
func (s *Shell) Fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	code := fault.CodeOf(err)
	if status >= http.StatusInternalServerError {
		s.options.Log.ErrorContext(r.Context(), "page: request failed", "method", r.Method, "code", string(code), "err", err)
	}
	lang := s.Lang(r)
	layout := Bare
	if s.options.Viewer(r).Name != "" {
		layout = Staff
	}
	s.Render(w, r, Page{
		Template: errorTemplate, Layout: layout, Status: status,
		Title: "error." + string(code) + ".heading",
		View: errorView{
			Heading: s.T(lang, "error."+string(code)+".heading"),
			Detail:  s.detail(lang, err),
			Advice:  s.T(lang, "error."+string(code)+".advice"),
		},
	})
}

// Sentence is the fault's sentence in the language: a fault's message that is itself a key of the catalogues (keys may be
// whole English sentences, or names such as "consult.error.ended") is translated; any other message is shown as it is in
// English and replaced by the code's general sentence in Vietnamese.
func (s *Shell) Sentence(lang Lang, err error) string {
	if d := s.detail(lang, err); d != "" {
		return d
	}
	return s.T(lang, "error."+string(fault.CodeOf(err))+".heading")
}

func (s *Shell) detail(lang Lang, err error) string {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Internal || f.Message == "" {
		return ""
	}
	text := f.Message
	switch {
	case s.built.Load().messages.has(text):
		return s.T(lang, text)
	case lang == English:
		return text
	}
	return ""
}

// FormErrors is what is wrong with a form: field name to sentence, already in the reader's language. The field "" is the
// form as a whole.
type FormErrors map[string]string

// Get is the sentence of a field, or "".
func (e FormErrors) Get(field string) string { return e[field] }

// Any reports whether anything is wrong.
func (e FormErrors) Any() bool { return len(e) > 0 }

// Fields lists the named fields with errors, sorted: the error summary links to them.
func (e FormErrors) Fields() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e)), func(f string) bool { return f == "" })
}
