package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// read gives the current version. https://hl7.org/fhir/R4/http.html#read
func (s *server) read(ctx context.Context, c *call) (answer, error) {
	form, err := c.form()
	if err != nil {
		return answer{}, err
	}
	v, err := s.current(ctx, c.access, c.typ, c.id)
	if err != nil {
		return answer{}, err
	}
	return c.shows(v, form)
}

// shows is the answer that has one version as its body, or says that the caller has it already (http.html#cread). Of both headers
// If-None-Match decides (RFC 9110, 13.2.2). If-Modified-Since is a whole second.
func (c *call) shows(v store.Version, form *search.Query) (answer, error) {
	v, err := shaped(form, v, true)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusOK, version: &v, body: v.Body, shown: []string{v.Type + "/" + v.ID}}
	has := !c.ifModifiedSince.IsZero() && !v.Updated.Truncate(time.Second).After(c.ifModifiedSince)
	if have := tags(c.ifNoneMatch); len(have) > 0 {
		has = slices.Contains(have, v.VersionID) || slices.Contains(have, "*")
	}
	if has {
		a.status, a.body = http.StatusNotModified, nil
	}
	return a, nil
}

// form is what a read asks for of the resource: _summary (not count, there is one) or _elements, as a search does.
func (c *call) form() (*search.Query, error) {
	if err := c.only("_summary", "_elements"); err != nil {
		return nil, err
	}
	asked := url.Values{}
	for _, name := range []string{"_summary", "_elements"} {
		if c.values.Has(name) {
			asked[name] = c.values[name]
		}
	}
	q, err := search.Parse(c.typ, asked)
	if err == nil && q.Summary == search.SummaryCount {
		return nil, fault.New(fault.Invalid, "rest.form", "_summary=count is for searches; of one resource it may be true, text, data or false.").At("_summary")
	}
	return q, err
}

// current gives the current version if the caller may see it. Gone is told only to those who might have seen what was
// deleted; what is out of reach is NotFound in the same words as what never was.
func (s *server) current(ctx context.Context, access Access, typ, id string) (store.Version, error) {
	v, err := s.Store.Read(ctx, typ, id)
	switch {
	case err == nil && store.Visible(access.Within, v.Holder):
		return v, nil
	case err == nil || fault.Is(err, fault.NotFound):
		return store.Version{}, noSuch(typ)
	case !fault.Is(err, fault.Gone):
		return store.Version{}, err
	}
	seen, lookErr := s.sawDeleted(ctx, access, typ, id)
	if lookErr != nil {
		return store.Version{}, lookErr
	}
	if !seen {
		return store.Version{}, noSuch(typ)
	}
	return store.Version{}, fault.Newf(fault.Gone, "rest.current", "This %s has been deleted. Its history is at _history.", typ)
}

// sawDeleted reports whether the caller could see a resource when it was deleted.
func (s *server) sawDeleted(ctx context.Context, access Access, typ, id string) (bool, error) {
	if access.Within == nil {
		return true, nil
	}
	last, err := s.Store.History(ctx, store.HistoryRequest{Type: typ, ID: id, Count: 2})
	if err != nil {
		return false, err
	}
	for _, v := range last {
		if !store.Visible(access.Within, v.Holder) {
			return false, nil
		}
	}
	return true, nil
}

func noSuch(typ string) error {
	return fault.Newf(fault.NotFound, "rest.current", "There is no %s with this id, or none that you may see.", typ)
}

// only refuses parameters that the interaction does not know, but for those that every interaction has.
func (c *call) only(known ...string) error {
	for name := range c.values {
		if !slices.Contains(everywhere(), name) && !slices.Contains(known, name) {
			if len(known) == 0 {
				return fault.Newf(fault.Invalid, "rest.only", "The parameter %q is not known here: %s takes none.", clip(name), c.rt.code).At(clip(name))
			}
			return fault.Newf(fault.Invalid, "rest.only", "The parameter %q is not known here; known are %s.", clip(name), sentenceList(known)).At(clip(name))
		}
	}
	return nil
}

// everywhere lists the parameters of the form of the answer. https://hl7.org/fhir/R4/http.html#parameters
func everywhere() []string { return []string{"_format", "_pretty"} }
