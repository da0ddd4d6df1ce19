package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/fhir"
	"khamxa/fhir/terminology"
	"khamxa/fhir/validate"
	"khamxa/internal/fault"
)

// server is the handler. It is immutable once New has returned.
type server struct {
	Options
	checks       *validate.Validator // of $validate
	pages        *sealer
	codings      *codings
	routes       []route
	byPattern    map[string]*route // method + pattern
	router       *chi.Mux
	capabilities []byte // what is always the same of CapabilityStatement.rest
	since        time.Time
	terms        *terminology.Service
}

// ServeHTTP sets what every response has, recovers from panics, and routes.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	h := rec.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	started := s.Clock()
	rctx := chi.NewRouteContext()
	rctx.Routes = s.router
	rctx.RoutePath = routePath(r.URL.Path)
	r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, rctx))
	defer func() {
		s.recovered(rec, r, recover())
		if s.Observe != nil {
			s.Observe(Finished{Interaction: rec.interaction, Route: rctx.RoutePattern(), Status: rec.status, Took: s.Clock().Sub(started)})
		}
	}()
	s.router.ServeHTTP(rec, r)
}

// routePath is the path below the base: "/Patient/1", "/" for the base itself. A slash at the end says nothing.
func routePath(path string) string {
	if rest, ok := strings.CutPrefix(path, Prefix); ok && (rest == "" || rest[0] == '/') {
		path = rest
	}
	if path = strings.TrimRight(path, "/"); path == "" {
		return "/"
	}
	return path
}

// recorder keeps the status for Observe, and knows whether an answer has begun.
type recorder struct {
	http.ResponseWriter
	status      int
	interaction string
}

// WriteHeader keeps the first status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recovered ends a request whose handler panicked. The log gets the place, and the text only of the runtime's own errors:
// any other value might hold what a person wrote.
func (s *server) recovered(w *recorder, r *http.Request, value any) {
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	what := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	s.Log.ErrorContext(r.Context(), "request panicked", "method", r.Method, "interaction", w.interaction, "panic", what, "stack", string(debug.Stack()))
	if w.status == 0 {
		s.refuse(w, r, http.StatusInternalServerError, fault.New(fault.Internal, "rest.ServeHTTP", "Something went wrong on the server. It has been written to the log."))
	}
}

// serve is the edge of one route: who asks, in which form, with which body; then the call; then the answer.
func (s *server) serve(rt *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := w.(*recorder); ok {
			rec.interaction = rt.code
		}
		c, status, err := s.decode(rt, w, r)
		if err != nil {
			s.drain(r)
			s.refuse(w, r, status, err)
			return
		}
		a, err := s.perform(r.Context(), c)
		if err != nil {
			if c.upload != nil {
				s.drain(r)
			}
			s.refuse(w, r, 0, err)
			return
		}
		s.respond(w, r, c, a)
	}
}

// decode reads a request into a call. A status of 0 stands for the one that the error's code has.
func (s *server) decode(rt *route, w http.ResponseWriter, r *http.Request) (*call, int, error) {
	c := &call{rt: rt, base: s.base(r), prefer: preferences(r.Header.Values("Prefer"))}
	c.take(chi.RouteContext(r.Context()))
	var err error
	if rt.level != openLevel {
		if c.access, err = s.authorize(r); err != nil {
			return nil, 0, err
		}
	}
	if c.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, 0, fault.New(fault.Invalid, "rest.decode", "The part of the address after the question mark is not well formed.")
	}
	c.address = c.base + routePath(r.URL.Path)
	if r.URL.RawQuery != "" {
		c.address += "?" + r.URL.RawQuery
	}
	if err := acceptable(r.Header.Values("Accept"), c.values); err != nil && rt.code != fileCode {
		return nil, http.StatusNotAcceptable, err
	}
	if err := c.permitted(); err != nil {
		return nil, 0, s.denied(r.Context(), c, err)
	}
	c.ifMatch = strings.Join(r.Header.Values("If-Match"), ",")
	c.ifNoneMatch = strings.Join(r.Header.Values("If-None-Match"), ",")
	if wanted := r.Header.Values("If-None-Exist"); len(wanted) > 0 {
		c.ifNoneExist = cmp.Or(wanted[0], "?") // an empty condition is refused, not forgotten
	}
	if since, err := http.ParseTime(r.Header.Get("If-Modified-Since")); err == nil { // one that cannot be read asks for nothing (RFC 9110, 13.1.3)
		c.ifModifiedSince = since
	}
	status, err := s.readBody(c, w, r)
	return c, status, err
}

// denied records an attempt that was refused before it reached a handler.
func (s *server) denied(ctx context.Context, c *call, err error) error {
	_ = s.record(ctx, c, answer{}, err) // the refusal stands either way
	return err
}

// take copies the variables of the path.
func (c *call) take(vars *chi.Context) {
	c.typ, c.id, c.version, c.inner = vars.URLParam("type"), vars.URLParam("id"), vars.URLParam("version"), vars.URLParam("inner")
	if typ := c.rt.ofType(); typ != "" {
		c.typ = typ
	}
}

// authorize asks who it is and refuses an access that nobody could be held responsible for.
func (s *server) authorize(r *http.Request) (Access, error) {
	a, err := s.Authorize(r)
	if err != nil {
		return Access{}, err
	}
	if a.Author == "" {
		return Access{}, fault.New(fault.Internal, "rest.authorize", "Something went wrong on the server. It has been written to the log.")
	}
	return a, nil
}

// base is the address of this interface as the client sees it.
func (s *server) base(r *http.Request) string {
	if s.BaseURL != "" {
		return strings.TrimRight(s.BaseURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + Prefix
}

// noRoute answers a path that the table does not have, noMethod a path that has other methods. Both ask first who it is, so
// that a stranger learns nothing but that a token is needed.
func (s *server) noRoute(w http.ResponseWriter, r *http.Request) {
	s.outside(w, r, http.StatusNotFound, fault.New(fault.NotFound, "rest.noRoute", "There is nothing at this address. GET "+Prefix+"/metadata lists what this server does."))
}

func (s *server) noMethod(w http.ResponseWriter, r *http.Request) {
	path := chi.RouteContext(r.Context()).RoutePath
	methods := s.allowed(path)
	if typ := strings.Split(path, "/")[1]; typ != "" && typ != "metadata" && !fhir.IsType(typ) {
		s.noRoute(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	s.outside(w, r, http.StatusMethodNotAllowed, fault.Newf(fault.Unsupported, "rest.noMethod", "The method %s is not served at this address; it has %s.", clip(r.Method), strings.Join(methods, ", ")))
}

func (s *server) outside(w http.ResponseWriter, r *http.Request, status int, err error) {
	if _, denied := s.authorize(r); denied != nil {
		status, err = 0, denied
		w.Header().Del("Allow")
	}
	s.drain(r)
	s.refuse(w, r, status, err)
}
