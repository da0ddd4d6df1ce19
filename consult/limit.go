package consult

import (
	"sync"
	"time"

	"khamxa/internal/network"
)

// The rate limit on opening links counts failures only, per network address (network.Group). It is not asked about a device that is bound
// already: that one has proved who it is, and a stranger behind the same address must not take its call away. An address may fail limitBurst times at once
// and once more every limitRefill. Many patients can share one address (carrier NAT), so the burst is generous; the secret's
// 160 bits are the protection, the limit spares the server.
const (
	limitBurst   = 30
	limitRefill  = 2 * time.Second
	limitSources = 20_000 // addresses remembered; beyond it the oldest are forgotten
)

type bucket struct {
	failures float64
	at       time.Time
}

// limiter remembers who failed. Safe for concurrent use.
type limiter struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[string]bucket
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, buckets: map[string]bucket{}}
}

// allow reports whether the address may try. An address that never failed always may.
func (l *limiter) allow(from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level(network.Group(from)) < limitBurst
}

// fail counts a failure.
func (l *limiter) fail(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = network.Group(from)
	level := l.level(from)
	if len(l.buckets) >= limitSources {
		l.prune()
	}
	l.buckets[from] = bucket{failures: level + 1, at: l.now()}
}

// level is the failures that have not drained yet.
func (l *limiter) level(from string) float64 {
	b, ok := l.buckets[from]
	if !ok {
		return 0
	}
	return max(0, b.failures-l.now().Sub(b.at).Seconds()/limitRefill.Seconds())
}

// prune forgets the addresses that have drained, and all of them if none has: under such a flood from many addresses the
// limit is no help anyway, and memory must stay bounded.
func (l *limiter) prune() {
	for from := range l.buckets {
		if l.level(from) == 0 {
			delete(l.buckets, from)
		}
	}
	if len(l.buckets) >= limitSources {
		clear(l.buckets)
	}
}
