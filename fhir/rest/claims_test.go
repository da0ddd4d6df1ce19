package rest

import (
	"khamxa/fhir"
	"khamxa/fhir/patch"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/subscription"
	"khamxa/fhir/terminology"
)

// The claims: what CONFORMANCE.md says of each thing that the tables serve, and the tests that show it. The tables are the routes, the
// kinds of search parameters with their modifiers, and the control parameters; what they have must be claimed here, and what is
// claimed here must be in them. A test is written as the folder below fhir and its name ("rest.TestRead"); it must exist.
// `go test ./fhir/rest -run TestConformance -update` writes the page anew.

// claim is what is said of one thing.
type claim struct {
	says  string
	tests string // with spaces between them
}

// interactionClaims are by the code of the route.
func interactionClaims() map[string]claim {
	return map[string]claim{
		"capabilities":       {"made from the tables that serve", "rest.TestMetadata"},
		"transaction":        {"one commit; references between entries and by search; order of R4's rules", "rest.TestTransaction rest.TestTransactionFails rest.TestReferencesBySearch rest.TestOneThingTwice"},
		"batch":              {"each entry as if it came alone", "rest.TestBatch rest.TestConditionalInBundles"},
		"read":               {"If-None-Match, If-Modified-Since; HEAD; _summary, _elements", "rest.TestRead rest.TestConditionalRead rest.TestSummaryAndElements"},
		"vread":              {"_summary, _elements", "rest.TestVersionRead rest.TestSummaryAndElements"},
		"create":             {"If-None-Exist, without a race", "rest.TestCreate rest.TestConditionalCreateRace"},
		"update":             {"creates too; If-Match (lists, weak tags, *), If-None-Match: *; conditional; no version when nothing changes", "rest.TestUpdate rest.TestConditionalUpdate rest.TestConditionsHoldAtTheCommit rest.TestConditionalUpdatesDoNotRace rest.TestNoOp"},
		"patch":              {"JSON Patch and FHIRPath Patch; If-Match; conditional; in Bundles", "rest.TestPatch rest.TestPatchInBundles rest.TestPatchDoesNotLoseUpdates patch.TestJSON patch.TestParameters"},
		"delete":             {"idempotent; conditional, of several with _count=N in one commit", "rest.TestDelete rest.TestConditionalDelete"},
		"history-instance":   {"_count, _since, _at; sealed pages", "rest.TestHistory rest.TestHistoryAt"},
		"history-type":       {"_count, _since; sealed pages", "rest.TestHistoryOfMany"},
		"history-system":     {"_count, _since; sealed pages; of the types that the caller may search", "rest.TestHistoryOfMany"},
		"search-type":        {"by GET and by POST to _search; pages of one position of the log", "rest.TestSearch rest.TestPaging rest.TestPagingUnderLoad"},
		"search-system":      {"over several types; those that the caller may search", "rest.TestSystemSearch rest.TestSystemSearchRights"},
		"search-compartment": {"", "rest.TestCompartmentSearch"},
	}
}

