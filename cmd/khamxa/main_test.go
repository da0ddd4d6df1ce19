package main

import (
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts the program on the PATH of the tests as khamxa. It is a copy of the test binary, so that the race detector and the build
// tags of the tests hold for the service too; under the name khamxa it is main and no test. Its media process is that same file. Scripts
// say `exec khamxa ...`; tests in Go ask program where it is.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"khamxa": main})
}

// program is the path of khamxa, to be started as a process.
func program(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("khamxa")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
