//go:build conformance

package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
		index := search.Extract(parsed[i]).Keys
		keys, err := decodeKeys(parsed[i].Type, index)
		if err != nil {
			t.Errorf("%s: %v", names[i], err)
			continue
		}
		resource := tree(t, raw[i])
		for _, p := range search.Params(parsed[i].Type) {
			if !p.Served() {
				continue
			}
			if p.Derived() { // it has no keys of its own; those that it would have must be there under another's name
				own := p.Keys(parsed[i])
				if missing := notStood(own, index); missing != "" {
					t.Errorf("%s, %s: no parameter has the key %q", names[i], p.Code, missing)
				}
				derived, err := decodeKeys(parsed[i].Type, own)
				if err != nil {
					t.Errorf("%s: %v", names[i], err)
				}
				keys[p.Code] = derived[p.Code]
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

// notStood gives a key of a derived parameter that is in the index under no parameter's name; "" if there is none.
func notStood(own, index []string) string {
	there := map[string]bool{}
	value := func(key string) string {
		parts := strings.SplitN(key, "|", 3) // Type, code, the rest
		return parts[len(parts)-1]
	}
	for _, key := range index {
		there[value(key)] = true
	}
	for _, key := range own {
		if !there[value(key)] {
			return key
		}
	}
	return ""
}

// mostKeys is how many keys of one parameter of one resource are kept; with more there is the overflow key alone, and the resource is
// looked at whenever the parameter is asked for.
const mostKeys = 4096

// meaningless are the nodes that an official expression finds although their type cannot have the parameter's kind: "Type.code of
// data type", and why they are left out (and do not count for :missing).
var meaningless = map[string]string{
	"CarePlan.activity-date of string":        "scheduledString is text for people; the type date has values of date, dateTime, Period and Timing",
	"Immunization.date of string":             "occurrenceString is text for people",
	"Consent.source-reference of Attachment":  "sourceAttachment holds the document and refers to no resource",
	"Group.characteristic-value of Reference": "the parameter value, which is the second component, is a token of CodeableConcept or boolean; the component says value alone",
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
	if p.Kind == search.Composite {
		return x.ofComposite(p, found, resource)
	}
	var nodes []node
	if err := json.Unmarshal(found, &nodes); err != nil {
		return nil, err
	}
	out, populated, err := x.ofNodes(p.Kind.String(), p, nodes, resource)
	if len(out) == 0 && populated {
		out = []entry{presence}
	}
	return sorted(out), err
}

// ofNodes gives the entries of nodes under a kind, and whether there is any node with a value.
func (x expectations) ofNodes(kind string, p *search.Param, nodes []node, resource map[string]any) (out []entry, populated bool, err error) {
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
		entries, known := x.meaning(kind, p.Type, &nodes[i], value)
		if !known {
			return nil, false, fmt.Errorf("%s: what does that mean for a %s?", name, kind)
		}
		populated = true
		out = append(out, entries...)
	}
	return out, populated, nil
}

// ofComposite: the first two components of each element that has them all stand together in a key, without the first one's system.
func (x expectations) ofComposite(p *search.Param, found json.RawMessage, resource map[string]any) ([]entry, error) {
	var elements [][][]node
	if err := json.Unmarshal(found, &elements); err != nil {
		return nil, err
	}
	var out []entry
	for _, element := range elements {
		whole := true
		var parts [][]entry
		for i, nodes := range element {
			entries, populated, err := x.ofNodes(x.components[p.URL][i], p, nodes, resource)
			if err != nil {
				return nil, err
			}
			whole = whole && populated
			parts = append(parts, entries)
		}
		if !whole {
			continue
		}
		both := []entry{presence}
		if len(parts[0]) > 0 && len(parts[1]) > 0 {
			both = nil
		}
		for _, first := range parts[0] {
			for _, second := range parts[1] {
				both = append(both, compositeEntry(first, second))
			}
		}
		out = append(out, both...)
	}
	out = sorted(out)
	if len(out) > 1 { // presence is for a resource that has nothing else
		out = slices.DeleteFunc(out, func(e entry) bool { return e == presence })
	}
	return out, nil
}

func sorted(entries []entry) []entry { return slices.Compact(slices.Sorted(slices.Values(entries))) }
