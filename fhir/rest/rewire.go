package rest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

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
		raw = s.rewireLinks(raw, e, links)
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

// linkPattern finds, in compact JSON, the addresses that are no literal references and may name an entry all the same: elements
// of the types uri, url, uuid and oid, and links in the narrative. A quote inside a JSON string is escaped, so the first form
// cannot be text that a person wrote.
func linkPattern() *regexp.Regexp {
	return regexp.MustCompile(`("(?:url|uri|valueUri|valueUrl|valueUuid|valueOid)":"|(?:href|src)=(?:\\"|'))(urn:(?:uuid|oid):[0-9A-Za-z.-]+)(\\?"|')`)
}

// rewireLinks points those to the ids as well. The resource's own canonical url is left: it is its name.
func (s *server) rewireLinks(raw []byte, e *entry, links map[string]*entry) []byte {
	if !bytes.Contains(raw, []byte("urn:")) {
		return raw
	}
	own := e.c.nested.Root.Get("url").String()
	return s.links.ReplaceAllFunc(raw, func(found []byte) []byte {
		parts := s.links.FindSubmatch(found)
		target := links[string(parts[2])]
		if target == nil || own == string(parts[2]) {
			return found
		}
		return slices.Concat(parts[1], []byte(target.reference()), parts[3])
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
		relative, _ := e.c.own(reference)
		return relative, nil
	case target.w.change.Method == store.Delete:
		return "", fault.New(fault.Invalid, "rest.resolve", "The reference names an entry that is deleted by this transaction.")
	}
	return target.reference(), nil
}
