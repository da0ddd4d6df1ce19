//go:build faultpoint

package sqlite

import "os"

// brokenBy is the deliberate defect that this build has. Only test binaries are built with the tag faultpoint: a test that
// kills the service and looks for lost writes must fail when one of these is on, which proves that the test can fail.
var brokenBy = os.Getenv("KHAMXA_FAULT")
