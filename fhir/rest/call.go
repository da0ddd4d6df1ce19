package rest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// call is one interaction, whether it came as a request of its own or as an entry of a Bundle. Handlers know nothing else, so
// an entry is answered, and refused, exactly as the single request would be.
type call struct {
	rt      *route
	access  Access
	base    string // address of this interface, no slash at the end
	address string // what was asked for, with its parameters
	typ, id string
	inner   string // the type that is searched within a compartment, * for all
	version string
	values  url.Values // search parameters
	body    []byte
	media   string         // media type of body, without parameters
	upload  io.Reader      // what is to be imported
	nested  *fhir.Resource // the resource of a Bundle entry, already parsed

	searching bool // the resource has references by search

	ifMatch, ifNoneMatch, ifNoneExist string

	ifModifiedSince time.Time // zero: not asked
	prefer          preference
}

// answer is what a call gives. The edge turns it into headers, a Bundle into response elements.
type answer struct {
	status  int
	version *store.Version // gives ETag and Last-Modified, and Location when located
	located bool
	body    []byte
	shown   []string    // references of what body shows or what was written, for the audit trail
	query   string      // the normalised search, for the audit trail
	header  http.Header // what else the answer to a request of its own says
	file    *download   // instead of a body
}

// perform does a call: rights, work, audit. It is the only way to run a handler.
func (s *server) perform(ctx context.Context, c *call) (answer, error) {
	a, err := s.attempt(ctx, c)
	if c.rt.level == openLevel || c.rt.payload == bundleBody || c.rt.code == statusCode {
		return a, err // a Bundle's entries are recorded one by one, and how far an export is says nothing of anybody
	}
	if auditErr := s.record(ctx, c, a, err); auditErr != nil && err == nil {
		a.file.close()
		return answer{}, auditErr
	}
	return a, err
}

func (s *server) attempt(ctx context.Context, c *call) (answer, error) {
	if err := c.permitted(); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.rt.within)
	defer cancel()
	return c.rt.run(s, ctx, c)
}

// permitted checks the address and the caller's right to it.
func (c *call) permitted() error {
	const op = "rest.permitted"
	switch {
	case c.rt.level < typeLevel:
		return nil
	case c.rt.level == compartmentLevel:
		return c.permittedWithin()
	}
	if !fhir.IsType(c.typ) {
		return fault.Newf(fault.NotFound, op, "There is no resource type %q in FHIR R4. Names are case-sensitive (\"Patient\").", clip(c.typ))
	}
	if !c.access.allows(c.typ, c.rt.verb) {
		return fault.Newf(fault.Forbidden, op, "You may not %s resources of type %s.", verbName(c.rt.verb), c.typ)
	}
	if c.rt.level == instanceLevel && strings.HasPrefix(c.id, "$") {
		return fault.Newf(fault.NotFound, op, "There is no operation %q of all resources of type %s. GET /fhir/metadata lists what there is.", clip(c.id), c.typ)
	}
	if c.rt.level == instanceLevel && !fhir.IsID(c.id) {
		return fault.Newf(fault.NotFound, op, "There is no %s with such an id; an id is 1 to 64 letters, digits, '-' and '.'.", c.typ)
	}
	return nil
}

// permittedWithin is permitted for a search within a compartment: what counts is the type that is searched.
func (c *call) permittedWithin() error {
	const op = "rest.permittedWithin"
	if !fhir.IsType(c.typ) || !fhir.IsID(c.id) || c.inner != "*" && !fhir.IsType(c.inner) {
		return fault.New(fault.NotFound, op, "There is nothing at this address: a compartment is searched as in Patient/123/Observation or Patient/123/*.")
	}
	if c.inner != "*" && !c.access.allows(c.inner, c.rt.verb) {
		return fault.Newf(fault.Forbidden, op, "You may not %s resources of type %s.", verbName(c.rt.verb), c.inner)
	}
	return nil
}

func verbName(v Verb) string {
	switch v {
	case Create:
		return "create"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Search:
		return "search"
	case Purge:
		return "purge"
	default:
		return "read"
	}
}

// record tells the audit trail. A read that could not be recorded is not given.
func (s *server) record(ctx context.Context, c *call, a answer, err error) error {
	if s.Audit == nil {
		return nil
	}
	switch fault.CodeOf(err) {
	case "", fault.Forbidden, fault.NotFound, fault.Gone, fault.Unknown:
	case fault.Precondition: // which tells what a condition matches
	default:
		if c.rt.code != "patch" { // what one is refused for tells what is there
			return nil // nothing was seen or changed, and nobody tried what they may not
		}
	}
	e := Event{
		Time: s.Clock().UTC(), Author: c.access.Author, Interaction: c.rt.code, Type: clip(c.typ), ID: clip(c.id),
		Query: a.query, Resources: a.shown, Count: len(a.shown), Outcome: fault.CodeOf(err),
	}
	auditErr := s.Audit(context.WithoutCancel(ctx), e)
	if auditErr == nil {
		return nil
	}
	s.Log.Error("audit trail failed", "interaction", c.rt.code, "error", auditErr)
	if c.rt.verb == Read || c.rt.verb == Search {
		return fault.Wrap(auditErr, fault.Unavailable, "rest.record", "Access to records cannot be recorded at the moment, so none is given. Try again in a minute.")
	}
	return nil
}

// clip keeps what a stranger wrote short enough to repeat.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	r := []rune(s[:most])
	return string(r[:len(r)-1]) + "…"
}

// modified is the HTTP form of a version's time.
func modified(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05") + " GMT" }
