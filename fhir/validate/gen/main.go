// Command gen writes the tables that fhir/validate checks against (table_gen.go: elements and value sets; rules_gen.go:
// invariants) from the official FHIR R4 definitions: the unpacked npm package hl7.fhir.r4.examples 4.0.1 (CC0), whose folder
// is its only argument. It runs in fhir/validate, by go generate, and is no part of the program.
//
//	npm pack hl7.fhir.r4.examples@4.0.1 && tar xzf hl7.fhir.r4.examples-4.0.1.tgz
//	R4=$PWD/package go generate ./fhir/validate
package main

import (
	"fmt"
	"go/format"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FOLDER, the unpacked package hl7.fhir.r4.examples 4.0.1")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	structures, err := readStructures(folder)
	if err != nil {
		return err
	}
	sets, err := readExpansions(folder)
	if err != nil {
		return err
	}
	t, err := build(structures, sets)
	if err != nil {
		return err
	}
	if err := write("table_gen.go", t.elements()); err != nil {
		return err
	}
	return write("rules_gen.go", t.invariants())
}

// write formats the source and writes the file.
func write(name string, source []byte) error {
	formatted, err := format.Source(source)
	if err != nil {
		return fmt.Errorf("format %s: %w", name, err)
	}
	return os.WriteFile(name, formatted, 0o644)
}
