// Package shape gives a part of a resource's elements, as _summary and _elements ask for (FHIR R4, search.html#summary and
// #elements), by the official definitions (see gen).
//
// What it is not: it decides nothing about who may see what, and what it gives is never stored. It is pure; the FHIR face calls it
// on its way out.
package shape

import (
	"slices"
	"strings"

	"khamxa/fhir"
)

//go:generate go run ./gen ${R4}

// Summary gives the elements that the definitions mark as summary, and the mandatory ones (_summary=true). Of an element that has
// elements of its own, those are chosen in the same way; data types are given whole.
func Summary(r *fhir.Resource) []byte {
	t := tableOf(r.Type)
	b := fhir.Build()
	t.summarize(b, r.Root, "")
	return b.Bytes()
}

// Text gives the narrative, the id, meta and the mandatory elements (_summary=text).
func Text(r *fhir.Resource) []byte {
	t := tableOf(r.Type)
	return subset(r, func(name string) bool { return name == "text" || t.has(name, mandatory) })
}

// Data gives everything but the narrative (_summary=data).
func Data(r *fhir.Resource) []byte {
	return subset(r, func(name string) bool { return name != "text" })
}

// Elements gives the named elements, the mandatory ones, and what changes the meaning of others (_elements). A choice of types is
// named without the type or with it: value or valueQuantity.
func Elements(r *fhir.Resource, names []string) []byte {
	t := tableOf(r.Type)
	return subset(r, func(name string) bool {
		return t.has(name, mandatory) || slices.Contains(names, name) || slices.Contains(names, t.choiceOf(name))
	})
}

// subset gives the members of the resource that keep takes, each with what stands beside it ("_birthDate" with "birthDate"), and
// those that no resource goes without.
func subset(r *fhir.Resource, keep func(name string) bool) []byte {
	b := fhir.Build()
	for name, v := range r.Root.Members() {
		switch plain := strings.TrimPrefix(name, "_"); {
		case plain == "meta":
			b.Raw(name, marked(v))
		case always(plain) || keep(plain):
			b.Raw(name, v.Bytes())
		}
	}
	return b.Bytes()
}

// always are the members that a part of a resource has, too.
func always(name string) bool {
	return name == "resourceType" || name == "id" || name == "implicitRules" || name == "modifierExtension"
}

// marked is meta with the tag that says that elements are left out (R4, search.html#summary): whoever reads it must not write it back.
func marked(meta *fhir.Value) []byte {
	const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED","display":"Resource encoded in summary mode"}`
	b := fhir.Build()
	done := false
	for name, v := range meta.Members() {
		if name != "tag" || v.Kind() != fhir.Array || v.Len() == 0 {
			b.Raw(name, v.Bytes())
			continue
		}
		list := v.Bytes()
		b.Raw(name, slices.Concat(list[:len(list)-1], []byte(","+tag+"]")))
		done = true
	}
	if !done {
		b.Raw("tag", []byte("["+tag+"]"))
	}
	return b.Bytes()
}

// The flags of an element.
const (
	inSummary = 's'
	mandatory = 'm'
	choice    = 'c'
)

// table is what is known of a resource type's elements.
type table struct {
	flags  map[string]string // by path below the resource
	parent map[string]bool   // paths that have elements of their own in flags that are in the summary
}

// tables are made once, by compile.
var tables = compile()

func compile() map[string]*table {
	all := make(map[string]*table, len(rows))
	for typ, row := range rows {
		t := &table{flags: map[string]string{}, parent: map[string]bool{}}
		for item := range strings.FieldsSeq(row) {
			path, flags, _ := strings.Cut(item, ":")
			t.flags[path] = flags
			if i := strings.LastIndexByte(path, '.'); i > 0 && strings.ContainsRune(flags, inSummary) && !strings.HasSuffix(path, ".modifierExtension") {
				t.parent[path[:i]] = true
			}
		}
		all[typ] = t
	}
	return all
}

func tableOf(resourceType string) *table {
	if t := tables[resourceType]; t != nil {
		return t
	}
	return &table{}
}

// has reports whether the element of a member has the flag.
func (t *table) has(path string, flag rune) bool {
	if flags, ok := t.flags[path]; ok && strings.ContainsRune(flags, flag) {
		return true
	}
	base := t.choiceOf(path)
	return base != "" && strings.ContainsRune(t.flags[base], flag)
}

// choiceOf is the element that a member is one type of ("value" for "valueQuantity"), "" if it is none.
func (t *table) choiceOf(path string) string {
	for i := len(path) - 1; i > 0 && path[i] != '.'; i-- {
		if path[i] >= 'A' && path[i] <= 'Z' && strings.ContainsRune(t.flags[path[:i]], choice) {
			return path[:i]
		}
	}
	return ""
}

// summarize appends the members of v that are in the summary. at is v's path, with a point at its end, or "".
func (t *table) summarize(b *fhir.Builder, v *fhir.Value, at string) {
	for name, m := range v.Members() {
		plain := strings.TrimPrefix(name, "_")
		path := at + plain
		switch {
		case at == "" && plain == "meta":
			b.Raw(name, marked(m))
		case at == "" && always(plain), plain == "modifierExtension":
			b.Raw(name, m.Bytes())
		case !t.has(path, inSummary) && !t.has(path, mandatory):
		case !t.parent[path]:
			b.Raw(name, m.Bytes())
		case m.Kind() == fhir.Array:
			list := make([]*fhir.Builder, 0, m.Len())
			for _, item := range m.Items() {
				inner := fhir.Build()
				t.summarize(inner, item, path+".")
				list = append(list, inner)
			}
			b.List(name, list...)
		default:
			inner := fhir.Build()
			t.summarize(inner, m, path+".")
			b.Object(name, inner)
		}
	}
}
