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

// CompartmentPage is one page at one position of the log, of at most MaxPage bytes and one resource. Next is 0 on the last one. A resource that left the compartment after At is
// left out of later pages.
type CompartmentPage struct {
	At        Seq
	Resources []Version
	Next      int64
}
