package rest

import (
	"context"
	"slices"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// update keeps a new version of a resource, or its first one under the id that the caller chose. If-Match names the version
// that must be current; If-None-Match: * demands that there is none. What says the same as the current version makes no new
// one, and is answered with that. https://hl7.org/fhir/R4/http.html#update
//
// Without an id in the address it is a conditional update: the parameters find the resource (conditional.go).
// https://hl7.org/fhir/R4/http.html#cond-update
func (s *server) update(ctx context.Context, c *call) (answer, error) {
	w, err := s.planUpdate(c)
	if err != nil {
		return answer{}, err
	}
	return s.commitOne(ctx, c, w)
}

func (s *server) planUpdate(c *call) (*write, error) {
	const op = "rest.planUpdate"
	w := &write{c: c, change: store.Change{Method: store.Put, Type: c.typ, ID: c.id, IfChanged: true}}
	var err error
	if c.id == "" {
		w.cond, err = c.addressed()
	} else {
		err = c.only()
	}
	if err != nil {
		return nil, err
	}
	if w.source, err = s.resource(c); err != nil {
		return nil, err
	}
	w.sent = w.source.ID
	switch {
	case w.cond != nil:
		w.assigned, w.chosen = true, fhir.NewID(s.Clock())
	case w.sent == "":
		return nil, fault.Newf(fault.Invalid, op, "The body has no id; it must have the one of the address, %q.", c.id).At(c.typ + ".id")
	case w.sent != c.id:
		return nil, fault.Newf(fault.Invalid, op, "The id in the body, %q, is not the one of the address, %q.", w.sent, c.id).At(c.typ + ".id")
	}
	if err := w.demand(c.ifMatch); err != nil {
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
