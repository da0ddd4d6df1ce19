package main

import (
	"context"
	"path/filepath"

	"khamxa/internal/fault"
)

// backupArgs say where the copy goes. File is absolute: the process that writes it may have another working folder.
type backupArgs struct{ File string }

// backup is `khamxa backup`.
func backup(ctx context.Context, t terminal, args []string) error {
	set := flags("backup")
	dir := set.String("data", "", "data `folder`")
	out := set.String("out", "", "the `file` to write; it must not exist. While the service runs, it is the service that writes it")
	if err := t.parse(set, args); err != nil {
		return err
	}
	if *out == "" {
		return usagef("--out is needed: the file to write")
	}
	file, err := filepath.Abs(*out)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "khamxa.backup", "The file cannot be named.")
	}
	return t.operate(ctx, *dir, "backup", true, backupArgs{File: file})
}

func backupStore(ctx context.Context, c *core, a backupArgs, say *speaker) error {
	if c.settle != nil { // who saw what up to now is in the copy
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	if err := c.store.Backup(ctx, a.File); err != nil {
		return err
	}
	say.linef("%s is written. It holds medical records and keys: keep it as safe as the data folder.", a.File)
	return nil
}
