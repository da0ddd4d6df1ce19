package rest

import (
	"context"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// historyMany lists the versions of all resources of a type, or of all types that the caller may search, newest first: the log
// backwards, as far as the caller may see it. Pages are not moved by what is written meanwhile. _at is served for one
// resource only: what was current long ago may have been written any time before, so it would have to look at everything.
// https://hl7.org/fhir/R4/http.html#history
func (s *server) historyMany(ctx context.Context, c *call) (answer, error) {
	if c.values.Has("_at") {
		return answer{}, fault.New(fault.Unsupported, "rest.historyMany", "_at is served in the history of one resource; for many use _since.").At("_at")
	}
	asked, p, err := s.historyQuestion(c, "_count", "_since", "_sort")
	if err != nil {
		return answer{}, err
	}
	span, err := historyRange(asked)
	if err != nil {
		return answer{}, err
	}
	types := []string{c.typ}
	if c.typ == "" {
		if types, err = c.searchable(); err != nil {
			return answer{}, err
		}
	}
	page, err := s.Store.Journal(ctx, store.JournalRequest{Types: types, Within: c.access.Within, Since: span.since, Count: span.most, Cursor: p.Cursor})
	if err != nil {
		return answer{}, tooSlow(err)
	}
	next := ""
	if page.Next != "" {
		if next, err = s.pages.seal(place{Kind: c.rt.code, Type: c.typ, Query: asked.Encode(), Cursor: page.Next}, c.access.Author); err != nil {
			return answer{}, err
		}
	}
	versions, err := s.visibleVersions(ctx, c.access, page.Versions)
	if err != nil {
		return answer{}, err
	}
	return c.historyPage(asked.Encode(), versions, next, p.Cursor == ""), nil
}

// searchable lists the types that the caller may search; nil for all of them.
func (c *call) searchable() ([]string, error) {
	all := fhir.Types()
	var types []string
	for _, typ := range all {
		if c.access.allows(typ, Search) {
			types = append(types, typ)
		}
	}
	switch len(types) {
	case 0:
		return nil, fault.New(fault.Forbidden, "rest.searchable", "You may not search resources of any type.")
	case len(all):
		return nil, nil
	}
	return types, nil
}
