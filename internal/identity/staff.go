package identity

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"khamxa/internal/fault"
)

// Role is what a person does. The list is closed.
type Role string

// The roles. A doctor and a specialist see and write records of their communes; a manager sees figures for an area and the
// lists behind them; an administrator manages accounts and sees no records.
const (
	Doctor     Role = "doctor"
	Specialist Role = "specialist"
	Manager    Role = "manager"
	Admin      Role = "admin"
)

// Roles lists every role.
func Roles() []Role { return []Role{Doctor, Specialist, Manager, Admin} }

// Grant is a role in some communes: codes of the administrative units of 1 July 2025, five digits. Nil is the whole
// province.
type Grant struct {
	Role     Role     `json:"role"`
	Communes []string `json:"communes,omitempty"`
}

// Staff is one account. ID is also the id of the person's FHIR Practitioner. Login is lower case.
type Staff struct {
	ID       string    `json:"id"`
	Login    string    `json:"login"`
	Name     string    `json:"name"`
	Roles    []Grant   `json:"roles"`
	Disabled bool      `json:"disabled,omitempty"`
	Created  time.Time `json:"created"`
	Ready    bool      `json:"-"` // a password has been set
}

// Has reports whether the account has the role anywhere.
func (s Staff) Has(role Role) bool {
	return slices.ContainsFunc(s.Roles, func(g Grant) bool { return g.Role == role })
}

// account is Staff as it is kept. Epoch grows when the password, the roles or the disabling changes: sessions of an older
// epoch are dead.
type account struct {
	Staff
	Password string `json:"password,omitempty"` // PHC string; "" until the person has chosen one
	Epoch    int    `json:"epoch"`
}

func (a account) staff() Staff {
	s := a.Staff
	s.Ready = a.Password != ""
	return s
}

// NewStaff describes an account to create. Password may be empty: the person then chooses one with a set-up link
// (Service.SetupLink).
type NewStaff struct {
	Login    string
	Name     string
	Roles    []Grant
	Password string
}

// Sentences about accounts; identity/web has them in Vietnamese under the same text.
const (
	BadLogin   = "A login has 2 to 64 small letters, digits, dots or dashes, and starts with a letter or a digit."
	BadName    = "Enter the person's name, at most 100 characters."
	BadRole    = "Choose a role."
	BadCommune = "A commune is given by its five-digit code."
	LoginTaken = "This login is taken."
	LastAdmin  = "This is the last administrator who can sign in."
)

const accountPrefix = "identity/staff/"

func accountKey(login string) string { return accountPrefix + login }

// NormaliseLogin is the stored form of what a person typed as login.
func NormaliseLogin(typed string) string {
	return strings.ToLower(strings.TrimSpace(norm.NFC.String(typed)))
}

