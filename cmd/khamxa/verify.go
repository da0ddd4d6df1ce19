package main

import (
	"context"
	"fmt"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry/cohort"
)

// verify is `khamxa verify`.
func verify(ctx context.Context, t terminal, args []string) error {
	set := flags("verify")
	dir := set.String("data", "", "data `folder`")
	if err := t.parse(set, args); err != nil {
		return err
	}
	return t.operate(ctx, *dir, "verify", true, struct{}{})
}

// verifyStore checks everything that is derived against the log, and the log against itself. Each thing that is wrong is a line; the last
// line of a store in which nothing is wrong is its head, to be written down elsewhere (SECURITY.md).
func verifyStore(ctx context.Context, c *core, _ struct{}, say *speaker) error {
	findings, err := c.store.Verify(ctx, say.progress("commits"))
	if err != nil {
		return err
	}
	for _, f := range findings {
		say.linef("%s", findingLine(f))
	}
	if len(findings) > 0 {
		return fault.Newf(fault.Internal, "khamxa.verify", "Findings: %d. The first: %s Copy this folder away first. "+
			"What is derived (current state, index) `khamxa reindex` builds again; if a commit or a body is damaged, restore a backup into another folder.",
			len(findings), findingLine(findings[0]))
	}
	differences, at, err := c.recount(ctx, say)
	if err != nil {
		return err
	}
	for _, d := range differences {
		say.linef("%s", d)
	}
	if len(differences) > 0 {
		return fault.Newf(fault.Internal, "khamxa.verify", "Figures that differ from a plain count: %d. The first: %s. `khamxa reindex` counts them again.",
			len(differences), differences[0])
	}
	hash, err := hashAt(ctx, c.store, at)
	if err != nil {
		return err
	}
	say.linef("Nothing is wrong: chain, bodies, index and figures agree.")
	say.linef("head %d sha256:%x", at, hash)
	return nil
}

func findingLine(f store.Finding) string {
	line := f.Problem
	if f.Resource != "" {
		line = f.Resource + ": " + line
	}
	if f.Seq > 0 {
		line = fmt.Sprintf("commit %d: %s", f.Seq, line)
	}
	return line
}

// recountTries is how often a service that is being written to is counted again before it is said that it cannot be.
const recountTries = 5

// recount compares the figures with a plain count, and says at which commit.
func (c *core) recount(ctx context.Context, say *speaker) ([]cohort.Difference, store.Seq, error) {
	figures := c.figures
	if figures == nil {
		figures = cohort.NewFollower(cohort.Options{Log: c.store, Records: c.store, Logger: c.log, Clock: c.clock})
		if err := figures.CatchUp(ctx); err != nil {
			return nil, 0, err
		}
	}
	progress := say.progress("resources counted")
	for try := 1; ; try++ {
		head, err := c.store.Head(ctx)
		if err != nil {
			return nil, 0, err
		}
		if err := figures.WaitFor(ctx, head); err != nil {
			return nil, 0, err
		}
		differences, err := cohort.Verify(ctx, c.store, figures.Book, func(read int) { progress(int64(read), 0) })
		if err == nil || !fault.Is(err, fault.State) {
			return differences, head, err
		}
		if try == recountTries {
			return nil, 0, fault.Wrap(err, fault.State, "khamxa.verify", "Chain, bodies and index are sound. The figures could not be checked: "+
				"records were written each time that they were counted. Give the command again when fewer people work.")
		}
	}
}

// hashAt is the hash of one commit; zero for a log without any.
func hashAt(ctx context.Context, log store.Log, at store.Seq) (hash [32]byte, err error) {
	if at == 0 {
		return hash, nil
	}
	entries, err := log.Entries(ctx, at-1, 1)
	if err != nil {
		return hash, err
	}
	if len(entries) == 0 {
		return hash, fault.Newf(fault.Internal, "khamxa.hashAt", "The log has no commit %d.", at)
	}
	return entries[0].Hash, nil
}
