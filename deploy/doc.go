// Package deploy is the files with which Khamxa is installed: a container file, a systemd unit, a sample configuration. It has no
// code but the tests that load each of them against the built program, so that none can fall behind it. Nobody imports it.
package deploy
