package identity_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/records"
)

func TestSignIn(t *testing.T) {
	s, ctx := service(t), context.Background()
	who := doctor(t, s, "bs.hoa")
	token, got, err := s.SignIn(ctx, " BS.HOA", password, "192.0.2.1")
	if err != nil || got.ID != who.ID {
		t.Fatalf("signed in as %+v, %v", got, err)
	}
	if len(token) != 43 {
		t.Errorf("token has %d characters, want 43 (256 bits)", len(token))
	}
	caller, err := s.Session(ctx, token)
	if err != nil || caller.Reference() != "Practitioner/"+who.ID {
		t.Errorf("session is %q, %v", caller.Reference(), err)
	}
	for name, try := range map[string][2]string{
		"wrong password": {"bs.hoa", "biển xanh sóng nhỏ"},
		"unknown login":  {"bs.huong", password},
		"empty":          {"", ""},
		"long password":  {"bs.hoa", string(make([]byte, 1<<20))},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.SignIn(ctx, try[0], try[1], "192.0.2.1")
			wantCode(t, err, fault.Unauthenticated)
			if fault.MessageOf(err) != identity.BadSignIn {
				t.Errorf("sentence is %q: it tells one failure from another", fault.MessageOf(err))
			}
		})
	}
}

func TestTokenIsNotStored(t *testing.T) {
	store := records.NewMemory(time.Now)
	s := serviceOn(t, store)
	doctor(t, s, "bs.hoa")
	token := signIn(t, s, "bs.hoa")
	all, err := store.List(context.Background(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all {
		for _, text := range []string{rec.Key, string(rec.Value)} {
			if contains(text, token) || contains(text, password) {
				t.Errorf("record %s holds a secret in clear", rec.Key)
			}
		}
	}
}

func contains(text, part string) bool {
	for i := 0; i+len(part) <= len(text); i++ {
		if text[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := service(t), context.Background()
		doctor(t, s, "bs.hoa")

		idle := signIn(t, s, "bs.hoa")
		time.Sleep(identity.SessionIdle - time.Second)
		if _, err := s.Session(ctx, idle); err != nil {
			t.Errorf("just before the idle limit: %v", err)
		}
		time.Sleep(identity.SessionIdle)
		_, err := s.Session(ctx, idle)
		wantCode(t, err, fault.Unauthenticated)

		busy := signIn(t, s, "bs.hoa")
		for range 12 * 2 {
			if _, err := s.Session(ctx, busy); err != nil {
				t.Fatalf("a session in use ended early: %v", err)
			}
			time.Sleep(30 * time.Minute)
		}
		_, err = s.Session(ctx, busy)
		wantCode(t, err, fault.Unauthenticated)
	})
}

func TestSessionEndsWithTheAccount(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(*identity.Service) error{
		"signed out": func(*identity.Service) error { return nil },
		"disabled": func(s *identity.Service) error {
			_, err := s.SetDisabled(ctx, "bs.hoa", true)
			return err
		},
		"disabled and enabled again": func(s *identity.Service) error {
			if _, err := s.SetDisabled(ctx, "bs.hoa", true); err != nil {
				return err
			}
			_, err := s.SetDisabled(ctx, "bs.hoa", false)
			return err
		},
		"new password": func(s *identity.Service) error { return s.SetPassword(ctx, "bs.hoa", "một câu khác hẳn") },
	} {
		t.Run(name, func(t *testing.T) {
			s := service(t)
			doctor(t, s, "bs.hoa")
			one, other := signIn(t, s, "bs.hoa"), signIn(t, s, "bs.hoa")
			if one == other {
				t.Fatal("two sign-ins share a token")
			}
			if err := change(s); err != nil {
				t.Fatal(err)
			}
			if name == "signed out" {
				if err := s.SignOut(ctx, one); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Session(ctx, other); err != nil {
					t.Errorf("signing out ended the other session too: %v", err)
				}
			}
			_, err := s.Session(ctx, one)
			wantCode(t, err, fault.Unauthenticated)
		})
	}
}

func TestDisabledAccountCannotSignIn(t *testing.T) {
	s := service(t)
	doctor(t, s, "bs.hoa")
	if _, err := s.SetDisabled(context.Background(), "bs.hoa", true); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.SignIn(context.Background(), "bs.hoa", password, "192.0.2.1")
	wantCode(t, err, fault.Unauthenticated)
}

func TestBadSessionTokens(t *testing.T) {
	s := service(t)
	for _, token := range []string{"", "x", "../../identity/key/1", string(make([]byte, 43)), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		_, err := s.Session(context.Background(), token)
		wantCode(t, err, fault.Unauthenticated)
		if err := s.SignOut(context.Background(), token); err != nil {
			t.Errorf("signing out %q: %v", token, err)
		}
	}
}

func TestOldPasswordHashIsRenewed(t *testing.T) {
	store, ctx := records.NewMemory(time.Now), context.Background()
	doctor(t, serviceOn(t, store), "bs.hoa")
	dearer, err := identity.New(ctx, identity.Options{Records: store, Cost: identity.Cost{Memory: 128, Passes: 1, Lanes: 1, Parallel: 1}})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := dearer.SignIn(ctx, "bs.hoa", password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dearer.Session(ctx, token); err != nil {
		t.Errorf("the renewal ended the session it belongs to: %v", err)
	}
	rec, err := store.Get(ctx, "identity/staff/bs.hoa")
	if err != nil || !contains(string(rec.Value), "m=128,") {
		t.Errorf("the hash was not renewed (%v)", err)
	}
}

func TestSignInLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := service(t), context.Background()
		doctor(t, s, "bs.hoa")
		doctor(t, s, "bs.lan")
		fail := func(login, address string) error {
			_, _, err := s.SignIn(ctx, login, "không phải mật khẩu", address)
			return err
		}
		for range 5 {
			wantCode(t, fail("bs.hoa", "192.0.2.1"), fault.Unauthenticated)
		}
		err := fail("bs.hoa", "192.0.2.1")
		wantCode(t, err, fault.TooMany)
		_, _, err = s.SignIn(ctx, "bs.hoa", password, "192.0.2.1")
		wantCode(t, err, fault.TooMany)

		// Honest people are not touched: another login here, the same login elsewhere.
		if _, _, err := s.SignIn(ctx, "bs.lan", password, "192.0.2.1"); err != nil {
			t.Errorf("another login from the same address: %v", err)
		}
		if _, _, err := s.SignIn(ctx, "bs.hoa", password, "198.51.100.7"); err != nil {
			t.Errorf("the same login from another address: %v", err)
		}

		time.Sleep(time.Minute)
		if _, _, err := s.SignIn(ctx, "bs.hoa", password, "192.0.2.1"); err != nil {
			t.Errorf("after a minute: %v", err)
		}
		for range 200 { // a whole station behind one address
			if _, _, err := s.SignIn(ctx, "bs.lan", password, "192.0.2.1"); err != nil {
				t.Fatalf("successful sign-ins are counted: %v", err)
			}
		}
	})
}

func TestSignInLimitPerAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := service(t), context.Background()
		refused := 0
		for i := range 60 { // one guess for each of many logins, from one IPv6 customer's many addresses
			_, _, err := s.SignIn(ctx, "nguoi"+itoa(i), "không phải mật khẩu", "2001:db8:1:2::"+itoa(i+1))
			if fault.Is(err, fault.TooMany) {
				refused++
			}
		}
		if refused != 30 {
			t.Errorf("%d of 60 guesses were refused, want 30", refused)
		}
	})
}

// TestStrangersDoNotLockOut: a stranger at the same address, or many at many, use up what failures are allowed; who was let in there
// before still is, also after a restart, and guessing at that very login is held as ever.
func TestStrangersDoNotLockOut(t *testing.T) {
	const here, elsewhere = "2001:db8:1:2::1", "203.0.113.9"
	floods := map[string]func(try func(login, address string)){
		"at one address": func(try func(login, address string)) {
			for i := range 60 {
				try("nguoi"+itoa(i), "2001:db8:1:2::"+itoa(i+10))
			}
		},
		"at one login": func(try func(login, address string)) {
			for i := range 150 {
				try("bs.hoa", "198.51.100."+itoa(i))
			}
		},
	}
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, ctx := records.NewMemory(time.Now), context.Background()
				s := serviceOn(t, store)
				doctor(t, s, "bs.hoa")
				doctor(t, s, "bs.lan")
				signIn := func(s *identity.Service, login, password, address string) error {
					_, _, err := s.SignIn(ctx, login, password, address)
					return err
				}
				if err := signIn(s, "bs.hoa", password, here); err != nil {
					t.Fatal(err)
				}
				for _, node := range []*identity.Service{s, serviceOn(t, store)} { // the second one as after a restart
					limited := 0
					flood(func(login, address string) {
						if err := signIn(node, login, "không phải mật khẩu", address); fault.Is(err, fault.TooMany) {
							limited++
						}
					})
					if limited == 0 {
						t.Fatal("the flood was not limited: the test shows nothing")
					}
					for range 3 {
						if err := signIn(node, "bs.hoa", password, here); err != nil {
							t.Errorf("who belongs there is shut out: %v", err)
						}
					}
					strange, from := "bs.lan", here // a right password that was never right here
					if name == "at one login" {
						strange, from = "bs.hoa", elsewhere
					}
					wantCode(t, signIn(node, strange, password, from), fault.TooMany)
					for range 5 {
						wantCode(t, signIn(node, "bs.hoa", "không phải mật khẩu", here), fault.Unauthenticated)
					}
					wantCode(t, signIn(node, "bs.hoa", password, here), fault.TooMany)
				}
				time.Sleep(31 * 24 * time.Hour)
				flood(func(login, address string) { _ = signIn(s, login, "không phải mật khẩu", address) })
				wantCode(t, signIn(s, "bs.hoa", password, here), fault.TooMany) // not familiar any more
			})
		})
	}
}

// Charging an attempt when it ends would let a burst of parallel guesses through.
func TestSignInLimitHoldsForParallelGuesses(t *testing.T) {
	s := service(t)
	doctor(t, s, "bs.hoa")
	results := make(chan error, 50)
	for range 50 {
		go func() {
			_, _, err := s.SignIn(context.Background(), "bs.hoa", "không phải mật khẩu", "192.0.2.1")
			results <- err
		}()
	}
	checked := 0
	for range 50 {
		if fault.Is(<-results, fault.Unauthenticated) {
			checked++
		}
	}
	if checked > 5 {
		t.Errorf("%d of 50 parallel guesses were checked, want 5", checked)
	}
}
