package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"khamxa/consult"
	"khamxa/fhir/bulk"
	"khamxa/fhir/subscription"
	"khamxa/internal/daemon"
	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/registry/cohort"
)

// service is a running `khamxa serve`.
type service struct {
	set      settings
	core     *core
	trail    trail
	calls    *calls
	consults *consult.Service
	metrics  *metrics
	refusals *network.Refusals // what strangers were refused
	health   *daemon.Health
	handler  http.Handler

	listener, admin net.Listener
	draining        chan struct{} // closed when the service begins to stop
	stopFigures     func()        // ends the follower and waits for its checkpoint

	subscriptions     *subscription.Dispatcher
	stopSubscriptions func() // ends deliveries and waits for the one in progress

	exports *bulk.Jobs // those that programs ask for over /fhir
}

// How long a stop may take. The unit file gives 30 s.
const (
	drainCalls    = 3 * time.Second
	drainRequests = 10 * time.Second
)

// startService starts the parts in the order in which they stand on each other: the store, the figures over it, the bus and the media
// process, signalling, the consults, the pages. After an error what was started is stopped again.
func startService(ctx context.Context, set settings, c *core, listener net.Listener) (_ *service, err error) {
	s := &service{
		set: set, core: c, trail: trail{log: c.store, clock: c.clock}, metrics: newMetrics(), listener: listener,
		draining: make(chan struct{}), stopFigures: func() {}, stopSubscriptions: func() {},
	}
	s.refusals = network.NewRefusals(c.log, c.clock, s.metrics.refusal)
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	c.address = s.address()
	if err = c.prepare(ctx); err != nil {
		return nil, err
	}
	if err = s.trail.openSpool(ctx, set.data, c.log); err != nil {
		return nil, err
	}
	c.settle = s.trail.settle
	s.followLog(ctx)
	if err = s.startSubscriptions(ctx); err != nil {
		return nil, err
	}
	if err = s.startExports(ctx); err != nil {
		return nil, err
	}
	if s.calls, err = startCalls(ctx, set, c.staff.Tickets(), s.refusals, c.log, c.clock); err != nil {
		return nil, err
	}
	s.health = &daemon.Health{Checks: append(s.checks(), s.calls.checks()...)}
	if s.handler, err = s.newHandler(ctx); err != nil {
		return nil, err
	}
	s.calls.start(ctx, s.consults)
	s.metrics.watch(c, s.calls)
	s.metrics.gauge("khamxa_subscriptions", "Subscriptions that are active.", func() float64 { return float64(s.subscriptions.Active()) })
	s.admin, err = listenAdmin(ctx, set.data)
	return s, err
}

// followLog keeps the figures at the log's head until stopFigures.
func (s *service) followLog(ctx context.Context) {
	c := s.core
	c.figures = cohort.NewFollower(cohort.Options{Log: c.store, Records: c.store, Logger: c.log, Clock: c.clock})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.figures.Run(running); err != nil {
			c.log.Error("the figures do not follow the log any more", "err", err)
		}
	}()
	s.stopFigures = func() { stop(); <-ended }
}

// checks are what /readyz asks of the store and what stands on it.
func (s *service) checks() []daemon.Check {
	return []daemon.Check{
		{Name: "store", Ask: func(ctx context.Context) error {
			if _, err := s.core.store.Head(ctx); err != nil {
				return fault.Wrap(err, fault.Unavailable, "khamxa.ready", "The store does not answer.")
			}
			return nil
		}},
		{Name: "figures", Ask: func(context.Context) error {
			select {
			case <-s.core.figures.Ready():
				return nil
			default:
				return fault.New(fault.Unavailable, "khamxa.ready", "The figures have not caught up with the log yet.")
			}
		}},
	}
}

// run serves until ctx ends, then drains: callers are told to come again, requests in progress are finished.
func (s *service) run(ctx context.Context) error {
	log := s.core.log
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go easeCollector(serving)
	pages, operations := make(chan error, 1), make(chan error, 1)
	go func() { pages <- daemon.ServeHTTP(serving, s.listener, s.handler, drainRequests, log) }()
	go func() { operations <- daemon.ServeHTTP(serving, s.admin, adminHandler(s.core), drainRequests, log) }()
	var failed error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case failed = <-pages:
		pages <- nil
	case failed = <-operations:
		operations <- nil
	}
	close(s.draining)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainCalls)
	s.calls.drain(limit)
	cancel()
	stop()
	return errors.Join(failed, <-pages, <-operations)
}

// stop ends what startService started, the last one first. Whatever was acknowledged is kept; the store is closed by whoever opened it.
func (s *service) stop() {
	if s.admin != nil {
		_ = s.admin.Close() // it may be closed already
		removeAdmin(s.set.data)
	}
	if s.calls != nil {
		s.calls.stop()
	}
	s.stopSubscriptions()
	if s.exports != nil {
		_ = s.exports.Close() // it has no failure; what was not kept is done again
	}
	if err := s.trail.close(); err != nil {
		s.core.log.Error("the end of the audit trail waits in the folder for the next start", "err", err)
	}
	s.stopFigures()
}
