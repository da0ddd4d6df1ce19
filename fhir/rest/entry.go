package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// mostEntries bounds a Bundle beside its size.
const mostEntries = 5_000

// entry is one entry of a batch or transaction on its way.
type entry struct {
	path    string // "Bundle.entry[3]"
	fullURL string
	c       *call
	w       *write // nil for a reading entry
	a       answer
	err     error
}

// bundle serves POST to the base: a transaction or a batch. https://hl7.org/fhir/R4/http.html#transaction
func (s *server) bundle(ctx context.Context, c *call) (answer, error) {
	if err := c.only(); err != nil {
		return answer{}, err
	}
	r, err := fhir.Parse(c.body)
	if err != nil {
		return answer{}, err
	}
	kind := r.Root.Get("type").String()
	items := r.Root.Get("entry").Items()
	switch {
	case r.Type != "Bundle":
		return answer{}, fault.Newf(fault.Invalid, "rest.bundle", "The body is a %s; only a Bundle is accepted at the base. POST a %s to /%s.", r.Type, r.Type, r.Type).At(r.Type + ".resourceType")
	case kind != "transaction" && kind != "batch":
		return answer{}, fault.New(fault.Invalid, "rest.bundle", "The type of the Bundle must be transaction or batch.").At("Bundle.type")
	case r.Root.Get("entry") != nil && r.Root.Get("entry").Kind() != fhir.Array:
		return answer{}, fault.New(fault.Invalid, "rest.bundle", "The entries of the Bundle must be an array.").At("Bundle.entry")
	case len(items) > mostEntries:
		return answer{}, fault.Newf(fault.TooLarge, "rest.bundle", "The Bundle has %d entries; %d are the most.", len(items), mostEntries).At("Bundle.entry")
	}
	named := *c.rt
	named.code = kind
	c.rt = &named
	if kind == "batch" {
		return s.batch(ctx, c, items)
	}
	a, err := s.transaction(ctx, c, items)
	if err != nil {
		return answer{}, s.denied(ctx, c, err)
	}
	return a, nil
}

// entryOf reads one entry into the call that the same request on its own would have been.
func (s *server) entryOf(parent *call, v *fhir.Value, i int) *entry {
	e := &entry{path: "Bundle.entry[" + strconv.Itoa(i) + "]", fullURL: v.Get("fullUrl").String()}
	e.c, e.err = s.callOf(parent, v)
	e.err = within(e.err, e.path)
	return e
}

// badEntry is an error in the entry's own members; member is its place below the entry.
func badEntry(code fault.Code, member, format string, args ...any) error {
	return fault.Newf(code, "rest.callOf", format, args...).At(member)
}

func (s *server) callOf(parent *call, v *fhir.Value) (*call, error) {
	request := v.Get("request")
	method, address := request.Get("method"), request.Get("url")
	switch {
	case v.Kind() != fhir.Object || request.Kind() != fhir.Object:
		return nil, badEntry(fault.Invalid, "request", "The entry has no request, which says what to do with it.")
	case method.Kind() != fhir.String || address.Kind() != fhir.String:
		return nil, badEntry(fault.Invalid, "request", "The request of the entry needs a method and a url, both strings.")
	}
	path, values, err := parent.relative(address.String())
	if err != nil {
		return nil, err
	}
	rt, vars := s.find(method.String(), path)
	if err := s.servedInBundle(rt, method.String(), path); err != nil {
		return nil, err
	}
	c := &call{rt: rt, access: parent.access, base: parent.base, values: values, prefer: parent.prefer}
	c.take(vars)
	c.ifMatch = request.Get("ifMatch").String()
	c.ifNoneMatch = request.Get("ifNoneMatch").String()
	c.ifNoneExist = request.Get("ifNoneExist").String()
	if since, err := time.Parse(time.RFC3339, request.Get("ifModifiedSince").String()); err == nil {
		c.ifModifiedSince = since
	}
	if rt.payload == noBody || rt.payload == operationBody && v.Get("resource") == nil {
		return c, nil
	}
	return c, c.nest(v.Get("resource"))
}

