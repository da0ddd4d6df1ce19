package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/records"
)

func TestCreateStaffRefuses(t *testing.T) {
	good := func() identity.NewStaff {
		return identity.NewStaff{Login: "bs.hoa", Name: "Nguyễn Thị Hòa", Roles: []identity.Grant{{Role: identity.Doctor}}, Password: password}
	}
	for name, c := range map[string]struct {
		edit func(*identity.NewStaff)
		path string
	}{
		"no login":               {func(n *identity.NewStaff) { n.Login = "" }, "login"},
		"one letter":             {func(n *identity.NewStaff) { n.Login = "a" }, "login"},
		"accents":                {func(n *identity.NewStaff) { n.Login = "hòa" }, "login"},
		"slash":                  {func(n *identity.NewStaff) { n.Login = "a/b" }, "login"},
		"starts with a dot":      {func(n *identity.NewStaff) { n.Login = ".hoa" }, "login"},
		"long login":             {func(n *identity.NewStaff) { n.Login = strings.Repeat("a", 65) }, "login"},
		"no name":                {func(n *identity.NewStaff) { n.Name = "  " }, "name"},
		"newline in name":        {func(n *identity.NewStaff) { n.Name = "a\nb" }, "name"},
		"long name":              {func(n *identity.NewStaff) { n.Name = strings.Repeat("ả", 101) }, "name"},
		"no role":                {func(n *identity.NewStaff) { n.Roles = nil }, "role"},
		"unknown role":           {func(n *identity.NewStaff) { n.Roles = []identity.Grant{{Role: "root"}} }, "role"},
		"empty communes":         {func(n *identity.NewStaff) { n.Roles[0].Communes = []string{} }, "commune"},
		"bad commune":            {func(n *identity.NewStaff) { n.Roles[0].Communes = []string{"1422"} }, "commune"},
		"commune with injection": {func(n *identity.NewStaff) { n.Roles[0].Communes = []string{"14221|"} }, "commune"},
		"short password":         {func(n *identity.NewStaff) { n.Password = "ngắn quá" }, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			n := good()
			c.edit(&n)
			_, err := service(t).CreateStaff(context.Background(), n)
			wantCode(t, err, fault.Invalid)
			if got := fault.PathOf(err); got != c.path {
				t.Errorf("error is at %q, want %q", got, c.path)
			}
		})
	}
}

func TestCreateStaff(t *testing.T) {
	s := service(t)
	who, err := s.CreateStaff(context.Background(), identity.NewStaff{
		Login: " BS.Hoa ", Name: "Nguye\u0302\u0303n Thị Hòa", // decomposed, as some keyboards send it
		Roles: []identity.Grant{{Role: identity.Doctor, Communes: []string{"14221"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if who.Login != "bs.hoa" || who.Name != "Nguyễn Thị Hòa" || who.Ready {
		t.Errorf("kept as %+v", who)
	}
	_, err = s.CreateStaff(context.Background(), identity.NewStaff{Login: "bs.hoa", Name: "x", Roles: who.Roles})
	wantCode(t, err, fault.Conflict)
	got, err := s.StaffByLogin(context.Background(), "bs.hoa")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(who, got); diff != "" {
		t.Errorf("read back differently (-created +read):\n%s", diff)
	}
	_, err = s.StaffByLogin(context.Background(), "../key/1")
	wantCode(t, err, fault.NotFound)
}

func TestAccountWithoutPasswordCannotSignIn(t *testing.T) {
	s := service(t)
	if _, err := s.CreateStaff(context.Background(), identity.NewStaff{Login: "moi", Name: "Mới", Roles: []identity.Grant{{Role: identity.Manager}}}); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.SignIn(context.Background(), "moi", "", "192.0.2.1")
	wantCode(t, err, fault.Unauthenticated)
}

func TestChangesAreTold(t *testing.T) {
	var told []identity.Staff
	s, err := identity.New(context.Background(), identity.Options{
		Records: records.NewMemory(time.Now), Cost: cheap(),
		Changed: func(_ context.Context, s identity.Staff) error { told = append(told, s); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	doctor(t, s, "bs.hoa")
	if _, err := s.SetDisabled(context.Background(), "bs.hoa", true); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || told[0].Disabled || !told[1].Disabled {
		t.Errorf("told %+v, want the new account and then the disabled one", told)
	}
}

func TestLastAdministratorStays(t *testing.T) {
	s := service(t)
	staff(t, s, "admin", identity.Grant{Role: identity.Admin})
	_, err := s.SetDisabled(context.Background(), "admin", true)
	wantCode(t, err, fault.State)
	staff(t, s, "admin2", identity.Grant{Role: identity.Admin})
	if _, err := s.SetDisabled(context.Background(), "admin", true); err != nil {
		t.Fatal(err)
	}
	_, err = s.SetDisabled(context.Background(), "admin2", true)
	wantCode(t, err, fault.State)
}

func TestListStaffReadsEveryPage(t *testing.T) {
	s := service(t)
	const many = 1203 // more than two pages
	for i := range many {
		_, err := s.CreateStaff(context.Background(), identity.NewStaff{Login: "nv" + strings.Repeat("x", i%5) + itoa(i), Name: "NV", Roles: []identity.Grant{{Role: identity.Manager}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.ListStaff(context.Background())
	if err != nil || len(all) != many {
		t.Errorf("listed %d accounts, %v; want %d", len(all), err, many)
	}
}

func itoa(i int) string {
	digits := ""
	for ; i > 0 || digits == ""; i /= 10 {
		digits = string(rune('0'+i%10)) + digits
	}
	return digits
}

// broken fails every write after it was switched on.
type broken struct {
	records.Store
	on bool
}

func (b *broken) Put(ctx context.Context, r records.Record) (int64, error) {
	if b.on {
		return 0, fault.Wrap(errors.New("disk full"), fault.Unavailable, "test", "The store is down.")
	}
	return b.Store.Put(ctx, r)
}

func TestStoreFailureIsNotAWrongPassword(t *testing.T) {
	b := &broken{Store: records.NewMemory(time.Now)}
	s := serviceOn(t, b)
	doctor(t, s, "bs.hoa")
	b.on = true
	_, _, err := s.SignIn(context.Background(), "bs.hoa", password, "192.0.2.1")
	wantCode(t, err, fault.Unavailable)
}
