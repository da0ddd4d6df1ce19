package search

import (
	"net/url"

	"khamxa/fhir"
)

// Limits of a page of matches.
const (
	DefaultCount = 20
	MaxCount     = 200
)

// TotalMode says whether the number of matches is wanted (_total).
type TotalMode string

// The modes. An estimate may be exact.
const (
	TotalNone     TotalMode = "none"
	TotalEstimate TotalMode = "estimate"
	TotalAccurate TotalMode = "accurate"
)

// Query is a parsed search of one resource type. It is read-only after Parse and Resolve, and safe for concurrent use.
type Query struct {
	Type       string
	Clauses    []Clause // all must hold; none means every resource of the type
	Sort       []SortKey
	Count      int // matches on a page, 0 to MaxCount; 0 (from _count=0 or _summary=count) asks for the total only
	Include    []Include
	RevInclude []Include
	Total      TotalMode

	// Values are the parameters as they were understood, for the self link: what was tolerated and has no effect is left
	// out, _count is the one that is used.
	Values url.Values
}

// Match reports whether the resource satisfies every clause. It is exact, computed from the tree alone; keys and ranges only
// find candidates. A resource of another type never matches.
func (q *Query) Match(r *fhir.Resource) bool {
	if r.Type != q.Type {
		return false
	}
	for i := range q.Clauses {
		if !q.Clauses[i].match(r) {
			return false
		}
	}
	return true
}

// Modifier is what follows the parameter's name after a colon.
type Modifier string

// The modifiers that are served. With TypeModifier the target type is part of each term.
const (
	NoModifier         Modifier = ""
	ExactModifier      Modifier = "exact"
	ContainsModifier   Modifier = "contains"
	MissingModifier    Modifier = "missing"
	NotModifier        Modifier = "not"
	IdentifierModifier Modifier = "identifier"
	TypeModifier       Modifier = "[type]"
	InModifier         Modifier = "in"
	NotInModifier      Modifier = "not-in"
	BelowModifier      Modifier = "below"
	AboveModifier      Modifier = "above"
)

// Clause is one parameter with its values: it holds when any of its terms does (or, with :not, when none does).
type Clause struct {
	Param    *Param
	Modifier Modifier
	terms    []term
	concepts map[Concept]struct{} // of the modifiers that need a Terminology; nil before Resolve
	together window               // of all date clauses on the same parameter that have one term; see narrow
}

// Range is a half-open range of keys: Lo <= key < Hi, compared byte by byte.
type Range struct{ Lo, Hi string }

// SortKey is one key of _sort.
type SortKey struct {
	Param      *Param
	Descending bool
}

// Include is one _include or _revinclude: follow the reference parameter Param of resources of type Source, to resources of
// type Target ("" for any).
type Include struct {
	Source string
	Param  *Param
	Target string
}
