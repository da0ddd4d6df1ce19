package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"khamxa/fhir/bulk"
	"khamxa/fhir/rest"
	"khamxa/fhir/validate"
	"khamxa/internal/fault"
)

// importArgs say what to import. Paths are absolute: the process that reads and writes them may have another working folder. Names are
// what the person called the files.
type importArgs struct {
	Files, Names []string
	Report       string
}

// importFiles is `khamxa import`.
func importFiles(ctx context.Context, t terminal, args []string) error {
	set := flags("import")
	dir := set.String("data", "", "data `folder`; made if it is not there")
	report := set.String("report", "", "a `file` for what is refused, an OperationOutcome a line; it must not exist")
	if err := t.parseWithFiles(set, args); err != nil {
		return err
	}
	switch {
	case set.NArg() == 0:
		return usagef("name the files to import: NDJSON or Bundles, .gz and .zst too, - for standard input")
	case *dir == "":
		return usagef("--data is needed: the data folder")
	}
	a := importArgs{Report: *report}
	for _, name := range set.Args() {
		file, err := filepath.Abs(name)
		if name == "-" {
			name = "standard input"
			file, err = t.spool(*dir)
			defer func() { _ = os.Remove(file) }() // the folder is private, and the next import makes another one
		}
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "khamxa.import", "The input cannot be read.")
		}
		info, err := os.Stat(file)
		if err != nil {
			return fault.Newf(fault.NotFound, "khamxa.import", "There is no file %s; nothing was imported.", name)
		}
		if !info.Mode().IsRegular() { // a pipe would be read by a running service, which nothing could end
			return fault.Newf(fault.Invalid, "khamxa.import", "%s is no plain file; hand a pipe in on standard input, as -. Nothing was imported.", name)
		}
		a.Files, a.Names = append(a.Files, file), append(a.Names, name)
	}
	if *report != "" {
		file, err := filepath.Abs(*report)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "khamxa.import", "The report cannot be named.")
		}
		a.Report = file
	}
	return t.operate(ctx, *dir, "import", false, a)
}

// spool copies standard input into the data folder, where a running service can read it too.
func (t terminal) spool(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, "import-*.tmp")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, t.in)
	file, nameErr := filepath.Abs(f.Name())
	return file, errors.Join(err, f.Close(), nameErr)
}

// mostShown is how many refusals are lines of their own; the report has all of them.
const mostShown = 100

// importInto imports into the open store. Every refusal is told; that there was one is the operation's failure.
func importInto(ctx context.Context, c *core, a importArgs, say *speaker) (err error) {
	out, end, err := openReport(a.Report)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	loader, err := rest.NewLoader(rest.Options{Store: c.store, BaseURL: c.fhirBase(), Validate: validate.Write, Log: c.log, Clock: c.clock}, rest.Access{
		Author: "system", Allows: func(typ string, _ rest.Verb) bool { return typ != auditType },
	})
	if err != nil {
		return err
	}
	shown := 0
	progress := say.progress("bytes")
	started, told := c.clock(), time.Time{}
	sum, err := bulk.Import(ctx, bulk.ImportOptions{
		Store: c.store, Author: "system", Clock: c.clock, Allows: importable, Validate: validate.Write, Transaction: loader.Transaction, Base: c.fhirBase(),
		Gentle: c.address != "", // people work at the same time
		Refused: func(r bulk.Refusal) error {
			if shown++; shown <= mostShown {
				say.linef("%s", r)
			}
			_, err := out.Write(append(r.Outcome(), '\n'))
			return fault.Wrap(err, fault.Unavailable, "khamxa.import", "The report cannot be written.")
		},
		Progress: func(done, total int64) {
			if now := c.clock(); now.Sub(told) >= 200*time.Millisecond {
				told = now
				progress(done, total)
			}
		},
	}, sourcesOf(a))
	took := c.clock().Sub(started)
	if shown > mostShown {
		say.linef("... and %d more; --report FILE writes down all of them.", shown-mostShown)
	}
	say.linef("%s", importSummary(sum, took))
	if err == nil && sum.Refused > 0 {
		err = fault.Newf(fault.Invalid, "khamxa.import", "Refused: %d of %d resources; the others are kept. Correct what was refused and import it again.", sum.Refused, sum.Read)
	}
	return err
}

func importSummary(s bulk.Sum, took time.Duration) string {
	rate := ""
	if seconds := took.Seconds(); seconds >= 1 {
		rate = fmt.Sprintf(" in %.0f s, %.0f a second", seconds, float64(s.Read)/seconds)
	}
	return fmt.Sprintf("%d resources read%s: %d kept, %d unchanged, %d refused; %d commits.", s.Read, rate, s.Kept, s.Unchanged, s.Refused, s.Commits)
}

// importable refuses what no file may bring in.
func importable(typ string) error {
	if typ == auditType {
		return fault.New(fault.Forbidden, "khamxa.import", "The audit trail is written by the service alone.").At(auditType)
	}
	return nil
}

// fhirBase is the address of the service's FHIR interface, "" if none runs here.
func (c *core) fhirBase() string {
	if c.address == "" {
		return ""
	}
	base, err := url.JoinPath(c.address, rest.Prefix)
	if err != nil {
		return ""
	}
	return base
}

func sourcesOf(a importArgs) []bulk.Source {
	var sources []bulk.Source
	for i, file := range a.Files {
		s := bulk.Source{Name: a.Names[i], Open: func() (io.ReadCloser, error) { return os.Open(file) }}
		if info, err := os.Stat(file); err == nil {
			s.Size = info.Size()
		}
		sources = append(sources, s)
	}
	return sources
}

// openReport makes the report's file; without one what is written goes nowhere.
func openReport(file string) (io.Writer, func() error, error) {
	if file == "" {
		return io.Discard, func() error { return nil }, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "khamxa.import", "The report cannot be made; its file must not exist yet.")
	}
	w := bufio.NewWriter(f)
	return w, func() error {
		return fault.Wrap(errors.Join(w.Flush(), f.Close()), fault.Unavailable, "khamxa.import", "The report could not be written to its end.")
	}, nil
}
