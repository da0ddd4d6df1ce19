package identity

import (
	"context"
	"slices"
	"strings"
)

type callerKind int

const (
	nobody callerKind = iota
	staffCaller
	clientCaller
)

// Caller is who makes a request: a member of staff or an API client. The zero Caller is nobody and may do nothing.
type Caller struct {
	kind   callerKind
	staff  Staff
	client Client
	scopes Scopes
}

// StaffCaller is the caller for an account, for programs that act for a person outside a request (demo, tests).
func StaffCaller(s Staff) Caller { return Caller{kind: staffCaller, staff: s} }

// Staff returns the account, and false for an API client or nobody.
func (c Caller) Staff() (Staff, bool) { return c.staff, c.kind == staffCaller }

// Client returns the API client, and false for staff or nobody.
func (c Caller) Client() (Client, bool) { return c.client, c.kind == clientCaller }

// Name is what to call the caller in a page or an audit event.
func (c Caller) Name() string {
	if c.kind == clientCaller {
		return c.client.Name
	}
	return c.staff.Name
}

// Has reports whether the caller is staff with the role, anywhere.
func (c Caller) Has(role Role) bool { return c.kind == staffCaller && c.staff.Has(role) }

// Roles lists the caller's roles, in the order of the account; nil for a client.
func (c Caller) Roles() []Role {
	if c.kind != staffCaller {
		return nil
	}
	var roles []Role
	for _, g := range c.staff.Roles {
		if !slices.Contains(roles, g.Role) {
			roles = append(roles, g.Role)
		}
	}
	return roles
}

// Reference is the caller as a FHIR reference: "Practitioner/{id}", "Device/client-{id}", or "" for nobody.
func (c Caller) Reference() string {
	switch c.kind {
	case staffCaller:
		return "Practitioner/" + c.staff.ID
	case clientCaller:
		return "Device/" + c.client.ID
	default: // nobody
		return ""
	}
}

// Communes returns the codes of the communes where the caller holds one of the roles (no roles given: any role but
// administrator, who sees no records). All is true when one of them is for the whole province.
func (c Caller) Communes(roles ...Role) (codes []string, all bool) {
	grants := c.staff.Roles
	if c.kind == clientCaller {
		return slices.Clone(c.client.Communes), c.client.Communes == nil
	}
	if len(roles) == 0 {
		roles = []Role{Doctor, Specialist, Manager}
	}
	for _, g := range grants {
		if !slices.Contains(roles, g.Role) {
			continue
		}
		if g.Communes == nil {
			return nil, true
		}
		codes = append(codes, g.Communes...)
	}
	slices.Sort(codes)
	return slices.Compact(codes), false
}

// noHolder is an organisation that cannot be: the holder list of a caller who may see no patient at all.
const noHolder = "Organization/none"

// Holders lists the organisations whose patients the caller may see, as the search index names them
// ("Organization/tyt-14221": the health station of commune 14221). Nil means unrestricted. The list is never empty: a
// caller who may see nobody gets the name of an organisation that does not exist.
func (c Caller) Holders(roles ...Role) []string {
	codes, all := c.Communes(roles...)
	if all && c.kind != nobody {
		return nil
	}
	if len(codes) == 0 {
		return []string{noHolder}
	}
	holders := make([]string, len(codes))
	for i, code := range codes {
		holders[i] = "Organization/tyt-" + code
	}
	return holders
}

// Allows reports whether the caller may use the verb on the FHIR resource type. Clients: their scopes; one that is confined to
// communes writes what patients' records are made of and nothing else, whatever its scopes say, for stations, staff and rules
// are the whole province's. Doctors and specialists write and read patients' records, read everything else, and delete nothing;
// managers read figures and the vocabulary behind them; administrators read who works where.
func (c Caller) Allows(resource string, verb Verb) bool {
	if c.kind == clientCaller {
		reads := verb == ReadVerb || verb == SearchVerb
		return c.scopes.Allows(resource, verb) && (reads || c.client.Communes == nil || isRecord(resource))
	}
	return slices.ContainsFunc(c.Roles(), func(role Role) bool { return rights(role).Allows(resource, verb) })
}

// AllowsByName reports whether the caller is a client whose scopes name the resource type and hold the verb: system/*.cruds does
// not count, neither in the token nor in what the client was granted. It is for what nobody should get by asking for everything.
func (c Caller) AllowsByName(resource string, verb Verb) bool {
	if c.kind != clientCaller || !c.scopes.Names(resource, verb) {
		return false
	}
	granted, _ := ParseScopes(c.client.Scope)
	return granted.Names(resource, verb)
}

func isRecord(resource string) bool {
	for t := range strings.FieldsSeq(recordTypes) {
		if t == resource {
			return true
		}
	}
	return false
}

// recordTypes are the resource types that a patient's record is made of, which who treats the patient writes, and a program that is
// confined to communes: those of the Patient compartment (R4, compartmentdefinition-patient.html) that are clinical or plan care, and Task. Stations, staff, devices, rules and the
// audit trail are not among them: writing those would change what others see and what is known of who saw it.
const recordTypes = `AdverseEvent AllergyIntolerance Appointment AppointmentResponse Basic BodyStructure CarePlan CareTeam ClinicalImpression
	Communication CommunicationRequest Composition Condition Consent DetectedIssue DeviceRequest DeviceUseStatement DiagnosticReport
	DocumentManifest DocumentReference Encounter EpisodeOfCare FamilyMemberHistory Flag Goal Group ImagingStudy Immunization
	ImmunizationEvaluation ImmunizationRecommendation List Media MedicationAdministration MedicationDispense MedicationRequest
	MedicationStatement MolecularSequence NutritionOrder Observation Patient Person Procedure QuestionnaireResponse RelatedPerson RequestGroup
	RiskAssessment ServiceRequest Specimen SupplyDelivery SupplyRequest Task VisionPrescription`

// rights is the table of what each role may do on /fhir.
func rights(role Role) Scopes {
	var s Scopes
	var types, verbs string
	switch role {
	case Doctor, Specialist:
		types, verbs = recordTypes, "crus"
		s = Scopes{{Resource: "*", Verbs: "rs"}}
	case Manager:
		types, verbs = "Measure MeasureReport PlanDefinition Library Organization Location ValueSet CodeSystem", "rs"
	case Admin:
		types, verbs = "Practitioner PractitionerRole Organization Location", "rs"
	}
	for _, t := range strings.Fields(types) {
		s = append(s, Scope{Resource: t, Verbs: verbs})
	}
	return s
}

// contextKey is the key under which With keeps the caller.
type contextKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the caller of the request; false when nobody is known.
func From(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(contextKey{}).(Caller)
	return c, ok && c.kind != nobody
}
