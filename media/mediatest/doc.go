// Package mediatest is the meaning of media.Plane in tests: Run is the contract suite, with real WebRTC clients, that every
// implementation passes, and Fake is a Plane without media for the tests of its callers.
//
// It is for tests only; nothing that ships imports it.
package mediatest
