package rest

import (
	"context"
	"strconv"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// vread gives one version. https://hl7.org/fhir/R4/http.html#vread
func (s *server) vread(ctx context.Context, c *call) (answer, error) {
	form, err := c.form()
	if err != nil {
		return answer{}, err
	}
	if n, err := strconv.Atoi(c.version); err != nil || n < 1 || strconv.Itoa(n) != c.version {
		return answer{}, noVersion(c.typ)
	}
	if err := s.known(ctx, c); err != nil {
		return answer{}, err
	}
	v, err := s.Store.ReadVersion(ctx, c.typ, c.id, c.version)
	if fault.Is(err, fault.NotFound) {
		return answer{}, noVersion(c.typ)
	}
	if err != nil {
		return answer{}, err
	}
	seen, err := s.visibleVersions(ctx, c.access, []store.Version{v})
	switch {
	case err != nil:
		return answer{}, err
	case len(seen) == 0:
		return answer{}, noVersion(c.typ)
	case v.Deleted:
		return answer{}, fault.Newf(fault.Gone, "rest.vread", "This version of the %s is its deletion.", c.typ)
	case v.Body == nil:
		return answer{}, fault.Newf(fault.Gone, "rest.vread", "The content of this version of the %s has been erased.", c.typ)
	}
	return c.shows(v, form)
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

// visibleVersions leaves out the versions from the time when a resource was in the record of a patient whom the caller may not
// see. The versions of a patient go with the patient: the station that holds the record now sees how it came to be.
func (s *server) visibleVersions(ctx context.Context, access Access, versions []store.Version) ([]store.Version, error) {
	if access.Within == nil {
		return versions, nil
	}
	sees := map[string]bool{}
	var seen []store.Version
	for _, v := range versions {
		ids, err := patientsOf(&v)
		if err != nil {
			return nil, err
		}
		visible := len(ids) == 0 || v.Type == "Patient"
		for _, id := range ids {
			if _, asked := sees[id]; !asked {
				_, err := s.current(ctx, access, "Patient", id)
				if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Gone) {
					return nil, err
				}
				sees[id] = !fault.Is(err, fault.NotFound) // a patient who was deleted was seen before
			}
			visible = visible || sees[id]
		}
		if visible {
			seen = append(seen, v)
		}
	}
	return seen, nil
}

func noVersion(typ string) error {
	return fault.Newf(fault.NotFound, "rest.vread", "There is no such version of a %s with this id, or none that you may see.", typ)
}
