// Package identity knows who makes a request: staff with roles, their sessions, API clients with SMART scopes, and the
// tickets that let one peer into one room.
//
// It stands on package records and keeps nothing of its own in memory but rate limits and the tokens it has verified. It knows no HTTP: identity/web is
// its face. It decides who a caller is and which communes and resource types the caller may touch; what is done with that
// (narrowing a search, hiding a page) is the business of whoever serves the data. A patient has no account here: patients
// come with an invitation (package consult) and hold a ticket.
package identity

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Options is what New needs. Records is required. Clock defaults to time.Now, Log to nothing, Cost to DefaultCost.
type Options struct {
	Records records.Store
	Log     *slog.Logger
	Clock   func() time.Time
	Cost    Cost

	// Changed, if set, is told of every account that was created or changed, after it was kept, so that the registry's
	// Practitioner and PractitionerRole can follow. Its error is given to the caller of the change.
	Changed func(ctx context.Context, s Staff) error
}

// Service keeps accounts, sessions and clients. It is safe for concurrent use.
type Service struct {
	records records.Store
	log     *slog.Logger
	clock   func() time.Time
	changed func(ctx context.Context, s Staff) error
	hasher  *hasher
	guard   *guard
	tickets *Tickets
	bearer  []byte
	tokens  tokenCache
}

// New loads the signing key from records, making one at the first start, and measures nothing else.
// Errors are those of the record store.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Records == nil {
		return nil, fault.New(fault.Internal, "identity.New", "No record store was given.")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost()
	}
	key, err := signingKey(ctx, o.Records)
	if err != nil {
		return nil, err
	}
	hash, err := newHasher(o.Cost)
	if err != nil {
		return nil, err
	}
	s := &Service{
		records: o.Records, log: o.Log, clock: o.Clock, changed: o.Changed,
		hasher: hash, guard: newGuard(o.Clock),
	}
	ticketKey, err := derive(key, "khamxa ticket 1")
	if err != nil {
		return nil, err
	}
	if s.bearer, err = derive(key, "khamxa bearer 1"); err != nil {
		return nil, err
	}
	s.tickets = &Tickets{key: ticketKey, clock: o.Clock}
	return s, nil
}

// Tickets issues and verifies room tickets with this service's key.
func (s *Service) Tickets() *Tickets { return s.tickets }

// keyRecord is where the 256-bit signing key lives. Every node of one installation shares it through the store.
const keyRecord = "identity/key/1"

func signingKey(ctx context.Context, store records.Store) ([]byte, error) {
	for range 3 { // another node may make the key between our look and our write
		rec, err := store.Get(ctx, keyRecord)
		if err == nil {
			return rec.Value, nil
		}
		if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		key := make([]byte, 32)
		rand.Read(key) // never fails (crypto/rand)
		if _, err = store.Put(ctx, records.Record{Key: keyRecord, Value: key}); err == nil {
			return key, nil
		}
		if !fault.Is(err, fault.Conflict) {
			return nil, err
		}
	}
	return nil, fault.New(fault.Unavailable, "identity.New", "The signing key could not be read.")
}

// derive makes a key for one purpose from the signing key (HKDF, RFC 5869), so that a ticket is never taken for a token.
func derive(key []byte, purpose string) ([]byte, error) {
	k, err := hkdf.Key(sha256.New, key, nil, purpose, 32)
	return k, fault.Wrap(err, fault.Internal, "identity.New", "A key could not be derived.")
}

// newSecret is 256 random bits in URL-safe base64, 43 characters.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// secretLength is the length of newSecret's text.
const secretLength = 43

// digest is how a secret of ours is stored: SHA-256 is enough for 256 random bits.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newID is a short random id of the FHIR id grammar, with a letter in front.
func newID(prefix string) string {
	b := make([]byte, 10)
	rand.Read(b) // never fails (crypto/rand)
	return prefix + hex.EncodeToString(b)
}

// load reads the record under the key into v and returns its version.
func (s *Service) load(ctx context.Context, key string, v any) (int64, error) {
	rec, err := s.records.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(rec.Value, v); err != nil {
		return 0, fault.Wrap(err, fault.Internal, "identity.load", "A stored record cannot be read.")
	}
	return rec.Version, nil
}

// save writes v under the key if the stored version is still the given one.
func (s *Service) save(ctx context.Context, key string, v any, version int64, expires time.Time) error {
	_, err := s.put(ctx, key, v, version, expires)
	return err
}

// put is save for who needs the new version.
func (s *Service) put(ctx context.Context, key string, v any, version int64, expires time.Time) (int64, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return 0, fault.Wrap(err, fault.Internal, "identity.put", "A record could not be written.")
	}
	return s.records.Put(ctx, records.Record{Key: key, Value: raw, Version: version, Expires: expires})
}
