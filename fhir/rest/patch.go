package rest

import (
	"context"

	"khamxa/fhir"
)

// patching is what a patch does to a resource.
type patching struct {
	apply func(r *fhir.Resource) (*fhir.Resource, error)
}

func (w *write) patchFound() error { return nil }

func (s *server) patched(ctx context.Context, access Access, w *write) error { return nil }

func (s *server) planPatch(c *call) (*write, error) { return nil, nil }
