package main

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"khamxa/fhir/rest"
	"khamxa/fhir/subscription"
	"khamxa/internal/audit"
	"khamxa/internal/daemon"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	idweb "khamxa/internal/identity/web"
)

// subscriptionType is written and read by programs alone: its headers hold other systems' secrets, and each is served with its author's
// rights.
const subscriptionType = "Subscription"

// startSubscriptions begins to serve R4 Subscriptions. stopSubscriptions ends it.
func (s *service) startSubscriptions(ctx context.Context) (err error) {
	s.subscriptions, err = subscription.New(subscription.Options{
		Store: s.core.store, Log: s.core.store, Charts: s.core.store, Records: s.core.store, Logger: s.core.log, Clock: s.core.clock,
		Access: subscriberAccess(s.core.staff), Hooks: s.set.hooks(), Audit: s.trail.notified,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.subscriptions.Run(running)
	}()
	s.stopSubscriptions = func() { stop(); <-ended }
	return nil
}

// subscriberAccess is what the program behind a subscription may see at this moment.
func subscriberAccess(staff *identity.Service) func(context.Context, string) (subscription.Access, error) {
	return func(ctx context.Context, author string) (subscription.Access, error) {
		caller, err := staff.ClientCaller(ctx, author)
		if err != nil {
			return subscription.Access{}, err
		}
		access := accessOf(caller)
		return subscription.Access{Within: access.Within, Allows: func(typ string) bool {
			return access.Allows(typ, rest.Read) && access.Allows(typ, rest.Search)
		}}, nil
	}
}

// notified keeps that another system was told of a resource.
func (t trail) notified(ctx context.Context, d subscription.Delivery) error {
	kind := "subscription.word"
	if d.WithBody {
		kind = "subscription.resource"
	}
	typ, _, _ := strings.Cut(d.Resource, "/")
	return t.Record(ctx, audit.Event{
		Kind: kind, Action: audit.Read, Outcome: audit.Success, When: t.clock(), Who: d.Author, Role: "client",
		Type: typ, Objects: []string{d.Resource, subscriptionType + "/" + d.Subscription},
	})
}

// subscriptionSockets is where programs hear of their subscriptions.
func (s *service) subscriptionSockets(staff *idweb.Web) http.Handler {
	return s.subscriptions.Handler(func(r *http.Request) (string, error) {
		c, err := staff.Caller(r)
		if err != nil {
			return "", err
		}
		if _, program := c.Client(); !program {
			return "", fault.New(fault.Unauthenticated, "khamxa.subscriptions", "Only programs hear of subscriptions.")
		}
		return c.Reference(), nil
	})
}

// hooks says where notifications may be sent: below the addresses that the operator named and, when nobody beyond this machine reaches the
// service (it listens on loopback, and no proxy stands before it), to this very machine.
func (s *settings) hooks() func(endpoint string) bool {
	named := subscription.HookPrefixes(strings.Split(s.notify, ","))
	return func(endpoint string) bool {
		u, err := url.Parse(endpoint)
		return named(endpoint) || err == nil && s.publicURL == "" && daemon.Loopback(s.listen) && isLoopback(u.Hostname())
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

// validateNotify refuses what is no beginning of an address.
func (s *settings) validateNotify() error {
	for prefix := range strings.SplitSeq(s.notify, ",") {
		u, err := url.Parse(prefix)
		if prefix != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
			return usagef("--notify is addresses such as https://his.example.vn/fhir, with commas between them")
		}
	}
	return nil
}
