package identity

import (
	"net/netip"
	"sync"
	"time"
)

// bucket sizes of the sign-in guard. Only failures count: an attempt is charged when it begins and paid back when it turns
// out right, so a station full of people behind one address is never slowed down.
//
//   - one login from one address: 5 failures, then one a minute
//   - one address, all logins:    30 failures, then one every 5 seconds
//   - one login, all addresses:   100 failures, then one every 30 seconds
//
// The third is wide on purpose: a stranger who hammers a doctor's login from one place runs into the first and the second,
// and the doctor, who comes from another place, does not notice.
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

// attempt is one charged try.
type attempt struct {
	guard *guard
	keys  []string
}

// begin charges a try and reports whether it may go on. A refused try is not charged.
func (g *guard) begin(login, address string) (attempt, bool) {
	place := network(address)
	wanted := []struct {
		key  string
		rate rate
	}{
		{"pair " + digest(login+" "+place), pairRate()},
		{"address " + place, addressRate()},
		{"login " + digest(login), loginRate()},
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if len(g.buckets) > maxBuckets {
		g.sweep(now)
	}
	a := attempt{guard: g}
	for _, w := range wanted {
		b, ok := g.buckets[w.key]
		if !ok {
			b = &bucket{rate: w.rate, tokens: w.rate.burst, at: now}
			g.buckets[w.key] = b
		}
		b.refill(now)
		if b.tokens < 1 {
			return attempt{}, false
		}
		a.keys = append(a.keys, w.key)
	}
	for _, key := range a.keys {
		g.buckets[key].tokens--
	}
	return a, true
}

// forgive pays the attempt back: it was right, or it failed for a reason of ours.
func (a attempt) forgive() {
	a.guard.mu.Lock()
	defer a.guard.mu.Unlock()
	for _, key := range a.keys {
		if b, ok := a.guard.buckets[key]; ok {
			b.tokens = min(b.rate.burst, b.tokens+1)
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

// network is what counts as one address: an IPv4 address, or the /64 that one IPv6 customer has to itself.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap()
	if ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
