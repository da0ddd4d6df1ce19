package rest

import (
	"context"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// batch does each entry on its own: one that fails changes nothing for the others. Each goes through perform, like a request
// of its own. https://hl7.org/fhir/R4/http.html#brules
func (s *server) batch(ctx context.Context, c *call, items []*fhir.Value) (answer, error) {
	entries := make([]*entry, len(items))
	known := map[string]bool{}
	for i, v := range items {
		entries[i] = s.entryOf(c, v, i)
		known[entries[i].fullURL] = true
	}
	left := mostAnswered
	for _, e := range inOrder(entries) {
		if e.err == nil {
			e.err = independent(e, known)
		}
		if e.err == nil {
			s.entryRead(ctx, e, &left)
		}
	}
	return answers("batch-response", c.base, entries), nil
}

// independent refuses an entry that points to another one: in a batch nobody would give the reference its meaning, and it
// would be stored dangling.
func independent(e *entry, known map[string]bool) error {
	if e.c.nested == nil {
		return nil
	}
	var err error
	fhir.RewriteReferences(e.c.nested, func(reference string) (string, bool) {
		if strings.HasPrefix(reference, "urn:") && known[reference] {
			err = fault.New(fault.Invalid, "rest.batch", "The entry refers to another entry of the batch; send both as a transaction.").At(e.path + ".resource")
		}
		return "", false
	})
	return err
}
