package search

// Personal reports whether resources of the type are about a person, so that one which names no patient of this server must be
// kept from everybody who is confined to some patients. The others are shared: organisations, places, staff, terminology, rules.
func Personal(resourceType string) bool {
	_, ok := compartmentOf(resourceType)
	return ok
}

// compartmentOf gives the parameters that put a resource of the type in a patient's compartment: those of R4's
// CompartmentDefinition/patient, and of the types that it leaves out although they hold what is known of a person.
func compartmentOf(resourceType string) (params []string, ok bool) {
	switch resourceType {
	case "Contract", "Device", "GuidanceResponse", "Task":
		return []string{"patient"}, true
	case "Binary", "Bundle", "DeviceMetric", "EnrollmentResponse", "Linkage", "MessageHeader", "Parameters", "PaymentNotice",
		"PaymentReconciliation", "VerificationResult":
		return nil, true // no parameter of theirs names a patient
	}
	params, ok = compartments["Patient"][resourceType]
	return params, ok
}
