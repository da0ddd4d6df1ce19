// Package search is FHIR R4 search without a database: the table of search parameters, the extraction of index keys from a
// resource, the grammar of queries, and the exact test whether a resource matches one.
//
// A store keeps the keys that Extract gives for each current resource. To answer a query it picks one clause to drive, reads
// the key ranges of Clause.Ranges, and checks every candidate with Query.Match. The ranges of a clause are a superset of what
// matches: a missing key form may cost speed, never correctness.
//
// It is pure: no database, no network, no clock. Stores, the FHIR face, the registry and consult may call it. The table is
// generated from the official definitions (see gen): every parameter of every type, of all nine kinds.
//
// # What R4 leaves to a server, or says twice
//
//   - Numbers in queries are as precise as they are written: eq and ne ask for v within half a unit of the last place, so 1e2 is 50 to 150
//     (the specification's own 95 to 105 forgets the zeros); the other prefixes go by the exact value. ap is a tenth of the value, or
//     the precision where that is wider. Numbers in resources are points.
//   - A Quantity with a comparator, a Range and SampledData are extents (see extent): eq asks that all of it lies within, gt, lt, ge, le and ap that
//     some of it satisfies, sa and eb that all of it lies beyond. Of SampledData the least and the greatest value count.
//   - number|http://unitsofmeasure.org|unit finds what is of the same dimension, converted exactly (package ucum), and nothing of another: mmol/L and mg/dL are
//     never brought together. number||unit compares the unit's code or text as it is written, number alone compares the value in whatever unit.
//   - :below and :above of a URI go by whole parts of the path. A search for a canonical URL without a version finds all versions.
//   - :text finds a text that has the words in a row, the last one perhaps only begun; _text and _content find resources with all
//     the words, begun or whole, in any order and anywhere. Neither has keys: see special.go.
//   - A composite's parts are of one element. Its values take prefixes and units as the parts' own parameters do, and no modifier.
//   - near without a distance is within 50 km.
//   - Quantities are sorted by unit and then value, in base units where they can be; composite and special parameters have no order.
package search

import (
	"slices"
	"sort"

	"khamxa/fhir"
)

// Kind is the type of a search parameter (R4, search.html#ptypes).
type Kind uint8

// The kinds. All are served, except for parameters of which Param.Served says no.
const (
	Token Kind = iota + 1
	Reference
	String
	Date
	Number
	Quantity
	URI
	Composite
	Special
)

var kindNames = [...]string{"", "token", "reference", "string", "date", "number", "quantity", "uri", "composite", "special"}

// String is the R4 code of the kind.
func (k Kind) String() string { return kindNames[k] }

// Param is one search parameter of one resource type.
type Param struct {
	Type    string   // the resource type it searches
	Code    string   // its name in a query
	Kind    Kind     // how its values are compared
	URL     string   // the canonical URL of its definition
	Targets []string // resource types that a reference may point to, sorted; nil for any and for other kinds

	prefix  string // of its keys: "Type|code|"
	paths   []path
	parts   []part   // of a composite one, see composite.go
	sources []source // whose keys are looked at: itself, or see derived.go
}

// Served reports whether Parse accepts the parameter. It refuses _query, which names a query that a server has made for itself
// and is no condition on a resource; this one has none.
func (p *Param) Served() bool { return p.Code != "_query" }

// Params are the parameters of a resource type, sorted by code, those for all types (_id, _lastUpdated, ...) included. The
// slice must not be changed. A name that is no resource type has none.
func Params(resourceType string) []*Param { return table[resourceType] }

// Types are the resource types that can be searched, sorted: all of R4.
func Types() []string { return fhir.Types() }

// Lookup is the parameter with that code, nil if the type has none.
func Lookup(resourceType, code string) *Param {
	list := table[resourceType]
	i := sort.Search(len(list), func(i int) bool { return list[i].Code >= code })
	if i < len(list) && list[i].Code == code {
		return list[i]
	}
	return nil
}

// AllowsTarget reports whether a reference parameter may point to the type.
func (p *Param) AllowsTarget(resourceType string) bool {
	if p.Targets == nil {
		return fhir.IsType(resourceType)
	}
	return slices.Contains(p.Targets, resourceType)
}