func validLogin(login string) bool {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{1,63}$`).MatchString(login)
}

// CreateStaff makes an account. Errors: fault.Invalid with Path "login", "name", "role", "commune" or "password";
// fault.Conflict at "login" when it is taken.
func (s *Service) CreateStaff(ctx context.Context, n NewStaff) (Staff, error) {
	const op = "identity.CreateStaff"
	a := account{Staff: Staff{
		ID: newID("s"), Login: NormaliseLogin(n.Login), Name: strings.TrimSpace(norm.NFC.String(n.Name)),
		Roles: slices.Clone(n.Roles), Created: s.clock().UTC(),
	}, Epoch: 1}
	if err := validateStaff(op, a.Staff); err != nil {
		return Staff{}, err
	}
	if n.Password != "" {
		if err := CheckPassword(a.Login, n.Password); err != nil {
			return Staff{}, err
		}
		phc, err := s.hasher.hash(ctx, n.Password)
		if err != nil {
			return Staff{}, err
		}
		a.Password = phc
	}
	err := s.save(ctx, accountKey(a.Login), a, 0, time.Time{})
	if fault.Is(err, fault.Conflict) {
		return Staff{}, fault.New(fault.Conflict, op, LoginTaken).At("login")
	}
	if err != nil {
		return Staff{}, err
	}
	return a.staff(), s.tell(ctx, a.staff())
}

func validateStaff(op string, s Staff) error {
	if !validLogin(s.Login) {
		return fault.New(fault.Invalid, op, BadLogin).At("login")
	}
	if s.Name == "" || utf8.RuneCountInString(s.Name) > 100 || strings.ContainsFunc(s.Name, func(r rune) bool { return r < ' ' }) {
		return fault.New(fault.Invalid, op, BadName).At("name")
	}
	if len(s.Roles) == 0 {
		return fault.New(fault.Invalid, op, BadRole).At("role")
	}
	for _, g := range s.Roles {
		if !slices.Contains(Roles(), g.Role) {
			return fault.New(fault.Invalid, op, BadRole).At("role")
		}
		if err := validateCommunes(op, g.Communes); err != nil {
			return err
		}
	}
	return nil
}

// validateCommunes refuses bad codes, and an empty list that is not nil: it would silently mean "nowhere" here and
// "everywhere" after a round trip through JSON.
func validateCommunes(op string, communes []string) error {
	code := regexp.MustCompile(`^[0-9]{5}$`)
	bad := communes != nil && len(communes) == 0
	for _, c := range communes {
		bad = bad || !code.MatchString(c)
	}
	if bad {
		return fault.New(fault.Invalid, op, BadCommune).At("commune")
	}
	return nil
}

func (s *Service) tell(ctx context.Context, staff Staff) error {
	if s.changed == nil {
		return nil
	}
	return s.changed(ctx, staff)
}

// StaffByLogin returns one account. NotFound if there is none.
func (s *Service) StaffByLogin(ctx context.Context, login string) (Staff, error) {
	a, _, err := s.account(ctx, NormaliseLogin(login))
	return a.staff(), err
}

func (s *Service) account(ctx context.Context, login string) (account, int64, error) {
	var a account
	if !validLogin(login) {
		return a, 0, fault.New(fault.NotFound, "identity.account", "There is no such account.")
	}
	version, err := s.load(ctx, accountKey(login), &a)
	return a, version, err
}

// ListStaff returns every account by login.
func (s *Service) ListStaff(ctx context.Context) ([]Staff, error) {
	accounts, err := list[account](ctx, s, accountPrefix)
	all := make([]Staff, 0, len(accounts))
	for _, a := range accounts {
		all = append(all, a.staff())
	}
	return all, err
}

// SetDisabled shuts an account out or lets it in again. All its sessions end at once. The last administrator who can sign
// in cannot be disabled (fault.State).
func (s *Service) SetDisabled(ctx context.Context, login string, disabled bool) (Staff, error) {
	if disabled {
		all, err := s.ListStaff(ctx)
		if err != nil {
			return Staff{}, err
		}
		others := slices.ContainsFunc(all, func(o Staff) bool { return o.Has(Admin) && !o.Disabled && o.Ready && o.Login != login })
		target, err := s.StaffByLogin(ctx, login)
		if err != nil {
			return Staff{}, err
		}
		if target.Has(Admin) && !others {
			return Staff{}, fault.New(fault.State, "identity.SetDisabled", LastAdmin)
		}
	}
	return s.change(ctx, login, func(a *account) error { a.Disabled = disabled; return nil })
}

// SetPassword gives the account a new password and ends all its sessions. Errors: fault.Invalid at "password".
func (s *Service) SetPassword(ctx context.Context, login, password string) error {
	if err := CheckPassword(login, password); err != nil {
		return err
	}
	phc, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, login, func(a *account) error { a.Password = phc; return nil })
	return err
}

// change edits an account and moves its epoch. Somebody else's edit in between is read again, a few times.
func (s *Service) change(ctx context.Context, login string, edit func(*account) error) (Staff, error) {
	login = NormaliseLogin(login)
	for attempt := 0; ; attempt++ {
		a, version, err := s.account(ctx, login)
		if err != nil {
			return Staff{}, err
		}
		if err := edit(&a); err != nil {
			return Staff{}, err
		}
		a.Epoch++
		err = s.save(ctx, accountKey(login), a, version, time.Time{})
		if fault.Is(err, fault.Conflict) && attempt < 5 {
			continue
		}
		if err != nil {
			return Staff{}, err
		}
		return a.staff(), s.tell(ctx, a.staff())
	}
}
