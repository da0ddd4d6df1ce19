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
}

type element struct {
	Path             string
	ContentReference string
	Type             []struct{ Code string }
	Binding          struct{ Strength, ValueSet string }
}

func readDefinitions(t *testing.T) definitions {
	t.Helper()
	d := definitions{map[string]element{}, map[string]string{}}
	for _, e := range examples(t) {
		switch {
		case strings.HasPrefix(e.name, "StructureDefinition-"):
			d.structure(t, e.raw)
		case strings.HasPrefix(e.name, "ValueSet-"):
			d.valueSet(t, e.raw)
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
