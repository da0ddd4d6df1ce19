package identity

import (
	"context"
	"crypto/sha256"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"khamxa/internal/fault"
)

// TokenLife is how long a bearer token works (SMART Backend Services: "SHOULD NOT exceed 300 seconds" is for assertions;
// access tokens are advised to live five minutes). Ten keep slow imports from asking at every turn; disabling a client does
// not wait for it.
const TokenLife = 10 * time.Minute

// tokenIssuer and the audiences keep the two kinds of JWT apart, beside their different keys.
const (
	tokenIssuer    = "khamxa"
	bearerAudience = "khamxa-fhir"
	ticketAudience = "khamxa-signal"
)

// Token is an access token as /oauth/token answers it.
type Token struct {
	AccessToken string
	Scope       string
	ExpiresIn   time.Duration
}

// Sentences about tokens.
const (
	BadBearer      = "The access token is not valid or has expired. Ask /oauth/token for a new one."
	NoScopeGranted = "None of the scopes asked for is granted to this client."
)

type bearerClaims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

// Token is the client credentials grant (RFC 6749 section 4.4): it checks the client and returns a bearer token for the
// scopes that are both asked for and granted; an empty request asks for all that is granted. From is the address, for the
// rate limit. Errors: fault.Unauthenticated, fault.TooMany, fault.Forbidden when no scope is left.
func (s *Service) Token(ctx context.Context, id, secret, scope, from string) (Token, error) {
	const op = "identity.Token"
	try, ok := s.begin(ctx, "client "+id, from)
	if !ok {
		return Token{}, fault.New(fault.TooMany, op, TooManySignIns)
	}
	c, err := s.authenticate(ctx, id, secret)
	if !fault.Is(err, fault.Unauthenticated) {
		try.forgive()
	}
	if err != nil {
		return Token{}, err
	}
	s.familiar(ctx, "client "+id, from)
	granted, _ := ParseScopes(c.Scope)
	if scope != "" {
		asked, _ := ParseScopes(scope)
		granted = asked.Narrow(granted)
	}
	if len(granted) == 0 {
		return Token{}, fault.New(fault.Forbidden, op, NoScopeGranted)
	}
	now := s.clock()
	claims := bearerClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: tokenIssuer, Subject: c.ID, Audience: jwt.ClaimStrings{bearerAudience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TokenLife)), ID: newID("t"),
		},
		Scope: granted.String(),
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.bearer)
	if err != nil {
		return Token{}, fault.Wrap(err, fault.Internal, op, "The token could not be signed.")
	}
	return Token{AccessToken: signed, Scope: granted.String(), ExpiresIn: TokenLife}, nil
}

// VerifyBearer returns the client behind an access token, with the token's scopes narrowed to what the client is granted
// now. Fault.Unauthenticated when the token is not one of ours, has expired, or its client is gone or disabled.
func (s *Service) VerifyBearer(ctx context.Context, token string) (Caller, error) {
	const op = "identity.VerifyBearer"
	if c, ok := s.verified(ctx, token); ok {
		return c, nil
	}
	var claims bearerClaims
	if err := parseJWT(token, &claims, s.bearer, bearerAudience, s.clock); err != nil {
		return Caller{}, fault.Wrap(err, fault.Unauthenticated, op, BadBearer)
	}
	c, version, err := s.client(ctx, claims.Subject)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Caller{}, err
	}
	if err != nil || c.Disabled {
		return Caller{}, fault.New(fault.Unauthenticated, op, BadBearer)
	}
	scopes, _ := ParseScopes(claims.Scope)
	granted, _ := ParseScopes(c.Scope)
	caller := Caller{kind: clientCaller, client: c.Client, scopes: scopes.Narrow(granted)}
	s.tokens.put(token, seenToken{caller: caller, expires: claims.ExpiresAt.Time, version: version}, s.clock())
	return caller, nil
}

// verified is the caller of a token that was verified before, if the token has not expired and the client's record is still the one that was
// looked at then: a client that is disabled is out at once, on whatever node that was done.
func (s *Service) verified(ctx context.Context, token string) (Caller, bool) {
	seen, ok := s.tokens.get(token)
	if !ok || !s.clock().Before(seen.expires) {
		return Caller{}, false
	}
	rec, err := s.records.Get(ctx, clientPrefix+seen.caller.client.ID)
	return seen.caller, err == nil && rec.Version == seen.version
}

// tokenCache remembers tokens that were verified, by their hash. The zero tokenCache is empty.
type tokenCache struct {
	mu   sync.RWMutex
	seen map[[sha256.Size]byte]seenToken
}

// seenToken is what a token said. version is that of the client's record which it was held against.
type seenToken struct {
	caller  Caller
	expires time.Time
	version int64
}

// mostTokens is how many tokens are remembered.
const mostTokens = 4096

func (c *tokenCache) get(token string) (seenToken, bool) {
	key := sha256.Sum256([]byte(token))
	c.mu.RLock()
	defer c.mu.RUnlock()
	seen, ok := c.seen[key]
	return seen, ok
}

// put remembers a token. When there are too many, those that have expired are forgotten, and all of them if none has.
func (c *tokenCache) put(token string, t seenToken, now time.Time) {
	key := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) >= mostTokens {
		maps.DeleteFunc(c.seen, func(_ [sha256.Size]byte, old seenToken) bool { return !now.Before(old.expires) })
	}
	if c.seen == nil || len(c.seen) >= mostTokens {
		c.seen = map[[sha256.Size]byte]seenToken{}
	}
	c.seen[key] = t
}

// ClientCaller returns the caller that a program is now, with all that it is granted, for work that goes on between its requests.
// reference is Caller.Reference of it. fault.NotFound when it is no program's, or the program is gone or disabled.
func (s *Service) ClientCaller(ctx context.Context, reference string) (Caller, error) {
	c, _, err := s.client(ctx, strings.TrimPrefix(reference, "Device/"))
	if err != nil {
		return Caller{}, err
	}
	if c.Disabled {
		return Caller{}, fault.New(fault.NotFound, "identity.ClientCaller", "There is no such client.")
	}
	granted, _ := ParseScopes(c.Scope)
	return Caller{kind: clientCaller, client: c.Client, scopes: granted}, nil
}

// maxJWT is the longest token that is looked at.
const maxJWT = 4096

// parseJWT verifies a token: HS256 and nothing else, our issuer, the audience, and an expiry that has not come.
func parseJWT(token string, claims jwt.Claims, key []byte, audience string, clock func() time.Time) error {
	if len(token) > maxJWT {
		return jwt.ErrTokenMalformed
	}
	_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(tokenIssuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(clock), jwt.WithStrictDecoding())
	return err
}
