package rest

import (
	"context"
	"strconv"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// delete marks a resource as deleted; its history stays. It is idempotent: what is not there, or out of the caller's reach,
// is answered like what has just been deleted. https://hl7.org/fhir/R4/http.html#delete
//
// Without an id in the address it is a conditional delete: the parameters find the resource. More than one match is refused,
// unless _count says how many may be deleted; then all of them are, in one commit, or none.
// https://hl7.org/fhir/R4/http.html#3.1.0.7.1
func (s *server) delete(ctx context.Context, c *call) (answer, error) {
	w, err := s.planDelete(c)
	if err != nil {
		return answer{}, err
	}
	return s.commitOne(ctx, c, w)
}

func (s *server) planDelete(c *call) (*write, error) {
	w := &write{c: c, change: store.Change{Method: store.Delete, Type: c.typ, ID: c.id}}
	if err := w.demand(c.ifMatch); err != nil {
		return nil, err
	}
	if c.id != "" {
		return w, c.only()
	}
	var err error
	if w.cond, err = c.addressed(); err != nil {
		return nil, err
	}
	w.cond.undo = "deleted"
	if w.cond.most, err = c.deletes(); err != nil {
		return nil, err
	}
	if w.cond.most > 1 && c.ifMatch != "" {
		return nil, fault.New(fault.Invalid, "rest.planDelete", "If-Match names the version of one resource, and _count allows the deletion of several.").At("If-Match")
	}
	return w, nil
}

// deletes reads how many resources a conditional delete may delete: one, or as many as _count says.
func (c *call) deletes() (int, error) {
	if !c.values.Has("_count") {
		return 1, nil
	}
	n, err := strconv.Atoi(c.values.Get("_count"))
	if err != nil || n < 1 || n > mostDeleted {
		return 0, fault.Newf(fault.Invalid, "rest.deletes", "_count says how many resources may be deleted at once: a whole number from 1 to %d.", mostDeleted).At("_count")
	}
	return n, nil
}
