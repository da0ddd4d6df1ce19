package rest_test

// confinedOperations are the operations of which a test says what somebody confined to a station gets. Terminology is about no person:
// TestExpand asks as a doctor. For the others see TestEverythingConfined, TestPurgeConfined, TestLastnConfined, TestExport,
// TestExportBelongsToItsCaller and TestValidateConfined.
var confinedOperations = []string{
	"$lookup", "$validate-code", "$subsumes", "$expand", "$everything", "$lastn", "$purge", "$export", "$export-status", "$export-file",
	"$validate", "$import",
}
