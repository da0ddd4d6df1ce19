package rest

import (
	"context"
	"slices"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// confine checks writes against the log as it is now, before each attempt to commit them:
//
//   - who is confined to some organisations must be able to see what is replaced and what it becomes: what is about a person
//     (search.Personal) must name a patient within reach by a reference of the form Patient/1. So a record cannot be moved out
//     of reach, into reach, or to where nobody is who knows of it;
//   - what was seen is pinned: the version that was checked is the one that is replaced, or the commit fails and this runs
//     again;
//   - conditional interactions look for their matches, patches are applied to what is current, and deletions look for something
//     to delete; entries that meet are refused.
func (s *server) confine(ctx context.Context, access Access, u *unit) error {
	ws := u.writes
	for _, w := range ws {
		if err := s.begin(ctx, access, w); err != nil {
			return within(err, w.path)
		}
	}
	if err := s.findTargets(ctx, access, u); err != nil {
		return err
	}
	if err := s.rewire(u); err != nil {
		return err
	}
	if err := apart(ws); err != nil {
		return err
	}
	arriving := map[string]bool{} // patients that these very writes put, each checked on its own
	for _, w := range ws {
		if w.change.Type == "Patient" && w.change.Method == store.Put && w.existing == nil {
			arriving[w.change.ID] = true
		}
	}
	for _, w := range each(ws) {
		if err := s.confineOne(ctx, access, w, arriving); err != nil {
			return within(err, w.path)
		}
	}
	return nil
}

// begin forgets what an earlier attempt found, and finds out what the write is about.
func (s *server) begin(ctx context.Context, access Access, w *write) error {
	w.unpin()
	w.skip, w.existing, w.more = false, nil, nil
	if w.cond != nil {
		if err := s.lookFor(ctx, access, w); err != nil {
			return err
		}
	}
	if w.oneOf != nil && !w.skip {
		if err := s.choose(ctx, access, w); err != nil {
			return err
		}
	}
	return s.patched(ctx, access, w)
}

// unpin takes back the demands that are ours.
func (w *write) unpin() {
	if w.pinned {
		w.change.IfMatch, w.change.IfAbsent, w.pinned = "", false, false
	}
}

func (s *server) confineOne(ctx context.Context, access Access, w *write, arriving map[string]bool) error {
	switch {
	case w.moot():
		return nil
	case w.change.Method == store.Delete:
		return s.confineDelete(ctx, access, w)
	case access.Within == nil:
		return nil
	}
	var old *store.Version
	if w.c.rt.verb == Update {
		var err error
		if old, err = s.replaced(ctx, access, w); fault.Is(err, fault.NotFound) {
			return s.refuseHidden(ctx, access, w, arriving, err)
		} else if err != nil {
			return err
		}
	}
	return s.confineNew(ctx, access, w, old, arriving)
}

// refuseHidden refuses to replace what is out of reach. A write that is refused of what is not there is refused in the same words, so that
// nobody can ask for ids without writing; hidden is the answer to all others.
func (s *server) refuseHidden(ctx context.Context, access Access, w *write, arriving map[string]bool, hidden error) error {
	if err := s.confineNew(ctx, access, w, nil, arriving); err != nil {
		return err
	}
	if w.change.IfMatch != "" && !w.pinned {
		return notCurrent(hidden)
	}
	return hidden
}

// confineDelete finds out whether there is something to delete.
func (s *server) confineDelete(ctx context.Context, access Access, w *write) error {
	v, err := s.Store.Read(ctx, w.change.Type, w.change.ID)
	none := fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || err == nil && !store.Visible(access.Within, v.Holder)
	switch {
	case none && w.change.IfMatch != "" && !w.pinned:
		return fault.New(fault.Precondition, "rest.delete", "The version that If-Match names is not the current one; nothing was deleted.")
	case none:
		w.skip = true
	case err != nil:
		return err
	case access.Within != nil:
		w.pin(&v)
	}
	return nil
}

// replaced gives the version that a write replaces, nil if there is none, and pins it.
func (s *server) replaced(ctx context.Context, access Access, w *write) (*store.Version, error) {
	v, err := s.Store.Read(ctx, w.change.Type, w.change.ID)
	switch {
	case err == nil && store.Visible(access.Within, v.Holder):
		w.pin(&v)
		return &v, nil
	case err == nil:
		return nil, noSuch(w.change.Type)
	case fault.Is(err, fault.Gone):
		seen, err := s.sawDeleted(ctx, access, w.change.Type, w.change.ID)
		if err != nil {
			return nil, err
		}
		if !seen {
			return nil, noSuch(w.change.Type)
		}
	case !fault.Is(err, fault.NotFound):
		return nil, err
	}
	w.pin(nil)
	return nil, nil
}

// pin demands that the log still says v when the write gets there, unless the caller has stated a condition, which stands.
func (w *write) pin(v *store.Version) {
	if w.change.IfMatch != "" || w.change.IfAbsent {
		return
	}
	w.pinned = true
	if v == nil {
		w.change.IfAbsent = true
	} else {
		w.change.IfMatch = v.VersionID
	}
}

// confineNew checks that a confined caller will see what the resource becomes, and claims no patient that they cannot see.
// A patient who is not there and one who is out of reach are refused in the same words.
func (s *server) confineNew(ctx context.Context, access Access, w *write, old *store.Version, arriving map[string]bool) error {
	const op = "rest.confineNew"
	if w.change.Type == "Patient" {
		holder := fhir.ParseReference(w.resource.Root.Get("managingOrganization").Get("reference").String()).Unversioned()
		if !slices.Contains(access.Within, holder) {
			return fault.New(fault.Forbidden, op, "The managing organisation of the patient must be one that you work for.").At("Patient.managingOrganization")
		}
		return nil
	}
	before, err := patientsOf(old)
	if err != nil {
		return err
	}
	after := search.Extract(w.resource).Patients
	switch {
	case len(after) > 0:
	case len(before) > 0:
		return fault.Newf(fault.Forbidden, op, "This would take the %s out of the patient's record.", w.change.Type)
	case search.Personal(w.change.Type):
		return fault.Newf(fault.Forbidden, op, "The %s must name a patient whom you may write for, by a reference of the form Patient/123; a name or an identifier alone assigns it to nobody.", w.change.Type)
	default:
		return nil
	}
	reachable := false
	for _, id := range after {
		sees := arriving[id]
		if !sees {
			if sees, err = s.seesPatient(ctx, access, id); err != nil {
				return err
			}
		}
		if !sees && !slices.Contains(before, id) {
			return outOfReach(w.change.Type)
		}
		reachable = reachable || sees
	}
	if !reachable {
		return outOfReach(w.change.Type)
	}
	return nil
}

func outOfReach(typ string) error {
	return fault.Newf(fault.Forbidden, "rest.confineNew", "The patient that this %s is about is not there, or not one that you may write for.", typ)
}

func (s *server) seesPatient(ctx context.Context, access Access, id string) (bool, error) {
	_, err := s.current(ctx, access, "Patient", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return false, nil
	}
	return err == nil, err
}

// patientsOf lists the patients whose record a stored version belongs to; v may be nil. A body that was erased by law names nobody.
func patientsOf(v *store.Version) ([]string, error) {
	if v == nil || v.Deleted || v.Body == nil {
		return nil, nil
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "rest.patientsOf", "A stored resource cannot be read. It has been written to the log.")
	}
	return search.Extract(r).Patients, nil
}

// within puts a Bundle entry's place before the place that an error names, and leaves a single request's error as it is.
func within(err error, path string) error {
	if err == nil || path == "" {
		return err
	}
	return placed(err, path)
}
