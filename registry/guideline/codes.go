package guideline

import "embed"

// Codes under which the rules find and name their facts in FHIR resources.
const (
	LOINC            = "http://loinc.org"
	CodeBPPanel      = "85354-9" // blood pressure panel with all children optional
	CodeSystolic     = "8480-6"
	CodeDiastolic    = "8462-4"
	CodePulse        = "8867-4" // heart rate
	UCUM             = "http://unitsofmeasure.org"
	UnitMMHg         = "mm[Hg]"
	ProgrammeSystem  = "urn:khamxa:programme" // code system of EpisodeOfCare.type
	HypertensionCode = "hypertension"
	ICD10            = "http://hl7.org/fhir/sid/icd-10"
	CodeHypertension = "I10" // essential (primary) hypertension
)

// Messages holds messages/vi.json and messages/en.json: the words for every key that this package and registry/cohort give out.
//
//go:embed messages/*.json
var Messages embed.FS
