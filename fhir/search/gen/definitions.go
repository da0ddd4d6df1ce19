package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// definitions is what is needed of the official package.
type definitions struct {
	types    []string            // concrete resource types, sorted
	elements map[string]*element // by path, "Patient.name"; choices without their [x]
	params   []param
	systems  map[string]string // value set -> its only code system
}

type param struct {
	ResourceType string
	URL          string
	Code         string
	Base         []string
	Type         string
	Expression   string
	Target       []string
	Component    []struct{ Definition, Expression string } // of a composite
}

// typeOf is the type of the parameter with that URL, "" if there is none.
func (d *definitions) typeOf(url string) string {
	for i := range d.params {
		if d.params[i].URL == url {
			return d.params[i].Type
		}
	}
	return ""
}

type element struct {
	Path             string
	ContentReference string
	Type             []struct{ Code string }
	Binding          struct{ Strength, ValueSet string }
}

type structure struct {
	Kind, Derivation, Type string
	Abstract               bool
	Snapshot               struct{ Element []*element }
}

func readDefinitions(folder string) (*definitions, error) {
	d := &definitions{elements: map[string]*element{}, systems: map[string]string{}}
	for _, step := range []func(string) error{d.readStructures, d.readParams, d.readValueSets} {
		if err := step(folder); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// readStructures takes the base definitions of resources and data types, no profiles.
func (d *definitions) readStructures(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "StructureDefinition-*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		var s structure
		if err := read(folder, filepath.Base(file), &s); err != nil {
			return err
		}
		if s.Derivation == "constraint" || s.Kind == "logical" {
			continue
		}
		if s.Kind == "resource" && !s.Abstract {
			d.types = append(d.types, s.Type)
		}
		for _, e := range s.Snapshot.Element {
			d.elements[strings.TrimSuffix(e.Path, "[x]")] = e
		}
	}
	slices.Sort(d.types)
	if len(d.types) != 146 {
		return fmt.Errorf("%d resource types instead of 146: is this hl7.fhir.r4.examples 4.0.1?", len(d.types))
	}
	return nil
}

func (d *definitions) readParams(folder string) error {
	var bundle struct{ Entry []struct{ Resource param } }
	if err := read(folder, "Bundle-searchParams.json", &bundle); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range bundle.Entry {
		// The official Bundle holds a few definitions twice.
		if p := e.Resource; p.ResourceType == "SearchParameter" && !seen[p.URL] {
			seen[p.URL] = true
			d.params = append(d.params, p)
		}
	}
	return nil
}

// readValueSets finds the value sets whose codes all come from one code system: it is the system of a code element that is
// bound to the set.
func (d *definitions) readValueSets(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "ValueSet-*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		var v struct {
			URL     string
			Compose struct {
				Include []struct {
					System   string
					ValueSet []string
				}
			}
		}
		if err := read(folder, filepath.Base(file), &v); err != nil {
			return err
		}
		systems := map[string]bool{}
		for _, i := range v.Compose.Include {
			systems[i.System] = true
		}
		if len(systems) == 1 && v.Compose.Include[0].System != "" {
			d.systems[v.URL] = v.Compose.Include[0].System
		}
	}
	return nil
}
