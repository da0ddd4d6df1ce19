package web

import (
	"net/http"

	"khamxa/internal/audit"
)

// What is shown of people, as the audit trail names it.
const (
	sawQueue   = "consult.queue.read"
	sawConsult = "consult.read"
	sawFound   = "consult.patients.search"
	sawPatient = "consult.patient.read"
)

// saw keeps that these patients' data is about to be shown. When it cannot be kept nothing may be shown: false, and the answer has been
// given.
func (w *Web) saw(rw http.ResponseWriter, r *http.Request, kind string, patients ...string) bool {
	objects := make([]string, len(patients))
	for i, id := range patients {
		objects[i] = "Patient/" + id
	}
	for len(objects) > 0 {
		n := min(len(objects), audit.MaxObjects)
		e := audit.Event{Kind: kind, Action: audit.Read, Type: "Patient", Objects: objects[:n], Purpose: "TREAT"}
		if len(patients) == 1 {
			e.Patient = objects[0]
		}
		if err := w.o.Audit(r, e); err != nil {
			w.fail(rw, r, err)
			return false
		}
		objects = objects[n:]
	}
	return true
}
