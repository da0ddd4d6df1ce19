package rest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
	"khamxa/fhir/store"
)

const onlyOnce = `"ifNoneExist":"identifier=urn:x|1"`

func identified(value string) string {
	return `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"` + value + `"}]}`
}

// TestOneThingTwice: a transaction in which a conditional create meets another entry is refused, both entries are named, and nothing
// is kept.
func TestOneThingTwice(t *testing.T) {
	create := entryOf("", "POST", "Patient", identified("1"), onlyOnce)
	reading := strings.Replace(observation("x", "x"), "Patient/x", urnPatient, 1)
	for _, tt := range []struct {
		name    string
		entries []string
		at, and string
	}{
		{"the same twice", []string{create, create}, "Bundle.entry[0]", "Bundle.entry[1]"},
		{"and one without a condition", []string{create, entryOf("", "POST", "Patient", identified("1"))}, "Bundle.entry[0]", "Bundle.entry[1]"},
		{"an update before it", []string{entryOf("", "PUT", "Patient/p", strings.Replace(identified("1"), `"Patient"`, `"Patient","id":"p"`, 1)), create}, "Bundle.entry[1]", "Bundle.entry[0]"},
		{"other conditions that name one another", []string{
			entryOf("", "POST", "Patient", identified("2"), onlyOnce), entryOf("", "POST", "Patient", identified("1")),
		}, "Bundle.entry[0]", "Bundle.entry[1]"},
		{"by a reference between entries", []string{
			entryOf(urnPatient, "PUT", "Patient/mine", patient("mine", "An", stationA)),
			entryOf("", "POST", "Observation", reading, `"ifNoneExist":"patient=mine"`), entryOf("", "POST", "Observation", reading),
		}, "Bundle.entry[1]", "Bundle.entry[2]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			r := s.do(anybody, "POST", "/", bundleOf("transaction", tt.entries...)).refused(400, "invalid", tt.at, tt.at, tt.and)
			for _, typ := range []string{"Patient", "Observation"} {
				if n := s.do(anybody, "GET", "/"+typ+"?_total=accurate&_count=0", "").is(200).root.Get("total").String(); n != "0" {
					t.Errorf("%s of %s kept: %s", n, typ, r.body)
				}
			}
		})
	}
	t.Run("what is there already is found by both", func(t *testing.T) {
		s := start(t)
		s.do(anybody, "POST", "/Patient", identified("1")).is(201)
		r := s.do(anybody, "POST", "/", bundleOf("transaction", create, create)).is(200)
		if diff := cmp.Diff([]string{"200 OK", "200 OK"}, statuses(r)); diff != "" || r.located(s, 0) != r.located(s, 1) {
			t.Errorf("%s %s", diff, r.body)
		}
	})
	t.Run("what is there and is deleted", func(t *testing.T) {
		s := start(t)
		s.put("Patient", "old", strings.Replace(identified("1"), `"Patient"`, `"Patient","id":"old"`, 1))
		s.do(anybody, "POST", "/", bundleOf("transaction", create, entryOf("", "DELETE", "Patient/old", ""))).
			refused(400, "invalid", "Bundle.entry[0]", "Bundle.entry[0]", "Bundle.entry[1]", "deletes")
		s.do(anybody, "GET", "/Patient/old", "").is(200)
	})
	t.Run("different things", func(t *testing.T) {
		s := start(t)
		other := entryOf("", "POST", "Patient", identified("2"), `"ifNoneExist":"identifier=urn:x|2"`)
		r := s.do(anybody, "POST", "/", bundleOf("transaction", create, other, entryOf("", "DELETE", "Patient/none", ""))).is(200)
		if diff := cmp.Diff([]string{"201 Created", "201 Created", "204 No Content"}, statuses(r)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("in a batch each is on its own", func(t *testing.T) {
		s := start(t)
		r := s.do(anybody, "POST", "/", bundleOf("batch", create, create)).is(200)
		if diff := cmp.Diff([]string{"201 Created", "200 OK"}, statuses(r)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("more than can be checked", func(t *testing.T) {
		s := start(t)
		s.do(anybody, "POST", "/", bundleOf("transaction", strings.Repeat(create+",", 100)+create)).refused(413, "too-long", "", "101", "100")
	})
}

// shortOfBreath is a store whose searches end before they have looked at everything.
type shortOfBreath struct {
	store.Store
	found int
}

func (s shortOfBreath) Search(ctx context.Context, q store.SearchRequest) (store.Page, error) {
	page, err := s.Store.Search(ctx, q)
	page.Matches = page.Matches[:min(s.found, len(page.Matches))]
	page.Next = "more"
	return page, err
}

// TestConditionTooCostly: a search that was cut short has not found "more than one".
func TestConditionTooCostly(t *testing.T) {
	for found := range 2 {
		s := start(t, func(o *rest.Options) { o.Store = shortOfBreath{o.Store, found} })
		s.do(anybody, "POST", "/Patient", identified("1")).is(201)
		s.do(anybody, "POST", "/Patient", identified("2"), "If-None-Exist: identifier=urn:x|1").refused(400, "too-costly", "", "too many", "nothing was created")
	}
	s := start(t)
	for range 2 {
		s.do(anybody, "POST", "/Patient", identified("1")).is(201)
	}
	s.do(anybody, "POST", "/Patient", identified("1"), "If-None-Exist: identifier=urn:x|1").refused(412, "conflict", "", "More than one")
	s.do(anybody, "POST", "/Patient", identified("1"), "If-None-Exist: ").refused(400, "invalid", "If-None-Exist") // a program whose condition came out empty
}
