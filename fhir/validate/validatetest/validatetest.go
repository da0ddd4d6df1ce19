// Package validatetest holds what Khamxa writes itself to the rules that it holds others to.
//
// Writes over /fhir pass validate.Write; what components build and commit does not, for it is theirs to get right. Their tests call
// Log at the end, so that all that any of them wrote is checked. Only tests import it.
package validatetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/fhir/validate"
)

// Log validates every version in the log whose author does not begin with one of the words to leave out, and reports each
// finding as an error of t. The first of each type are held to the invariants and to the profiles that are made for them as well. An empty log is an error too.
func Log(t testing.TB, log store.Log, leaveOut ...string) {
	t.Helper()
	left := func(author string) bool {
		return slices.ContainsFunc(leaveOut, func(word string) bool { return strings.HasPrefix(author, word) })
	}
	v, err := validate.New()
	if err != nil {
		t.Errorf("the validator cannot be made: %v", err)
		return
	}
	c := checker{TB: t, v: v, checked: map[string]int{}}
	seen := 0
	for after := store.Seq(0); ; {
		entries, err := log.Entries(context.Background(), after, 1000)
		if err != nil {
			t.Errorf("the log cannot be read: %v", err)
			return
		}
		for _, e := range entries {
			after = e.Seq
			seen++
			for _, change := range e.Changes {
				if change.Body != nil && !left(e.Author) {
					c.check(change)
				}
			}
		}
		if len(entries) == 0 {
			break
		}
	}
	if seen == 0 {
		t.Error("the log is empty")
	}
}

// mostChecked is how many of each type are held to more than Write: invariants take a while.
const mostChecked = 50

type checker struct {
	testing.TB
	v       *validate.Validator
	checked map[string]int
}

func (c *checker) check(change store.EntryChange) {
	c.Helper()
	r, err := fhir.Parse(change.Body)
	var found []fhir.Issue
	switch {
	case err != nil:
		found = fhir.Issues(err)
	case c.checked[r.Type] < mostChecked:
		c.checked[r.Type]++
		if found, err = c.v.Check(context.Background(), r, profiles(r)...); err != nil {
			found = fhir.Issues(err)
		}
	default:
		found = fhir.Issues(validate.Write(r))
	}
	for _, i := range found {
		if i.Severity == "error" {
			c.Errorf("%s/%s version %s is not valid: %s: %s", change.Type, change.ID, change.VersionID, i.Expression, i.Text)
		}
	}
}

// profiles are those that a resource is held to, whether it claims them or not.
func profiles(r *fhir.Resource) []string {
	if r.Type != "Observation" {
		return nil
	}
	for _, coding := range r.Root.Get("code").Get("coding").Items() {
		if coding.Get("code").IsString("85354-9") {
			return []string{"urn:khamxa:profile:blood-pressure"}
		}
	}
	return nil
}
