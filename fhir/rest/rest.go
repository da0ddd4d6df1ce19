package rest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/fhir/terminology"
	"khamxa/fhir/validate"
	"khamxa/internal/fault"
)

// Prefix is the path that the handler is mounted at.
const Prefix = "/fhir"

// Verb is what a caller wants to do with a resource type, in the letters of SMART App Launch 2 scopes.
type Verb string

// The verbs. Read covers read, vread and instance history, Search covers the history of a type and of the system, Update covers
// update-as-create; patch needs Read as well, for what it does depends on what is there.
const (
	Create Verb = "c"
	Read   Verb = "r"
	Update Verb = "u"
	Delete Verb = "d"
	Search Verb = "s"

	// Purge erases a patient's record by law. It is no letter of SMART: no scope includes it, Access.Allows decides.
	Purge Verb = "purge"
)

// Access is what one request may do. Within confines it to the records held by these organisations ("Organization/..."), nil
// for no confinement. Author is the reference that is written into the log; it must not be empty. Allows says whether the
// caller may do verb with a resource type; nil allows nothing.
type Access struct {
	Within []string
	Author string
	Allows func(resourceType string, verb Verb) bool
}

func (a Access) allows(typ string, verb Verb) bool { return a.Allows != nil && a.Allows(typ, verb) }

// Event is one access to personal data, for the audit trail. It says who did what to which resources, never what was in them.
type Event struct {
	Time        time.Time // UTC
	Author      string    // Access.Author
	Interaction string    // the code in CapabilityStatement: "read", "search-type", "transaction", ...
	Type, ID    string    // what was asked for, "" where the interaction names none
	// Query is the normalised search, "" for other interactions. It can hold personal data (a name, a phone number): it
	// belongs in the audit trail and in no log.
	Query     string
	Resources []string   // references of what was shown or written, at most one page
	Count     int        // how many; len(Resources)
	Outcome   fault.Code // "" when it was done; Forbidden, NotFound, ... when it was refused
}

// Finished is one request that has been answered, for counters. Route is the route's pattern, so it holds no ids.
type Finished struct {
	Interaction string
	Route       string
	Status      int
	Took        time.Duration
}

// Options is what New needs. Store, Authorize and Log are required.
type Options struct {
	Store store.Store

	// Charts serves the operations that need more than single resources ($everything, terminology). nil: Store itself, if
	// it is a store.Charts; else these operations are refused.
	Charts store.Charts

	// Eraser serves $purge. nil: Store itself, if it is a store.Eraser; else $purge is refused.
	Eraser store.Eraser

	// Authorize tells who makes a request. Its errors are *fault.Error: Unauthenticated (401), Forbidden (403), TooMany
	// (429), Unavailable (503). It is called for every request but GET /metadata.
	Authorize func(r *http.Request) (Access, error)

	// Validate checks each resource that is to be written, as it was sent or as a patch leaves it; validate.Write does. What it
	// gives is answered as it is: an errors.Join is an issue each. nil: only the parser's rules hold.
	Validate func(r *fhir.Resource) error

	// BaseURL is the address that clients see, without a slash at the end ("https://kham.example.vn/fhir"). When it is "",
	// the address of each request is used, which suits a service on a local address only.
	BaseURL string

	Log     *slog.Logger
	Clock   func() time.Time // nil: time.Now
	Version string           // of the software, for the CapabilityStatement

	// PageKey seals page links: 32 bytes, the same on all nodes. nil: a random key, so links end with the process.
	PageKey []byte

	// Audit is told of each access to personal data. When it fails, a read is refused (503): nobody sees what was not
	// recorded. A write that is already in the log is answered all the same. nil: nobody is told.
	Audit func(ctx context.Context, e Event) error

	// Exports does the work of $export. nil: exports are not served.
	Exports *bulk.Jobs

	// TokenPath and SocketPath are where programs get tokens and hear of Subscriptions, paths beside Prefix on the same host
	// ("/oauth/token"), for the CapabilityStatement; "" leaves them out.
	TokenPath, SocketPath string

	// ReadOnly are the types that Authorize lets nobody write, so that the CapabilityStatement does not say otherwise.
	ReadOnly []string

	// Observe is told of each finished request. nil: nobody is told.
	Observe func(f Finished)
}

// New makes the handler of everything below Prefix. It works mounted with and without the prefix stripped. Errors are
// fault.Invalid for options that cannot be used.
func New(o Options) (http.Handler, error) {
	const op = "rest.New"
	if o.Store == nil || o.Authorize == nil || o.Log == nil {
		return nil, fault.New(fault.Invalid, op, "The FHIR interface needs a store, an authoriser and a log.")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.PageKey == nil {
		o.PageKey = make([]byte, pageKeySize)
		if _, err := io.ReadFull(rand.Reader, o.PageKey); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, op, "The system gives no random numbers.")
		}
	}
	seal, err := newSealer(o.PageKey)
	if err != nil {
		return nil, err
	}
	if own, ok := o.Store.(store.Charts); ok && o.Charts == nil {
		o.Charts = own
	}
	if own, ok := o.Store.(store.Eraser); ok && o.Eraser == nil {
		o.Eraser = own
	}
	checks, err := validate.New()
	if err != nil {
		return nil, err
	}
	s := &server{
		Options: o, terms: terminology.New(&termSource{o.Store, o.Charts}), checks: checks, pages: seal, codings: newCodings(),
		routes: routes(), since: o.Clock(),
	}
	if o.Exports == nil {
		s.routes = slices.DeleteFunc(s.routes, func(rt route) bool { return rt.ofBulk() })
	}
	s.router = s.newRouter()
	s.capabilities = s.capabilityStatement()
	return s, nil
}
