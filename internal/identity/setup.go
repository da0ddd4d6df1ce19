package identity

import (
	"context"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Life of set-up links: the one that the first start prints, and the ones that an administrator hands to staff.
const (
	FirstSetupLife = 24 * time.Hour
	SetupLife      = 72 * time.Hour
)

// Sentences about set-up links; identity/web has them in Vietnamese under the same text.
const BadSetup = "This set-up link has been used or has expired. Ask for a new one."

// setup is what a set-up code allows: choosing the password of one account, or, with an empty Login, making the first
// administrator.
type setup struct {
	Login   string    `json:"login"`
	Expires time.Time `json:"expires"`
	Taken   bool      `json:"taken,omitempty"` // somebody is using it at this moment
}

func setupKey(code string) string { return "identity/setup/" + digest(code) }

// firstSetup names the record that remembers the digest of the printed code, so that a restart voids the code before it.
const firstSetup = "identity/first-setup"

// Setup makes a fresh one-time code for creating the first administrator, while there is none. Codes printed earlier stop
// working. When an administrator exists, needed is false and the code is "".
func (s *Service) Setup(ctx context.Context) (code string, needed bool, err error) {
	all, err := s.ListStaff(ctx)
	if err != nil {
		return "", false, err
	}
	for _, staff := range all {
		if staff.Has(Admin) && staff.Ready {
			return "", false, nil
		}
	}
	if old, err := s.records.Get(ctx, firstSetup); err == nil {
		if err := s.records.Delete(ctx, string(old.Value)); err != nil {
			return "", false, err
		}
	}
	code = newSecret()
	expires := s.clock().Add(FirstSetupLife)
	if err := s.save(ctx, setupKey(code), setup{Expires: expires}, 0, expires); err != nil {
		return "", false, err
	}
	_, err = s.records.Put(ctx, records.Record{Key: firstSetup, Value: []byte(setupKey(code)), Version: records.Any, Expires: expires})
	return code, true, err
}

// SetupLink makes a one-time code with which the account's person chooses a password. NotFound if there is no such login.
func (s *Service) SetupLink(ctx context.Context, login string) (code string, err error) {
	staff, err := s.StaffByLogin(ctx, login)
	if err != nil {
		return "", err
	}
	code = newSecret()
	expires := s.clock().Add(SetupLife)
	return code, s.save(ctx, setupKey(code), setup{Login: staff.Login, Expires: expires}, 0, expires)
}

// SetupFor says whose code this is: the account, or first = true for the code that makes the first administrator. It uses
// nothing up. Fault.Gone when the code is unknown, used or expired.
func (s *Service) SetupFor(ctx context.Context, code string) (who Staff, first bool, err error) {
	st, _, err := s.setup(ctx, code)
	if err != nil {
		return Staff{}, false, err
	}
	if st.Login == "" {
		return Staff{}, true, nil
	}
	who, err = s.StaffByLogin(ctx, st.Login)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Gone, "identity.SetupFor", BadSetup)
	}
	return who, false, err
}

func (s *Service) setup(ctx context.Context, code string) (setup, int64, error) {
	gone := fault.New(fault.Gone, "identity.setup", BadSetup)
	if len(code) != secretLength {
		return setup{}, 0, gone
	}
	var st setup
	version, err := s.load(ctx, setupKey(code), &st)
	if fault.Is(err, fault.NotFound) || (err == nil && st.Taken) {
		return setup{}, 0, gone
	}
	return st, version, err
}

// CompleteSetup uses the code up. For the first code it creates the administrator described by n; for a person's code it
// sets n.Password and ignores the rest. Errors: fault.Gone for the code; those of CreateStaff and SetPassword, after which
// the code is still good. Two uses of one code: one wins.
func (s *Service) CompleteSetup(ctx context.Context, code string, n NewStaff) (Staff, error) {
	st, version, err := s.setup(ctx, code)
	if err != nil {
		return Staff{}, err
	}
	n.Roles = []Grant{{Role: Admin}}
	n.Login = NormaliseLogin(n.Login)
	if st.Login != "" {
		n.Login = st.Login
	} else if err := validateStaff("identity.CompleteSetup", Staff{Login: n.Login, Name: n.Name, Roles: n.Roles}); err != nil {
		return Staff{}, err
	}
	if err := CheckPassword(n.Login, n.Password); err != nil {
		return Staff{}, err
	}
	// Taking the code first, by version, makes it one-time; it is given back if the rest fails.
	taken := setup{Login: st.Login, Expires: st.Expires, Taken: true}
	version, err = s.put(ctx, setupKey(code), taken, version, st.Expires)
	if err != nil {
		if fault.Is(err, fault.Conflict) {
			return Staff{}, fault.New(fault.Gone, "identity.CompleteSetup", BadSetup)
		}
		return Staff{}, err
	}
	who, err := s.applySetup(ctx, st, n)
	if err != nil {
		// The request may have been ended; the code must come back all the same.
		if back := s.save(context.WithoutCancel(ctx), setupKey(code), st, version, st.Expires); back != nil {
			s.log.WarnContext(ctx, "identity: a set-up code was lost after a failure", "error", back)
		}
		return Staff{}, err
	}
	return who, s.records.Delete(ctx, setupKey(code))
}

func (s *Service) applySetup(ctx context.Context, st setup, n NewStaff) (Staff, error) {
	if st.Login == "" {
		return s.CreateStaff(ctx, n)
	}
	if err := s.SetPassword(ctx, st.Login, n.Password); err != nil {
		return Staff{}, err
	}
	return s.StaffByLogin(ctx, st.Login)
}
