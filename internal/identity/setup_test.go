package identity_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/records"
)

func TestFirstSetup(t *testing.T) {
	s, ctx := service(t), context.Background()
	old, needed, err := s.Setup(ctx)
	if err != nil || !needed {
		t.Fatalf("Setup on an empty store: needed %v, %v", needed, err)
	}
	code, _, err := s.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	admin := identity.NewStaff{Login: "quantri1", Name: "Trần Quốc Ẩn", Password: password, Roles: []identity.Grant{{Role: identity.Doctor}}}
	_, err = s.CompleteSetup(ctx, old, admin)
	wantCode(t, err, fault.Gone)

	_, first, err := s.SetupFor(ctx, code)
	if err != nil || !first {
		t.Errorf("SetupFor: first %v, %v", first, err)
	}
	weak := admin
	weak.Password = "1234567890"
	_, err = s.CompleteSetup(ctx, code, weak)
	wantCode(t, err, fault.Invalid)

	who, err := s.CompleteSetup(ctx, code, admin)
	if err != nil || !who.Has(identity.Admin) || who.Has(identity.Doctor) {
		t.Fatalf("made %+v, %v; want an administrator and nothing else", who, err)
	}
	signIn(t, s, "quantri1")
	again := admin
	again.Login = "ketrom"
	_, err = s.CompleteSetup(ctx, code, again)
	wantCode(t, err, fault.Gone)
	if code, needed, err := s.Setup(ctx); needed || code != "" || err != nil {
		t.Errorf("with an administrator, Setup gave %q, %v, %v", code, needed, err)
	}
}

func TestSetupCodeIsGivenBackAfterAFailure(t *testing.T) {
	s, ctx := service(t), context.Background()
	doctor(t, s, "bs.hoa")
	code, _, err := s.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := identity.NewStaff{Login: "bs.hoa", Name: "Trần Quốc Ẩn", Password: password}
	_, err = s.CompleteSetup(ctx, code, n)
	wantCode(t, err, fault.Conflict)
	n.Login = "quantri1"
	if _, err = s.CompleteSetup(ctx, code, n); err != nil {
		t.Errorf("the code was lost: %v", err)
	}
}

func TestSetupCodeWorksOnce(t *testing.T) {
	s, ctx := service(t), context.Background()
	code, _, err := s.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var wins atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := s.CompleteSetup(ctx, code, identity.NewStaff{Login: "admin" + itoa(i), Name: "A", Password: password})
			if err == nil {
				wins.Add(1)
			} else if !fault.Is(err, fault.Gone) {
				t.Errorf("a loser got %v", err)
			}
		})
	}
	wg.Wait()
	all, err := s.ListStaff(ctx)
	if wins.Load() != 1 || len(all) != 1 || err != nil {
		t.Errorf("%d of 20 uses of one code won and made %d accounts (%v)", wins.Load(), len(all), err)
	}
}

func TestSetupLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := service(t), context.Background()
		doctor(t, s, "bs.hoa")
		session := signIn(t, s, "bs.hoa")
		code, err := s.SetupLink(ctx, "bs.hoa")
		if err != nil {
			t.Fatal(err)
		}
		who, first, err := s.SetupFor(ctx, code)
		if err != nil || first || who.Login != "bs.hoa" {
			t.Errorf("SetupFor: %q, first %v, %v", who.Login, first, err)
		}
		const fresh = "một câu khác hẳn"
		// A login in the form must not redirect the code to another account.
		if _, err := s.CompleteSetup(ctx, code, identity.NewStaff{Login: "admin", Password: fresh}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.SignIn(ctx, "bs.hoa", fresh, "192.0.2.1"); err != nil {
			t.Errorf("the new password does not work: %v", err)
		}
		_, err = s.Session(ctx, session)
		wantCode(t, err, fault.Unauthenticated)
		_, _, err = s.SetupFor(ctx, code)
		wantCode(t, err, fault.Gone)

		late, err := s.SetupLink(ctx, "bs.hoa")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(identity.SetupLife)
		_, err = s.CompleteSetup(ctx, late, identity.NewStaff{Password: fresh})
		wantCode(t, err, fault.Gone)
		_, err = s.SetupLink(ctx, "ai-do")
		wantCode(t, err, fault.NotFound)
	})
}

func TestNodesShareTheKey(t *testing.T) {
	store := records.NewMemory(time.Now)
	one, other := serviceOn(t, store), serviceOn(t, store)
	ticket := identity.Ticket{Room: "r1", Peer: "p1", Role: "doctor", Expires: time.Now().Add(time.Minute)}
	if _, err := other.Tickets().Verify(one.Tickets().Issue(ticket)); err != nil {
		t.Errorf("a ticket of one node is refused by another: %v", err)
	}
}
