package network

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds a Limiter's memory. Keys that have their whole burst again are forgotten first: they mean nothing.
const maxKeys = 20_000

// Limiter lets each key through a number of times at once, and once more every so often. Safe for concurrent use.
type Limiter struct {
	clock func() time.Time
	burst int
	every rate.Limit
	mu    sync.Mutex
	keys  map[string]*entry
}

type entry struct {
	limit   *rate.Limiter
	skipped int
}

// NewLimiter makes one for burst at once and one more each every.
func NewLimiter(clock func() time.Time, burst int, every time.Duration) *Limiter {
	return &Limiter{clock: clock, burst: burst, every: rate.Every(every), keys: map[string]*entry{}}
}

// Allow reports whether the key may pass now, and how often it might not since it last did.
func (l *Limiter) Allow(key string) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	e := l.keys[key]
	if e == nil {
		if len(l.keys) >= maxKeys {
			l.forget(now)
		}
		e = &entry{limit: rate.NewLimiter(l.every, l.burst)}
		l.keys[key] = e
	}
	if !e.limit.AllowN(now, 1) {
		e.skipped++
		return e.skipped, false
	}
	skipped, e.skipped = e.skipped, 0
	return skipped, true
}

// forget drops what is at rest, and everything if that is not enough: a flood of made-up keys must not fill the memory.
func (l *Limiter) forget(now time.Time) {
	for key, e := range l.keys {
		if e.limit.TokensAt(now) >= float64(l.burst) {
			delete(l.keys, key)
		}
	}
	if len(l.keys) >= maxKeys {
		clear(l.keys)
	}
}

// Kind is what a stranger tried.
type Kind string

// The kinds.
const (
	SignIn     Kind = "sign-in"
	Token      Kind = "token"
	Invitation Kind = "invitation"
	Signal     Kind = "signal"
)

// Reason is why it was refused.
type Reason string

// The reasons.
const (
	Wrong   Reason = "wrong"    // a credential that is not right
	TooMany Reason = "too-many" // a limit, before anything was looked at
)

// Refusals tells the operator what strangers were refused: each one to a count, and a line in the log at most once a minute for each
// network, kind and reason. A line has the network and numbers, never a login, a name or a link. Safe for concurrent use.
type Refusals struct {
	log   *slog.Logger
	lines *Limiter
	count func(Kind, Reason)
}

// NewRefusals makes one. count takes each refusal, for a metric; nil takes none. log may be nil.
func NewRefusals(log *slog.Logger, clock func() time.Time, count func(Kind, Reason)) *Refusals {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if count == nil {
		count = func(Kind, Reason) {}
	}
	return &Refusals{log: log, lines: NewLimiter(clock, 1, time.Minute), count: count}
}

// Note takes one refusal of a request from the address.
func (f *Refusals) Note(ctx context.Context, kind Kind, reason Reason, address string) {
	f.count(kind, reason)
	group := Group(address)
	if unsaid, ok := f.lines.Allow(string(kind) + " " + string(reason) + " " + group); ok {
		f.log.WarnContext(ctx, "a stranger's request was refused", "kind", string(kind), "reason", string(reason), "network", group, "unsaid", unsaid)
	}
}
