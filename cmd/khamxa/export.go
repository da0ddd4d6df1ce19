package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/internal/audit"
	"khamxa/internal/fault"
)

// exportArgs say what to export. Out is absolute: the process that writes it may have another working folder.
type exportArgs struct {
	Out   string
	Types []string // what was asked for, nil for all but the audit trail
	Since time.Time
}

// exportFiles is `khamxa export`.
func exportFiles(ctx context.Context, t terminal, args []string) error {
	set := flags("export")
	dir := set.String("data", "", "data `folder`")
	out := set.String("out", "", "the `folder` to make, with a file a resource type; it must not exist. While the service runs, it is the service that writes it")
	since := set.String("since", "", "only what was written or deleted at this `time` or later: 2026-11-01, or 2026-11-01T08:00:00+07:00")
	types := set.String("types", "", "only these resource `types`, with commas between them; without it all but the audit trail")
	if err := t.parse(set, args); err != nil {
		return err
	}
	if *out == "" {
		return usagef("--out is needed: the folder to make")
	}
	a := exportArgs{}
	var err error
	if a.Since, err = sinceTime(*since); err != nil {
		return err
	}
	for _, name := range strings.FieldsFunc(*types, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !fhir.IsType(name) {
			return usagef("%q is no resource type of FHIR R4", name)
		}
		a.Types = append(a.Types, name)
	}
	if a.Out, err = filepath.Abs(*out); err != nil {
		return fault.Wrap(err, fault.Invalid, "khamxa.export", "The folder cannot be named.")
	}
	return t.operate(ctx, *dir, "export", true, a)
}

// sinceTime reads a moment, or a day in the zone of this machine.
func sinceTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return at, usagef("--since is a day or a moment with its zone, as 2026-11-01 or 2026-11-01T08:00:00+07:00, not %q", text)
	}
	return at, nil
}

// exportInto writes the files beside where they shall be and moves them there when they are whole.
func exportInto(ctx context.Context, c *core, a exportArgs, say *speaker) (err error) {
	const op = "khamxa.export"
	if _, err := os.Lstat(a.Out); !errors.Is(err, fs.ErrNotExist) {
		return fault.Newf(fault.Conflict, op, "%s is there already; name a folder that does not exist yet.", a.Out)
	}
	if c.settle != nil {
		if err := c.settle(ctx); err != nil { // the audit trail may be among what is exported
			return err
		}
	}
	if err := (trail{log: c.store, clock: c.clock}).Record(ctx, audit.Event{Kind: "export", Action: audit.Execute, Outcome: audit.Success}); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(a.Out), filepath.Base(a.Out)+".partial-*") // for its owner only
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, op, "The folder cannot be made.")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(work))
		}
	}()
	progress, err := exportTo(ctx, c, a, work, say)
	if err != nil {
		return err
	}
	if err := os.Rename(work, a.Out); err != nil {
		return fault.Wrap(err, fault.Unavailable, op, "The folder is written and cannot be given its name.")
	}
	say.linef("%d resources in %d files, as of commit %d. %s holds medical records: keep it as safe as the data folder.",
		progress.Count(), len(progress.Files), progress.At, a.Out)
	return nil
}

func exportTo(ctx context.Context, c *core, a exportArgs, dir string, say *speaker) (bulk.Progress, error) {
	types := a.Types
	if types == nil {
		types = slices.DeleteFunc(fhir.Types(), func(name string) bool { return name == auditType })
	}
	query := store.ScanRequest{Types: types, Since: a.Since, Deleted: !a.Since.IsZero()}
	e, err := bulk.OpenExport(c.store, dir, query, bulk.Progress{})
	if err != nil {
		return bulk.Progress{}, err
	}
	progress := say.progress("resources")
	for done := false; !done && err == nil; {
		done, err = e.Step(ctx)
		progress(e.Written(), 0)
	}
	if err != nil {
		return bulk.Progress{}, errors.Join(err, e.Close())
	}
	end, err := e.Checkpoint()
	if err = errors.Join(err, e.Close()); err != nil {
		return end, err
	}
	manifest, err := json.MarshalIndent(bulk.ManifestOf(end, "khamxa export", false, func(name string) string { return name }), "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "manifest.json"), append(manifest, '\n'), 0o600)
	}
	return end, fault.Wrap(err, fault.Unavailable, "khamxa.export", "The manifest cannot be written.")
}

// exportsFolder is where, in the data folder, the files lie that programs fetch over /fhir until they expire.
const exportsFolder = "export"

// startExports goes on with the exports and imports that programs asked for.
func (s *service) startExports(ctx context.Context) (err error) {
	c := s.core
	s.exports, err = bulk.OpenJobs(ctx, bulk.JobOptions{
		Store: c.store, Records: c.store, Dir: filepath.Join(s.set.data, exportsFolder), Log: c.log, Clock: c.clock,
		Import: bulk.ImportOptions{Store: c.store, Validate: s.valid, Base: c.fhirBase()},
	})
	return err
}
