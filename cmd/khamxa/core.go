package main

import (
	"context"
	"log/slog"
	"time"

	"khamxa/fhir/store/sqlite"
	"khamxa/internal/identity"
	"khamxa/registry"
	"khamxa/registry/cohort"
)

// core is an open store and what stands directly on it. A command for data works on one, in its own process or in that of a running
// service (operation).
type core struct {
	store   *sqlite.DB
	staff   *identity.Service // after prepare
	figures *cohort.Follower  // follows the log while the service runs; nil in a command that opened the store itself
	address string            // where people reach the running service; "" in a command that opened the store itself
	log     *slog.Logger
	clock   func() time.Time

	// settle brings what the running service has put off into the store; nil in a command that opened the store itself.
	settle func(ctx context.Context) error
}

// openCore opens the store in dir, which is made if it is not there. It writes nothing: what looks for damage must not.
func openCore(ctx context.Context, dir string, log *slog.Logger, clock func() time.Time) (*core, error) {
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Log: log, Clock: clock})
	if err != nil {
		return nil, err
	}
	return &core{store: db, log: log, clock: clock}, nil
}

// prepare makes the store ready for writing: the places that records refer to are kept, and staff is there. Doing it again is harmless.
func (c *core) prepare(ctx context.Context) error {
	if c.staff != nil {
		return nil
	}
	if _, err := registry.InstallPlaces(ctx, c.store); err != nil {
		return err
	}
	staff, err := identity.New(ctx, identity.Options{Records: c.store, Log: c.log, Clock: c.clock, Changed: practitioners{c.store}.keep})
	c.staff = staff
	return err
}
