// Package consult is one remote consultation, from booking to signed note: its states, its rules and its ports.
//
// A Consult is kept as a small record (internal/records) under consult/{id}, changed only by compare-and-set, so that two
// doctors, two tabs or two nodes cannot undo each other. What is clinical goes through Keeper into the FHIR log. The table of
// who may do what in which phase is in rules.go; Service carries the commands out. The package knows nothing of HTTP, FHIR
// JSON or WebRTC: consult/record, consult/web and cmd join it to those. Callers: consult/record, consult/web, cmd.
package consult

import (
	"encoding/json"
	"time"

	"khamxa/internal/fault"
)

// Phase is where a consult is. The values are kept in records and shown in page attributes: never rename one.
type Phase string

// The phases. Booked, Invited, Arrived (the patient is in the waiting room), Admitted (in the call), Ended (the note is not
// signed yet) and Signed are the way of a video consult. Phone is a consult that goes on by telephone; NoShow and Cancelled are closed.
const (
	Booked    Phase = "booked"
	Invited   Phase = "invited"
	Arrived   Phase = "arrived"
	Admitted  Phase = "admitted"
	Ended     Phase = "ended"
	Signed    Phase = "signed"
	Phone     Phase = "phone"
	NoShow    Phase = "no-show"
	Cancelled Phase = "cancelled"
)

// Phases lists every phase in the order of a consult's life.
func Phases() []Phase {
	return []Phase{Booked, Invited, Arrived, Admitted, Phone, Ended, Signed, NoShow, Cancelled}
}

// Final reports whether nothing can follow but a correction through the FHIR record.
func (p Phase) Final() bool { return p == Signed || p == Cancelled }

// Open reports whether a patient may still come, or be, in the waiting room or the call.
func (p Phase) Open() bool { return p == Invited || p == Arrived || p == Admitted }

// Person is who somebody is, as far as a consult keeps it. ID is the FHIR id without the type.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Provider is the station that gives the care.
type Provider struct {
	Station string `json:"station"`
	Name    string `json:"name,omitempty"`
}

// Consult is one consultation. Doctor is who booked it, and from the beginning of the conversation who took the patient in. Times are UTC; a zero time means that it has not happened. Treat it as a value: Service
// hands out copies.
type Consult struct {
	ID          string `json:"id"`
	Doctor      Person `json:"doctor"`
	Patient     Person `json:"patient"`
	BirthYear   int    `json:"birth_year,omitempty"` // of the patient, 0 if unknown
	Station     string `json:"station"`              // who holds the patient: "Organization/tyt-14221", "" if nobody; see follow
	StationName string `json:"station_name,omitempty"`

	Earlier  []string  `json:"earlier,omitempty"`  // stations that held the patient before, during this consult
	Provider *Provider `json:"provider,omitempty"` // set when the patient moved after the care began; see GivenBy

	Phase   Phase         `json:"phase"`
	At      time.Time     `json:"at"`       // when it is booked for
	Length  time.Duration `json:"length"`   // planned
	Now     bool          `json:"now"`      // booked to begin at once
	ByPhone bool          `json:"by_phone"` // the conversation was by telephone
	Kept    bool          `json:"kept"`     // the booking is in the FHIR log
	Present bool          `json:"present"`  // the patient's page is connected at this moment, as far as is known
	Seen    time.Time     `json:"seen"`     // when Present last changed

	Booked   time.Time `json:"booked"`
	Invited  time.Time `json:"invited"`
	Arrived  time.Time `json:"arrived"` // first arrival: the place in the line, kept over a new link
	Started  time.Time `json:"started"` // first admission, or the change to the telephone
	Finished time.Time `json:"finished"`
	Closed   time.Time `json:"closed"` // signed, cancelled or no-show
	Author   Person    `json:"author"` // who signed

	Room       string      `json:"room"`        // random; never the patient's id
	DoctorPeer string      `json:"doctor_peer"` // the doctor's seat in the room
	Invitation *Invitation `json:"invitation,omitempty"`

	Note     Note      `json:"note"`
	Readings []Reading `json:"readings,omitempty"`
	Seal     *Seal     `json:"seal,omitempty"` // signing has begun: nothing may change until its outcome is known
}

// Invitation is the one link that is good at present. Secret and device are kept as SHA-256 only.
type Invitation struct {
	ID      string    `json:"id"`
	Secret  []byte    `json:"secret"`            // hash
	Device  []byte    `json:"device,omitempty"`  // hash of the bound device's token; nil until redeemed
	Attempt []byte    `json:"attempt,omitempty"` // hash of the page's own name for the attempt that bound it
	Bound   time.Time `json:"bound"`
	Peer    string    `json:"peer"` // the patient's seat in the room; a new link is a new seat
	Expires time.Time `json:"expires"`
}

// Seal fixes who signed and when, before the transaction, so that a retry writes exactly the same bytes.
type Seal struct {
	By Person    `json:"by"`
	At time.Time `json:"at"`
}

// Editable reports whether the note and the readings may change.
func (c Consult) Editable() bool {
	if c.Seal != nil {
		return false
	}
	_, err := Next(c.Phase, SaveDraft, Doctor)
	return err == nil
}

// Measurable reports whether readings may be saved.
func (c Consult) Measurable() bool {
	if c.Seal != nil {
		return false
	}
	_, err := Next(c.Phase, SaveVitals, Doctor)
	return err == nil
}

// Wait is how long the patient has been in the waiting room, 0 if they are not.
func (c Consult) Wait(now time.Time) time.Duration {
	if c.Phase != Arrived || c.Arrived.IsZero() || now.Before(c.Arrived) {
		return 0
	}
	return now.Sub(c.Arrived)
}

func decode(raw []byte) (Consult, error) {
	var c Consult
	if err := json.Unmarshal(raw, &c); err != nil {
		return Consult{}, fault.Wrap(err, fault.Internal, "consult.decode", "The record of this consult cannot be read.")
	}
	return c, nil
}

func (c Consult) encode() ([]byte, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "consult.encode", "The consult cannot be written.")
	}
	return raw, nil
}
