// Package rest is the HTTP face of FHIR R4 (4.0.1): one handler for everything below /fhir.
//
// It decodes requests, asks who may do what, calls the store, and encodes answers. What it is not: it keeps nothing (that is
// fhir/store), knows no search grammar (fhir/search), no tokens or sessions (Options.Authorize brings an Access), and renders
// no pages. Only cmd mounts it.
//
// # Interactions
//
// One table (routes.go) serves single requests, the entries of Bundles, and the CapabilityStatement; each interaction has a
// file whose heading links its section of the specification:
//
//	GET    /metadata                     capabilities     capabilities.go  https://hl7.org/fhir/R4/http.html#capabilities
//	POST   /                             transaction      transaction.go   https://hl7.org/fhir/R4/http.html#trules
//	POST   /                             batch            batch.go         https://hl7.org/fhir/R4/http.html#brules
//	GET    /{type}/{id}                  read             read.go          https://hl7.org/fhir/R4/http.html#read
//	GET    /{type}/{id}/_history/{vid}   vread            vread.go         https://hl7.org/fhir/R4/http.html#vread
//	PUT    /{type}/{id}                  update           update.go        https://hl7.org/fhir/R4/http.html#update
//	PATCH  /{type}/{id}, /{type}?...     patch            patch.go         https://hl7.org/fhir/R4/http.html#patch
//	DELETE /{type}/{id}                  delete           delete.go        https://hl7.org/fhir/R4/http.html#delete
//	GET    /{type}/{id}/_history         history-instance history.go       https://hl7.org/fhir/R4/http.html#history
//	GET    /{type}/_history              history-type     history_many.go  https://hl7.org/fhir/R4/http.html#history
//	GET    /_history                     history-system   history_many.go  https://hl7.org/fhir/R4/http.html#history
//	POST   /{type}                       create           create.go        https://hl7.org/fhir/R4/http.html#create
//	PUT    /{type}?...                   update           update.go        https://hl7.org/fhir/R4/http.html#cond-update
//	DELETE /{type}?...                   delete           delete.go        https://hl7.org/fhir/R4/http.html#3.1.0.7.1
//	GET    /{type}, POST /{type}/_search search-type      search.go        https://hl7.org/fhir/R4/http.html#search
//	GET    /, POST /_search              search-system    search.go        https://hl7.org/fhir/R4/http.html#search
//	GET    /{type}/{id}/{type or *}      search within a compartment       https://hl7.org/fhir/R4/http.html#vsearch
//
// and the operations, by GET or by POST with a Parameters resource (operations.go):
//
//	/CodeSystem/$lookup                      terminology.go  https://hl7.org/fhir/R4/codesystem-operation-lookup.html
//	/CodeSystem[/{id}]/$validate-code        terminology.go  https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
//	/CodeSystem[/{id}]/$subsumes             terminology.go  https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
//	/ValueSet[/{id}]/$expand                 terminology.go  https://hl7.org/fhir/R4/valueset-operation-expand.html
//	/Patient/{id}/$everything                everything.go   https://hl7.org/fhir/R4/patient-operation-everything.html
//	/Encounter/{id}/$everything              everything.go   https://hl7.org/fhir/R4/encounter-operation-everything.html
//	/Patient/{id}/$purge (POST)              purge.go        erasing by law; the log still verifies
//	/Observation/$lastn                      lastn.go        https://hl7.org/fhir/R4/observation-operation-lastn.html
//	/ValueSet[/{id}]/$validate-code          terminology.go  https://hl7.org/fhir/R4/valueset-operation-validate-code.html
//	/{type}[/{id}]/$validate                 validate.go     https://hl7.org/fhir/R4/resource-operation-validate.html
//	[/Patient|/Group/{id}]/$export           bulk.go         https://hl7.org/fhir/uv/bulkdata/STU2/export.html
//	/$import                                 bulk_import.go  NDJSON in the body of a POST
//	/$export-status/{id}[/{file}]            bulk_status.go  status of either, DELETE, and the files
//
// HEAD is GET without the body. Conditional interactions (conditional.go) and references by search (target.go) are decided at the
// point of the commit, so they do not race. A conditional delete of several needs _count=N: up to N are deleted in one commit,
// more are refused. An update that says what is there makes no version.
//
// # Rules
//
//   - The form is JSON. Bytes are truth: what is read is what was sent, but for id, meta.versionId and meta.lastUpdated, in a
//     transaction the references between its entries, and literal references that begin with this interface's own address,
//     which are kept relative (own.go). Bundles are put together from stored bytes.
//   - Every error is an OperationOutcome with an issue code, the fault code as details.coding, a sentence in details.text and
//     the place in expression. The status of each fault code is in one table (statusOf). What is out of a caller's reach is
//     answered in the same words and status as what does not exist.
//   - What is written must be valid (Options.Validate, fhir/validate): structure, cardinality, types, required bindings, the form of
//     references. Each finding is an issue of its own, with its place as a path and as line and column; the status is 400. Invariants and
//     profiles are $validate's, and stop no write. $validate answers 200 with what it finds; GET and an empty POST at an instance
//     ask about what is kept.
//   - A caller confined to some organisations must see what a write replaces and what it becomes (confine.go), and sees nothing
//     personal that is assigned to no organisation's patient (store.Nobody).
//   - A transaction is one commit of the log; entries that a conditional create cannot be told from are refused (apart.go). In a batch each entry is on its own, and is refused as the single request is.
//   - An unknown search parameter is an error, for a typing error must not answer with everybody; "Prefer: handling=lenient"
//     leaves it out with a warning.
//   - Page links are sealed for the caller who got them, and hold the whole question at one position of the log.
//   - Answers from 2 KiB on are compressed by gzip or zstd as Accept-Encoding says, and compressed bodies are opened (compress.go). A
//     version's ETag is weak and the same in every coding. Limits hold for what comes out of a compressed body.
//   - What is claimed of each row of the tables is in claims_test.go, with the tests that show it; CONFORMANCE.md is made from it,
//     and a row without a claim fails. A new route needs its claim there and its policy in confine_test.go.
//   - A search of several types without _type is of those that the caller may search. A chain or _has looks only into types that the
//     caller may search, and only at resources within reach; what may not be read is neither included nor followed.
//   - _summary shapes every resource of a page, _elements the matches only (package shape); both mark them as SUBSETTED. A read
//     takes them too. A first page that no other follows says its total, asked for or not (not with _total=none).
//   - Limits: 1 MiB a resource, 8 MiB and 5,000 entries a Bundle, 64 KiB a search form, 50 search parameters, 4 links in a chain and 64 in a search, 1,000 included resources a page, 5 s a read or
//     search, 15 s a write, 60 s a Bundle, 32 MiB of resources read by one Bundle.
package rest
