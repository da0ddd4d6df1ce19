package registry

import (
	"context"
	"slices"
	"strings"

	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// People reads many patients at once, by id. Those that do not exist or that the actor may not see are left out, which a list of
// people says beside the row: somebody who has moved on is still behind the number of an earlier month.
func (s *Service) People(ctx context.Context, who Actor, ids []string) (map[string]Patient, error) {
	out := make(map[string]Patient, len(ids))
	for _, id := range ids {
		p, err := s.patient(ctx, who, id)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return nil, err
		default:
			out[id] = p
		}
	}
	return out, nil
}

// Similar gives people whom the actor may see and who may be the person of the form: the same citizen's number, or the same name in any
// spelling together with the same year of birth or the same telephone number. None for a form that RegisterPatient would refuse.
func (s *Service) Similar(ctx context.Context, who Actor, form PatientForm) ([]Patient, error) {
	p, problems, _ := checkPatient(form, s.clock())
	if len(problems) > 0 {
		return nil, nil
	}
	var out []Patient
	if p.cccd != "" {
		same, err := s.FindPatients(ctx, who, Find{Text: p.cccd})
		if err != nil {
			return nil, err
		}
		out = append(out, same.List...)
	}
	named, err := s.FindPatients(ctx, who, Find{Text: p.Name, Count: search.MaxCount})
	if err != nil {
		return nil, err
	}
	for _, other := range named.List {
		known := slices.ContainsFunc(out, func(o Patient) bool { return o.ID == other.ID })
		year := len(other.Birth) >= 4 && other.Birth[:4] == p.Birth[:4]
		phone := p.phone != "" && other.Phone == p.phone
		if !known && (year || phone) && sameName(other.Name, p.Name) {
			out = append(out, other)
		}
	}
	return out, nil
}

// sameName compares names without case, marks and double spaces.
func sameName(a, b string) bool {
	return search.Fold(strings.Join(strings.Fields(a), " ")) == search.Fold(strings.Join(strings.Fields(b), " "))
}

// Confirmed reports whether the pressures of the chart are enough for Measured: raised on two different days, or grade 3 once.
func (c Chart) Confirmed() bool { return confirmed(c.Pressures) }