// operationClaims are by type and code.
func operationClaims() map[string]claim {
	return map[string]claim{
		"CodeSystem/$lookup":        {"stored code systems", "rest.TestLookup"},
		"CodeSystem/$validate-code": {"stored code systems", "rest.TestValidateCode"},
		"CodeSystem/$subsumes":      {"stored code systems", "rest.TestSubsumes"},
		"ValueSet/$expand":          {"stored value sets; filter, offset, count", "rest.TestExpand rest.TestExpandFollowsChanges terminology.TestExpand"},
		"ValueSet/$validate-code":   {"stored value sets", "rest.TestValidateCode"},
		"Patient/$everything":       {"_since, _type, pages", "rest.TestEverything rest.TestEverythingPages rest.TestEverythingConfined"},
		"Encounter/$everything":     {"_since, _type, pages", "rest.TestEverything"},
		"$validate":                 {"structure, bindings, invariants, the profiles that are shipped; modes and stored resources", "rest.TestValidate rest.TestValidateRefused rest.TestValidateConfined"},
		"$export":                   {"Bulk Data Access: asynchronous, NDJSON; resumes after a restart", "rest.TestExport rest.TestExportByParameters rest.TestExportSince rest.TestExportIsRefused bulk.TestExportResumes"},
		"Patient/$export":           {"the records of all patients within the caller's reach", "rest.TestExport rest.TestExportByParameters"},
		"Group/$export":             {"the records of the members of a group", "rest.TestExport"},
		"$import":                   {"NDJSON in the body of the request, gzip or zstd too; asynchronous; resources keep their ids; a report of what was refused; fetches no address", "rest.TestImport rest.TestImportIsRefused bulk.TestImportJob bulk.TestImportJobResumes"},
		"$export-status":            {"of an export or import: 202 with X-Progress, then the list of files; DELETE ends it", "rest.TestExport rest.TestExportBelongsToItsCaller"},
		"$export-file":              {"one file of an export, or the report of an import; gzip, zstd, ranges", "rest.TestExportFile rest.TestExportNeedsTheAuditTrail"},
		"Observation/$lastn":        {"max, by code", "rest.TestLastn rest.TestLastnConfined"},
		"Patient/$purge":            {"erasing by law: needs confirm and a right of its own; the log still verifies", "rest.TestPurge rest.TestPurgeConfined rest.TestPurgeRefused"},
	}
}

// kindClaims are by the kind of search parameter.
func kindClaims() map[search.Kind]claim {
	return map[search.Kind]claim{
		search.Token:     {"code, system|code, |code, system|", "rest.TestTokens search.TestTokenModifiers search.TestEveryTokenIsReached"},
		search.String:    {"folded: case and marks do not count, đ is d", "search.TestFold search.TestEveryTextIsReached"},
		search.Reference: {"Type/id, id, address, canonical|version", "search.TestEveryReferenceIsReached rest.TestOwnReferences"},
		search.Date:      {"intervals; eq is containment", "search.TestEveryDateIsReached search.TestRangesNarrow"},
		search.Number:    {"exact decimals, implicit precision", "search.TestNumber search.TestNumbersAreExact search.TestEveryNumberIsReached"},
		search.Quantity:  {"number|system|code; UCUM units brought together", "search.TestQuantity search.TestQuantityTypes"},
		search.URI:       {"as they are written", "search.TestURI"},
		search.Composite: {"of one element, component by component", "search.TestComposite search.TestEveryCompositeIsReached"},
		search.Special:   {"near; the words of _text and _content", "search.TestNear search.TestText"},
	}
}

// modifierClaims are by modifier.
func modifierClaims() map[search.Modifier]claim {
	return map[search.Modifier]claim{
		search.MissingModifier:    {"", "search.TestMatch search.TestParse"},
		search.ExactModifier:      {"", "search.TestMatch"},
		search.ContainsModifier:   {"", "search.TestMatch"},
		search.NotModifier:        {"includes what has no value", "search.TestNotIsTheComplement"},
		search.IdentifierModifier: {"", "search.TestMatch"},
		search.TypeModifier:       {"the name of a resource type", "search.TestParse"},
		search.InModifier:         {"a stored ValueSet", "search.TestTerminology rest.TestSearchByTerminology"},
		search.NotInModifier:      {"a stored ValueSet", "search.TestTerminology"},
		search.BelowModifier:      {"of a stored CodeSystem; of a uri by prefix", "search.TestTerminology search.TestURI"},
		search.AboveModifier:      {"of a stored CodeSystem; of a uri by prefix", "search.TestTerminology search.TestURI"},
		search.TextModifier:       {"text and display", "search.TestText search.TestTokenModifiers"},
		search.OfTypeModifier:     {"of identifiers", "search.TestTokenModifiers"},
	}
}

