//go:build !faultpoint

package sqlite

// brokenBy names the deliberate defect of this build: none. See faultpoint_on.go.
const brokenBy = ""
