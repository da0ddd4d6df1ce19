package search

import "slices"

// Modifiers are those that a kind of parameter takes. TypeModifier stands for the name of any resource type.
func Modifiers(k Kind) []Modifier { return slices.Clone(modifiers[k]) }

// Prefixes are the comparisons that a kind of parameter takes, nil for a kind that takes none.
func Prefixes(k Kind) []Prefix {
	switch k {
	case Date, Number, Quantity:
		return slices.Clone(prefixes)
	default:
		return nil
	}
}

// Shared are the parameters that every resource type has, sorted by code: those of Resource.
func Shared() (list []*Param) {
	types := Types()
	for _, p := range Params(types[0]) {
		everywhere := !slices.ContainsFunc(types, func(typ string) bool {
			other := Lookup(typ, p.Code)
			return other == nil || other.URL != p.URL
		})
		if everywhere {
			list = append(list, p)
		}
	}
	return list
}
