//go:build conformance

package conformance_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// definitions are what the official definitions say of elements: read here once more, without the table that serves.
type definitions struct {
	elements map[string]element // by path: "Observation.value[x]" stands under "Observation.value"
	systems  map[string]string  // the code system of a value set whose codes are all of one

	components map[string][]string          // the kinds of a composite parameter's components, by its URL
	composites map[string][]string          // the same by "Type.code"
	kinds      map[string]map[string]string // the kind of each parameter, by resource type and code
}

type element struct {
	Path             string
	ContentReference string
	Type             []struct{ Code string }
	Binding          struct{ Strength, ValueSet string }
}

func readDefinitions(t *testing.T) definitions {
	t.Helper()
	d := definitions{map[string]element{}, map[string]string{}, map[string][]string{}, map[string][]string{}, map[string]map[string]string{}}
	for _, e := range examples(t) {
		switch {
		case strings.HasPrefix(e.name, "StructureDefinition-"):
			d.structure(t, e.raw)
		case strings.HasPrefix(e.name, "ValueSet-"):
			d.valueSet(t, e.raw)
		case e.name == "Bundle-searchParams.json":
			d.parameters(t, e.raw)
		}
	}
	return d
}

func (d definitions) structure(t *testing.T, raw []byte) {
	t.Helper()
	var s struct {
		Derivation, Kind string
		Snapshot         struct{ Element []element }
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if s.Derivation == "constraint" || s.Kind == "logical" {
		return
	}
	for _, e := range s.Snapshot.Element {
		d.elements[strings.TrimSuffix(e.Path, "[x]")] = e
	}
}

func (d definitions) parameters(t *testing.T, raw []byte) {
	t.Helper()
	var bundle struct {
		Entry []struct {
			Resource struct {
				URL, Code, Type string
				Base            []string
				Component       []struct{ Definition string }
			}
		}
	}
	if err := json.Unmarshal(raw, &bundle); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, e := range bundle.Entry {
		kinds[e.Resource.URL] = e.Resource.Type
		for _, base := range e.Resource.Base {
			if d.kinds[base] == nil {
				d.kinds[base] = map[string]string{}
			}
			d.kinds[base][e.Resource.Code] = e.Resource.Type
		}
	}
	for _, e := range bundle.Entry {
		if e.Resource.Type != "composite" {
			continue
		}
		var list []string
		for _, c := range e.Resource.Component {
			list = append(list, kinds[c.Definition])
		}
		if e.Resource.Code == "relationship" {
			slices.Reverse(list) // DocumentReference: code stands beside the definition of target there, and target beside that of code
		}
		d.components[e.Resource.URL] = list
		for _, base := range e.Resource.Base {
			d.composites[base+"."+e.Resource.Code] = list
		}
	}
}

func (d definitions) valueSet(t *testing.T, raw []byte) {
	t.Helper()
	var v struct {
		URL     string
		Compose struct{ Include []struct{ System string } }
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, include := range v.Compose.Include {
		all = append(all, include.System)
	}
	if all = slices.Compact(slices.Sorted(slices.Values(all))); len(all) == 1 && all[0] != "" {
		d.systems[v.URL] = all[0]
	}
}

// systemOf is the code system that the required binding of a code element implies; "" if none.
func (d definitions) systemOf(resourceType string, place []any) string {
	at, e := resourceType, element{}
	for _, step := range place {
		name, ok := step.(string)
		if !ok {
			continue
		}
		if e, ok = d.elements[at+"."+name]; !ok {
			return "" // a choice, which implies nothing
		}
		switch {
		case e.ContentReference != "":
			at = strings.TrimPrefix(e.ContentReference, "#")
		case len(e.Type) == 1 && e.Type[0].Code != "BackboneElement" && e.Type[0].Code != "Element":
			at = e.Type[0].Code
		default:
			at += "." + name
		}
	}
	if e.Binding.Strength != "required" {
		return ""
	}
	set, _, _ := strings.Cut(e.Binding.ValueSet, "|")
	return d.systems[set]
}

// componentKinds are the kinds of a composite parameter's components.
func (d definitions) componentKinds(resourceType, code string) []string {
	return d.composites[resourceType+"."+code]
}
