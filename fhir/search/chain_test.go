package search_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

func TestParseRefusesLinks(t *testing.T) {
	checkRefused(t, []refusal{
		{"Observation", "nmae.name=x", fault.Invalid, "nmae.name", `Observation has no search parameter "nmae"`},
		{"Observation", "code.name=x", fault.Invalid, "code.name", "no reference"},
		{"Observation", "subject.=x", fault.Invalid, "subject.", "must follow the point"},
		{"Observation", "subject.nmae=x", fault.Invalid, "subject.nmae", `Nothing that subject points to has a search parameter "nmae". It points to: Device, Group, Location, Patient.`},
		{"Observation", "subject:Patient.nmae=x", fault.Invalid, "subject:Patient.nmae", `Patient has no search parameter "nmae"`},
		{"Observation", "patient.nmae=x", fault.Invalid, "patient.nmae", `Patient has no search parameter "nmae"`},
		{"Observation", "subject:Medication.code=x", fault.Invalid, "subject:Medication.code", "cannot point to"},
		{"Observation", "subject:.name=x", fault.Invalid, "subject:.name", "cannot point to"},
		{"Observation", "focus.name=x", fault.Invalid, "focus.name", "say which is meant, as in focus:Patient.name"},
		{"Observation", "patient.birthdate=x", fault.Invalid, "patient.birthdate", "is no date"},
		{"Observation", "subject.birthdate=x", fault.Invalid, "subject.birthdate", "is no date"},
		{"Observation", "patient.name:not=x", fault.Invalid, "patient.name:not", "modifier"},
		{"Observation", "patient.name=", fault.Invalid, "patient.name", "no value"},
		{"Patient", "_has:Observation=x", fault.Invalid, "_has:Observation", "must be written"},
		{"Patient", "_has:Observation:patient=x", fault.Invalid, "_has:Observation:patient", "must be written"},
		{"Patient", "_has:Observation:patient:=x", fault.Invalid, "_has:Observation:patient:", "must be written"},
		{"Patient", "_has:Nobody:patient:code=x", fault.Invalid, "_has:Nobody:patient:code", "not a resource type"},
		{"Patient", "_has:Observation:code:code=x", fault.Invalid, "_has:Observation:code:code", "no reference parameter"},
		{"Practitioner", "_has:Observation:patient:code=x", fault.Invalid, "_has:Observation:patient:code", "does not point to Practitioner. It points to: Patient."},
		{"Patient", "_has:Observation:patient:cdoe=x", fault.Invalid, "_has:Observation:patient:cdoe", "no search parameter"},
		{"Patient", "_has:Observation:patient:date=x", fault.Invalid, "_has:Observation:patient:date", "is no date"},
		{"Patient", "link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.name=x", fault.TooCostly, "link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.name", "at most 4 links"},
		{"Patient", "link.link.link.link.link.name=x", fault.TooCostly, "link.link.link.link.link.name", "links"},
		{"Observation", strings.Repeat("patient.name=x&", 65), fault.TooCostly, "patient.name", "at most 64 links"},
		{"Observation", "patient.name=" + strings.Repeat("a,", 1000) + "a", fault.TooCostly, "", "at most 1000"},
		{"Patient", "_has:" + strings.Repeat("Patient:link:_has:", 5) + "Patient:link:name=x", fault.TooCostly, "_has:" + strings.Repeat("Patient:link:_has:", 5) + "Patient:link:name", "at most 4 links"},
	})
}

// world answers what links ask of a few resources.
type world map[string]*fhir.Resource

