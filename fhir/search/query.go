package search

import (
	"net/url"
	"slices"

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

// Summary says which elements of the resources that are found are wanted (_summary).
type Summary string

// The summaries. SummaryCount wants no resources at all; its Query has the Count 0.
const (
	NoSummary    Summary = "" // also _summary=false
	SummaryTrue  Summary = "true"
	SummaryText  Summary = "text"
	SummaryData  Summary = "data"
	SummaryCount Summary = "count"
)

// Query is a parsed search of one resource type or of several. It is read-only after Parse and Resolve, and safe for
// concurrent use.
//
// A search of several types has the Type "" and a part for each of them, sorted by type; what is to be found is in the parts,
// how it is given is in the whole. See Types.
type Query struct {
	Type    string
	Clauses []Clause // all must hold; none means every resource of the type
	Links   []Link   // all must hold: what is asked of other resources (chained parameters, _has, _list)
	Members []Clause // of a compartment search: at least one must hold; none means no compartment
	Parts   []*Query // of a search of several types

	Sort       []SortKey // in a search of several types each part has its own, as many and in the same directions
	Count      int       // matches on a page, 0 to MaxCount; 0 (from _count=0 or _summary=count) asks for the total only
	Include    []Include
	RevInclude []Include
	Total      TotalMode
	Summary    Summary
	Elements   []string // _elements: members of the resource; none for all

	// Values are the parameters as they were understood, for the self link: what was tolerated and has no effect is left
	// out, _count is the one that is used.
	Values url.Values
}

// Each gives the queries of one type that the search consists of: its parts, or itself.
func (q *Query) Each() []*Query {
	if q.Parts != nil {
		return q.Parts
	}
	return []*Query{q}
}

// Only is a search of several types without the parts of which keep says no; nil when none is left.
func (q *Query) Only(keep func(resourceType string) bool) *Query {
	out := *q
	out.Parts = slices.DeleteFunc(slices.Clone(q.Parts), func(part *Query) bool { return !keep(part.Type) })
	if len(out.Parts) == 0 {
		return nil
	}
	return &out
}

// Match reports whether the resource satisfies every clause, and is a member of the compartment that the query asks for. It is
// exact, computed from the tree alone; keys and ranges only find candidates. A resource of another type never matches. What the
// query asks of other resources is not looked at: when there are Links, ask Linked as well.
func (q *Query) Match(r *fhir.Resource) bool {
	if q.Parts != nil {
		return slices.ContainsFunc(q.Parts, func(p *Query) bool { return p.Match(r) })
	}
	if r.Type != q.Type {
		return false
	}
	for i := range q.Clauses {
		if !q.Clauses[i].match(r) {
			return false
		}
	}
	for i := range q.Members {
		if q.Members[i].match(r) {
			return true
		}
	}
	return len(q.Members) == 0
}

// Modifier is what follows the parameter's name after a colon.
type Modifier string

// The modifiers that are served; modifiers says which kind takes which. With TypeModifier the target type is part of each term.
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
	TextModifier       Modifier = "text"
	OfTypeModifier     Modifier = "of-type"
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

// Include is one _include or _revinclude: follow the reference parameter Param (nil for every one, written *) of resources of
// type Source ("" for any, only with a nil Param), to resources of type Target ("" for any).
type Include struct {
	Source  string
	Param   *Param
	Target  string
	Iterate bool // follow it from what was included, too
}
