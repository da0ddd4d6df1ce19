package identity_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/records"
)

func client(t testing.TB, s *identity.Service, scope string, communes ...string) (identity.Client, string) {
	t.Helper()
	c, secret, err := s.CreateClient(context.Background(), identity.NewClient{Name: "Phần mềm trạm", Scope: scope, Communes: communes})
	if err != nil {
		t.Fatal(err)
	}
	return c, secret
}

func TestCreateClientRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		new  identity.NewClient
		path string
	}{
		"no name":        {identity.NewClient{Scope: "system/*.rs"}, "name"},
		"no scope":       {identity.NewClient{Name: "x"}, "scope"},
		"one bad scope":  {identity.NewClient{Name: "x", Scope: "system/Patient.rs user/*.rs"}, "scope"},
		"bad commune":    {identity.NewClient{Name: "x", Scope: "system/*.rs", Communes: []string{"tyt"}}, "commune"},
		"empty, not nil": {identity.NewClient{Name: "x", Scope: "system/*.rs", Communes: []string{}}, "commune"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := service(t).CreateClient(context.Background(), c.new)
			wantCode(t, err, fault.Invalid)
			if fault.PathOf(err) != c.path {
				t.Errorf("error is at %q, want %q", fault.PathOf(err), c.path)
			}
		})
	}
}

