package web

import (
	"crypto/sha256"
	"net/http"
	"time"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/network"
)

// How many refused attempts become events. Events are commits in a log that never shrinks, and whoever is refused may be anybody: so a
// login (or a program's id) from one address makes one event a minute, and an address, whatever it names, ten and then one a minute.
// What comes between is counted and told in the operator's log (network.Refusals).
const (
	eventsOfPair    = 1
	eventsOfAddress = 10
	eventsEvery     = time.Minute
)

// attempts says which refused attempts are kept as events.
type attempts struct{ pairs, addresses *network.Limiter }

func newAttempts(clock func() time.Time) attempts {
	return attempts{network.NewLimiter(clock, eventsOfPair, eventsEvery), network.NewLimiter(clock, eventsOfAddress, eventsEvery)}
}

// worthAnEvent reports whether this wrong attempt is kept. Of the name only a hash is remembered: it may be a password in the wrong field.
func (a attempts) worthAnEvent(name, address string) bool {
	group := network.Group(address)
	sum := sha256.Sum256([]byte(group + " " + name))
	if _, ok := a.pairs.Allow(string(sum[:])); !ok {
		return false
	}
	_, ok := a.addresses.Allow(group)
	return ok
}

// refused tells of an attempt to sign in, or to get a token, that was refused. What a limit refused is no event: nothing was looked at.
func (web *Web) refused(r *http.Request, kind network.Kind, name string, err error) {
	address, reason := network.Address(r), network.Wrong
	if fault.Is(err, fault.TooMany) {
		reason = network.TooMany
	}
	web.options.Refusals.Note(r.Context(), kind, reason, address)
	if reason == network.Wrong && web.attempts.worthAnEvent(string(kind)+" "+identity.NormaliseLogin(name), address) {
		web.note(r, audit.Event{Kind: string(kind), Action: audit.Execute, Outcome: audit.Refused})
	}
}
