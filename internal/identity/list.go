package identity

import (
	"context"
	"encoding/json"

	"khamxa/internal/fault"
)

// listPage is how many records one read takes.
const listPage = 500

// list reads every record under a prefix.
func list[T any](ctx context.Context, s *Service, prefix string) ([]T, error) {
	var all []T
	after := ""
	for {
		page, err := s.records.List(ctx, prefix, after, listPage)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			var v T
			if err := json.Unmarshal(rec.Value, &v); err != nil {
				return nil, fault.Wrap(err, fault.Internal, "identity.list", "A stored record cannot be read.")
			}
			all = append(all, v)
			after = rec.Key
		}
		if len(page) < listPage {
			return all, nil
		}
	}
}
