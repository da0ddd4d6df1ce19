package rest

import (
	"context"
	"encoding/base64"

	"khamxa/fhir"
	"khamxa/fhir/patch"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// jsonPatch is the media type of RFC 6902.
const jsonPatch = "application/json-patch+json"

// patching is a patch on its way: what it does, and the version it is applied to.
type patching struct {
	*patch.Patch
	found *store.Version // by a conditional patch
}

// patch changes a resource in part, by JSON Patch or by FHIRPath Patch (Parameters). What comes out is checked like any update; If-Match
// names the version that must be current. Without an id in the address the parameters find the one resource (conditional.go).
// In a Bundle a JSON Patch is a Binary. The caller must be allowed to read the type as well, for the answer and the tests of a
// patch tell what is there. https://hl7.org/fhir/R4/http.html#patch
func (s *server) patch(ctx context.Context, c *call) (answer, error) {
	w, err := s.planPatch(c)
	if err != nil {
		return answer{}, err
	}
	return s.commitOne(ctx, c, w)
}

func (s *server) planPatch(c *call) (*write, error) {
	if !c.access.allows(c.typ, Read) {
		return nil, fault.Newf(fault.Forbidden, "rest.planPatch", "A patch works on what is there, and you may not read resources of type %s.", c.typ)
	}
	w := &write{c: c, change: store.Change{Method: store.Put, Type: c.typ, ID: c.id, IfChanged: true}, patch: &patching{}}
	var err error
	if c.id == "" {
		w.cond, err = c.addressed()
	} else {
		err = c.only()
	}
	if err != nil {
		return nil, err
	}
	if err := w.demand(c.ifMatch); err != nil {
		return nil, err
	}
	w.patch.Patch, err = c.readPatch()
	return w, err
}

// readPatch reads the body, or the resource of a Bundle's entry.
func (c *call) readPatch() (*patch.Patch, error) {
	if c.nested == nil && c.media == jsonPatch {
		return patch.ParseJSON(c.body)
	}
	r := c.nested
	if r == nil {
		var err error
		if r, err = fhir.Parse(c.body); err != nil {
			return nil, err
		}
	}
	if c.nested == nil || r.Type != "Binary" {
		return patch.ParseParameters(r)
	}
	if !r.Root.Get("contentType").IsString(jsonPatch) {
		return nil, fault.New(fault.Invalid, "rest.readPatch", "A Binary that holds a patch has the contentType "+jsonPatch+".").At("Binary.contentType")
	}
	document, err := base64.StdEncoding.DecodeString(r.Root.Get("data").String())
	if err != nil {
		return nil, &fault.Error{Code: fault.Invalid, Op: "rest.readPatch", Message: "The data of the Binary is not base64.", Path: "Binary.data", Err: err}
	}
	return patch.ParseJSON(document)
}

// patchFound takes the one resource that a conditional patch is about.
func (w *write) patchFound() error {
	if len(w.cond.found) == 0 {
		return fault.New(fault.NotFound, "rest.patchFound", "Nothing matches the condition, or nothing that you may see.")
	}
	w.patch.found = &w.cond.found[0]
	w.change.ID = w.patch.found.ID
	return nil
}

// patched applies a patch to what is current, which is pinned.
func (s *server) patched(ctx context.Context, access Access, w *write) error {
	if w.patch == nil {
		return nil
	}
	v := w.patch.found
	if w.cond == nil {
		now, err := s.current(ctx, access, w.c.typ, w.c.id)
		if err != nil {
			return err
		}
		v = &now
	}
	if w.change.IfMatch != "" && w.change.IfMatch != v.VersionID {
		if w.pinned {
			return fault.New(fault.Conflict, "rest.patched", "Somebody else has changed this resource in the meantime. Read it again and repeat the change.")
		}
		return notCurrent(nil)
	}
	w.pin(v)
	before, err := fhir.Parse(v.Body)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "rest.patched", "A stored resource cannot be read. It has been written to the log.")
	}
	after, err := w.patch.Apply(before)
	if err != nil {
		return err
	}
	if limit := resourceBody.limit(); int64(len(after.Raw)) > limit {
		return fault.Newf(fault.TooLarge, "rest.patched", "The patched resource would be larger than %d KiB, the most that is accepted.", limit>>10)
	}
	if err := s.valid(after); err != nil {
		return err
	}
	w.source, err = w.c.relate(after)
	return err
}
