package identity_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/identity"
)

func TestHolders(t *testing.T) {
	here := []string{"14221", "14215"}
	for name, c := range map[string]struct {
		grants []identity.Grant
		roles  []identity.Role
		want   []string
	}{
		"two communes":             {[]identity.Grant{{Role: identity.Doctor, Communes: here}}, nil, []string{"Organization/tyt-14215", "Organization/tyt-14221"}},
		"whole province":           {[]identity.Grant{{Role: identity.Manager}}, nil, nil},
		"one role of the province": {[]identity.Grant{{Role: identity.Doctor, Communes: here}, {Role: identity.Manager}}, nil, nil},
		"asked for one role":       {[]identity.Grant{{Role: identity.Doctor, Communes: here}, {Role: identity.Manager}}, []identity.Role{identity.Doctor}, []string{"Organization/tyt-14215", "Organization/tyt-14221"}},
		"same commune twice":       {[]identity.Grant{{Role: identity.Doctor, Communes: []string{"14221"}}, {Role: identity.Manager, Communes: []string{"14221"}}}, nil, []string{"Organization/tyt-14221"}},
		"administrator":            {[]identity.Grant{{Role: identity.Admin}}, nil, []string{"Organization/none"}},
		"role not held":            {[]identity.Grant{{Role: identity.Manager}}, []identity.Role{identity.Doctor}, []string{"Organization/none"}},
		"no roles":                 {nil, nil, []string{"Organization/none"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := identity.StaffCaller(identity.Staff{ID: "s1", Roles: c.grants}).Holders(c.roles...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"Organization/none"}, identity.Caller{}.Holders()); diff != "" {
		t.Errorf("nobody (-want +got):\n%s", diff)
	}
}

func TestStaffRights(t *testing.T) {
	all := []identity.Verb{identity.CreateVerb, identity.ReadVerb, identity.UpdateVerb, identity.DeleteVerb, identity.SearchVerb}
	for _, c := range []struct {
		role     identity.Role
		resource string
		want     string
	}{
		{identity.Doctor, "Observation", "crus"},
		{identity.Specialist, "Patient", "crus"},
		{identity.Doctor, "Organization", "rs"},
		{identity.Doctor, "PractitionerRole", "rs"},
		{identity.Doctor, "ValueSet", "rs"},
		{identity.Manager, "Patient", ""},
		{identity.Manager, "Observation", ""},
		{identity.Manager, "MeasureReport", "rs"},
		{identity.Admin, "Patient", ""},
		{identity.Admin, "Practitioner", "rs"},
	} {
		caller := identity.StaffCaller(identity.Staff{Roles: []identity.Grant{{Role: c.role}}})
		got := ""
		for _, verb := range all {
			if caller.Allows(c.resource, verb) {
				got += string(rune(verb))
			}
		}
		if got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.role, c.resource, got, c.want)
		}
	}
	if (identity.Caller{}).Allows("Patient", identity.ReadVerb) {
		t.Error("nobody may read")
	}
}

func TestFrom(t *testing.T) {
	if _, ok := identity.From(context.Background()); ok {
		t.Error("an empty context has a caller")
	}
	if _, ok := identity.From(identity.With(context.Background(), identity.Caller{})); ok {
		t.Error("nobody counts as a caller")
	}
	caller := identity.StaffCaller(identity.Staff{ID: "s1", Name: "Hòa", Roles: []identity.Grant{{Role: identity.Doctor}, {Role: identity.Doctor}}})
	got, ok := identity.From(identity.With(context.Background(), caller))
	if !ok || got.Reference() != "Practitioner/s1" || got.Name() != "Hòa" || len(got.Roles()) != 1 {
		t.Errorf("got %+v, %v", got, ok)
	}
}
