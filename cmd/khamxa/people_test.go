package main

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
	"khamxa/internal/identity"
	"khamxa/registry/guideline"
	registryweb "khamxa/registry/web"
)

func grantsOf(grants ...identity.Grant) identity.Caller {
	return identity.StaffCaller(identity.Staff{ID: "s1", Login: "hoa", Name: "Hoa", Roles: grants})
}

var (
	doctorHere   = identity.Grant{Role: identity.Doctor, Communes: []string{"14221"}}
	managerHere  = identity.Grant{Role: identity.Manager, Communes: []string{"14221", "14215"}}
	managerOfAll = identity.Grant{Role: identity.Manager}
	stationHere  = []string{"Organization/tyt-14221"}
	stationsBoth = []string{"Organization/tyt-14215", "Organization/tyt-14221"}
	noStation    = []string{"Organization/none"}
)

// TestRegistryActor: what each role may do on the registry's pages, and how far it reaches there.
func TestRegistryActor(t *testing.T) {
	const ref = "Practitioner/s1"
	for _, c := range []struct {
		name, path string
		who        identity.Caller
		want       registryweb.Actor
	}{
		{
			"doctor", "/patients", grantsOf(doctorHere),
			registryweb.Actor{Reference: ref, Within: stationHere, Communes: []string{"14221"}, MayList: true, MayRecord: true, MayOpen: true},
		},
		{
			"doctor of the province", "/patients", grantsOf(identity.Grant{Role: identity.Doctor}),
			registryweb.Actor{Reference: ref, MayList: true, MayRecord: true, MayOpen: true},
		},
		{
			"specialist", "/patients", grantsOf(identity.Grant{Role: identity.Specialist, Communes: []string{"14221"}}),
			registryweb.Actor{Reference: ref, Within: stationHere, Communes: []string{"14221"}, MayList: true, MayRecord: true},
		},
		{
			"manager on a report", "/reports/hypertension", grantsOf(managerHere),
			registryweb.Actor{Reference: ref, Within: stationsBoth, Communes: []string{"14215", "14221"}, MayList: true},
		},
		{
			"manager on a chart", "/patients/1", grantsOf(managerHere),
			registryweb.Actor{Reference: ref, Within: noStation, Communes: []string{"14215", "14221"}, MayList: true},
		},
		{"manager of the province", "/reports", grantsOf(managerOfAll), registryweb.Actor{Reference: ref, MayList: true}},
		{
			"doctor and manager of the province, on a list", "/reports/hypertension/people", grantsOf(doctorHere, managerOfAll),
			registryweb.Actor{Reference: ref, MayList: true, MayRecord: true, MayOpen: true},
		},
		{
			"doctor and manager of the province, on a chart", "/patients/1", grantsOf(doctorHere, managerOfAll),
			registryweb.Actor{Reference: ref, Within: stationHere, MayList: true, MayRecord: true, MayOpen: true},
		},
		{
			"administrator", "/reports", grantsOf(identity.Grant{Role: identity.Admin}),
			registryweb.Actor{Reference: ref, Within: noStation, Communes: []string{}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", c.path, nil)
			got, ok := registryActor(r.WithContext(identity.With(r.Context(), c.who)))
			if !ok {
				t.Fatal("nobody")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
	if a, ok := registryActor(httptest.NewRequest("GET", "/patients", nil)); ok {
		t.Errorf("a stranger is %+v", a)
	}
}

// TestConsultActor: consults are of the doctor's own stations, whatever other roles there are.
func TestConsultActor(t *testing.T) {
	who, _ := grantsOf(doctorHere, managerOfAll).Staff()
	if diff := cmp.Diff(stationHere, consultActorOf(who).Stations); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	r := httptest.NewRequest("GET", "/consults", nil)
	if a, ok := consultActor(r); ok {
		t.Errorf("a stranger is %+v", a)
	}
}

// TestAccess: how far each caller reaches on /fhir, and what they may do there.
func TestAccess(t *testing.T) {
	type asked struct {
		typ  string
		verb rest.Verb
	}
	for _, c := range []struct {
		name   string
		who    identity.Caller
		within []string
		may    []asked
		mayNot []asked
	}{
		{
			"doctor", grantsOf(doctorHere), stationHere,
			[]asked{{"Patient", rest.Read}, {"Observation", rest.Create}, {"Patient", rest.Update}, {"Encounter", rest.Search}},
			[]asked{{"Patient", rest.Delete}, {"AuditEvent", rest.Read}, {"AuditEvent", rest.Create}, {"Patient", "x"}},
		},
		{"doctor and manager of the province", grantsOf(doctorHere, managerOfAll), stationHere, []asked{{"Patient", rest.Read}}, nil},
		{
			"manager of the province", grantsOf(managerOfAll), noStation,
			[]asked{{"MeasureReport", rest.Read}, {"Organization", rest.Search}},
			[]asked{{"Patient", rest.Read}, {"Observation", rest.Search}, {"MeasureReport", rest.Create}},
		},
		{
			"administrator", grantsOf(identity.Grant{Role: identity.Admin}), noStation,
			[]asked{{"Practitioner", rest.Read}},
			[]asked{{"Patient", rest.Search}, {"AuditEvent", rest.Search}},
		},
		{"nobody", identity.Caller{}, noStation, nil, []asked{{"Organization", rest.Read}, {"Patient", rest.Read}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := accessOf(c.who)
			if diff := cmp.Diff(c.within, a.Within); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
			for _, q := range c.may {
				if !a.Allows(q.typ, q.verb) {
					t.Errorf("may not %s %s", q.verb, q.typ)
				}
			}
			for _, q := range c.mayNot {
				if a.Allows(q.typ, q.verb) {
					t.Errorf("may %s %s", q.verb, q.typ)
				}
			}
		})
	}
}

// TestTone: the colour of a blood pressure in the consult's form follows the registry's grades.
func TestTone(t *testing.T) {
	for _, c := range []struct {
		systolic, diastolic float64
		want                string
	}{
		{118, 74, "good"},
		{129, 84, "good"},
		{130, 80, "warn"},
		{120, 85, "warn"},
		{140, 85, "warn"},
		{159, 99, "warn"},
		{160, 80, "danger"},
		{130, 100, "danger"},
		{200, 120, "danger"},
	} {
		if got := tone(guideline.Grade(c.systolic, c.diastolic)); got != c.want {
			t.Errorf("%v/%v is %q, want %q", c.systolic, c.diastolic, got, c.want)
		}
	}
}
