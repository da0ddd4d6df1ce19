package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// restore is `khamxa restore`: it makes a new data folder from a backup and verifies it. It replaces nothing.
func restore(ctx context.Context, t terminal, args []string) error {
	set := flags("restore")
	from := set.String("from", "", "the backup's `file`")
	dir := set.String("data", "", "data `folder` to make; it must be empty or not exist")
	if err := t.parse(set, args); err != nil {
		return err
	}
	if *from == "" || *dir == "" {
		return usagef("--from and --data are needed: the backup, and the folder to make")
	}
	source, err := openBackup(*from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	entries, err := os.ReadDir(*dir)
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fault.Wrap(err, fault.Unavailable, "khamxa.restore", "The data folder cannot be read.")
	case len(entries) > 0:
		return fault.Newf(fault.Conflict, "khamxa.restore", "%s is not empty. Restore into a new folder; nothing is ever overwritten.", *dir)
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fault.Wrap(err, fault.Unavailable, "khamxa.restore", "The data folder cannot be made.")
	}
	if err := copyFile(source, filepath.Join(*dir, sqlite.FileName)); err != nil {
		return err
	}
	return t.operate(ctx, *dir, "verify", true, struct{}{})
}

// openBackup opens a file that can be a backup: a SQLite database (https://www.sqlite.org/fileformat2.html, section 1.3) with a schema.
// SQLite takes an empty file for an empty database, and an empty store has nothing wrong with it.
func openBackup(name string) (*os.File, error) {
	const op = "khamxa.openBackup"
	file, err := os.Open(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.NotFound, op, "The backup cannot be opened.")
	}
	header := make([]byte, 100)
	_, err = file.ReadAt(header, 0)
	schema := binary.BigEndian.Uint32(header[60:]) // PRAGMA user_version
	if err != nil || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) || schema == 0 {
		_ = file.Close() // it was only read
		return nil, fault.Newf(fault.Invalid, op, "%s is not a backup that khamxa backup has written.", name)
	}
	return file, nil
}

// copyFile makes the file under another name first, so that an interrupted restore leaves nothing that could be taken for a store.
func copyFile(source io.Reader, to string) (err error) {
	const op = "khamxa.copyFile"
	part := to + ".part"
	target, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, op, "The data folder cannot be written.")
	}
	_, err = io.Copy(target, source)
	if err == nil {
		err = target.Sync()
	}
	if err = errors.Join(err, target.Close()); err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		return fault.Wrap(errors.Join(err, os.Remove(part)), fault.Unavailable, op, "The backup could not be copied.")
	}
	return nil
}
