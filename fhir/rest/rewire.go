package rest

import (
	"bytes"
	"errors"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// rewire makes what is kept of what was sent: references between the entries of a transaction and references by search point to
// the ids that the resources are kept under, and a new resource has its id. It starts from the resources as they were sent, so
// it can run again.
func (s *server) rewire(u *unit) error {
	for _, w := range u.writes {
		if w.source == nil || w.existing != nil {
			continue
		}
		r := w.source
		if w.entry != nil {
			var err error
			if r, err = s.rewireEntry(u, w.entry); err != nil {
				return within(err, w.path)
			}
		}
		w.resource = r
		w.change.Body = r.Raw
		if w.assigned { // the store sets version and time, so those here are only a place for them
			w.change.Body = r.Stamp(w.change.ID, "1", s.Clock())
		}
	}
	return nil
}

func (s *server) rewireEntry(u *unit, e *entry) (*fhir.Resource, error) {
	var bad error
	source := e.w.source
	if e.w.patch == nil {
		source = e.c.nested // references between entries may be written with the address of this interface
	}
	raw := fhir.RewriteReferences(source, func(reference string) (string, bool) {
		to, err := e.resolve(reference, u)
		var f *fault.Error
		if bad == nil && errors.As(err, &f) {
			bad = f.At(placeOf(source, reference))
		}
		return to, to != "" && to != reference
	})
	if bad != nil {
		return nil, bad
	}
	raw = s.rewireLinks(raw, e, u.links)
	if bytes.Equal(raw, e.w.source.Raw) {
		return e.w.source, nil
	}
	return fhir.Parse(raw)
}

// rewireLinks points to the ids as well what is no literal reference and names an entry all the same: elements of the types uri, url, uuid
// and oid, and links in the narrative. The resource's own canonical url is left: it is its name.
func (s *server) rewireLinks(raw []byte, e *entry, links map[string]*entry) []byte {
	own := e.w.source.Root.Get("url").String()
	return fhir.RewriteAddresses(raw, func(urn string) (string, bool) {
		target := links[urn]
		if target == nil || own == urn {
			return "", false
		}
		return target.reference(), true
	})
}

// reference is what a written entry is kept under.
func (e *entry) reference() string {
	if v := e.w.existing; v != nil {
		return v.Type + "/" + v.ID
	}
	return e.w.change.Type + "/" + e.w.change.ID
}

// resolve gives what a reference is to become, "" to leave it. https://hl7.org/fhir/R4/bundle.html#references
func (e *entry) resolve(reference string, u *unit) (string, error) {
	if t := u.targets[reference]; t != nil {
		return t.to, nil
	}
	target := u.links[reference]
	if target == nil {
		ref := fhir.ParseReference(reference)
		switch {
		case ref.Kind == fhir.Local: // relative to the entry's own address, when that is one
			if base := fhir.ParseReference(e.fullURL).Base; base != "" {
				target = u.links[base+ref.Type+"/"+ref.ID]
			}
		case strings.HasPrefix(reference, "urn:uuid:"):
			return "", fault.Newf(fault.Invalid, "rest.resolve", "The reference %q names no entry of this Bundle that is written.", clip(reference))
		}
	}
	switch {
	case target == nil:
		relative, _ := e.c.own(reference)
		return relative, nil
	case target.w.change.Method == store.Delete:
		return "", fault.New(fault.Invalid, "rest.resolve", "The reference names an entry that is deleted by this transaction.")
	}
	return target.reference(), nil
}
