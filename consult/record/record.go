// Package record keeps consults as FHIR R4 resources, and reads of a patient what a consult shows.
//
// A consult is an Appointment from its booking, an Encounter (class VR) from its first reading, blood pressure Observations,
// and at signing a Composition: Keeper writes them through fhir/store. All ids follow from the consult's id, and what is
// written follows from the consult alone, so a retry leaves one of each. People reads patients for the console and finds
// them by name. cmd joins both to consult and consult/web; nobody else calls this package. It holds no rules of a consult.
package record

import (
	"context"
	"fmt"
	"time"

	"khamxa/consult"
	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// retries is how often a write is tried again when somebody else changed a resource in between.
const retries = 5

// Keeper implements consult.Keeper on the log. Make one with New.
type Keeper struct{ log store.Store }

var _ consult.Keeper = (*Keeper)(nil)

// New makes a Keeper.
func New(log store.Store) *Keeper { return &Keeper{log: log} }

// Book implements consult.Keeper: Appointment/{id}.
func (k *Keeper) Book(ctx context.Context, c consult.Consult) error {
	return k.write(ctx, c, c.Doctor, func(tx *transaction) error {
		if err := tx.unsigned(ctx); err != nil {
			return err
		}
		return tx.put(ctx, "Appointment", c.ID, appointment(c, appointmentStatus(c.Phase)))
	})
}

// Vitals implements consult.Keeper: Encounter/{id} in progress and Observation/{id}-bp-{n} (and -hr-{n} with a pulse).
func (k *Keeper) Vitals(ctx context.Context, c consult.Consult, n int) error {
	if n < 1 || n > len(c.Readings) {
		return fault.New(fault.Invalid, "record.Keeper.Vitals", "There is no such reading.").At("n")
	}
	reading := c.Readings[n-1]
	return k.write(ctx, c, reading.By, func(tx *transaction) error {
		if err := tx.unsigned(ctx); err != nil {
			return err
		}
		if err := tx.put(ctx, "Encounter", c.ID, encounter(c, "in-progress", time.Time{})); err != nil {
			return err
		}
		return tx.reading(ctx, reading)
	})
}

// Sign implements consult.Keeper: Encounter finished, Appointment fulfilled, every reading and the Composition, at once.
// A consult whose note is in the log already is left as it is.
func (k *Keeper) Sign(ctx context.Context, c consult.Consult) error {
	if c.Seal == nil {
		return fault.New(fault.Invalid, "record.Keeper.Sign", "The consult is not sealed.")
	}
	err := k.write(ctx, c, c.Seal.By, func(tx *transaction) error {
		if err := tx.unsigned(ctx); err != nil {
			return err
		}
		if err := tx.put(ctx, "Encounter", c.ID, encounter(c, "finished", finished(c))); err != nil {
			return err
		}
		if err := tx.put(ctx, "Appointment", c.ID, appointment(c, "fulfilled")); err != nil {
			return err
		}
		for _, r := range c.Readings {
			if err := tx.reading(ctx, r); err != nil {
				return err
			}
		}
		return tx.put(ctx, "Composition", c.ID, composition(c))
	})
	if fault.Is(err, errSigned) {
		return nil // an earlier attempt, whose answer was lost, has written it
	}
	return err
}

// errSigned marks, inside this package, that the note is in the log: nothing of the consult is written any more.
const errSigned = fault.Gone

func finished(c consult.Consult) time.Time {
	if !c.Finished.IsZero() {
		return c.Finished
	}
	return c.Seal.At
}

// transaction collects the changes of one commit. Every put names the version that it replaces, so that a write that comes
// late (a reading that overtakes a signature) is refused by the log and looked at again.
type transaction struct {
	log store.Store
	c   consult.Consult
	store.Transaction
}

// write builds the transaction and commits it, again from the start when somebody else was first.
func (k *Keeper) write(ctx context.Context, c consult.Consult, by consult.Person, build func(*transaction) error) error {
	var err error
	for range retries {
		tx := &transaction{log: k.log, c: c}
		tx.Author = "Practitioner/" + by.ID
		tx.Exists = []string{"Patient/" + c.Patient.ID}
		if err = build(tx); err != nil {
			return err
		}
		for _, p := range people(c, by) {
			if err = tx.ensurePractitioner(ctx, p); err != nil {
				return err
			}
		}
		if len(tx.Changes) == 0 {
			return nil
		}
		_, err = k.log.Commit(ctx, tx.Transaction)
		if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Precondition) {
			return err
		}
	}
	return err
}

