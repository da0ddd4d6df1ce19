package rest

import (
	"context"
	"net/url"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// create keeps a new resource under an id of the server's; an id in the body is ignored. With If-None-Exist it keeps nothing
// when the caller can see a match. https://hl7.org/fhir/R4/http.html#create, #ccreate
func (s *server) create(ctx context.Context, c *call) (answer, error) {
	w, err := s.planCreate(c)
	if err != nil {
		return answer{}, err
	}
	return s.commitOne(ctx, c, w)
}

// commitOne commits a single write and answers it.
func (s *server) commitOne(ctx context.Context, c *call, w *write) (answer, error) {
	receipt, err := s.commit(ctx, c.access, []*write{w}, nil)
	if err != nil {
		return answer{}, err
	}
	return w.answerTo(receipt), nil
}

func (s *server) planCreate(c *call) (*write, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	r, err := c.resource()
	if err != nil {
		return nil, err
	}
	w := &write{c: c, resource: r}
	if w.absent, err = c.criteria(); err != nil {
		return nil, err
	}
	w.change = store.Change{Method: store.Put, Type: c.typ, ID: fhir.NewID(s.Clock()), IfAbsent: true}
	s.stamp(w)
	return w, nil
}

// stamp gives a new resource its id. The store sets version and time, so those here are only a place for them.
func (s *server) stamp(w *write) {
	w.change.Body = w.resource.Stamp(w.change.ID, "1", s.Clock())
}

// criteria reads If-None-Exist, nil if there is none.
func (c *call) criteria() (*search.Query, error) {
	if c.ifNoneExist == "" {
		return nil, nil
	}
	if !c.access.allows(c.typ, Search) {
		return nil, fault.Newf(fault.Forbidden, "rest.criteria", "If-None-Exist asks what is there, and you may not search resources of type %s.", c.typ).At("If-None-Exist")
	}
	written := strings.TrimPrefix(strings.TrimPrefix(c.ifNoneExist, c.typ), "?")
	values, err := url.ParseQuery(written)
	if err != nil || len(values) == 0 {
		return nil, fault.New(fault.Invalid, "rest.criteria", "If-None-Exist must hold search parameters, as in identifier=system|value.").At("If-None-Exist")
	}
	for _, control := range []string{"_count", "_sort", "_include", "_revinclude", "_total"} {
		if values.Has(control) {
			return nil, fault.Newf(fault.Invalid, "rest.criteria", "If-None-Exist takes no %s: it asks only whether there is a match.", control).At("If-None-Exist")
		}
	}
	c.relateValues(values)
	values.Set("_count", "2") // two are enough to know that it is not one
	q, err := search.Parse(c.typ, values)
	if err == nil && q.NeedsTerms() {
		return nil, fault.New(fault.Unsupported, "rest.criteria", "If-None-Exist takes no modifier that needs a terminology (:in, :not-in, :below, :above of a code).").At("If-None-Exist")
	}
	return q, err
}

// lookFor finds what a conditional create would repeat, among what the caller may see.
func (s *server) lookFor(ctx context.Context, access Access, w *write) error {
	w.existing = nil
	page, err := s.Store.Search(ctx, store.SearchRequest{Query: w.absent, Within: access.Within})
	if err != nil {
		return err
	}
	switch {
	case len(page.Matches) > 1:
		return manyMatch(w)
	case page.Next != "": // with room for one more: the search was cut short, and whether there is another is not known
		return fault.New(fault.TooCostly, "rest.lookFor", "If-None-Exist would look at too many resources; nothing was created. Use a condition that names a business identifier.").At(w.path)
	case len(page.Matches) == 1:
		w.existing = &page.Matches[0]
	}
	return nil
}

func manyMatch(w *write) error {
	return fault.New(fault.Precondition, "rest.create", "More than one resource matches If-None-Exist; nothing was created. Make the condition narrower.").At(w.path)
}

// matched deals with a match that the store found at the point of the commit. One that the caller may see is found again by
// lookFor, so the write is tried again. One that the caller may not see counts as none: to answer anything but "created"
// would tell that it is there.
func (s *server) matched(access Access, ws []*write, m *store.Matched) (retry bool, err error) {
	index := 0
	for _, w := range ws {
		if w.absent == nil || w.moot() {
			continue
		}
		if index == m.Index {
			if !store.Visible(access.Within, m.Version.Holder) {
				w.absent = nil
			}
			return true, nil
		}
		index++
	}
	return false, nil
}