// controlClaims are by the parameter.
func controlClaims() map[string]claim {
	return map[string]claim{
		"_has":        {"", "rest.TestLinkedSearch rest.TestTwoWorlds"},
		"_list":       {"", "rest.TestLinkedSearch"},
		"_count":      {"", "rest.TestPaging rest.TestLimits"},
		"_elements":   {"", "rest.TestSummaryAndElements"},
		"_include":    {":iterate, *", "rest.TestTruncatedIncludes search.TestInclude"},
		"_revinclude": {":iterate", "search.TestInclude"},
		"_sort":       {"any parameter that has an order, several", "search.TestSortValue rest.TestSearch"},
		"_summary":    {"true, text, data, count", "rest.TestSummaryAndElements"},
		"_total":      {"none, estimate, accurate; unasked, what fits on one page is counted", "sqlite.TestEstimate rest.TestSearch"},
		"_format":     {"each spelling of JSON; others are refused (406)", "rest.TestFormats"},
		"_pretty":     {"every answer", "rest.TestPretty"},
	}
}

// feature is something that no table lists.
type feature struct{ name, spec, says, tests string }

func features() []feature {
	return []feature{
		{"Bytes are kept", "https://hl7.org/fhir/R4/json.html", "number text, member order, extensions on primitives, contained resources", "rest.TestFidelity"},
		{"Errors", "https://hl7.org/fhir/R4/operationoutcome.html", "an OperationOutcome each: code, sentence, place", "rest.TestRefusals rest.TestFaults rest.TestPanic"},
		{"Validation on write", "https://hl7.org/fhir/R4/validation.html", "structure, cardinality, types, required bindings, reference form; line and column, in extensions of the issue too", "rest.TestValidWrites validate.TestRefused validate.TestAccepted"},
		{"Prefer: return", "https://hl7.org/fhir/R4/http.html#ops", "minimal, representation, OperationOutcome", "rest.TestPrefer"},
		{"Prefer: handling", "https://hl7.org/fhir/R4/search.html#errors", "strict unless lenient is asked for; what was left out is listed", "rest.TestLenientLinks rest.TestSearch"},
		{"Chained search", "https://hl7.org/fhir/R4/search.html#chaining", "forwards and backwards, within what the caller may search", "rest.TestLinkedSearch rest.TestLinksAskForRights search.TestLinks"},
		{"Page links", "https://hl7.org/fhir/R4/http.html#paging", "sealed for one caller; stable while others write", "rest.TestPageLinks rest.TestPageLinksOfEachForm rest.TestPagingUnderLoad"},
		{"Answers in gzip and zstd", "https://hl7.org/fhir/R4/http.html#mime-type", "from 2 KiB, by Accept-Encoding", "rest.TestCompressedAnswers"},
		{"Bodies in gzip and zstd", "", "the limits hold for what comes out of them", "rest.TestCompressedBodies"},
		{"Confinement", "", "what is out of a caller's reach is like what is not there, in every interaction", "rest.TestConfinement rest.TestHiddenLikeAbsent rest.TestRefusedLikeAbsent rest.TestReparenting rest.TestTwoWorlds rest.TestConditionsAreConfined rest.TestPatchIsConfined"},
		{"Audit", "https://hl7.org/fhir/R4/auditevent.html", "each access to what is about a person; a read that cannot be recorded is not given", "rest.TestAudit rest.TestAuditThatFails"},
		{"Subscriptions", "https://hl7.org/fhir/R4/subscription.html", "rest-hook and websocket, from the log, at least once, in order", "subscription.TestHook subscription.TestSocket subscription.TestRetry subscription.TestRestart subscription.TestConfined"},
	}
}

// limit is a bound with an answer of its own.
type limit struct {
	what   string
	most   any
	answer string
	tests  string
}

