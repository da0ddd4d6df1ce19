// Package conformance holds the FHIR server against judges of other people's making. What is shown:
//
//   - HL7's 5,305 published examples of R4 (hl7.fhir.r4.examples 4.0.1) go through the parser, Stamp, the index, and the FHIR interface
//     over a real store, and nothing of them is lost;
//   - the index holds what HL7's FHIRPath (npm fhirpath 5.2.2) finds for every official search parameter in every example, and
//     nothing else (index_test.go, js/evaluate.mjs; deviations are listed with their reasons);
//   - searches of a population of odd values find, page by page and in order, what a matcher finds that looks at every resource and shares
//     no code with the server (search_test.go; crowd_test.go makes the population, asker_test.go the questions, matcher_test.go judges);
//   - fhir-kit-client (npm, 2.0.3) does a day's work against the running service (client_test.go, js/client.mjs);
//   - 10,000 mutated and hostile requests to a serving process are each answered as asked for or with a valid OperationOutcome; nothing
//     panics, the process stays below 256 MiB, and the log and the index hold (hostile_test.go; testdata/hostile keeps what found something).
//
// It has tests only, behind the build tag conformance: `make conformance` fetches examples and judges and runs them. The tests that
// are always run stand beside the code. Nobody imports it.
package conformance
