package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	lite "zombiezen.com/go/sqlite"

	"khamxa/internal/fault"
)

// Backup implements store.Keeper. The copy is one moment of the store, compact, and a complete database file: put into an
// empty folder under FileName it can be opened. It is written under another name and gets its own when it is safely on the
// disk. Conflict if the file exists.
func (db *DB) Backup(ctx context.Context, file string) error {
	const op = "store.Backup"
	if _, err := os.Lstat(file); err == nil {
		return fault.New(fault.Conflict, op, "The file for the backup exists already. Choose another name.")
	}
	partial := file + ".partial"
	if err := os.Remove(partial); err != nil && !os.IsNotExist(err) {
		return fault.Wrap(err, fault.Unavailable, op, "The backup cannot be written there.")
	}
	err := db.holding(ctx, db.slow, op, func() error { return db.copyTo(ctx, partial) })
	if err == nil {
		err = fault.Wrap(settle(partial, file), fault.Unavailable, op, "The backup could not be written to the end.")
	}
	if err != nil {
		_ = os.Remove(partial) // err says what matters
	}
	return err
}

// copyTo writes the copy. VACUUM INTO reads one moment without holding up the writer; it wants to be outside a transaction.
func (db *DB) copyTo(ctx context.Context, file string) error {
	const op = "store.Backup"
	if ctx.Err() != nil {
		return clean(ctx, ctx.Err(), op)
	}
	conn, err := db.readers.take(ctx)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, op, "The store is closed.")
	}
	defer db.readers.put(conn)
	err = run(conn, "VACUUM INTO ?", nil, file)
	if err != nil && ctx.Err() == nil && lite.ErrCode(err).ToPrimary() != lite.ResultCorrupt {
		return fault.Wrap(err, fault.Unavailable, op, "The backup cannot be written there.")
	}
	return clean(ctx, err, op)
}

// settle makes the file durable and gives it its name.
func settle(partial, file string) error {
	// A stick without rights (FAT) cannot take them, and a backup on it is better than none.
	if err := os.Chmod(partial, 0o600); err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := syncPath(partial); err != nil {
		return err
	}
	if err := giveName(partial, file, os.Link); err != nil {
		return err
	}
	return syncPath(filepath.Dir(file))
}

// giveName gives the file its name. Unlike a rename, a link never replaces a file that came up meanwhile; where there are no links (FAT again)
// it is renamed, after one more look.
func giveName(partial, file string, link func(from, to string) error) error {
	err := link(partial, file)
	switch {
	case err == nil:
		return os.Remove(partial)
	case errors.Is(err, os.ErrExist):
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return os.ErrExist
	}
	return os.Rename(partial, file)
}

// syncPath brings a file, or the names in a folder, safely to the disk. On a network a failed write may show only when the
// file is closed, so that counts as well.
func syncPath(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
