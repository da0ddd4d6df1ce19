package main

import (
	"context"
	"time"

	"khamxa/registry/seed"
)

// seedArgs say what to make. Now is the caller's, so that the same command makes the same bytes in either process.
type seedArgs struct {
	Patients int
	Months   int
	Seed     uint64
	Now      time.Time
}

// seedPopulation is `khamxa seed`.
func seedPopulation(ctx context.Context, t terminal, args []string) error {
	set := flags("seed")
	a := seedArgs{Now: time.Now()}
	dir := set.String("data", "", "data `folder`; made if it is not there")
	set.IntVar(&a.Patients, "patients", 2000, "how many people")
	set.IntVar(&a.Months, "months", 24, "how many months of their past")
	set.Uint64Var(&a.Seed, "seed", 1, "the same seed on the same day makes the same bytes")
	if err := t.parse(set, args); err != nil {
		return err
	}
	return t.operate(ctx, *dir, "seed", false, a)
}

func seedInto(ctx context.Context, c *core, a seedArgs, say *speaker) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	progress := say.progress("people")
	sum, err := seed.Into(ctx, c.store, seed.Options{
		Patients: a.Patients, Months: a.Months, Seed: a.Seed, Now: a.Now,
		Progress: func(patients, _ int) { progress(int64(patients), int64(a.Patients)) },
	})
	if err != nil {
		return err
	}
	say.linef("%d people, %d of them registered for treatment: %d resources in %d commits.", sum.Patients, sum.Enrolled, sum.Resources, sum.Transactions)
	return nil
}
