// Package registry is the vocabulary and the rules of the chronic-disease programmes: who can be registered and enrolled, what a
// screening is, and how these are kept as FHIR resources.
//
// Service carries out what the pages ask for, each as one transaction of the log, and reads a patient's chart. It checks values and
// confines everybody to the communes they work in; whether a person may do a thing at all (their role) is the caller's to check.
// Figures are not its business (registry/cohort), nor are thresholds (registry/guideline) or places (registry/place). It has no HTTP.
package registry

import (
	"embed"

	"khamxa/registry/guideline"
)

// Messages holds messages/vi.json and messages/en.json: the words for every problem and warning that this package gives out.
//
//go:embed messages/*.json
var Messages embed.FS

// Programme is a chronic-disease programme that people are enrolled in.
type Programme struct {
	Code      string // in EpisodeOfCare.type, system guideline.ProgrammeSystem
	Display   string // Vietnamese
	DisplayEN string
	LeastAge  int // in completed years
}

// Hypertension is the programme of this version. Source of the age: 5904/QĐ-BYT 2019, scope.
func Hypertension() Programme {
	return Programme{
		Code: guideline.HypertensionCode, Display: "Quản lý tăng huyết áp", DisplayEN: "Hypertension care", LeastAge: guideline.Adult,
	}
}

// Actor is who asks: for the log's author and to confine what they see.
type Actor struct {
	Reference string   // "Practitioner/..." or "system"
	Within    []string // holders they are confined to ("Organization/tyt-14221"); nil for no confinement
}

// CCCDSystem is the identifier system of the citizen's number (căn cước công dân, 12 digits), as VN Core names it.
const CCCDSystem = "http://fhir.hl7.org.vn/core/sid/cccd"

// Gender is an administrative gender of FHIR.
type Gender string

// The genders.
const (
	Female  Gender = "female"
	Male    Gender = "male"
	Other   Gender = "other"
	Unknown Gender = "unknown"
)

// Basis says why a person is enrolled.
type Basis string

// The bases. Measured: at least two different days with a raised pressure, or one of grade 3 (VSH/VNHA 2018, two-visit rule; read in
// secondary texts). Treated: diagnosed or treated before, elsewhere. Judged: the doctor's decision on other grounds.
const (
	Measured Basis = "measured"
	Treated  Basis = "treated"
	Judged   Basis = "judged"
)
