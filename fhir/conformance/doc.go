// Package conformance runs HL7's 5,305 published examples of R4 (hl7.fhir.r4.examples 4.0.1) through the parser, Stamp, the search
// index, and the FHIR interface over a real store, and holds that nothing of them is lost.
//
// It has tests only, behind the build tag conformance: `make conformance` fetches the examples and runs them. The tests that are
// always run stand beside the code. Nobody imports it.
package conformance