// people are the practitioners that a consult's resources refer to, once each.
func people(c consult.Consult, by consult.Person) []consult.Person {
	out := []consult.Person{by}
	if c.Doctor.ID != by.ID {
		out = append(out, c.Doctor)
	}
	return out
}

// unsigned fails with errSigned when the consult's note is in the log.
func (tx *transaction) unsigned(ctx context.Context) error {
	_, err := tx.log.Read(ctx, "Composition", tx.c.ID)
	switch {
	case err == nil:
		return fault.New(errSigned, "record.unsigned", "The consult is signed; its record does not change any more.")
	case fault.Is(err, fault.NotFound):
		return nil
	}
	return err
}

func (tx *transaction) reading(ctx context.Context, r consult.Reading) error {
	if err := tx.put(ctx, "Observation", fmt.Sprintf("%s-bp-%d", tx.c.ID, r.N), pressure(tx.c, r)); err != nil {
		return err
	}
	id := fmt.Sprintf("%s-hr-%d", tx.c.ID, r.N)
	if r.Pulse == 0 {
		return tx.retract(ctx, id)
	}
	return tx.put(ctx, "Observation", id, pulse(tx.c, r))
}

// put adds a resource, bound to the version that is current now. What is in the log already, byte for byte, is left out: a
// retry makes no second version.
func (tx *transaction) put(ctx context.Context, typ, id string, body *fhir.Builder) error {
	change := store.Change{Method: store.Put, Type: typ, ID: id, Body: body.Bytes()}
	switch v, err := tx.log.Read(ctx, typ, id); {
	case err == nil:
		if kept, err := same(v.Body, change.Body); err != nil || kept {
			return err
		}
		change.IfMatch = v.VersionID
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Gone):
		change.IfAbsent = true
	default:
		return err
	}
	tx.Changes = append(tx.Changes, change)
	return nil
}

// retract marks a pulse that was taken back by a correction as entered in error.
func (tx *transaction) retract(ctx context.Context, id string) error {
	v, err := tx.log.Read(ctx, "Observation", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := fhir.Parse(v.Body)
	if err != nil || r.Root.Get("status").IsString("entered-in-error") {
		return err
	}
	body := fhir.BuildResource("Observation", id)
	for name, value := range r.Root.Members() {
		switch name {
		case "resourceType", "id", "meta":
		case "status":
			body.String("status", "entered-in-error")
		default:
			body.Raw(name, value.Bytes())
		}
	}
	tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: "Observation", ID: id, Body: body.Bytes(), IfMatch: v.VersionID})
	return nil
}

// ensurePractitioner adds Practitioner/{id} when the log has none, so that no reference dangles. Identity's own resource,
// when it is there, is never touched.
func (tx *transaction) ensurePractitioner(ctx context.Context, p consult.Person) error {
	_, err := tx.log.Read(ctx, "Practitioner", p.ID)
	if !fault.Is(err, fault.NotFound) {
		if fault.Is(err, fault.Gone) {
			return nil
		}
		return err
	}
	tx.Changes = append(tx.Changes, store.Change{
		Method: store.Put, Type: "Practitioner", ID: p.ID, IfAbsent: true,
		Body: fhir.BuildResource("Practitioner", p.ID).Bool("active", true).List("name", fhir.Build().String("text", p.Name)).Bytes(),
	})
	return nil
}

// same reports whether a stored body is the wanted one, but for what the store stamps.
func same(stored, want []byte) (bool, error) {
	have, err := fhir.Parse(stored)
	if err != nil {
		return false, err
	}
	wanted, err := fhir.Parse(want)
	if err != nil {
		return false, err
	}
	return withoutMeta(have) == withoutMeta(wanted), nil
}

func withoutMeta(r *fhir.Resource) string {
	b := fhir.Build()
	for name, value := range r.Root.Members() {
		if name != "meta" {
			b.Raw(name, value.Bytes())
		}
	}
	return string(b.Bytes())
}