// TestConfinedClient: what a program of a commune may write is what patients' records are made of, whatever its scopes say.
func TestConfinedClient(t *testing.T) {
	s, ctx := service(t), context.Background()
	for _, c := range []struct {
		name     string
		scope    string
		communes []string
		resource string
		want     string
	}{
		{"a record", "system/*.cruds", []string{"14221"}, "Observation", "cruds"},
		{"a patient", "system/*.cruds", []string{"14221"}, "Patient", "cruds"},
		{"no more than the scope", "system/Observation.cr", []string{"14221"}, "Observation", "cr"},
		{"a station", "system/*.cruds", []string{"14221"}, "Organization", "rs"},
		{"a station, named", "system/Organization.cruds", []string{"14221"}, "Organization", "rs"},
		{"a place", "system/*.cruds", []string{"14221"}, "Location", "rs"},
		{"staff", "system/*.cruds", []string{"14221"}, "Practitioner", "rs"},
		{"terminology", "system/*.cruds", []string{"14221"}, "ValueSet", "rs"},
		{"a binary", "system/*.cruds", []string{"14221"}, "Binary", "rs"},
		{"a station, without confinement", "system/*.cruds", nil, "Organization", "cruds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := verbsOf(bearer(ctx, t, s, c.scope, "", c.communes...).Allows, c.resource); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestAllowsByName: a wildcard names nothing, in the token and in the grant.
func TestAllowsByName(t *testing.T) {
	s, ctx := service(t), context.Background()
	for _, c := range []struct{ granted, asked, want string }{
		{"system/AuditEvent.rs", "", "rs"},
		{"system/*.cruds system/AuditEvent.rs", "", "rs"},
		{"system/*.cruds system/AuditEvent.rs", "system/AuditEvent.r", "r"},
		{"system/*.cruds system/AuditEvent.rs", "system/*.cruds system/AuditEvent.rs", "rs"},
		{"system/*.cruds", "", ""},
		{"system/*.cruds", "system/AuditEvent.rs", ""},
		{"system/Patient.rs", "", ""},
	} {
		t.Run(c.granted+" asked for "+c.asked, func(t *testing.T) {
			if got := verbsOf(bearer(ctx, t, s, c.granted, c.asked).AllowsByName, "AuditEvent"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	doctor := identity.StaffCaller(identity.Staff{Roles: []identity.Grant{{Role: identity.Doctor}}})
	if doctor.AllowsByName("Patient", identity.ReadVerb) || (identity.Caller{}).AllowsByName("Patient", identity.ReadVerb) {
		t.Error("somebody without scopes has one by name")
	}
}

// bearer is a new client with a token of the scope that it asks for.
func bearer(ctx context.Context, t *testing.T, s *identity.Service, granted, asked string, communes ...string) identity.Caller {
	t.Helper()
	c, secret := client(t, s, granted, communes...)
	token, err := s.Token(ctx, c.ID, secret, asked, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	caller, err := s.VerifyBearer(ctx, token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

func verbsOf(allows func(string, identity.Verb) bool, resource string) (verbs string) {
	for _, v := range []identity.Verb{identity.CreateVerb, identity.ReadVerb, identity.UpdateVerb, identity.DeleteVerb, identity.SearchVerb} {
		if allows(resource, v) {
			verbs += string(rune(v))
		}
	}
	return verbs
}

func TestToken(t *testing.T) {
	s, ctx := service(t), context.Background()
	c, secret := client(t, s, "system/Observation.rs system/Patient.cruds", "14221")
	token, err := s.Token(ctx, c.ID, secret, "", "192.0.2.1")
	if err != nil || token.Scope != "system/Observation.rs system/Patient.cruds" {
		t.Fatalf("token with scope %q, %v", token.Scope, err)
	}
	caller, err := s.VerifyBearer(ctx, token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if caller.Reference() != "Device/"+c.ID || !strings.HasPrefix(caller.Reference(), "Device/client-") {
		t.Errorf("caller is %q", caller.Reference())
	}
	if h := caller.Holders(); len(h) != 1 || h[0] != "Organization/tyt-14221" {
		t.Errorf("caller holds %v", h)
	}
	if !caller.Allows("Observation", identity.ReadVerb) || caller.Allows("Observation", identity.UpdateVerb) || !caller.Allows("Patient", identity.DeleteVerb) {
		t.Error("the caller's rights are not the scopes")
	}
	if caller.Has(identity.Doctor) {
		t.Error("a client has a staff role")
	}

	narrow, err := s.Token(ctx, c.ID, secret, "system/Patient.r system/Encounter.rs user/*.*", "192.0.2.1")
	if err != nil || narrow.Scope != "system/Patient.r" {
		t.Errorf("narrowed to %q, %v", narrow.Scope, err)
	}
	_, err = s.Token(ctx, c.ID, secret, "system/Encounter.rs", "192.0.2.1")
	wantCode(t, err, fault.Forbidden)
	for name, try := range map[string][2]string{
		"wrong secret":   {c.ID, secret[1:] + "x"},
		"no secret":      {c.ID, ""},
		"unknown client": {"client-0000000000", secret},
		"odd id":         {"../staff/admin", secret},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Token(ctx, try[0], try[1], "", "192.0.2.1")
			wantCode(t, err, fault.Unauthenticated)
		})
	}
}

func TestTokenGuessingIsLimited(t *testing.T) {
	s, ctx := service(t), context.Background()
	c, secret := client(t, s, "system/*.rs")
	for range 5 {
		_, err := s.Token(ctx, c.ID, "x", "", "192.0.2.9")
		wantCode(t, err, fault.Unauthenticated)
	}
	_, err := s.Token(ctx, c.ID, secret, "", "192.0.2.9")
	wantCode(t, err, fault.TooMany)
	for range 100 {
		if _, err := s.Token(ctx, c.ID, secret, "", "192.0.2.10"); err != nil {
			t.Fatalf("an honest client is limited: %v", err)
		}
	}
}

func TestBearerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := service(t), context.Background()
		c, secret := client(t, s, "system/*.rs")
		token, err := s.Token(ctx, c.ID, secret, "", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(identity.TokenLife - time.Second)
		if _, err := s.VerifyBearer(ctx, token.AccessToken); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(2 * time.Second)
		_, err = s.VerifyBearer(ctx, token.AccessToken)
		wantCode(t, err, fault.Unauthenticated)

		token, err = s.Token(ctx, c.ID, secret, "", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is remembered
			if _, err := s.VerifyBearer(ctx, token.AccessToken); err != nil {
				t.Error(err)
			}
		}
		if err := s.DisableClient(ctx, c.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.VerifyBearer(ctx, token.AccessToken)
		wantCode(t, err, fault.Unauthenticated)
		_, err = s.Token(ctx, c.ID, secret, "", "192.0.2.1")
		wantCode(t, err, fault.Unauthenticated)
	})
}

func TestForgedTokens(t *testing.T) {
	s, ctx := service(t), context.Background()
	c, secret := client(t, s, "system/*.rs")
	good, err := s.Token(ctx, c.ID, secret, "", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good.AccessToken, ".")
	claims := jwt.MapClaims{"iss": "khamxa", "aud": "khamxa-fhir", "sub": c.ID, "scope": "system/*.cruds", "exp": time.Now().Add(time.Hour).Unix()}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("guessed"))
	if err != nil {
		t.Fatal(err)
	}
	wider := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"khamxa","aud":["khamxa-fhir"],"sub":"` + c.ID + `","scope":"system/*.cruds","exp":99999999999}`))
	ticket := s.Tickets().Issue(identity.Ticket{Room: "r", Peer: c.ID, Role: "doctor", Expires: time.Now().Add(time.Hour)})
	for name, token := range map[string]string{
		"empty":            "",
		"not a token":      "Bearer",
		"alg none":         none,
		"another key":      otherKey,
		"changed claims":   parts[0] + "." + wider + "." + parts[2],
		"no signature":     parts[0] + "." + parts[1] + ".",
		"a room ticket":    ticket,
		"very long":        strings.Repeat("a", 1<<20),
		"trailing garbage": good.AccessToken + "x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.VerifyBearer(ctx, token)
			wantCode(t, err, fault.Unauthenticated)
		})
	}
	if _, err := s.Tickets().Verify(good.AccessToken); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a bearer token opens a room: %v", err)
	}
}

func TestTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := service(t).Tickets()
		want := identity.Ticket{Room: "c-01", Peer: "p_1", Role: "patient", Name: "Bác Ổi", Admitted: true, Expires: time.Now().Add(5 * time.Minute).UTC().Truncate(time.Second)}
		text := tickets.Issue(want)
		got, err := tickets.Verify(text)
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		time.Sleep(6 * time.Minute)
		_, err = tickets.Verify(text)
		wantCode(t, err, fault.Unauthenticated)

		later := time.Now().Add(time.Minute)
		for name, bad := range map[string]identity.Ticket{
			"no room":         {Peer: "p", Role: "doctor", Expires: later},
			"subject in room": {Room: "a.>", Peer: "p", Role: "doctor", Expires: later},
			"no role":         {Room: "r", Peer: "p", Expires: later},
			"no peer":         {Room: "r", Role: "doctor", Expires: later},
			"no expiry":       {Room: "r", Peer: "p", Role: "doctor"},
			"long name":       {Room: "r", Peer: "p", Role: "doctor", Expires: later, Name: strings.Repeat("a", 401)},
		} {
			if text := tickets.Issue(bad); text != "" {
				t.Errorf("%s: a ticket was issued", name)
			}
		}
	})
}

func FuzzVerifyTicket(f *testing.F) {
	s := service(f)
	good := s.Tickets().Issue(identity.Ticket{Room: "r", Peer: "p", Role: "doctor", Expires: time.Now().Add(time.Hour)})
	f.Add(good)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := s.Tickets().Verify(text)
		if err == nil && text != good {
			t.Errorf("%q is taken for a ticket", text)
		}
		if _, err := s.VerifyBearer(context.Background(), text); err == nil {
			t.Errorf("%q is taken for a bearer token", text)
		}
		if _, err := s.Session(context.Background(), text); err == nil {
			t.Errorf("%q is taken for a session", text)
		}
	})
}

// TestClientCaller: a program between its requests has what it is granted now, and nothing once it is shut out.
func TestClientCaller(t *testing.T) {
	s, ctx := service(t), context.Background()
	c, _ := client(t, s, "system/Observation.rs", "14221")
	caller, err := s.ClientCaller(ctx, "Device/"+c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !caller.Allows("Observation", identity.ReadVerb) || caller.Allows("Patient", identity.ReadVerb) || caller.Reference() != "Device/"+c.ID ||
		len(caller.Holders()) != 1 {
		t.Errorf("the caller is %+v", caller)
	}
	if err := s.DisableClient(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"Device/" + c.ID, "Practitioner/1", "system", "Device/client-none", ""} {
		_, err := s.ClientCaller(ctx, reference)
		wantCode(t, err, fault.NotFound)
	}
}

func BenchmarkVerifyBearer(b *testing.B) {
	s, err := identity.New(b.Context(), identity.Options{Records: records.NewMemory(time.Now)})
	if err != nil {
		b.Fatal(err)
	}
	c, secret, err := s.CreateClient(b.Context(), identity.NewClient{Name: "x", Scope: "system/*.cruds"})
	if err != nil {
		b.Fatal(err)
	}
	token, err := s.Token(b.Context(), c.ID, secret, "", "192.0.2.1")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.VerifyBearer(b.Context(), token.AccessToken); err != nil {
			b.Fatal(err)
		}
	}
}
