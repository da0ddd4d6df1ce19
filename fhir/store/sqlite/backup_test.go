package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// fullDisk in the environment makes a process the child of TestBackupOnAFullDisk: it backs up the store in data to copy, and
// may write no file larger than the number of bytes that fullDisk holds.
const fullDisk = "KHAMXA_TEST_FULL_DISK"

// TestBackupOnAFullDisk: a copy that did not get onto the disk to its last byte is an error, and leaves nothing that could
// be taken for a backup.
func TestBackupOnAFullDisk(t *testing.T) {
	if os.Getenv(fullDisk) != "" {
		backUpWithin(t)
		return
	}
	dir := t.TempDir()
	db := mustOpen(t, filepath.Join(dir, "data"))
	for i := range 64 {
		mustCommit(t, db, basicTx(fmt.Sprint("b", i), string(bytes.Repeat([]byte{'x'}, 8000))))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "data", sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		limit int64
		want  string
	}{
		{"no room at all", 1, "unavailable"},
		{"room for half", info.Size() / 2, "unavailable"},
		{"room enough", 2 * info.Size(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestBackupOnAFullDisk$", "-test.v")
			child.Dir = dir
			child.Env = append(os.Environ(), fmt.Sprintf("%s=%d", fullDisk, c.limit))
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if want := "backup: <" + c.want + ">"; !bytes.Contains(out, []byte(want)) {
				t.Errorf("want %s in\n%s", want, out)
			}
			names, err := filepath.Glob(filepath.Join(dir, "copy*"))
			if err != nil {
				t.Fatal(err)
			}
			if (len(names) > 0) != (c.want == "") || len(names) > 1 {
				t.Errorf("beside the store: %v", names)
			}
		})
	}
}

func backUpWithin(t *testing.T) {
	var limit uint64
	if _, err := fmt.Sscan(os.Getenv(fullDisk), &limit); err != nil {
		t.Fatal(err)
	}
	db := mustOpen(t, "data")
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	err := db.Backup(t.Context(), "copy")
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil { // for what the test itself writes when it ends
		t.Fatal(err)
	}
	t.Logf("backup: <%s>", fault.CodeOf(err))
}

// TestBackupWithoutLinks: a stick that knows no links (FAT) still takes a backup, and nothing on it is overwritten.
func TestBackupWithoutLinks(t *testing.T) {
	noLinks := func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: unix.EPERM} }
	for _, c := range []struct {
		name  string
		there bool
		want  error
	}{
		{name: "the name is free"},
		{name: "the name came up meanwhile", there: true, want: os.ErrExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			partial, file := filepath.Join(dir, "b.partial"), filepath.Join(dir, "b")
			write(t, partial, "new")
			if c.there {
				write(t, file, "old")
			}
			if err := sqlite.GiveName(partial, file, noLinks); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			want := map[bool]string{false: "new", true: "old"}[c.there]
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("the file holds %q, %v; want %q", got, err, want)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