func limits() []limit {
	return []limit{
		{"bytes of a resource, unpacked", resourceBody.limit(), "413 too-long", "rest.TestLimits rest.TestCompressedBodies"},
		{"bytes of a Bundle, unpacked", bundleBody.limit(), "413 too-long", "rest.TestLimits"},
		{"bytes of a search form, unpacked", formBody.limit(), "413 too-long", "rest.TestLimits"},
		{"levels of objects and arrays", fhir.MaxDepth, "400 invalid", "rest.TestLimits"},
		{"names and values of a body", fhir.MaxTokens, "400 invalid", "rest.TestLimits"},
		{"entries of a Bundle", mostEntries, "413 too-long", "rest.TestTooManyEntries rest.TestLimits"},
		{"bytes read by one Bundle", mostAnswered, "400 too-costly in the entry", "rest.TestLimits"},
		{"parameters of a search or condition", mostParams, "400 invalid", "rest.TestLimits rest.TestConditionalUpdate"},
		{"values of a search", 1000, "400 too-costly", "rest.TestLimits"},
		{"_count of a search or history", search.MaxCount, "larger ones are cut", "rest.TestLimits"},
		{"resources added by _include and _revinclude", store.MaxIncluded, "the page says that there were more", "rest.TestTruncatedIncludes"},
		{"links of a chain", search.MaxChain, "400", "search.TestParseRefusesLinks"},
		{"links of a search", search.MaxLinks, "400 too-costly", "search.TestParseRefusesLinks"},
		{"resources of a conditional delete", mostDeleted, "412 conflict", "rest.TestConditionalDelete"},
		{"open conditions of a transaction", mostOpen, "413 too-long", "rest.TestOneThingTwice"},
		{"conditions and references by search of a transaction", store.MaxAbsent, "413 too-long", "rest.TestReferencesBySearch"},
		{"operations of a patch", patch.MaxOperations, "413 too-long", "rest.TestLimits patch.TestJSONRefused patch.TestParametersRefused"},
		{"bytes added by a patch", patch.MaxAdded, "413 too-long", "patch.TestCopiesEnd"},
		{"concepts of an expansion", terminology.MaxConcepts, "400 too-costly", "terminology.TestRefusals"},
		{"active subscriptions", subscription.MaxActive, "refused when it is written", "subscription.TestOver"},
		{"time of a read or search", readTime, "503 timeout", "rest.TestDeadlines rest.TestSearchDeadline"},
		{"time of a write", writeTime, "503 timeout", "rest.TestDeadlines"},
		{"time of a Bundle", bundleTime, "503 timeout", "rest.TestDeadlines"},
	}
}

// notServed is what R4 has and this server does not, and why.
func notServed() []feature {
	return []feature{
		{"XML and Turtle", "https://hl7.org/fhir/R4/formats.html", "JSON only; asked for anything else: 406, sent anything else: 415", "rest.TestFormats rest.TestAccept"},
		{"XML Patch", "https://hl7.org/fhir/R4/http.html#patch", "there is no XML", "rest.TestPatch"},
		{"_at in the history of many", "https://hl7.org/fhir/R4/http.html#history", "what was current long ago may have been written any time before, so everything would have to be looked at; _since is served", "rest.TestHistoryOfMany"},
		{"_sort in a history", "https://hl7.org/fhir/R4/http.html#history", "newest first only", "rest.TestHistory"},
		{"References by search outside of transactions", "https://hl7.org/fhir/R4/http.html#trules", "refused, so that none is kept dangling", "rest.TestReferencesBySearch"},
		{"Binary in its own form", "https://hl7.org/fhir/R4/binary.html", "the resource as JSON only, with its data in base64: the bytes of a stranger are never given with a media type of theirs", "rest.TestBinaryIsJSON"},
		{"_query, _filter", "https://hl7.org/fhir/R4/search_filter.html", "refused", "search.TestParseRefusesControls"},
	}
}
