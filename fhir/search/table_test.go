package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/search"
)

// The official definitions bind 1,697 parameters to the 146 types beside the nine of all resources.
func TestTableIsComplete(t *testing.T) {
	own, common := 0, 0
	for _, typ := range search.Types() {
		params := search.Params(typ)
		if !slices.IsSortedFunc(params, func(a, b *search.Param) int { return strings.Compare(a.Code, b.Code) }) {
			t.Errorf("%s is not sorted", typ)
		}
		for _, p := range params {
			if p.Code[0] == '_' {
				common++
			} else {
				own++
			}
			if p.Type != typ || search.Lookup(typ, p.Code) != p {
				t.Errorf("%s.%s is found as %v", typ, p.Code, search.Lookup(typ, p.Code))
			}
		}
	}
	if own != 1697 || common != 9*146 {
		t.Errorf("%d parameters and %d common ones", own, common)
	}
	if search.Params("Nobody") != nil || search.Lookup("Nobody", "_id") != nil || search.Lookup("Patient", "nope") != nil {
		t.Error("found what is not there")
	}
}

// Every official parameter is compiled for every type it is bound to: 1,697 bindings to one type each, and nine of all types,
// of which only _query leads nowhere. It names a query that a server defines, and this one defines none.
func TestEveryParameterIsCompiled(t *testing.T) {
	not := map[string]int{}
	for _, typ := range search.Types() {
		for _, p := range search.Params(typ) {
			paths, parts := p.Compiled()
			if paths == 0 {
				not[p.Code]++
			}
			if (p.Kind == search.Composite) != (parts >= 2) {
				t.Errorf("%s.%s has %d parts", typ, p.Code, parts)
			}
			if p.Served() != (paths > 0) {
				t.Errorf("%s.%s has %d paths; served: %v", typ, p.Code, paths, p.Served())
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"_query": 146}, not); diff != "" {
		t.Error(diff)
	}
}

// TestKinds counts the bindings of one type each by kind, as the official Bundle has them.
func TestKinds(t *testing.T) {
	got := map[search.Kind]int{}
	for _, typ := range search.Types() {
		for _, p := range search.Params(typ) {
			if p.Code[0] != '_' {
				got[p.Kind]++
			}
		}
	}
	want := map[search.Kind]int{
		search.Token: 668, search.Reference: 517, search.String: 199, search.Date: 139, search.Number: 6, search.Quantity: 40, search.URI: 55,
		search.Composite: 72, search.Special: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTableSpotChecks(t *testing.T) {
	tests := []struct {
		typ, code string
		kind      search.Kind
		targets   []string
	}{
		{"Patient", "_id", search.Token, nil},
		{"Patient", "_lastUpdated", search.Date, nil},
		{"Patient", "_profile", search.URI, nil},
		{"Patient", "_text", search.Special, nil},
		{"Patient", "family", search.String, nil},
		{"Patient", "deceased", search.Token, nil},
		{"Patient", "general-practitioner", search.Reference, []string{"Organization", "Practitioner", "PractitionerRole"}},
		{"Observation", "patient", search.Reference, []string{"Patient"}},
		{"Observation", "subject", search.Reference, []string{"Device", "Group", "Location", "Patient"}},
		{"Observation", "focus", search.Reference, nil},
		{"Observation", "value-quantity", search.Quantity, nil},
		{"Observation", "code-value-quantity", search.Composite, nil},
		{"RiskAssessment", "probability", search.Number, nil},
		{"Location", "near", search.Special, nil},
		{"Bundle", "composition", search.Reference, []string{"Composition"}},
	}
	for _, tt := range tests {
		t.Run(tt.typ+"."+tt.code, func(t *testing.T) {
			p := search.Lookup(tt.typ, tt.code)
			if p == nil || p.Kind != tt.kind {
				t.Fatalf("got %+v", p)
			}
			if diff := cmp.Diff(tt.targets, p.Targets); diff != "" {
				t.Error(diff)
			}
			if !strings.HasPrefix(p.URL, "http://hl7.org/fhir/SearchParameter/") {
				t.Errorf("URL %q", p.URL)
			}
		})
	}
	if p := search.Lookup("Observation", "focus"); !p.AllowsTarget("Medication") || p.AllowsTarget("Nobody") {
		t.Error("focus points to any resource type")
	}
	if p := search.Lookup("Observation", "patient"); p.AllowsTarget("Group") || !p.AllowsTarget("Patient") {
		t.Error("patient points to Patient only")
	}
}
