package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// compartmentFiles are the official compartments.
var compartmentFiles = []string{"device", "encounter", "patient", "practitioner", "relatedPerson"}

// compartments reads all official CompartmentDefinitions: compartment type -> resource type -> parameters, "{def}" among them for
// the resource that the compartment is named after.
func compartments(folder string) (map[string]map[string][]string, error) {
	all := map[string]map[string][]string{}
	for _, name := range compartmentFiles {
		var c struct {
			Code     string
			Resource []struct {
				Code  string
				Param []string
			}
		}
		if err := read(folder, "CompartmentDefinition-"+name+".json", &c); err != nil {
			return nil, err
		}
		types := map[string][]string{}
		for _, r := range c.Resource {
			if len(r.Param) > 0 {
				types[r.Code] = r.Param
			}
		}
		all[c.Code] = types
	}
	return all, nil
}

// compartmentFile writes them as Go.
func compartmentFile(all map[string]map[string][]string) []byte {
	var b bytes.Buffer
	b.WriteString(header + "package search\n\n")
	b.WriteString("// compartments are the official CompartmentDefinitions: compartment type, resource type, the parameters that put one in it.\n")
	b.WriteString("// {def} stands for the resource that the compartment is named after.\nvar compartments = map[string]map[string][]string{\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%q: {\n", name)
		for _, typ := range slices.Sorted(maps.Keys(all[name])) {
			fmt.Fprintf(&b, "%q: {", typ)
			for _, p := range all[name][typ] {
				fmt.Fprintf(&b, "%q,", p)
			}
			b.WriteString("},\n")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}
