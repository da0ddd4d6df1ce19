package deploy_test

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// built is the program as the container file builds it, made once for all tests of the package.
var built = sync.OnceValues(func() (string, error) {
	if err := touchSources(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "khamxa-deploy-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "khamxa")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s", "-o", program, "./cmd/khamxa")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New(string(out) + err.Error())
	}
	return program, nil
})

// touchSources lists the folders that the program is built from. The test cache remembers what a test has read, not what a command
// that it started has read: without this, a test of an old program would stand as passed.
func touchSources() error {
	return filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != ".." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "data"}, d.Name())) {
			return filepath.SkipDir
		}
		return err
	})
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(program)) // what stays is in the system's temporary folder
	}
	os.Exit(code)
}

// program is the path of the built program.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run gives what the program says, and its exit code. Variables of the surroundings do not reach it.
func run(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KHAMXA_") })
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

var flagLine = regexp.MustCompile(`(?m)^\s+--?([a-z][a-z0-9-]*)`)

// flagsOf are the flags of a command, from its own help.
func flagsOf(t *testing.T, command string) []string {
	t.Helper()
	help, _ := run(t, command, "-h")
	var names []string
	for _, m := range flagLine.FindAllStringSubmatch(help, -1) {
		names = append(names, m[1])
	}
	if !slices.Contains(names, "config") {
		t.Fatalf("`khamxa %s -h` lists no --config:\n%s", command, help)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkArgs fails if a command line names a command or a flag that the program does not have.
func checkArgs(t *testing.T, args []string) {
	t.Helper()
	if len(args) == 0 {
		t.Fatal("no command")
	}
	known := flagsOf(t, args[0])
	for _, a := range args[1:] {
		name, isFlag := strings.CutPrefix(a, "--")
		name, _, _ = strings.Cut(name, "=")
		if isFlag && !slices.Contains(known, name) {
			t.Errorf("khamxa %s has no flag --%s", args[0], name)
		}
	}
}

// valueOf is what follows a flag, "" if it is not there.
func valueOf(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// TestStatic: the program needs nothing of the system it runs on but the kernel, as an image made from scratch demands.
func TestStatic(t *testing.T) {
	file, err := elf.Open(program(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it asks for a dynamic loader")
		}
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if len(libraries) > 0 {
		t.Errorf("it needs %v", libraries)
	}
}