// nest takes the resource of an entry.
func (c *call) nest(v *fhir.Value) error {
	switch {
	case v == nil:
		return badEntry(fault.Invalid, "resource", "The entry has no resource to keep.")
	case int64(len(v.Bytes())) > c.rt.payload.limit():
		return badEntry(fault.TooLarge, "resource", "The resource is larger than %d KiB, the most that is accepted.", c.rt.payload.limit()>>10)
	}
	var err error
	c.nested, err = fhir.ResourceAt(v)
	return err
}

// servedInBundle refuses what the table does not have, in the words that a single request would get, and what cannot be inside
// a Bundle.
func (s *server) servedInBundle(rt *route, method, path string) error {
	switch {
	case rt == nil && !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}, method):
		return badEntry(fault.Invalid, "request.method", "The method %q is none of FHIR's.", clip(method))
	case rt == nil && len(s.allowed(path)) > 0:
		return badEntry(fault.Unsupported, "request.method", "The method %s is not served at this address; it has %s.", method, strings.Join(s.allowed(path), ", "))
	case rt == nil:
		return badEntry(fault.NotFound, "request.url", "There is nothing at this address.")
	case rt.level == openLevel || rt.ofBulk() || rt.payload == bundleBody || rt.payload == formBody || method == http.MethodHead || rt.verb == Purge:
		return badEntry(fault.Unsupported, "request", "This interaction cannot be an entry of a Bundle: search with GET, and send Bundles one by one.")
	}
	return nil
}

// relative reads the url of an entry: below the base, which may be written out.
func (c *call) relative(address string) (path string, values url.Values, err error) {
	address = strings.TrimPrefix(address, c.base)
	path, query, _ := strings.Cut(address, "?")
	if strings.Contains(path, "://") || strings.ContainsAny(path, "#\\") {
		return "", nil, badEntry(fault.Invalid, "request.url", "The url of an entry is an address below the base of this server, as in Patient/1.")
	}
	if path, err = url.PathUnescape(path); err == nil {
		values, err = url.ParseQuery(query)
	}
	if err != nil {
		return "", nil, badEntry(fault.Invalid, "request.url", "The url of the entry is not well formed.")
	}
	return routePath("/" + strings.TrimPrefix(path, "/")), values, nil
}

// mostAnswered bounds the resources that a Bundle's reading entries give back, in bytes.
const mostAnswered = 32 << 20

// entryRead runs a reading entry within what is left of the budget.
func (s *server) entryRead(ctx context.Context, e *entry, left *int) {
	if *left <= 0 {
		e.err = fault.New(fault.TooCostly, "rest.entryRead", "The Bundle has asked for more than fits into one answer; ask for the rest separately.").At(e.path)
		return
	}
	e.a, e.err = s.perform(ctx, e.c)
	e.err = within(e.err, e.path)
	*left -= len(e.a.body)
}

// order is the place of an entry's method in the processing of a Bundle. https://hl7.org/fhir/R4/http.html#trules
func (e *entry) order() int {
	if e.c == nil {
		return -1 // it has failed already
	}
	method := e.c.rt.method
	if method == http.MethodPatch {
		method = http.MethodPut
	}
	return slices.Index([]string{http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodGet}, method)
}

func inOrder(entries []*entry) []*entry {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b *entry) int { return a.order() - b.order() })
	return sorted
}

// answers writes the response Bundle, in the order of the request.
func answers(kind, base string, entries []*entry) answer {
	size := 0
	for _, e := range entries {
		size += len(e.a.body) + 200
	}
	b := beginBundle(kind, -1, nil, size)
	for _, e := range entries {
		if e.err != nil {
			b.refused(e.err)
		} else {
			b.answered(base, e.c, e.a)
		}
	}
	return answer{status: http.StatusOK, body: b.end()}
}

// firstError is that of the first entry, in the order of the Bundle, that has one.
func firstError(entries []*entry) error {
	for _, e := range entries {
		if e.err != nil {
			return e.err
		}
	}
	return nil
}
