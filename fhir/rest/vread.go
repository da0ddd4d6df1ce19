package rest

import (
	"context"
	"strconv"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// vread gives one version. https://hl7.org/fhir/R4/http.html#vread
func (s *server) vread(ctx context.Context, c *call) (answer, error) {
	if err := c.only(); err != nil {
		return answer{}, err
	}
	if n, err := strconv.Atoi(c.version); err != nil || n < 1 || strconv.Itoa(n) != c.version {
		return answer{}, noVersion(c.typ)
	}
	if err := s.known(ctx, c); err != nil {
		return answer{}, err
	}
	v, err := s.Store.ReadVersion(ctx, c.typ, c.id, c.version)
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && !store.Visible(c.access.Within, v.Holder):
		return answer{}, noVersion(c.typ)
	case err != nil:
		return answer{}, err
	case v.Deleted:
		return answer{}, fault.Newf(fault.Gone, "rest.vread", "This version of the %s is its deletion.", c.typ)
	}
	return c.shows(v), nil
}

// known checks that the caller may see the resource as it is now, or could when it was deleted: older versions are shown to
// nobody else.
func (s *server) known(ctx context.Context, c *call) error {
	if c.access.Within == nil {
		return nil
	}
	if _, err := s.current(ctx, c.access, c.typ, c.id); err != nil && !fault.Is(err, fault.Gone) {
		return err
	}
	return nil
}

func noVersion(typ string) error {
	return fault.Newf(fault.NotFound, "rest.vread", "There is no such version of a %s with this id, or none that you may see.", typ)
}
