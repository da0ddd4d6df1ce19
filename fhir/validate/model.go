package validate

import (
	"cmp"
	"slices"
	"strings"

	"khamxa/fhir"
)

// model tells the FHIRPath library what the tables say of types and paths.
type model struct{}

// at finds the fields of a path ("Observation.value"): several for a choice.
func (model) at(path string) []field {
	names := strings.Split(path, ".")
	n := uint16(0)
	for i := range nodes {
		if nodes[i].name == names[0] {
			n = uint16(i)
			break
		}
	}
	var found []field
	for _, name := range names[1:] {
		found = nil
		if n == 0 {
			return nil
		}
		for _, f := range fields[nodes[n].from:nodes[n].to] {
			if f.elementName() == name {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			return nil
		}
		n = found[0].node
	}
	return found
}

// ChoiceTypes are the types of a choice, as JSON writes them at the end of a name; nil for what is not known. For an element that
// is none there is one that no name ends in: with nil, the library would take "responseCode" for a type of "response".
func (m model) ChoiceTypes(path string) (list []string) {
	for _, f := range m.at(path) {
		if f.flags&choice == 0 {
			return []string{"-"}
		}
		list = append(list, f.name[f.element:])
	}
	return list
}

// TypeOf is the type of an element, the name of its node when it has elements of its own. What a resource is it says itself.
func (m model) TypeOf(path string) string {
	found := m.at(path)
	if len(found) != 1 || found[0].kind == kindResource {
		return ""
	}
	return cmp.Or(found[0].typeName(), nodes[found[0].node].name)
}

// ReferenceTargets are the types that a reference may name.
func (m model) ReferenceTargets(path string) []string {
	for _, f := range m.at(path) {
		if f.kind == kindReference && f.targets != 0 {
			return strings.Split(strings.Trim(targets[f.targets], "|"), "|")
		}
	}
	return nil
}

// ParentType is what a type is derived from.
func (model) ParentType(name string) string {
	switch {
	case fhir.IsType(name) && slices.Contains([]string{"Bundle", "Binary", "Parameters"}, name), name == "DomainResource":
		return "Resource"
	case fhir.IsType(name):
		return "DomainResource"
	}
	switch name {
	case "Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity":
		return "Quantity"
	case "code", "id", "markdown":
		return "string"
	case "url", "canonical", "oid", "uuid":
		return "uri"
	case "positiveInt", "unsignedInt":
		return "integer"
	}
	return ""
}

// IsSubtype reports whether child is parent or derived from it.
func (m model) IsSubtype(child, parent string) bool {
	for ; child != ""; child = m.ParentType(child) {
		if child == parent {
			return true
		}
	}
	return false
}

// ResolvePath gives the path that an element's definition is at, when it is borrowed.
func (m model) ResolvePath(path string) string {
	if found := m.at(path); len(found) == 1 && found[0].node != 0 && strings.Contains(nodes[found[0].node].name, ".") {
		return nodes[found[0].node].name
	}
	return path
}

// IsResource reports whether the name is a resource type's.
func (model) IsResource(name string) bool { return fhir.IsType(name) }
