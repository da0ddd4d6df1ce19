package rest

import (
	"net/url"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// own gives the relative form of a reference that is written with this interface's own address: "Patient/1" for
// "https://kham.example.vn/fhir/Patient/1". Both name the same resource (R4, references.html#literal), and only the relative one
// puts what refers into the patient's record, so that is what is kept.
func (c *call) own(reference string) (string, bool) {
	relative, ok := strings.CutPrefix(reference, c.base+"/")
	if !ok || fhir.ParseReference(relative).Kind != fhir.Local {
		return "", false
	}
	return relative, true
}

// relate gives the resource with its own references relative. Without any it is the same resource. It notes references by
// search, but for those that stand in a Bundle or Parameters that is kept as it is: they are not the server's to follow.
func (c *call) relate(r *fhir.Resource) (*fhir.Resource, error) {
	found := false
	raw := fhir.RewriteReferences(r, func(reference string) (string, bool) {
		if _, _, ok := searches(reference); ok && r.Type != "Bundle" && r.Type != "Parameters" {
			c.searching = true
		}
		relative, ok := c.own(reference)
		found = found || ok
		return relative, ok
	})
	if !found {
		return r, nil
	}
	return fhir.Parse(raw)
}

// relateValues lets a search by the address of a resource of this server find what refers to it, which is kept relative. The
// address stays beside it, for canonical URLs are not rewritten.
func (c *call) relateValues(values url.Values) {
	for name, list := range values {
		if p := search.Lookup(c.typ, name); p == nil || p.Kind != search.Reference {
			continue
		}
		for i, value := range list {
			terms := strings.Split(value, ",")
			for _, term := range terms {
				if relative, ok := c.own(term); ok {
					terms = append(terms, relative)
				}
			}
			list[i] = strings.Join(terms, ",")
		}
	}
}
