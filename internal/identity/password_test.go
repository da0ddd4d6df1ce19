package identity // reaches into the hasher: what a wrong login costs is not visible from outside

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"khamxa/internal/fault"
)

func testHasher(t testing.TB) *hasher {
	t.Helper()
	h, err := newHasher(Cost{Memory: 64, Passes: 1, Lanes: 1, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashAndVerify(t *testing.T) {
	h, ctx := testHasher(t), context.Background()
	phc, err := h.hash(ctx, "biển xanh sóng to")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("PHC string is %s", phc)
	}
	again, err := h.hash(ctx, "biển xanh sóng to")
	if err != nil || again == phc {
		t.Errorf("two hashes of one password are the same (%v): the salt is not random", err)
	}
	for name, c := range map[string]struct {
		phc, password string
		want          bool
	}{
		"right":              {phc, "biển xanh sóng to", true},
		"right, decomposed":  {phc, norm.NFD.String("biển xanh sóng to"), true},
		"wrong":              {phc, "biển xanh sóng tò", false},
		"empty":              {phc, "", false},
		"no hash":            {"", "biển xanh sóng to", false},
		"no hash, no word":   {"", "", false},
		"cut hash":           {phc[:len(phc)-4], "biển xanh sóng to", false},
		"another algorithm":  {strings.Replace(phc, "argon2id", "argon2i", 1), "biển xanh sóng to", false},
		"huge memory":        {strings.Replace(phc, "m=64", "m=4294967295", 1), "biển xanh sóng to", false},
		"garbage in numbers": {strings.Replace(phc, "t=1", "t=1x", 1), "biển xanh sóng to", false},
	} {
		t.Run(name, func(t *testing.T) {
			ok, _, err := h.verify(ctx, c.phc, c.password)
			if err != nil || ok != c.want {
				t.Errorf("verify gave %v, %v; want %v", ok, err, c.want)
			}
		})
	}
}

func TestVerifySeesAnOldCost(t *testing.T) {
	old, ctx := testHasher(t), context.Background()
	phc, err := old.hash(ctx, "biển xanh sóng to")
	if err != nil {
		t.Fatal(err)
	}
	if _, stale, _ := old.verify(ctx, phc, "biển xanh sóng to"); stale {
		t.Error("a fresh hash is called stale")
	}
	dearer, err := newHasher(Cost{Memory: 128, Passes: 1, Lanes: 1, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	if ok, stale, _ := dearer.verify(ctx, phc, "biển xanh sóng to"); !ok || !stale {
		t.Errorf("ok %v, stale %v; want both", ok, stale)
	}
}

// Every check, the one for an unknown login too, takes a hashing slot: with all slots busy it waits and then gives up.
func TestUnknownLoginCostsAHash(t *testing.T) {
	h := testHasher(t)
	if err := h.slots.Acquire(context.Background(), h.cost.Parallel); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := h.verify(ctx, "", "whatever it is"); !fault.Is(err, fault.Timeout) {
		t.Errorf("verify without a stored hash gave %v: it did not try to hash", err)
	}
}

func TestCheckPassword(t *testing.T) {
	for password, want := range map[string]string{
		"biển xanh sóng to":        "",
		"con mèo ngủ trên mái":     "",
		"Tr0ng-vườn-có-3-cây-ổi":   "",
		"ngắn":                     TooShort,
		"123456789":                TooShort,
		"ăâđêôơưẮẰ":                TooShort,
		"1234567890":               TooCommon,
		"password123!":             TooCommon,
		"Password-2026":            TooCommon,
		"MatKhau@12345":            TooCommon,
		"mậtkhẩu2026":              TooCommon,
		"tramyte2026":              TooCommon,
		"qwertyuiop":               TooCommon,
		"aaaaaaaaaaaa":             TooCommon,
		"121212121212":             TooCommon,
		"bs.hoa2026":               TooCommon, // the login and a year
		strings.Repeat("dài ", 70): TooLong,
	} {
		t.Run(password[:min(20, len(password))], func(t *testing.T) {
			err := CheckPassword("bs.hoa", password)
			if want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if fault.MessageOf(err) != want || fault.PathOf(err) != "password" {
				t.Errorf("got %v, want %q at password", err, want)
			}
		})
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g")
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$$")
	f.Add("")
	f.Fuzz(func(t *testing.T, phc string) {
		cost, salt, sum, ok := parsePHC(phc)
		if ok && (cost.Memory > 1<<20 || cost.Passes > 16 || cost.Lanes == 0 || len(salt) < 8 || len(sum) < 16 || len(sum) > 64) {
			t.Errorf("%q was read as %+v with %d bytes of salt and %d of hash", phc, cost, len(salt), len(sum))
		}
	})
}

// BenchmarkSignIn200 is two hundred people who sign in at once, at the real cost. Memory stays at four checks' worth.
func BenchmarkSignIn200(b *testing.B) {
	h, err := newHasher(DefaultCost())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		done := make(chan error, 200)
		for range 200 {
			go func() {
				_, _, err := h.verify(context.Background(), "", "biển xanh sóng to")
				done <- err
			}()
		}
		for range 200 {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
	}
}
