package sqlite

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"khamxa/internal/fault"
)

// lockFolder makes this process the owner of the data folder until the returned file is closed or the process ends. The
// lock is on the open file, so a crash leaves nothing to clean up.
func lockFolder(dir string) (*os.File, error) {
	const op = "sqlite.Open"
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The data folder cannot be written.")
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close() // the refusal is what matters
		return nil, fault.Wrap(err, fault.Unavailable, op,
			"The data folder is in use by another process. Stop that one first, or choose another folder.")
	}
	return file, nil
}
