package identity

import (
	"context"
	"sync"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/internal/records"
)

// bucket sizes of the sign-in guard. Only failures count: an attempt is charged when it begins and paid back when it turns
// out right, so a station full of people behind one address is never slowed down. An address is what network.Group makes of it.
//
//   - one login from one address: 5 failures, then one a minute
//   - one address, all logins:    30 failures, then one every 5 seconds
//   - one login, all addresses:   100 failures, then one every 30 seconds
//
// The third is wide on purpose: a stranger who hammers a doctor's login from one place runs into the first and the second,
// and the doctor, who comes from another place, does not notice.
//
// The second and third are other people's doing, so they must not shut out who belongs there: a login that was right from an
// address within familiarLife is held there by the first alone. A guesser gains one guess a minute by that, for one login, and
// only from an address that its owner uses; and who has used up that address's failures can see which logins are familiar there.
func pairRate() rate    { return rate{burst: 5, every: time.Minute} }
func addressRate() rate { return rate{burst: 30, every: 5 * time.Second} }
func loginRate() rate   { return rate{burst: 100, every: 30 * time.Second} }

// maxBuckets bounds the guard's memory; full buckets are forgotten first, and they are the ones that mean nothing.
const maxBuckets = 50_000

type rate struct {
	burst float64
	every time.Duration
}

type bucket struct {
	rate   rate
	tokens float64
	at     time.Time
}

func (b *bucket) refill(now time.Time) {
	b.tokens = min(b.rate.burst, b.tokens+now.Sub(b.at).Seconds()/b.rate.every.Seconds())
	b.at = now
}

// guard counts failed attempts in memory, on each node for itself.
type guard struct {
	clock   func() time.Time
	mu      sync.Mutex
	buckets map[string]*bucket
}

func newGuard(clock func() time.Time) *guard {
	return &guard{clock: clock, buckets: map[string]*bucket{}}
}

// attempt is one charged try, and what it was charged.
type attempt struct {
	guard *guard
	taken map[string]float64
}

// begin charges a try and reports whether it may go on. A refused try is not charged. A familiar one is asked of the pair's
// bucket only, and charged to the others as far as they go.
func (g *guard) begin(login, address string, familiar bool) (attempt, bool) {
	place := network.Group(address)
	wanted := []struct {
		key  string
		rate rate
		asks bool
	}{
		{"address " + place, addressRate(), !familiar},
		{"login " + digest(login), loginRate(), !familiar},
		{"pair " + pairOf(login, place), pairRate(), true},
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if len(g.buckets) > maxBuckets {
		g.sweep(now)
	}
	for _, w := range wanted {
		if b, ok := g.buckets[w.key]; ok {
			if b.refill(now); w.asks && b.tokens < 1 {
				return attempt{}, false
			}
		}
	}
	a := attempt{guard: g, taken: map[string]float64{}}
	for _, w := range wanted {
		b, ok := g.buckets[w.key]
		if !ok {
			b = &bucket{rate: w.rate, tokens: w.rate.burst, at: now}
			g.buckets[w.key] = b
		}
		a.taken[w.key] = min(1, b.tokens)
		b.tokens -= a.taken[w.key]
	}
	return a, true
}

// pairOf names a login at a place without saying either.
func pairOf(login, place string) string { return digest(login + " " + place) }

// forgive pays the attempt back: it was right, or it failed for a reason of ours.
func (a attempt) forgive() {
	a.guard.mu.Lock()
	defer a.guard.mu.Unlock()
	for key, taken := range a.taken {
		if b, ok := a.guard.buckets[key]; ok {
			b.tokens = min(b.rate.burst, b.tokens+taken)
		}
	}
}

// sweep forgets full buckets, and everything if that is not enough: a flood of made-up logins must not fill the memory.
func (g *guard) sweep(now time.Time) {
	for key, b := range g.buckets {
		if b.refill(now); b.tokens >= b.rate.burst {
			delete(g.buckets, key)
		}
	}
	if len(g.buckets) > maxBuckets {
		clear(g.buckets)
	}
}

// A login that was right from an address is familiar there for 30 days: longer than any leave between two shifts. It is written anew
// once a day at most.
const (
	familiarLife  = 30 * 24 * time.Hour
	familiarFresh = familiarLife - 24*time.Hour
)

func familiarKey(login, address string) string {
	return "identity/familiar/" + pairOf(login, network.Group(address))
}

// begin charges an attempt to sign in. What the limits refuse is looked at again if the login is familiar at the address, which
// a record says, so that it outlives a restart under attack.
func (s *Service) begin(ctx context.Context, login, address string) (attempt, bool) {
	a, ok := s.guard.begin(login, address, false)
	if ok {
		return a, true
	}
	if _, err := s.records.Get(ctx, familiarKey(login, address)); err != nil {
		if !fault.Is(err, fault.NotFound) {
			s.log.WarnContext(ctx, "identity: whether a login is familiar could not be read", "err", err)
		}
		return attempt{}, false
	}
	return s.guard.begin(login, address, true)
}

// familiar remembers that a login was right from an address. That it could not be kept costs nothing now.
func (s *Service) familiar(ctx context.Context, login, address string) {
	key, now := familiarKey(login, address), s.clock()
	rec, err := s.records.Get(ctx, key)
	if err == nil && rec.Expires.After(now.Add(familiarFresh)) {
		return
	}
	if err == nil || fault.Is(err, fault.NotFound) {
		_, err = s.records.Put(ctx, records.Record{Key: key, Value: []byte("1"), Version: records.Any, Expires: now.Add(familiarLife)})
	}
	if err != nil {
		s.log.WarnContext(ctx, "identity: a familiar login was not kept", "err", err)
	}
}
