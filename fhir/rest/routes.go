package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
)

// level says where an interaction is listed in the CapabilityStatement.
type level uint8

const (
	openLevel        level = iota // metadata: no token, not listed
	systemLevel                   // rest.interaction
	typeLevel                     // rest.resource.interaction, needs a known type
	instanceLevel                 // the same, and needs an id
	compartmentLevel              // rest.compartment; a search within {type}/{id}
)

// payload says what body a request of a route carries.
type payload uint8

const (
	noBody payload = iota
	resourceBody
	bundleBody
	formBody
	operationBody // a Parameters resource, or nothing
	patchBody     // a JSON Patch or a Parameters resource
)

// limit is the largest body in bytes.
func (p payload) limit() int64 {
	switch p {
	case resourceBody, operationBody, patchBody:
		return 1 << 20
	case bundleBody:
		return 8 << 20
	case formBody:
		return 64 << 10
	default:
		return 0
	}
}

// route is one row of the table that serves single requests, Bundle entries and the CapabilityStatement alike. code is from
// http://hl7.org/fhir/restful-interaction; a code may have several rows, it is listed once.
type route struct {
	code    string
	method  string
	pattern string
	verb    Verb // what Access.Allows is asked; "" when entries are asked one by one
	level   level
	payload payload
	within  time.Duration // the deadline of the work, passed to the store
	run     handler
}

// handler does the work of a route.
type handler func(s *server, ctx context.Context, c *call) (answer, error)

// The deadlines. A search that needs longer is refused: the caller should ask a narrower question.
const (
	readTime   = 5 * time.Second
	writeTime  = 15 * time.Second
	bundleTime = 60 * time.Second
)

// routes is the whole table. A code that begins with '$' is an operation.
func routes() []route {
	return slices.Concat(interactionRoutes(), searchRoutes(), operationRoutes(), bulkRoutes(), validateRoutes())
}

// interactionRoutes are the interactions of https://hl7.org/fhir/R4/http.html#summary but for search.
func interactionRoutes() []route {
	const (
		inst    = "/{type}/{id}"
		history = inst + "/_history"
	)
	return []route{
		{"capabilities", "GET", "/metadata", "", openLevel, noBody, readTime, (*server).metadata},
		{"transaction", "POST", "/", "", systemLevel, bundleBody, bundleTime, (*server).bundle},
		{"batch", "POST", "/", "", systemLevel, bundleBody, bundleTime, (*server).bundle},
		{"read", "GET", inst, Read, instanceLevel, noBody, readTime, (*server).read},
		{"vread", "GET", history + "/{version}", Read, instanceLevel, noBody, readTime, (*server).vread},
		{"update", "PUT", inst, Update, instanceLevel, resourceBody, writeTime, (*server).update},
		{"delete", "DELETE", inst, Delete, instanceLevel, noBody, writeTime, (*server).delete},
		{"history-instance", "GET", history, Read, instanceLevel, noBody, readTime, (*server).history},
		{"history-type", "GET", "/{type}/_history", Search, typeLevel, noBody, readTime, (*server).historyMany},
		{"history-system", "GET", "/_history", Search, systemLevel, noBody, readTime, (*server).historyMany},
		{"create", "POST", "/{type}", Create, typeLevel, resourceBody, writeTime, (*server).create},
		{"update", "PUT", "/{type}", Update, typeLevel, resourceBody, writeTime, (*server).update},
		{"patch", "PATCH", inst, Update, instanceLevel, patchBody, writeTime, (*server).patch},
		{"patch", "PATCH", "/{type}", Update, typeLevel, patchBody, writeTime, (*server).patch},
		{"delete", "DELETE", "/{type}", Delete, typeLevel, noBody, writeTime, (*server).delete},
	}
}

// newRouter puts the table into a chi router. HEAD is GET without the body (http.html#head).
func (s *server) newRouter() *chi.Mux {
	mux := chi.NewRouter()
	s.byPattern = map[string]*route{}
	for i := range s.routes {
		rt := &s.routes[i]
		if s.byPattern[rt.method+rt.pattern] != nil {
			continue // transaction and batch share one way in
		}
		s.byPattern[rt.method+rt.pattern] = rt
		mux.MethodFunc(rt.method, rt.pattern, s.serve(rt))
		if rt.method == http.MethodGet {
			mux.MethodFunc(http.MethodHead, rt.pattern, s.serve(rt))
		}
	}
	mux.NotFound(s.noRoute)
	mux.MethodNotAllowed(s.noMethod)
	return mux
}

// find gives the row for a method and a path below the base, with the path's variables; nil if there is none.
func (s *server) find(method, path string) (*route, *chi.Context) {
	vars := chi.NewRouteContext()
	pattern := s.router.Find(vars, method, path)
	if pattern == "" {
		return nil, vars
	}
	return s.byPattern[method+pattern], vars
}

// allowed lists the methods that a path has, for the Allow header.
func (s *server) allowed(path string) (methods []string) {
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if s.router.Match(chi.NewRouteContext(), m, path) {
			methods = append(methods, m)
		}
	}
	return methods
}
