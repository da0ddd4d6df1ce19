package rest

import (
	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// apart refuses a transaction in which what a conditional create finds, or would have found, depends on the order of the
// entries: the resource that it finds is deleted by another entry, or another entry writes one that its condition names. R4
// demands that identities do not overlap (https://hl7.org/fhir/R4/http.html#trules); the same thing sent twice would be
// created twice.
func apart(ws []*write) error {
	if len(ws) < 2 {
		return nil
	}
	open := 0
	for _, w := range ws {
		if w.absent != nil && w.existing == nil {
			open++
		}
	}
	if open > store.MaxAbsent {
		return fault.Newf(fault.TooLarge, "rest.apart", "The transaction has %d conditional creates that find nothing yet; %d are the most.", open, store.MaxAbsent)
	}
	written := map[*write]*fhir.Resource{}
	for i, w := range ws {
		if w.absent == nil {
			continue
		}
		for _, other := range ws[:i] {
			if err := w.apartFrom(other, written); err != nil {
				return err
			}
		}
		for _, other := range ws[i+1:] {
			if err := w.apartFrom(other, written); err != nil {
				return err
			}
		}
	}
	return nil
}

// apartFrom holds a conditional create against another entry. written keeps what has been parsed.
func (w *write) apartFrom(other *write, written map[*write]*fhir.Resource) error {
	const op = "rest.apart"
	if other.change.Type != w.change.Type || other.existing != nil {
		return nil
	}
	if v := w.existing; v != nil {
		if other.change.Method == store.Delete && other.change.ID == v.ID {
			return fault.Newf(fault.Invalid, op, "If-None-Exist of %s finds the %s that %s deletes; nothing was changed. Send them one after the other.", w.path, v.Type, other.path).At(w.path)
		}
		return nil
	}
	if other.resource == nil {
		return nil
	}
	r := written[other]
	if r == nil {
		var err error
		if r, err = fhir.Parse(other.change.Body); err != nil {
			return within(err, other.path)
		}
		written[other] = r
	}
	if w.absent.Match(r) {
		return fault.Newf(fault.Invalid, op, "If-None-Exist of %s matches what %s writes, so they are one thing sent twice; nothing was changed. Send it once.", w.path, other.path).At(w.path)
	}
	return nil
}
