package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// structure is what is needed of a StructureDefinition.
type structure struct {
	Kind, Derivation, Type string
	Abstract               bool
	Snapshot               struct{ Element []*element }
}

type element struct {
	Path             string
	Min              int
	Max              string
	ContentReference string
	Type             []elementType
	Binding          struct{ Strength, ValueSet string }
	Constraint       []constraint
	Representation   []string
}

type elementType struct {
	Code          string
	Profile       []string
	TargetProfile []string
}

type constraint struct {
	Key, Severity, Human, Expression string
}

// readStructures takes the base definitions of resources and data types, no profiles, sorted by type.
func readStructures(folder string) ([]*structure, error) {
	files, err := filepath.Glob(filepath.Join(folder, "StructureDefinition-*.json"))
	if err != nil {
		return nil, err
	}
	var all []*structure
	for _, file := range files {
		s := &structure{}
		if err := read(file, s); err != nil {
			return nil, err
		}
		if s.Derivation != "constraint" && s.Kind != "logical" {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *structure) int { return strings.Compare(a.Type, b.Type) })
	if len(all) != 209 {
		return nil, fmt.Errorf("%d base definitions instead of 209: is this hl7.fhir.r4.examples 4.0.1?", len(all))
	}
	return all, nil
}

// valueSet is an expanded value set. system is "" when its codes come from more than one.
type valueSet struct {
	url, system string
	codes       []string
}

// contains is one level of an expansion.
type contains struct {
	System, Code string
	Abstract     bool
	Contains     []contains
}

// readExpansions takes the official expansions that are whole, by URL.
func readExpansions(folder string) (map[string]*valueSet, error) {
	var bundle struct {
		Entry []struct {
			Resource struct {
				URL       string
				Expansion struct {
					Extension []struct{ URL string }
					Contains  []contains
				}
			}
		}
	}
	if err := read(filepath.Join(folder, "Bundle-valueset-expansions.json"), &bundle); err != nil {
		return nil, err
	}
	all := map[string]*valueSet{}
	for _, e := range bundle.Entry {
		// An expansion with an extension is only a part: "too costly" or "unclosed".
		if x := e.Resource.Expansion; len(x.Extension) == 0 {
			all[e.Resource.URL] = expand(e.Resource.URL, x.Contains)
		}
	}
	return all, nil
}

func expand(url string, list []contains) *valueSet {
	v := &valueSet{url: url}
	systems := map[string]bool{}
	var walk func([]contains)
	walk = func(list []contains) {
		for _, c := range list {
			if !c.Abstract && c.Code != "" {
				v.codes = append(v.codes, c.Code)
				systems[c.System] = true
			}
			walk(c.Contains)
		}
	}
	walk(list)
	slices.Sort(v.codes)
	v.codes = slices.Compact(v.codes)
	if len(systems) == 1 {
		for v.system = range systems {
		}
	}
	return v
}

func read(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return nil
}
