package registry

import "time"

// PatientForm is what is asked for to register a person. Field names in Problems are those in brackets.
type PatientForm struct {
	Name    string // [name] full name as written on the card, family name first
	Gender  Gender // [gender]
	Birth   string // [birth] "YYYY-MM-DD", "YYYY-MM" or "YYYY"; also "DD/MM/YYYY" and "MM/YYYY" as people write
	Phone   string // [phone] optional; a Vietnamese number in any usual form, kept as E.164
	CCCD    string // [cccd] optional; 12 digits
	Address string // [address] optional; hamlet or street, as spoken
	Commune string // [commune] code of the commune whose station follows the person
}

// Enrolment asks for a person to be enrolled in the hypertension programme.
type Enrolment struct {
	PatientID string    // [patient]
	Commune   string    // [commune] of the station; "" for the one that holds the patient
	On        time.Time // [on] day of registration for treatment; zero for today
	Basis     Basis     // [basis]
}

// BPReading is one blood pressure as read from the device, in mmHg, and the pulse in beats per minute (0: not taken).
type BPReading struct {
	Systolic  int // [readings.N.systolic], N from 0
	Diastolic int // [readings.N.diastolic]
	Pulse     int // [readings.N.pulse]
}

// Arm is where the cuff was.
type Arm string

// The arms.
const (
	LeftArm  Arm = "left"
	RightArm Arm = "right"
)

// Position is how the person was.
type Position string

// The positions.
const (
	Sitting  Position = "sitting"
	Standing Position = "standing"
	Lying    Position = "lying"
)

// Screening is one measurement session of a person: one to three readings, usually two.
type Screening struct {
	PatientID string      // [patient]
	Commune   string      // [commune] of the station where it happened; "" for the one that holds the patient
	At        time.Time   // [at] zero for now
	AtHome    bool        // measured on a home visit
	Readings  []BPReading // [readings]
	Arm       Arm         // [arm] "" not noted
	Position  Position    // [position] "" not noted
	Device    string      // [device] make and model or inventory number, optional
	Note      string      // [note] optional
}
