package rest

import (
	"context"
	"slices"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// update keeps a new version of a resource, or its first one under the id that the caller chose. If-Match names the version
// that must be current; If-None-Match: * demands that there is none. https://hl7.org/fhir/R4/http.html#update
func (s *server) update(ctx context.Context, c *call) (answer, error) {
	w, err := s.planUpdate(c)
	if err != nil {
		return answer{}, err
	}
	return s.commitOne(ctx, c, w)
}

func (s *server) planUpdate(c *call) (*write, error) {
	const op = "rest.planUpdate"
	if err := c.only(); err != nil {
		return nil, err
	}
	r, err := c.resource()
	switch {
	case err != nil:
		return nil, err
	case r.ID == "":
		return nil, fault.Newf(fault.Invalid, op, "The body has no id; it must have the one of the address, %q.", c.id).At(c.typ + ".id")
	case r.ID != c.id:
		return nil, fault.Newf(fault.Invalid, op, "The id in the body, %q, is not the one of the address, %q.", r.ID, c.id).At(c.typ + ".id")
	}
	w := &write{c: c, resource: r, change: store.Change{Method: store.Put, Type: c.typ, ID: c.id, Body: r.Raw}}
	if w.change.IfMatch, err = matchVersion(c.ifMatch); err != nil {
		return nil, err
	}
	if none := tags(c.ifNoneMatch); len(none) > 0 {
		if !slices.Equal(none, []string{"*"}) {
			return nil, fault.New(fault.Invalid, op, "On an update, If-None-Match takes only *, for a resource that must not exist yet.").At("If-None-Match")
		}
		w.change.IfAbsent = true
	}
	return w, nil
}
