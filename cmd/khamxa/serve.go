package main

import (
	"context"
	"errors"
	"net"
	"time"

	"khamxa/internal/fault"
)

// serve is `khamxa serve`.
func serve(ctx context.Context, t terminal, args []string) error {
	var set settings
	if err := t.parse(set.flags(), args); err != nil {
		return err
	}
	if err := set.validate(); err != nil || set.check {
		return err
	}
	log := t.logger(set.level)
	// The address first: it fails soonest and most often, and callers that come early wait instead of being refused.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", set.listen)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "khamxa.serve", "Nothing can be served on "+set.listen+". Is another service there? Choose another address with --listen.")
	}
	defer func() { _ = listener.Close() }() // it may be closed already
	c, err := openCore(ctx, set.data, log, time.Now)
	if err != nil {
		return err
	}
	s, err := startService(ctx, set, c, listener)
	if err != nil {
		return errors.Join(err, c.store.Close())
	}
	if err = s.announce(ctx, t); err == nil {
		err = s.run(ctx)
	}
	s.stop()
	return errors.Join(err, c.store.Close())
}

// announce prints where the service is, and how to begin: with the demo's accounts, or the link for the first administrator.
func (s *service) announce(ctx context.Context, t terminal) error {
	base := s.core.address
	if s.set.demo {
		if err := s.demo(ctx, t, base); err != nil {
			return err
		}
	} else if err := s.shutDemo(ctx); err != nil {
		return err
	}
	code, needed, err := s.core.staff.Setup(ctx)
	if err != nil {
		return err
	}
	if needed {
		if err := t.printf("There is no administrator yet. Make one with this link, within 24 hours: %s/setup#%s", base, code); err != nil {
			return err
		}
	}
	t.sayf("Khamxa is on %s", base)
	return nil
}

// address is where people reach the service, as far as it knows.
func (s *service) address() string {
	if s.set.publicURL != "" {
		return s.set.publicURL
	}
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if given, _, err := net.SplitHostPort(s.set.listen); err == nil && given != "" {
		host = given
	}
	return "http://" + net.JoinHostPort(host, port)
}
