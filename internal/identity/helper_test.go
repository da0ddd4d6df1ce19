package identity_test

import (
	"context"
	"testing"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/records"
)

const password = "biển xanh sóng to"

// cheap makes password checks fast; the real cost is the default's business.
func cheap() identity.Cost { return identity.Cost{Memory: 64, Passes: 1, Lanes: 1, Parallel: 4} }

func service(t testing.TB) *identity.Service {
	t.Helper()
	return serviceOn(t, records.NewMemory(time.Now))
}

func serviceOn(t testing.TB, store records.Store) *identity.Service {
	t.Helper()
	s, err := identity.New(context.Background(), identity.Options{Records: store, Cost: cheap()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func doctor(t testing.TB, s *identity.Service, login string) identity.Staff {
	t.Helper()
	return staff(t, s, login, identity.Grant{Role: identity.Doctor, Communes: []string{"14221"}})
}

func staff(t testing.TB, s *identity.Service, login string, grants ...identity.Grant) identity.Staff {
	t.Helper()
	who, err := s.CreateStaff(context.Background(), identity.NewStaff{Login: login, Name: "Nguyễn Thị Hòa", Roles: grants, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func signIn(t testing.TB, s *identity.Service, login string) string {
	t.Helper()
	token, _, err := s.SignIn(context.Background(), login, password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantCode(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("got error %v, want code %q", err, code)
	}
}
