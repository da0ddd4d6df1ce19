package rest

import (
	"context"
	"net/http"

	"khamxa/internal/fault"
)

// Loader does transaction Bundles without HTTP, as POST to the base does them: for imports (fhir/bulk), which leave to it what asks for
// more than putting resources under known ids. What the Options of its making say of the audit trail holds.
type Loader struct {
	s      *server
	access Access
}

// NewLoader makes a loader that may do what access says. Of the options Store and Log are required; Authorize is not used. Errors are
// fault.Invalid for options that cannot be used.
func NewLoader(o Options, access Access) (*Loader, error) {
	o.Authorize = func(*http.Request) (Access, error) { return access, nil }
	h, err := New(o)
	if err != nil {
		return nil, err
	}
	s, ok := h.(*server)
	if !ok || access.Author == "" {
		return nil, fault.New(fault.Invalid, "rest.NewLoader", "A loader needs somebody who is responsible.")
	}
	return &Loader{s: s, access: access}, nil
}

// Transaction writes the Bundle, which must be a transaction, all or nothing. The errors are those of the interaction, with the place of
// the entry in the Bundle.
func (l *Loader) Transaction(ctx context.Context, bundle []byte) error {
	rt, _ := l.s.find(http.MethodPost, "/")
	ctx, cancel := context.WithTimeout(ctx, rt.within)
	defer cancel()
	c := &call{rt: rt, access: l.access, base: l.s.BaseURL, body: bundle, prefer: preference{minimal: true}}
	_, err := l.s.bundle(ctx, c)
	return err
}
