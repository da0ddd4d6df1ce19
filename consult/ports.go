package consult

import (
	"context"
	"time"
)

// Keeper keeps what is clinical in the FHIR log. consult/record fulfils it. Every method is idempotent: ids follow from
// Consult.ID, so calling again after an unknown outcome leaves one of each. Errors are *fault.Error; only Unknown leaves open
// whether something was written.
type Keeper interface {
	// Book keeps the appointment, as its phase has it: booked, cancelled, no-show.
	Book(ctx context.Context, c Consult) error
	// Vitals keeps the running encounter and reading number n, in one transaction.
	Vitals(ctx context.Context, c Consult, n int) error
	// Sign keeps the finished encounter, the fulfilled appointment, all readings and the note in one transaction, by c.Seal.
	Sign(ctx context.Context, c Consult) error
}

// Profile is what the console shows of a patient.
type Profile struct {
	ID, Name    string
	Gender      string // FHIR administrative gender: male, female, other, unknown, ""
	BirthYear   int    // 0 if unknown
	Phone       string // E.164, "" if none
	Commune     string // address in one line
	Station     string // "Organization/tyt-14221", "" if no station holds the patient
	StationName string
	Last        []Reading // newest first, with At and values; N is 0
}

// Patients looks patients up. Within confines as Actor.Stations; a patient outside is NotFound.
type Patients interface {
	Patient(ctx context.Context, within []string, id string) (Profile, error)
	// Station is the station that holds the patient at present, "" if none does, without confinement. NotFound for a patient who is
	// not in the record or not any more.
	Station(ctx context.Context, id string) (string, error)
}

// Rooms commands the live rooms (signaling). NotFound means that there is no such room or peer at present, which is no failure.
type Rooms interface {
	Admit(ctx context.Context, room, peer string) error
	Remove(ctx context.Context, room, peer string) error
	CloseRoom(ctx context.Context, room string) error
}

// Ticket is a permission for one peer to enter one room until Expires. Role is "doctor" or "patient".
type Ticket struct {
	Room, Peer, Role, Name string
	Admitted               bool
	Expires                time.Time
}

// Tickets signs tickets.
type Tickets interface {
	Issue(t Ticket) (string, error)
}

// Change tells open pages that a consult changed. It holds nothing personal and may be lost.
type Change struct {
	Consult string `json:"consult"`
	Station string `json:"station"`
	Phase   Phase  `json:"phase"`
}

// Notify spreads changes to open pages, best effort; it must not block.
type Notify interface {
	Changed(c Change)
}

// RoomEvent is what a room tells of a peer: connected or gone.
type RoomEvent struct {
	Room, Peer string
	Here       bool
}
