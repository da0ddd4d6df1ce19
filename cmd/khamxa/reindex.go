package main

import (
	"context"

	"khamxa/registry/cohort"
)

// reindex is `khamxa reindex`.
func reindex(ctx context.Context, t terminal, args []string) error {
	set := flags("reindex")
	dir := set.String("data", "", "data `folder`")
	if err := t.parse(set, args); err != nil {
		return err
	}
	return t.operate(ctx, *dir, "reindex", true, struct{}{})
}

// reindexStore builds current state and index from the log, and has the figures counted from the log's beginning at the next start. A
// running service keeps its figures: it writes them down again when it stops.
func reindexStore(ctx context.Context, c *core, _ struct{}, say *speaker) error {
	if err := c.store.Reindex(ctx, say.progress("commits")); err != nil {
		return err
	}
	if c.figures != nil {
		say.linef("Current state and index are built again. Stop the service and give the command once more to have the figures counted again too.")
		return nil
	}
	if err := cohort.Forget(ctx, c.store); err != nil {
		return err
	}
	say.linef("Current state and index are built again; the figures are counted from the log's beginning when the service starts.")
	return nil
}
