package store

import (
	"context"
	"time"
)

// Limits of Charts.
const (
	MaxCompartment = 1_000 // resources in one answer of Compartment
	MaxReadAt      = 5_000 // references of one ReadAt
)

// Charts is the store's face for what goes beyond single resources: a patient's whole record, many resources as they were at one
// position of the log, and when anything of a type was changed last. Like Store, all methods are safe for concurrent use, honour ctx
// and return *fault.Error.
type Charts interface {
	// Compartment lists the resources in a patient's compartment (R4, compartmentdefinition-patient.html, and what search.Personal
	// adds), the Patient among them, in the order in which they were created, each as it was at the position. A patient who was
	// never there has none.
	Compartment(ctx context.Context, q CompartmentRequest) (CompartmentPage, error)
	// ReadAt gives the resources that the references ("Patient/1") name, as they were at the position, in the order asked for.
	// What did not exist then, is deleted, erased, or is no such reference is left out. It is the caller's to check who may see them.
	ReadAt(ctx context.Context, at Seq, references []string) ([]Version, error)
	// LastChange is the last commit that changed a resource of one of the types, deletions included; 0 if none did. It is cheap.
	LastChange(ctx context.Context, types ...string) (Seq, error)
	// Purge erases a patient's record by law: see Purge and Purged.
	Purge(ctx context.Context, p Purge) (Purged, error)
}

// CompartmentRequest asks for a page of a patient's record. The zero At means now; a further page carries the first one's At and
// Next. Within confines it to what a caller may see (Visible).
type CompartmentRequest struct {
	Patient string // the id
	Within  []string
	Types   []string  // nil for all
	Since   time.Time // leaves out what was not changed at or after this moment; zero for all
	At      Seq
	After   int64 // opaque, from CompartmentPage.Next
	Count   int   // 1 to MaxCompartment; 0 means MaxCompartment
}

// CompartmentPage is one page at one position of the log. Next is 0 on the last one. A resource that left the compartment after At is
// left out of later pages.
type CompartmentPage struct {
	At        Seq
	Resources []Version
	Next      int64
}

// Purge asks to erase all that the store holds of a patient: the Patient and every resource in the patient's compartment,
// deleted ones included, in all their versions. The bodies are gone for good and their index keys with them. Two things stay: what is in
// the compartment of another patient as well, who has a right to it, and AuditEvents, which prove who saw and who erased and
// name the patient by id only.
//
// The log says what was erased, when and by whom: of each resource one more version, a deletion (EntryChange.Erased). The chain covers
// hashes of bodies, so Verify still finds it whole, and takes a missing body for damage unless a later commit says that it was
// erased. After it the resource is Gone, history lists its versions without bodies, and since nobody holds them only unconfined callers see
// that. Backups that were made before still hold the record.
type Purge struct {
	Author  string // who is responsible, as in Transaction
	Patient string // the id
}

// Purged says what was erased. A record of over MaxChanges resources is erased in several commits, the Patient in the last one; when that
// is interrupted, the purge is to be repeated. A record that was erased before gives zero counts and no new commit; an id that was never
// used is NotFound.
type Purged struct {
	Seq       Seq       // the last commit
	Time      time.Time // of that commit, UTC
	Resources int
	Versions  int // bodies that were erased
	Kept      int // resources that stay because they are in another patient's record too
}
