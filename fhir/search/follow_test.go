package search_test

import (
	"fmt"
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// TestTargetsOfManyReferences: what a large List leads to is each named once, in order.
func TestTargetsOfManyReferences(t *testing.T) {
	const n = 30_000
	var b strings.Builder
	b.WriteString(`{"resourceType":"List","id":"l","entry":[{"item":{"reference":"Basic/0"}}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"item":{"reference":"Basic/%d"}}`, i)
	}
	b.WriteString(`]}`)
	r, err := fhir.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	targets := search.Include{Source: "List", Param: search.Lookup("List", "item")}.Targets(r)
	if len(targets) != n || targets[0] != "Basic/0" || targets[n-1] != fmt.Sprintf("Basic/%d", n-1) {
		t.Errorf("%d targets", len(targets))
	}
}

// TestPatientsOfAGroup: a large Group is in the compartment of each member once.
func TestPatientsOfAGroup(t *testing.T) {
	const n = 20_000
	var b strings.Builder
	b.WriteString(`{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p0"}}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"entity":{"reference":"Patient/p%d"}}`, i)
	}
	b.WriteString(`]}`)
	r, err := fhir.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if ids := search.Patients(r); len(ids) != n || ids[0] != "p0" || ids[n-1] != fmt.Sprintf("p%d", n-1) {
		t.Errorf("%d patients", len(ids))
	}
}
