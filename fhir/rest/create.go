package rest

import (
	"context"

	"khamxa/fhir"
	"khamxa/fhir/store"
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
	if err := s.commit(ctx, c.access, &unit{writes: []*write{w}}); err != nil {
		return answer{}, err
	}
	return w.answer(), nil
}

func (s *server) planCreate(c *call) (*write, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	r, err := s.resource(c)
	if err != nil {
		return nil, err
	}
	w := &write{c: c, source: r, assigned: true}
	if w.cond, err = c.ifNoneExists(); err != nil {
		return nil, err
	}
	w.change = store.Change{Method: store.Put, Type: c.typ, ID: fhir.NewID(s.Clock()), IfAbsent: true}
	return w, nil
}
