package rest

import (
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// mostOpen bounds the conditional writes of a transaction that are held against each other entry.
const mostOpen = 100

// apart refuses a transaction in which what a conditional interaction finds, or would have found, depends on the order of the
// entries: two write the same resource, or another entry writes one that the condition names. R4 demands that identities do
// not overlap (https://hl7.org/fhir/R4/http.html#trules); the same thing sent twice would be created twice.
func apart(ws []*write) error {
	if len(ws) < 2 {
		return nil
	}
	if err := once(ws); err != nil {
		return err
	}
	open := 0
	for _, w := range ws {
		if w.names() {
			open++
		}
	}
	if open > mostOpen {
		return fault.Newf(fault.TooLarge, "rest.apart", "The transaction has %d conditional creates and updates that find nothing yet; %d are the most.", open, mostOpen)
	}
	for i, w := range ws {
		if w.cond == nil || w.change.Method == store.Delete {
			continue
		}
		for j, other := range ws {
			if i == j {
				continue
			}
			if err := w.apartFrom(other); err != nil {
				return err
			}
		}
	}
	return nil
}

// names reports whether what a write puts is what its own condition will find from then on.
func (w *write) names() bool {
	return w.cond != nil && w.change.Method == store.Put && len(w.cond.found) == 0
}

// once refuses two writes of one resource, now that conditions have found theirs.
func once(ws []*write) error {
	seen := map[string]bool{}
	for _, w := range each(ws) {
		if w.moot() {
			continue
		}
		target := w.change.Type + "/" + w.change.ID
		if seen[target] {
			return within(fault.New(fault.Invalid, "rest.once", "Another entry of the transaction writes the same resource; each may appear once.").At("request.url"), w.path)
		}
		seen[target] = true
	}
	return nil
}

// apartFrom holds a conditional create, update or patch against another entry.
func (w *write) apartFrom(other *write) error {
	const op = "rest.apart"
	if other.change.Type != w.change.Type || other.existing != nil {
		return nil
	}
	if v := w.existing; v != nil {
		for _, one := range each([]*write{other}) {
			if one.change.Method == store.Delete && !one.skip && one.change.ID == v.ID {
				return fault.Newf(fault.Invalid, op, "If-None-Exist of %s finds the %s that %s deletes; nothing was changed. Send them one after the other.", w.path, v.Type, other.path).At(w.path)
			}
		}
		return nil
	}
	if other.resource == nil || !w.cond.query.Match(other.resource) {
		return nil
	}
	if w.c.rt.verb == Create {
		return fault.Newf(fault.Invalid, op, "If-None-Exist of %s matches what %s writes, so they are one thing sent twice; nothing was changed. Send it once.", w.path, other.path).At(w.path)
	}
	return fault.Newf(fault.Invalid, op, "The condition of %s matches what %s writes as well; nothing was changed. Send them one after the other.", w.path, other.path).At(w.path)
}
