// Package bulk moves many resources at once: import of NDJSON and Bundle files, and export as NDJSON.
//
// Import (begin in import.go) is a pipeline: one reader takes lines off the sources, workers parse, check and link them, and one
// dispatcher packs them into large commits, several of which are on their way so that the store always has a full batch. Resources
// keep their ids; a transaction Bundle stays one commit. What is refused is told with its file, line and reason, and the rest goes on.
//
// Export (begin in export.go) walks the store in the order of creation at one position of the log and writes the stored bytes, a file
// a type. It is what `khamxa export` and the jobs of $export stand on. Jobs (job.go) are records and folders that survive a restart: work.go goes
// on with exports in turns, intake.go with the imports that callers sent.
//
// What it is not: it knows no HTTP, no tokens and no search grammar, and keeps nothing but files of its own. It trusts its caller on
// who may do what: confinement comes as the Within of a request. cmd/khamxa and fhir/rest call it.
package bulk
