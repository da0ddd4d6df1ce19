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
	receipt, err := s.commit(ctx, c.access, ws, func() error { return s.rewire(sorted, links) })
	if err != nil {
		return answer{}, err
	}
	left := mostAnswered
	for _, e := range sorted {
		if e.w == nil {
			s.entryRead(ctx, e, &left)
			continue
		}
		e.a = e.w.answerTo(receipt)
		_ = s.record(ctx, e.c, e.a, nil) // it is in the log, with its author, whatever the audit trail says
	}
	return answers("transaction-response", c.base, entries), nil
}

// plan makes the writes and refuses two of the same resource.
func (s *server) plan(sorted []*entry) ([]*write, error) {
	var ws []*write
	seen := map[string]bool{}
	for _, e := range sorted {
		var err error
		switch e.c.rt.verb {
		case Create:
			e.w, err = s.planCreate(e.c)
		case Update:
			e.w, err = s.planUpdate(e.c)
		case Delete:
			e.w, err = s.planDelete(e.c)
		default:
			continue
		}
		if err != nil {
			return nil, within(err, e.path)
		}
		e.w.path = e.path
		target := e.w.change.Type + "/" + e.w.change.ID
		if seen[target] {
			return nil, fault.New(fault.Invalid, "rest.plan", "Another entry of the transaction writes the same resource; each may appear once.").At(e.path + ".request.url")
		}
		seen[target] = true
		ws = append(ws, e.w)
	}
	return ws, nil
}

// foresee finds out, before anything is written, whether a reading entry can be answered afterwards.
func (s *server) foresee(ctx context.Context, e *entry, ws []*write) error {
	if e.c.rt.verb == Search {
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

// rewire points the references between entries to the ids that the resources are kept under. It starts from the resources as
// they were sent, so it can run again.
func (s *server) rewire(sorted []*entry, links map[string]*entry) error {
	for _, e := range sorted {
		if e.w == nil || e.w.resource == nil || e.w.existing != nil {
			continue
		}
		var bad error
		raw := fhir.RewriteReferences(e.c.nested, func(reference string) (string, bool) {
			target, err := e.resolve(reference, links)
			if err != nil && bad == nil {
				bad = err
			}
			return target, target != "" && target != reference
		})
		if bad != nil {
			return within(bad, e.path+".resource")
		}
		r, err := fhir.Parse(raw)
		if err != nil {
			return within(err, e.path)
		}
		e.w.resource = r
		e.w.change.Body = r.Raw
		if e.c.rt.verb == Create {
			s.stamp(e.w)
		}
	}
	return nil
}

// resolve gives what a reference is to become, "" to leave it. https://hl7.org/fhir/R4/bundle.html#references
func (e *entry) resolve(reference string, links map[string]*entry) (string, error) {
	target := links[reference]
	if target == nil {
		ref := fhir.ParseReference(reference)
		switch {
		case ref.Kind == fhir.Local: // relative to the entry's own address, when that is one
			if base := fhir.ParseReference(e.fullURL).Base; base != "" {
				target = links[base+ref.Type+"/"+ref.ID]
			}
		case strings.HasPrefix(reference, "urn:uuid:"):
			return "", fault.Newf(fault.Invalid, "rest.resolve", "The reference %q names no entry of this Bundle that is written.", clip(reference))
		case ref.Kind == fhir.NoReference && strings.Contains(reference, "?"):
			return "", fault.New(fault.Unsupported, "rest.resolve", "References by search (Patient?identifier=...) are not served: name the resource, or send it as an entry.")
		}
	}
	switch {
	case target == nil:
		return "", nil
	case target.w.change.Method == store.Delete:
		return "", fault.New(fault.Invalid, "rest.resolve", "The reference names an entry that is deleted by this transaction.")
	case target.w.existing != nil:
		return target.w.existing.Type + "/" + target.w.existing.ID, nil
	}
	return target.w.change.Type + "/" + target.w.change.ID, nil
}
