package store

import (
	"context"
	"time"
)

// Eraser is the store's face for erasing by law.
type Eraser interface {
	// Purge erases all that the store holds of a patient: the Patient and every resource in the patient's compartment, deleted ones
	// included, in all their versions. The bodies are gone for good and their index keys with them. Two things stay: what is in the
	// compartment of another patient as well, who has a right to it, and AuditEvents, which prove who saw and who erased and name the
	// patient by id.
	//
	// The log says what was erased, when and by whom: of each resource one more version, a deletion (EntryChange.Erased). The chain
	// covers hashes of bodies, so Verify still finds it whole, and takes a missing body for damage unless a later commit says that it
	// was erased. After it the resource is Gone, history lists its versions without bodies, and since nobody holds them only
	// unconfined callers see that. The id may be used again. Backups that were made before still hold the record.
	//
	// It waits for writes that wait, and others wait for it. Errors are *fault.Error: Invalid without an author, NotFound for an id that
	// was never used.
	Purge(ctx context.Context, p Purge) (Purged, error)
}

// Purge names whom to erase, and who is responsible for that (as in Transaction).
type Purge struct {
	Author  string
	Patient string // the id
}

// Purged says what was erased. A record of over MaxChanges resources is erased in several commits, the Patient in the last one; a purge that
// was interrupted is to be repeated. For a record that was erased before the counts are zero, no commit is made, and Seq is the head.
type Purged struct {
	Seq       Seq       // the last commit
	Time      time.Time // of that commit, UTC
	Resources int
	Versions  int // bodies that were erased
	Kept      int // resources that stay because they are in another patient's record too
}
