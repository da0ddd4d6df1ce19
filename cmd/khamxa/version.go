package main

import (
	"context"
	"runtime"
	"runtime/debug"
)

// version is `khamxa version`: one line.
func version(_ context.Context, t terminal, args []string) error {
	if err := t.parse(flags("version"), args); err != nil {
		return err
	}
	return t.printf("khamxa %s %s %s/%s", revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revision is the version that the program was built from, as the Go tool recorded it: a release, or a commit, or "devel".
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel"
}
