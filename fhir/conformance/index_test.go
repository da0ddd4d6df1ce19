//go:build conformance

package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// TestIndex: for every official search parameter and every example, the index holds what the nodes mean that HL7's FHIRPath finds,
// and nothing else.
func TestIndex(t *testing.T) {
	expectations := expectations{readDefinitions(t), map[string]bool{}}
	var names []string
	var parsed []*fhir.Resource
	var raw [][]byte
	accepted(t, func(_ *testing.T, e example, r *fhir.Resource) {
		names, parsed, raw = append(names, e.name), append(parsed, r), append(raw, r.Raw)
	})
	compared := 0
	for i, found := range judge(t, raw) {
		keys, err := decodeKeys(parsed[i].Type, search.Extract(parsed[i]).Keys)
		if err != nil {
			t.Errorf("%s: %v", names[i], err)
			continue
		}
		resource := tree(t, raw[i])
		for _, p := range search.Params(parsed[i].Type) {
			if !p.Served() || p.Kind == search.Composite || p.Kind == search.Special {
				continue // their expressions lead to elements, not to values
			}
			if p.Derived() { // it has no keys in the index; these are what others' stand for
				own, err := decodeKeys(parsed[i].Type, p.Keys(parsed[i]))
				if err != nil {
					t.Errorf("%s: %v", names[i], err)
				}
				keys[p.Code] = own[p.Code]
			}
			want, err := expectations.of(p, found[p.Code], resource)
			if err != nil {
				t.Errorf("%s, %s: %v", names[i], p.Code, err)
				continue
			}
			compared++
			if len(want) > mostKeys {
				want = []entry{overflow}
			}
			if got := sorted(keys[p.Code]); !slices.Equal(got, want) {
				t.Errorf("%s, %s: the index has %q, want %q", names[i], p.Code, got, want)
			}
		}
	}
	for name := range meaningless {
		if !expectations.met[name] {
			t.Errorf("%s is listed as a deviation and does not occur", name)
		}
	}
	t.Logf("%d evaluations compared", compared)
}

// mostKeys is how many keys of one parameter of one resource are kept; with more there is the overflow key alone, and the resource is
// looked at whenever the parameter is asked for.
const mostKeys = 4096

// meaningless are the nodes that an official expression finds although their type cannot have the parameter's kind: "Type.code of
// data type", and why they are left out (and do not count for :missing).
var meaningless = map[string]string{
	"CarePlan.activity-date of string":       "scheduledString is text for people; the type date has values of date, dateTime, Period and Timing",
	"Immunization.date of string":            "occurrenceString is text for people",
	"Consent.source-reference of Attachment": "sourceAttachment holds the document and refers to no resource",
}

// expectations turns what was found into what must be in the index.
type expectations struct {
	definitions
	met map[string]bool // of meaningless
}

// of gives the entries that a parameter must have for the nodes that were found.
func (x expectations) of(p *search.Param, found json.RawMessage, resource map[string]any) ([]entry, error) {
	if found == nil {
		return nil, nil
	}
	if bytes.HasPrefix(found, []byte(`"`)) {
		return nil, fmt.Errorf("fhirpath says %s", found)
	}
	var nodes []node
	if err := json.Unmarshal(found, &nodes); err != nil {
		return nil, err
	}
	var out []entry
	populated := false
	for i := range nodes {
		value := nodes[i].in(resource)
		name := p.Type + "." + p.Code + " of " + nodes[i].typ
		if value == nil { // there is an extension only
			continue
		}
		if meaningless[name] != "" {
			x.met[name] = true
			continue
		}
		entries, known := x.meaning(p.Kind.String(), p.Type, &nodes[i], value)
		if !known {
			return nil, fmt.Errorf("%s: what does that mean for a %s?", name, p.Kind)
		}
		populated = true
		out = append(out, entries...)
	}
	if len(out) == 0 && populated {
		out = []entry{presence}
	}
	return sorted(out), nil
}

func sorted(entries []entry) []entry { return slices.Compact(slices.Sorted(slices.Values(entries))) }