func (w world) Matching(references []string, inner *search.Query) (bool, error) {
	for _, ref := range references {
		if ok, err := w.satisfies(ref, inner); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

func (w world) Pointing(reference string, by *search.Param, inner *search.Query) (bool, error) {
	for ref, r := range w {
		ok, err := w.satisfies(ref, inner)
		if err != nil {
			return false, err
		}
		if ok && (search.Include{Source: by.Type, Param: by}).PointsTo(r, reference) {
			return true, nil
		}
	}
	return false, nil
}

func (w world) satisfies(ref string, q *search.Query) (bool, error) {
	r := w[ref]
	if r == nil || !q.Match(r) {
		return false, nil
	}
	return q.Linked(r, w)
}

// find gives the ids of the resources that a query is satisfied by, sorted.
func (w world) find(t *testing.T, q *search.Query) string {
	t.Helper()
	var found []string
	for ref, r := range w {
		ok, err := w.satisfies(ref, q)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			found = append(found, r.ID)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

func someWorld(t *testing.T) world {
	t.Helper()
	w := world{}
	for _, raw := range []string{
		`{"resourceType":"Organization","id":"tyt","name":"Trạm y tế xã","identifier":[{"system":"urn:o","value":"1"}],"partOf":{"reference":"Organization/ttyt"}}`,
		`{"resourceType":"Organization","id":"ttyt","name":"Trung tâm y tế","identifier":[{"system":"urn:o","value":"2"}]}`,
		`{"resourceType":"Patient","id":"hoa","gender":"female","name":[{"text":"Nguyễn Thị Hòa"}],"managingOrganization":{"reference":"Organization/tyt/_history/3"}}`,
		`{"resourceType":"Patient","id":"nam","gender":"male","name":[{"text":"Trần Nam"}],"managingOrganization":{"reference":"https://x.vn/fhir/Organization/tyt"}}`,
		`{"resourceType":"Group","id":"g","type":"person","actual":true,"identifier":[{"value":"g1"}]}`,
		`{"resourceType":"Practitioner","id":"an","name":[{"text":"Bác sĩ An"}]}`,
		`{"resourceType":"Encounter","id":"e1","status":"finished","subject":{"reference":"Patient/hoa"},"participant":[{"individual":{"reference":"Practitioner/an"}}]}`,
		`{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"code":"bp"}]},"subject":{"reference":"Patient/hoa"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2026-03-01"}`,
		`{"resourceType":"Observation","id":"o2","status":"final","code":{"coding":[{"code":"bp"}]},"subject":{"reference":"Patient/nam"}}`,
		`{"resourceType":"Observation","id":"o3","status":"final","code":{"coding":[{"code":"hb"}]},"subject":{"reference":"Group/g"}}`,
		`{"resourceType":"Observation","id":"o4","status":"final","code":{"coding":[{"code":"hb"}]},"subject":{"reference":"Patient/gone"},"performer":[{"reference":"Practitioner/an"}]}`,
		`{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/hoa"}},{"item":{"reference":"Observation/o2"}}]}`,
	} {
		r := read(t, raw)
		w[r.Type+"/"+r.ID] = r
	}
	return w
}

func TestLinks(t *testing.T) {
	w := someWorld(t)
	for _, tt := range []struct{ typ, query, want string }{
		{"Observation", "patient.name=hoa", "o1"},
		{"Observation", "subject:Patient.name=nguyen,tran", "o1 o2"},
		{"Observation", "subject.name=hoa", "o1"},
		{"Observation", "subject.identifier=g1", "o3"},
		{"Observation", "subject:Group.identifier=g1", "o3"},
		{"Observation", "subject:Patient.identifier=g1", ""},
		{"Observation", "subject:Patient._id=hoa", "o1"},
		{"Observation", "patient.gender:not=male", "o1"},
		{"Observation", "patient.name:contains=ran", "o2"},
		{"Observation", "patient.organization.identifier=urn:o|1", "o1"},
		{"Observation", "patient.organization.partof.name=trung tam", "o1"},
		{"Observation", "patient.organization.partof:missing=true", ""},
		{"Observation", "patient.organization:missing=false", "o1 o2"},
		{"Observation", "encounter.participant:Practitioner.name=an", "o1"},
		{"Observation", "patient.name=hoa&encounter.status=planned", ""},
		{"Observation", "patient.name=hoa&code=bp", "o1"},
		{"Patient", "_has:Observation:patient:code=bp", "hoa nam"},
		{"Patient", "_has:Observation:patient:code=hb", ""},
		{"Patient", "_has:Observation:patient:code=bp&_has:Observation:patient:date=2026", "hoa"},
		{"Patient", "_has:Observation:patient:code:not=hb&gender=male", "nam"},
		{"Patient", "_has:Observation:subject:encounter.participant:Practitioner.name=an", "hoa"},
		{"Practitioner", "_has:Encounter:participant:_has:Observation:encounter:code=bp", "an"},
		{"Practitioner", "_has:Encounter:participant:_has:Observation:encounter:code=hb", ""},
		{"Practitioner", "_has:Observation:performer:code=hb", "an"},
		{"Organization", "_has:Patient:organization:_has:Observation:patient:code=bp", "tyt"},
		{"Encounter", "patient._has:Observation:patient:code=bp", "e1"},
		{"Patient", "_list=l", "hoa"},
		{"Observation", "_list=l", "o2"},
		{"Observation", "_list=none", ""},
	} {
		q := parse(t, tt.typ, tt.query)
		if got := w.find(t, q); got != tt.want {
			t.Errorf("%s?%s = %q, want %q", tt.typ, tt.query, got, tt.want)
		}
		values, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values, q.Values); diff != "" {
			t.Errorf("%s?%s: self %s", tt.typ, tt.query, diff)
		}
	}
}

// TestLinkKeys: what a link holds for has the key that the link gives for what it needs.
func TestLinkKeys(t *testing.T) {
	w := someWorld(t)
	checked := 0
	for _, tt := range []struct{ typ, query string }{
		{"Observation", "subject.name=hoa"},
		{"Observation", "patient.name=nguyen,tran"},
		{"Patient", "_has:Observation:patient:code=bp"},
		{"Observation", "_list=l"},
		{"Patient", "_list=l"},
	} {
		q := parse(t, tt.typ, tt.query)
		l := &q.Links[0]
		var needed []string
		for _, inner := range l.Inner {
			for ref, r := range w {
				if ok, err := w.satisfies(ref, inner); err == nil && ok {
					needed = append(needed, l.Needs(r)...)
				}
			}
		}
		for ref, r := range w {
			ok, err := w.satisfies(ref, q)
			if err != nil {
				t.Fatal(err)
			}
			has := slices.ContainsFunc(needed, func(n string) bool { return slices.Contains(search.Extract(r).Keys, l.Key(n)) })
			if ok != has {
				t.Errorf("%s?%s: %s satisfies it: %v; has a key of it: %v", tt.typ, tt.query, ref, ok, has)
			}
			if ok {
				checked++
			}
		}
	}
	if checked != 7 {
		t.Errorf("%d resources were found", checked)
	}
}

func TestSearchedAndPermitted(t *testing.T) {
	q := parse(t, "Observation", "subject.name=hoa&encounter.participant:Practitioner.name=an&_has:Provenance:target:agent:Device._id=x")
	if diff := cmp.Diff([]string{"Device", "Encounter", "Location", "Observation", "Patient", "Practitioner", "Provenance"}, q.Searched()); diff != "" {
		t.Error(diff)
	}
	but := func(types ...string) func(string) bool {
		return func(typ string) bool { return !slices.Contains(types, typ) }
	}
	for _, tt := range []struct {
		without []string
		denied  string
	}{
		{nil, ""},
		{[]string{"Location"}, ""},
		{[]string{"Practitioner"}, "Practitioner"},
		{[]string{"Provenance"}, "Provenance"},
		{[]string{"Device"}, "Device"},
	} {
		p, denied := q.Permit(but(tt.without...))
		if denied != tt.denied {
			t.Errorf("without %v: denied %q, want %q", tt.without, denied, tt.denied)
		}
		if denied != "" {
			continue
		}
		for _, typ := range p.Searched() {
			if slices.Contains(tt.without, typ) {
				t.Errorf("without %v: %s is still searched", tt.without, typ)
			}
		}
	}
	if !slices.Contains(q.Searched(), "Location") {
		t.Error("Permit changed the query itself")
	}
}

func TestParseSystem(t *testing.T) {
	q, err := search.ParseSystem(url.Values{"_type": {"Patient,Observation", "Patient"}, "identifier": {"urn:o|1"}, "_sort": {"-_lastUpdated"}, "_count": {"5"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(q.Parts) != 2 || q.Parts[0].Type != "Observation" || q.Parts[1].Type != "Patient" || q.Count != 5 || len(q.Parts[1].Sort) != 1 || len(q.Sort) != 1 {
		t.Errorf("%+v", q)
	}
	if diff := cmp.Diff(url.Values{"_type": {"Observation,Patient"}, "identifier": {"urn:o|1"}, "_sort": {"-_lastUpdated"}, "_count": {"5"}}, q.Values); diff != "" {
		t.Error(diff)
	}
	all, err := search.ParseSystem(url.Values{"_lastUpdated": {"ge2026"}})
	if err != nil || len(all.Parts) != len(search.Types()) {
		t.Errorf("%d parts, %v", len(all.Parts), err)
	}
	for query, want := range map[string]string{
		"name=hoa":                          "name",
		"_type=Patient,Nobody":              "_type",
		"_type=":                            "_type",
		"_type=Patient,Observation&name=x":  "name",
		"_type=Patient,Observation&_sort=x": "_sort",
		"_include=Nobody:x":                 "_include",
	} {
		values, _ := url.ParseQuery(query)
		if _, err := search.ParseSystem(values); !fault.Is(err, fault.Invalid) || fault.PathOf(err) != want {
			t.Errorf("%s: %v at %q, want invalid at %q", query, err, fault.PathOf(err), want)
		}
	}
}

func TestParseCompartment(t *testing.T) {
	w := someWorld(t)
	for _, tt := range []struct{ compartment, id, typ, query, want string }{
		{"Patient", "hoa", "Observation", "", "o1"},
		{"Patient", "hoa", "Observation", "code=hb", ""},
		{"Patient", "nam", "Observation", "code=bp", "o2"},
		{"Patient", "hoa", "Patient", "", "hoa"},
		{"Patient", "none", "Observation", "", ""},
		{"Patient", "hoa", "*", "", "e1 hoa o1"},
		{"Patient", "hoa", "*", "_type=Encounter,Observation", "e1 o1"},
		{"Practitioner", "an", "*", "", "an e1 o4"},
		{"Practitioner", "an", "Encounter", "status=finished", "e1"},
		{"Encounter", "e1", "Observation", "", "o1"},
		{"Encounter", "e1", "Encounter", "", "e1"},
		{"Encounter", "e1", "*", "", "e1 o1"},
	} {
		values, _ := url.ParseQuery(tt.query)
		q, err := search.ParseCompartment(tt.compartment, tt.id, tt.typ, values)
		if err != nil {
			t.Errorf("%v: %v", tt, err)
			continue
		}
		var found []string
		for _, part := range q.Each() {
			found = append(found, strings.Fields(w.find(t, part))...)
		}
		slices.Sort(found)
		if got := strings.Join(found, " "); got != tt.want {
			t.Errorf("%v: found %q", tt, got)
		}
		if diff := cmp.Diff(values, q.Values); diff != "" {
			t.Errorf("%v: self %s", tt, diff)
		}
	}
	for _, tt := range []struct {
		compartment, id, typ, query string
		want                        fault.Code
	}{
		{"Observation", "1", "Patient", "", fault.NotFound},
		{"Patient", "a b", "Observation", "", fault.NotFound},
		{"Patient", "1", "Task", "", fault.NotFound},
		{"Patient", "1", "Nobody", "", fault.NotFound},
		{"Patient", "1", "Observation", "_type=Observation", fault.Invalid},
		{"Patient", "1", "*", "_type=Task", fault.Invalid},
		{"Patient", "1", "*", "code=x", fault.Invalid},
	} {
		values, _ := url.ParseQuery(tt.query)
		if _, err := search.ParseCompartment(tt.compartment, tt.id, tt.typ, values); !fault.Is(err, tt.want) {
			t.Errorf("%v: %v", tt, err)
		}
	}
	// Whatever a compartment holds is narrowed to it.
	for _, compartment := range search.CompartmentTypes() {
		q, err := search.ParseCompartment(compartment, "1", "*", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range q.Parts {
			if len(part.Members) == 0 {
				t.Errorf("%s/1/%s is not narrowed", compartment, part.Type)
			}
		}
	}
}

func TestInclude(t *testing.T) {
	w := someWorld(t)
	targets := func(name, query, from string) string {
		q := parse(t, strings.Split(from, "/")[0], name+"="+query)
		return strings.Join(slices.Concat(q.Include)[0].Targets(w[from]), " ")
	}
	for _, tt := range []struct{ name, include, from, want string }{
		{"_include", "*", "Observation/o1", "Encounter/e1 Patient/hoa"},
		{"_include", "Observation:*", "Observation/o1", "Encounter/e1 Patient/hoa"},
		{"_include", "Observation:*:Patient", "Observation/o1", "Patient/hoa"},
		{"_include:iterate", "Patient:organization", "Patient/hoa", "Organization/tyt"},
		{"_include:recurse", "Patient:organization", "Patient/nam", ""},
	} {
		if got := targets(tt.name, tt.include, tt.from); got != tt.want {
			t.Errorf("%s=%s from %s: %q, want %q", tt.name, tt.include, tt.from, got, tt.want)
		}
	}
	q := parse(t, "Patient", "_revinclude=Observation:*&_revinclude:iterate=Provenance:target&_revinclude=*")
	codes := func(i search.Include, typ string) (list []string) {
		for _, way := range i.Ways(typ) {
			list = append(list, way.Source+":"+way.Param.Code)
		}
		return list
	}
	if diff := cmp.Diff([]string{"Observation:patient", "Observation:performer", "Observation:subject"},
		slices.DeleteFunc(codes(q.RevInclude[0], "Patient"), func(s string) bool { return s == "Observation:focus" })); diff != "" {
		t.Error(diff)
	}
	if !q.RevInclude[2].Iterate || q.RevInclude[0].Iterate {
		t.Error("the wrong one is followed again")
	}
	if n := len(codes(q.RevInclude[1], "Patient")); n < 100 {
		t.Errorf("%d parameters point to a Patient", n)
	}
}
