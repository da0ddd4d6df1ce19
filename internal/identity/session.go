package identity

import (
	"context"
	"time"

	"khamxa/internal/fault"
)

// A session ends 12 hours after sign-in whatever happens (one working day with its overtime; OWASP ASVS 5.0 7.3.2) and
// after 4 hours without a request (7.3.1): a consult of two hours over an open call page makes few requests.
const (
	SessionLife = 12 * time.Hour
	SessionIdle = 4 * time.Hour
)

// touchEvery is how far "last seen" may lag behind, so that not every request writes.
const touchEvery = 5 * time.Minute

// session is what is kept under the digest of its token.
type session struct {
	Login   string    `json:"login"`
	Epoch   int       `json:"epoch"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
}

func sessionKey(token string) string { return "identity/session/" + digest(token) }

// Sentences about signing in; identity/web has them in Vietnamese under the same text.
const (
	BadSignIn       = "The login or the password is not right."
	TooManySignIns  = "There have been too many failed attempts. Wait a few minutes, then try again."
	SessionNotValid = "The session has ended. Please sign in again."
)

// SignIn checks a login and password that came from an address (host without port) and opens a session. The token goes
// into the cookie and is stored nowhere. Errors: fault.Unauthenticated for an unknown login, a wrong password and a
// disabled account alike (same sentence, same time); fault.TooMany when the login or the address has failed too often (guard.go says how often, and whom others' failures do not hold up).
func (s *Service) SignIn(ctx context.Context, login, password, address string) (token string, who Staff, err error) {
	const op = "identity.SignIn"
	login = NormaliseLogin(login)
	attempt, ok := s.begin(ctx, login, address)
	if !ok {
		return "", Staff{}, fault.New(fault.TooMany, op, TooManySignIns)
	}
	a, _, err := s.account(ctx, login)
	if err != nil && !fault.Is(err, fault.NotFound) {
		attempt.forgive()
		return "", Staff{}, err
	}
	if len(password) > 4*MaxPassword {
		password = password[:4*MaxPassword] // cannot be right; not worth normalising whole
	}
	right, stale, err := s.hasher.verify(ctx, a.Password, password)
	if err != nil {
		attempt.forgive()
		return "", Staff{}, err
	}
	if !right || a.Disabled {
		return "", Staff{}, fault.New(fault.Unauthenticated, op, BadSignIn)
	}
	attempt.forgive()
	s.familiar(ctx, login, address)
	if stale {
		s.rehash(ctx, login, password)
		if a, _, err = s.account(ctx, login); err != nil {
			return "", Staff{}, err
		}
	}
	token, err = s.open(ctx, a)
	return token, a.staff(), err
}

// rehash stores the password at today's cost. A failure leaves the old hash, which still works.
func (s *Service) rehash(ctx context.Context, login, password string) {
	phc, err := s.hasher.hash(ctx, password)
	if err == nil {
		_, err = s.change(ctx, login, func(a *account) error { a.Password = phc; return nil })
	}
	if err != nil {
		s.log.WarnContext(ctx, "identity: a password hash was not renewed", "err", err)
	}
}

func (s *Service) open(ctx context.Context, a account) (string, error) {
	now := s.clock().UTC()
	token := newSecret()
	err := s.save(ctx, sessionKey(token), session{Login: a.Login, Epoch: a.Epoch, Created: now, Seen: now}, 0, now.Add(SessionIdle))
	return token, err
}

// Session returns who holds the token. Fault.Unauthenticated when the session is unknown, over, idle too long, or its
// account was disabled, changed or removed meanwhile: the account is read every time.
func (s *Service) Session(ctx context.Context, token string) (Caller, error) {
	over := fault.New(fault.Unauthenticated, "identity.Session", SessionNotValid)
	if len(token) != secretLength {
		return Caller{}, over
	}
	var sess session
	version, err := s.load(ctx, sessionKey(token), &sess)
	if fault.Is(err, fault.NotFound) {
		return Caller{}, over
	}
	if err != nil {
		return Caller{}, err
	}
	now := s.clock().UTC()
	if !now.Before(sess.Created.Add(SessionLife)) || !now.Before(sess.Seen.Add(SessionIdle)) {
		return Caller{}, over
	}
	a, _, err := s.account(ctx, sess.Login)
	if fault.Is(err, fault.NotFound) || (err == nil && (a.Disabled || a.Epoch != sess.Epoch)) {
		return Caller{}, over
	}
	if err != nil {
		return Caller{}, err
	}
	if now.Sub(sess.Seen) >= touchEvery {
		s.touch(ctx, token, sess, version, now)
	}
	return Caller{staff: a.staff(), kind: staffCaller}, nil
}

// touch moves "last seen". Losing the race to another request, or a store that is busy, costs nothing.
func (s *Service) touch(ctx context.Context, token string, sess session, version int64, now time.Time) {
	sess.Seen = now
	expires := now.Add(SessionIdle)
	if end := sess.Created.Add(SessionLife); end.Before(expires) {
		expires = end
	}
	if err := s.save(ctx, sessionKey(token), sess, version, expires); err != nil && !fault.Is(err, fault.Conflict) {
		s.log.WarnContext(ctx, "identity: a session was not prolonged", "err", err)
	}
}

// SignOut ends the session. An unknown token is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	if len(token) != secretLength {
		return nil
	}
	return s.records.Delete(ctx, sessionKey(token))
}
