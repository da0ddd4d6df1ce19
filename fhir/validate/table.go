package validate

import (
	"sort"
	"strings"
)

// kind is what JSON an element is written in, and which form it has.
type kind uint8

const (
	kindBoolean kind = iota
	kindInteger
	kindPositiveInt
	kindUnsignedInt
	kindDecimal
	kindString
	kindCode
	kindURI
	kindOID
	kindUUID
	kindID
	kindDate
	kindDateTime
	kindInstant
	kindTime
	kindBase64
	kindXHTML
	kindComplex // the first that is an object
	kindCoding
	kindConcept
	kindReference
	kindResource
)

// primitive reports whether a value of that kind is a JSON string, number or boolean.
func (k kind) primitive() bool { return k < kindComplex }

// The flags of a field.
const (
	many   = 1 << iota // max is *: an array
	choice             // element[x]
	bare               // an attribute in XML, which has no id and extensions of its own
)

// field is one element of a node, under one name of JSON.
type field struct {
	name    string
	kind    kind
	slot    uint8 // place among the elements of the node: fields of one choice share it
	flags   uint8
	element uint8  // length of the element's name in name, without the type of a choice
	node    uint16 // of what lies in it, when it is an object
	set     uint16 // value set of a required binding; 0 for none
	targets uint16 // of a reference; 0 for any
}

// elementName is the element as FHIRPath names it: "value" for valueQuantity.
func (f *field) elementName() string { return f.name[:f.element] }

// node is a type, or an element with elements of its own. Its fields are fields[from:to].
type node struct {
	name     string // "Patient", "Patient.contact"
	from, to uint16
	required uint64 // a bit for each slot whose element must be there
}

type resource struct {
	name string
	node uint16
}

type valueSet struct {
	url      string // without http://hl7.org/fhir/ValueSet/ when it begins so
	system   string // "" when the codes come from several
	from, to uint16 // codes[from:to]
}

// has reports whether the code is in the set.
func (s *valueSet) has(code string) bool {
	list := codes[s.from:s.to]
	i := sort.SearchStrings(list, code)
	return i < len(list) && list[i] == code
}

// nodeOf is the node of a concrete resource type, 0 if there is none.
func nodeOf(resourceType string) uint16 {
	i := sort.Search(len(resources), func(i int) bool { return resources[i].name >= resourceType })
	if i == len(resources) || resources[i].name != resourceType {
		return 0
	}
	return resources[i].node
}

// find is the field with that name. Members mostly come in the order of the definitions, so the search begins after the last
// one found. -1 for none.
func find(list []field, name string, after int) int {
	for i := after; i < len(list); i++ {
		if list[i].name == name {
			return i
		}
	}
	for i := 0; i < after; i++ {
		if list[i].name == name {
			return i
		}
	}
	return -1
}

// mayBe reports whether a reference may name that type. set is an entry of targets: "|Group|Patient|".
func mayBe(set, resourceType string) bool {
	if set == "" {
		return true
	}
	for from := 0; ; {
		i := strings.Index(set[from:], resourceType)
		if i < 0 {
			return false
		}
		i += from
		if end := i + len(resourceType); set[i-1] == '|' && set[end] == '|' {
			return true
		}
		from = i + 1
	}
}

// rule is an invariant of the definitions.
type rule struct {
	key        string
	warning    bool
	human      string
	expression string // FHIRPath
}

// ruled says that a node or a field has a rule.
type ruled struct{ at, rule uint16 }

// typeName is the R4 name of a field's type; "" for an element with elements of its own.
func (f *field) typeName() string {
	switch f.kind {
	case kindBoolean:
		return "boolean"
	case kindInteger:
		return "integer"
	case kindPositiveInt:
		return "positiveInt"
	case kindUnsignedInt:
		return "unsignedInt"
	case kindDecimal:
		return "decimal"
	case kindString:
		return "string"
	case kindCode:
		return "code"
	case kindURI:
		return "uri"
	case kindOID:
		return "oid"
	case kindUUID:
		return "uuid"
	case kindID:
		return "id"
	case kindDate:
		return "date"
	case kindDateTime:
		return "dateTime"
	case kindInstant:
		return "instant"
	case kindTime:
		return "time"
	case kindBase64:
		return "base64Binary"
	case kindXHTML:
		return "xhtml"
	case kindResource:
		return "Resource"
	default:
		if name := nodes[f.node].name; !strings.Contains(name, ".") {
			return name
		}
		return ""
	}
}
