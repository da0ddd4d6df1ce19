package identity_test

import (
	"strings"
	"testing"

	"khamxa/internal/identity"
)

func TestParseScopes(t *testing.T) {
	for text, want := range map[string]string{
		"system/Observation.rs":                 "system/Observation.rs",
		"system/*.cruds":                        "system/*.cruds",
		"system/Patient.read":                   "system/Patient.rs",
		"system/Patient.write":                  "system/Patient.cud",
		"system/Patient.*":                      "system/Patient.cruds",
		"system/Patient.r system/Patient.s":     "system/Patient.rs",
		"system/Patient.s system/Observation.c": "system/Observation.c system/Patient.s",
		"":                                      "",
		"user/Patient.rs":                       "",
		"patient/*.rs":                          "",
		"system/Patient.sr":                     "", // out of order
		"system/Patient.rr":                     "",
		"system/Patient.":                       "",
		"system/Patient":                        "",
		"system/.rs":                            "",
		"system/patient.rs":                     "",
		"system/Pat*.rs":                        "",
		"system/Observation.rs?category=vital-signs":    "", // a restriction that is not served must not widen
		"system/Patient.Read":                           "",
		"SYSTEM/Patient.rs":                             "",
		"openid fhirUser offline_access launch/patient": "",
		"system/Patient.rs,system/Observation.rs":       "",
		"system//Patient.rs":                            "",
		"system/Patient.rs.rs":                          "",
		"system/" + strings.Repeat("A", 65) + ".rs":     "",
		"system/Patient.rs\u00a0system/Observation.rs":  "system/Observation.rs system/Patient.rs",
	} {
		t.Run(text, func(t *testing.T) {
			known, unknown := identity.ParseScopes(text)
			if known.String() != want {
				t.Errorf("granted %q, want %q", known.String(), want)
			}
			if want == "" && text != "" && len(unknown) == 0 {
				t.Error("nothing was reported as unknown")
			}
		})
	}
}

func TestScopesAllow(t *testing.T) {
	scopes, _ := identity.ParseScopes("system/Observation.rs system/Patient.c")
	for _, c := range []struct {
		resource string
		verb     identity.Verb
		want     bool
	}{
		{"Observation", identity.ReadVerb, true},
		{"Observation", identity.SearchVerb, true},
		{"Observation", identity.CreateVerb, false},
		{"Patient", identity.CreateVerb, true},
		{"Patient", identity.ReadVerb, false},
		{"Encounter", identity.ReadVerb, false},
		{"*", identity.ReadVerb, false},
		{"", identity.ReadVerb, false},
	} {
		if got := scopes.Allows(c.resource, c.verb); got != c.want {
			t.Errorf("%s.%c: %v, want %v", c.resource, c.verb, got, c.want)
		}
	}
}

func TestNarrow(t *testing.T) {
	for _, c := range [][3]string{ // asked, granted, both
		{"system/Observation.rs", "system/*.cruds", "system/Observation.rs"},
		{"system/*.cruds", "system/Observation.rs", "system/Observation.rs"},
		{"system/*.rs", "system/*.crs", "system/*.rs"},
		{"system/Patient.cruds", "system/Observation.rs", ""},
		{"system/Patient.d", "system/Patient.rs", ""},
		{"system/*.rs", "system/Observation.c system/Patient.rs", "system/Patient.rs"},
		{"system/Patient.rs system/*.c", "system/Patient.cruds", "system/Patient.crs"},
	} {
		asked, _ := identity.ParseScopes(c[0])
		granted, _ := identity.ParseScopes(c[1])
		if got := asked.Narrow(granted).String(); got != c[2] {
			t.Errorf("%s of %s gives %q, want %q", c[0], c[1], got, c[2])
		}
		if got := granted.Narrow(asked).String(); got != c[2] {
			t.Errorf("%s and %s are not symmetric: %q", c[0], c[1], got)
		}
	}
}

func FuzzParseScopes(f *testing.F) {
	f.Add("system/Observation.rs system/*.cruds")
	f.Add("system/Patient.read user/*.* launch")
	f.Fuzz(func(t *testing.T, text string) {
		known, _ := identity.ParseScopes(text)
		again, unknown := identity.ParseScopes(known.String())
		if again.String() != known.String() || len(unknown) > 0 {
			t.Errorf("%q was read as %q, and that as %q", text, known, again)
		}
		if len(known) > 0 && !strings.Contains(text, "system/") {
			t.Errorf("%q grants %q", text, known)
		}
		for _, s := range known {
			for _, verb := range []identity.Verb{'c', 'r', 'u', 'd', 's'} {
				if s.Resource != "*" && known.Allows("Zzz", verb) && !strings.Contains(text, "*") && !strings.Contains(text, "Zzz") {
					t.Errorf("%q allows a type that it does not name", text)
				}
			}
		}
	})
}
