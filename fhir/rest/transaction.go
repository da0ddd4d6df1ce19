package rest

import (
	"context"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// transaction does all entries or none: its writes are one commit of the log. Deletions go before creates, these before
// updates, and what is read is read afterwards; reads are checked beforehand, so that one that must fail fails everything.
// https://hl7.org/fhir/R4/http.html#trules
func (s *server) transaction(ctx context.Context, c *call, items []*fhir.Value) (answer, error) {
	entries := make([]*entry, len(items))
	for i, v := range items {
		entries[i] = s.entryOf(c, v, i)
		if entries[i].err == nil {
			entries[i].err = within(entries[i].c.permitted(), entries[i].path)
		}
	}
	if err := firstError(entries); err != nil {
		return answer{}, err
	}
	sorted := inOrder(entries)
	ws, err := s.plan(sorted)
	if err != nil {
		return answer{}, err
	}
	for _, e := range sorted {
		if e.w == nil {
			if err := s.foresee(ctx, e, ws); err != nil {
				return answer{}, within(err, e.path)
			}
		}
	}
	links, err := fullURLs(entries)
	if err != nil {
		return answer{}, err
	}
	if err := s.commit(ctx, c.access, &unit{writes: ws, entries: sorted, links: links}); err != nil {
		return answer{}, err
	}
	left := mostAnswered
	for _, e := range sorted {
		if e.w == nil {
			s.entryRead(ctx, e, &left)
			continue
		}
		e.a = e.w.answer()
		_ = s.record(ctx, e.c, e.a, nil) // it is in the log, with its author, whatever the audit trail says
	}
	return answers("transaction-response", c.base, entries), nil
}

// plan makes the writes.
func (s *server) plan(sorted []*entry) ([]*write, error) {
	var ws []*write
	for _, e := range sorted {
		var err error
		switch e.c.rt.code {
		case "create":
			e.w, err = s.planCreate(e.c)
		case "update":
			e.w, err = s.planUpdate(e.c)
		case "patch":
			e.w, err = s.planPatch(e.c)
		case "delete":
			e.w, err = s.planDelete(e.c)
		default:
			continue
		}
		if err != nil {
			return nil, within(err, e.path)
		}
		e.w.entry, e.w.path = e, e.path
		ws = append(ws, e.w)
	}
	return ws, nil
}

// foresee finds out, before anything is written, whether a reading entry can be answered afterwards.
func (s *server) foresee(ctx context.Context, e *entry, ws []*write) error {
	if strings.HasPrefix(e.c.rt.code, "search") {
		_, _, _, err := s.question(e.c)
		return err
	}
	i := slices.IndexFunc(ws, func(w *write) bool { return w.change.Type == e.c.typ && w.change.ID == e.c.id })
	switch {
	case i >= 0 && ws[i].change.Method == store.Delete && e.c.rt.code == "read":
		return fault.Newf(fault.Gone, "rest.foresee", "The transaction deletes the %s that this entry reads.", e.c.typ)
	case i >= 0:
		return nil
	}
	_, err := s.attempt(ctx, e.c)
	return err
}

// fullURLs maps the fullUrl of each writing entry to the entry. Two entries with one fullUrl would leave references open to
// two readings.
func fullURLs(entries []*entry) (map[string]*entry, error) {
	links := map[string]*entry{}
	for _, e := range entries {
		if e.fullURL == "" || e.w == nil {
			continue
		}
		if links[e.fullURL] != nil {
			return nil, fault.New(fault.Invalid, "rest.fullURLs", "Another entry has the same fullUrl.").At(e.path + ".fullUrl")
		}
		links[e.fullURL] = e
	}
	return links, nil
}
