package search_test

import (
	"context"
	"testing"

	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// terms is a small terminology.
type terms struct{ sets, below, above map[string][]search.Concept }

func answer(m map[string][]search.Concept, key string) ([]search.Concept, error) {
	if list, ok := m[key]; ok {
		return list, nil
	}
	return nil, fault.New(fault.NotFound, "terms", "There is no such thing.")
}

func (t terms) Members(_ context.Context, set string) ([]search.Concept, error) {
	return answer(t.sets, set)
}

func (t terms) Below(_ context.Context, system, code string) ([]search.Concept, error) {
	return answer(t.below, system+"|"+code)
}

func (t terms) Above(_ context.Context, system, code string) ([]search.Concept, error) {
	return answer(t.above, system+"|"+code)
}

var someTerms = terms{
	sets: map[string][]search.Concept{
		"http://x/ValueSet/bp": {{System: "http://loinc.org", Code: "85354-9"}, {System: "http://loinc.org", Code: "8480-6"}},
		"ValueSet/local":       {{System: "urn:other", Code: "HA"}, {System: "urn:langs", Code: "vi"}},
		"ValueSet/none":        {},
		"ValueSet/status":      {{System: "http://hl7.org/fhir/observation-status", Code: "final"}},
	},
	below: map[string][]search.Concept{"http://loinc.org|LP1": {{System: "http://loinc.org", Code: "85354-9"}, {System: "http://loinc.org", Code: "LP1"}}},
	above: map[string][]search.Concept{"http://loinc.org|85354-9": {{System: "http://loinc.org", Code: "85354-9"}, {System: "http://loinc.org", Code: "LP1"}}},
}

func TestTerminology(t *testing.T) {
	bp := load(t, "blood-pressure")
	keys := search.Extract(bp).Keys
	for query, want := range map[string]bool{
		"code:in=http://x/ValueSet/bp": true, "code:not-in=http://x/ValueSet/bp": false,
		"code:in=ValueSet/local": false, "code:not-in=ValueSet/local": true, "code:in=ValueSet/local,http://x/ValueSet/bp": true,
		"code:in=ValueSet/none": false, "code:not-in=ValueSet/none": true,
		"status:in=ValueSet/status": true, "status:not-in=ValueSet/status": false,
		"code:below=http://loinc.org|LP1": true, "code:above=http://loinc.org|85354-9": true,
		"code:not-in=http://x/ValueSet/bp&status=final": false,
	} {
		t.Run(query, func(t *testing.T) {
			q := parse(t, "Observation", query)
			if !q.NeedsTerms() || q.Match(bp) {
				t.Fatal("matches before it was resolved")
			}
			if err := q.Resolve(t.Context(), someTerms); err != nil {
				t.Fatal(err)
			}
			if q.NeedsTerms() || q.Match(bp) != want {
				t.Errorf("needs terms %v, match is %v", q.NeedsTerms(), !want)
			}
			for i := range q.Clauses {
				if want && !reached(t, &q.Clauses[i], keys) {
					t.Errorf("not reached by clause %d", i)
				}
			}
		})
	}
}

func TestTerminologyFailures(t *testing.T) {
	tests := []struct {
		name, query string
		terms       search.Terminology
		code        fault.Code
	}{
		{"none", "code:in=ValueSet/none", nil, fault.Unsupported},
		{"no such set", "code:in=ValueSet/other", someTerms, fault.NotFound},
		{"no such code", "code:below=http://loinc.org|x", someTerms, fault.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := parse(t, "Observation", tt.query)
			err := q.Resolve(t.Context(), tt.terms)
			if fault.CodeOf(err) != tt.code || fault.PathOf(err) == "" {
				t.Errorf("%v", err)
			}
			if bp := load(t, "blood-pressure"); q.Match(bp) {
				t.Error("matches")
			}
		})
	}
	q := parse(t, "Observation", "code=a")
	if q.NeedsTerms() || q.Resolve(t.Context(), nil) != nil {
		t.Error("a plain search needs a terminology")
	}
	// A code whose element allows several systems is compared by the code alone.
	r := read(t, `{"resourceType":"Patient","communication":[{"language":{"coding":[{"code":"vi"}]}}],"language":"vi"}`)
	q = parse(t, "Patient", "language:in=ValueSet/local")
	if err := q.Resolve(t.Context(), someTerms); err != nil || q.Match(r) {
		t.Errorf("a Coding without a system is of no system: %v", err)
	}
}
