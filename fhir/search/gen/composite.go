package main

import (
	"fmt"
	"slices"
	"strings"
)

// composite compiles a composite parameter: the paths to the elements whose parts belong together, and then for each part a
// dollar, its kind, and the paths to its values: from the element, or after a slash from the resource.
//
//	component:Element $ Token code:CodeableConcept $ Quantity valueQuantity:Quantity
func (d *definitions) composite(base string, p param) ([]string, error) {
	var out, parts []string
	for _, branch := range strings.Split(p.Expression, "|") {
		root, rest, dotted := strings.Cut(strings.TrimSpace(branch), ".")
		if root != base {
			continue
		}
		at := cursor{at: base, typ: base}
		if dotted {
			cursors, _, err := d.walk(at, rest)
			if err != nil {
				return nil, err
			}
			at = cursors[0]
		}
		out = append(out, strings.Join(at.steps, ".")+":Element")
		found, err := d.parts(base, at, p)
		if err != nil {
			return nil, err
		}
		if parts != nil && !slices.Equal(parts, found) {
			return nil, fmt.Errorf("the parts differ from element to element: %q and %q", parts, found)
		}
		parts = found
	}
	return append(out, parts...), nil
}

// parts compiles the components of a composite for one kind of element.
func (d *definitions) parts(base string, at cursor, p param) ([]string, error) {
	var out []string
	for i, component := range p.Component {
		typ := d.typeOf(component.Definition)
		if p.Code == "relationship" && base == "DocumentReference" {
			// The official components name relatesto (a reference) with the expression "code", and relation (a token) with "target".
			typ = []string{"token", "reference"}[i]
		}
		if kinds[typ] == "" {
			return nil, fmt.Errorf("the component %s has no type", component.Definition)
		}
		out = append(out, "$", kinds[typ])
		for _, branch := range strings.Split(component.Expression, "|") {
			branch = strings.TrimSpace(branch)
			from, lead := cursor{at: at.at, typ: at.typ}, ""
			if rest, ok := strings.CutPrefix(branch, "%resource."); ok {
				from, lead, branch = cursor{at: base, typ: base}, "/", rest
			}
			found, err := d.branch(from, branch, typ)
			if err != nil {
				return nil, fmt.Errorf("component %q: %w", component.Expression, err)
			}
			for _, f := range found {
				out = append(out, lead+f)
			}
		}
	}
	return out, nil
}
