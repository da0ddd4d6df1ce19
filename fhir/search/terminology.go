package search

import (
	"context"

	"khamxa/internal/fault"
)

// Concept is one code of a code system. System is "" for a code without one.
type Concept struct{ System, Code string }

// Terminology answers what the token modifiers :in, :not-in, :below and :above must know before a search: which concepts a
// value set holds, and how the concepts of a code system stand to one another. This package declares what it needs; a service
// over the stored ValueSets and CodeSystems fulfils it.
//
// Errors are *fault.Error: NotFound when there is no such value set, code system or code, TooCostly when there are more
// concepts than the service lists.
type Terminology interface {
	// Members is the expansion of the value set with that canonical URL (with |version or without) or reference (ValueSet/id).
	Members(ctx context.Context, valueSet string) ([]Concept, error)
	// Below is the code and every code that it subsumes.
	Below(ctx context.Context, system, code string) ([]Concept, error)
	// Above is the code and every code that subsumes it.
	Above(ctx context.Context, system, code string) ([]Concept, error)
}

// NeedsTerms reports whether Resolve must be called before the query is used: it has a clause with :in, :not-in, or :below or
// :above on a token. Until then such a clause matches nothing, :not-in included.
func (q *Query) NeedsTerms() bool {
	needs := false
	_ = q.eachClause(func(c *Clause) error { // f never fails
		needs = needs || c.needsTerms() && c.concepts == nil
		return nil
	})
	return needs
}

// Resolve asks for the concepts of every clause that needs them (R4, search.html#token: :in, :not-in, :below, :above). It does
// nothing for other queries, whose t may be nil. It is the one change that a query sees after Parse: call it before the query
// is shared. Errors are t's, at the parameter's name; Unsupported when t is nil and is needed.
func (q *Query) Resolve(ctx context.Context, t Terminology) error {
	return q.eachClause(func(c *Clause) error { return c.resolve(ctx, t) })
}

// needsTerms reports whether the clause compares with concepts that only a Terminology knows.
func (c *Clause) needsTerms() bool {
	switch c.Modifier {
	case InModifier, NotInModifier:
		return true
	case BelowModifier, AboveModifier:
		return c.Param.Kind == Token
	default:
		return false
	}
}

func (c *Clause) resolve(ctx context.Context, t Terminology) error {
	if !c.needsTerms() {
		return nil
	}
	name := c.Param.Code + ":" + string(c.Modifier)
	if t == nil {
		return unsupported(name, "The modifier :%s needs a terminology service, and this server runs without one.", c.Modifier)
	}
	concepts := map[Concept]struct{}{}
	for i := range c.terms {
		list, err := c.concept(ctx, t, &c.terms[i])
		if err != nil {
			return &fault.Error{Code: fault.CodeOf(err), Op: "search.Resolve", Message: fault.MessageOf(err), Path: name, Err: err}
		}
		for _, x := range list {
			concepts[x] = struct{}{}
		}
	}
	c.concepts = concepts
	return nil
}

// concept asks for the concepts of one term.
func (c *Clause) concept(ctx context.Context, t Terminology, q *term) ([]Concept, error) {
	switch c.Modifier {
	case BelowModifier:
		return t.Below(ctx, q.system, q.code)
	case AboveModifier:
		return t.Above(ctx, q.system, q.code)
	default: // :in, :not-in
		return t.Members(ctx, q.text)
	}
}

// conceptTerm reads the value of a modifier that needs a Terminology: a value set, or system|code.
func (c *Clause) conceptTerm(name, text string) (term, error) {
	if c.Modifier == InModifier || c.Modifier == NotInModifier {
		set, err := unescape(name, text)
		return term{text: set}, err
	}
	t, err := tokenTerm(name, text)
	if err == nil && (t.system == "" || t.code == "") {
		err = invalid(name, "The value of %s must be written system|code.", name)
	}
	return t, err
}

// isConcept reports whether the token is one of the clause's concepts. A code whose element allows codes of several systems
// says none itself; it is compared by the code alone.
func (c *Clause) isConcept(v token) bool {
	if _, ok := c.concepts[Concept{v.system, v.code}]; ok {
		return true
	}
	if !v.bare {
		return false
	}
	for x := range c.concepts {
		if x.Code == v.code {
			return true
		}
	}
	return false
}

// conceptRanges are the keys of the clause's concepts.
func (c *Clause) conceptRanges(prefix string, out []Range) []Range {
	if len(c.concepts) > maxTerms {
		return append(out, PrefixRange(prefix))
	}
	for x := range c.concepts {
		t := term{code: x.Code}
		out = t.tokenRanges(prefix, out)
	}
	return out
}
