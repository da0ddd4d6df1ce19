package rest

import (
	"context"

	"khamxa/fhir/store"
)

// delete marks a resource as deleted; its history stays. It is idempotent: what is not there, or out of the caller's reach,
// is answered like what has just been deleted. https://hl7.org/fhir/R4/http.html#delete
func (s *server) delete(ctx context.Context, c *call) (answer, error) {
	w, err := s.planDelete(c)
	if err != nil {
		return answer{}, err
	}
	return s.commitOne(ctx, c, w)
}

func (s *server) planDelete(c *call) (*write, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	w := &write{c: c, change: store.Change{Method: store.Delete, Type: c.typ, ID: c.id}}
	var err error
	w.change.IfMatch, err = matchVersion(c.ifMatch)
	return w, err
}
