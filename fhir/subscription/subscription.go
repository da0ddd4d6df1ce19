// Package subscription serves R4 Subscriptions (https://hl7.org/fhir/R4/subscription.html): it follows the log and tells
// other systems, by rest-hook or over a WebSocket, of each resource that was created or updated and matches the criteria.
//
// The log is the outbox. Each subscription has a durable position in the log (a record) that moves only past what was
// delivered, so a notification is sent at least once, in the order of the log, however often either side restarts. What
// cannot be delivered is tried again with growing pauses; a subscription that has failed for a day is set to error, and goes
// on where it stopped when its client asks for it again. A notification that was sent twice has the same Idempotency-Key.
//
// A subscription reads with the rights of the program that asked for it, looked up at each delivery, and each delivery is
// told to the audit trail before it is made. What is not here: no FHIR interactions (fhir/rest keeps the resources and calls
// Check on what clients write), no topics (R5), no email or SMS. Only cmd makes a Dispatcher.
package subscription

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Limits. A subscription past MaxActive is set to error.
const (
	MaxActive      = 200              // subscriptions that are served at one time
	MaxHeaders     = 20               // Subscription.channel.header
	deliveryTime   = 10 * time.Second // for one notification
	firstPause     = time.Second      // after the first failure; doubled by each further one
	longestPause   = 5 * time.Minute
	entriesAtOnce  = 256
	windowBytes    = 16 << 20 // bodies that the feed keeps for subscriptions that are up to date
	savedEvery     = 2_000    // commits without a match after which the position is kept all the same
	answerBytes    = 64 << 10 // of a hook's answer that is read, so that its connection can be used again
	defaultGiveUp  = 24 * time.Hour
	readAgainAfter = time.Second // after the log could not be read
)

// Access is what the program behind a subscription may see now. Within is as in store.Visible. Allows is asked for the type of the
// criteria.
type Access struct {
	Within []string
	Allows func(resourceType string) bool
}

// Delivery is one notification, for the audit trail. WithBody says that the resource itself was sent, not only word of it.
type Delivery struct {
	Author       string // who the subscription belongs to
	Subscription string // its id
	Resource     string // "Observation/1/_history/2"
	WithBody     bool
}

// Options is what New needs. All but HTTP, GiveUp, Hooks and Audit are required.
type Options struct {
	Store   store.Store
	Log     store.Log
	Charts  store.Charts
	Records records.Store
	Logger  *slog.Logger
	Clock   func() time.Time

	// Access tells what an author ("Device/client-...") may see now. Its errors NotFound, Forbidden and Unauthenticated end the
	// author's subscriptions; others are tried again.
	Access func(ctx context.Context, author string) (Access, error)

	// Hooks reports whether notifications may be sent to the address: records leave the service there, so the operator
	// decides. nil: to none.
	Hooks func(endpoint string) bool

	// Audit is told of a delivery before it is made; if it fails, nothing is sent. nil: nobody is told.
	Audit func(ctx context.Context, d Delivery) error

	HTTP   *http.Client  // nil: one that follows no redirects and keeps few connections
	GiveUp time.Duration // how long a delivery is tried before the subscription is set to error; 0: 24 hours
}

// Dispatcher serves the subscriptions of a store. It is safe for concurrent use.
type Dispatcher struct {
	Options
	feed *feed
	hub  *hub
}

// New makes a dispatcher; Run starts it. Errors are fault.Invalid for options that cannot be used.
func New(o Options) (*Dispatcher, error) {
	if o.Store == nil || o.Log == nil || o.Charts == nil || o.Records == nil || o.Logger == nil || o.Clock == nil || o.Access == nil {
		return nil, fault.New(fault.Invalid, "subscription.New", "Subscriptions need a store, its log, records, a logger, a clock and a way to look up rights.")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: deliveryTime,
		}}
	}
	client := *o.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &client
	if o.GiveUp == 0 {
		o.GiveUp = defaultGiveUp
	}
	return &Dispatcher{Options: o, feed: &feed{log: o.Log}, hub: newHub()}, nil
}

// Active is how many subscriptions are served at this moment.
func (d *Dispatcher) Active() int { return d.hub.count() }

// HookPrefixes makes an Options.Hooks that allows the addresses that begin with one of the prefixes, and no others. A prefix
// ends at a slash or at the end of an address, so "https://his.example" does not allow "https://his.example.net".
func HookPrefixes(prefixes []string) func(endpoint string) bool {
	return func(endpoint string) bool {
		for _, p := range prefixes {
			rest, ok := strings.CutPrefix(endpoint, strings.TrimRight(p, "/"))
			if ok && (rest == "" || rest[0] == '/' || rest[0] == '?') && p != "" {
				return true
			}
		}
		return false
	}
}
