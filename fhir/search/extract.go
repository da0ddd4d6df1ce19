package search

import (
	"slices"

	"khamxa/fhir"
)

// Index is what a store keeps of a resource to find it.
type Index struct {
	Keys     []string // sorted, each once; TypeKey is among them, HolderKey is not
	Patients []string // ids of the patients in whose compartments it is, the most direct first; a Patient is in its own
}

// Version counts the changes of what Extract gives. A store that was indexed by another version must be reindexed.
const Version = 6

// Extract computes the index of a resource. It never fails: what does not look as FHIR says is not indexed, and counts as
// populated for :missing.
func Extract(r *fhir.Resource) Index {
	x := extractor{keys: make([]string, 1, 48)}
	x.keys[0] = TypeKey(r.Type)
	for _, p := range table[r.Type] {
		if !p.Derived() {
			x.param(p, r.Root)
		}
	}
	patients := Patients(r)
	for _, id := range patients {
		x.keys = append(x.keys, CompartmentKey(id))
	}
	slices.Sort(x.keys)
	return Index{Keys: slices.Compact(x.keys), Patients: patients}
}

// Patients are the ids of the patients in whose compartments the resource is (see compartmentOf), in the order of the
// definition's parameters. Only a reference of the form Patient/1 names a patient of this server.
func Patients(r *fhir.Resource) []string {
	var ids distinct
	if r.Type == "Patient" && r.ID != "" {
		ids.add(r.ID)
	}
	params, _ := compartmentOf(r.Type)
	for _, code := range params {
		p := Lookup(r.Type, code)
		if p == nil {
			continue
		}
		p.each(r.Root, func(v *fhir.Value, path *path) bool {
			if t := targetOf(v, path); t.typ == "Patient" && t.id != "" {
				ids.add(t.id)
			}
			return true
		})
	}
	return ids.list
}

// extractor collects keys.
type extractor struct {
	keys  []string
	dates []interval
}

// param adds the keys of one parameter. Those for searching text have none: the words of a narrative would be most of the index.
func (x *extractor) param(p *Param, root *fhir.Value) {
	if p.searchesText() {
		return
	}
	start, populated := len(x.keys), false
	x.dates = x.dates[:0]
	p.each(root, func(v *fhir.Value, path *path) bool {
		if p.parts != nil {
			populated = populated || p.whole(root, v)
			x.composite(p, root, v)
		} else {
			populated = true
			x.node(p.Kind, p.prefix, v, path)
		}
		return len(x.keys)-start+len(x.dates) < maxKeys
	})
	forms := onlyValue
	if len(x.dates) > 1 {
		forms = someValues
	}
	for _, d := range x.dates {
		x.keys = forms.keys(p.prefix, d, x.keys)
	}
	switch {
	case len(x.keys)-start >= maxKeys:
		x.keys = append(x.keys[:start], p.prefix+formOverflow)
	case len(x.keys) == start && populated:
		x.keys = append(x.keys, p.prefix+formPresence)
	}
}

// node adds the keys of one node of a parameter of the kind.
func (x *extractor) node(kind Kind, prefix string, v *fhir.Value, path *path) {
	switch kind {
	case Token:
		eachToken(v, path, func(t token) bool {
			x.keys = append(x.keys, prefix+formToken+tokenKey(t))
			return true
		})
	case String:
		eachText(v, path, func(text string, whole bool) bool {
			x.text(prefix+formString, text, whole)
			return true
		})
	case Date:
		eachInterval(v, path, func(i interval) bool {
			x.dates = append(x.dates, i)
			return true
		})
	case Number:
		eachAmount(v, path, func(a *amount) bool {
			x.number(prefix, a)
			return true
		})
	case Quantity:
		eachAmount(v, path, func(a *amount) bool {
			x.quantity(prefix, a)
			return true
		})
	case URI:
		eachURI(v, path, func(url, _ string) bool {
			x.keys = append(x.keys, prefix+formURI+cut(url, maxToken))
			return true
		})
	case Reference:
		x.reference(prefix, v, path)
	default: // near has presence, and no values; elements of a composite have parts
	}
}

func (x *extractor) text(prefix, text string, whole bool) {
	folded := Fold(text)
	if folded == "" {
		return
	}
	if !whole {
		x.keys = append(x.keys, prefix+cut(folded, maxText))
		return
	}
	words(folded, func(rest string) bool {
		x.keys = append(x.keys, prefix+cut(rest, maxText))
		return true
	})
}

func (x *extractor) reference(prefix string, v *fhir.Value, path *path) {
	if t := targetOf(v, path); t.searchable() {
		x.keys = append(x.keys, prefix+formReference+targetKey(t))
	}
	if i, ok := identifierOf(v, path); ok {
		x.keys = append(x.keys, prefix+formIdentifier+tokenKey(i))
	}
}
