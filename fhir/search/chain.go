package search

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// Limits of what a search may ask of other resources.
const (
	MaxChain = 4  // links one after the other in one parameter
	MaxLinks = 64 // links of a whole search; a link whose target type is left open counts once for each type that is tried
)

// Link is what a query asks of other resources: a chained parameter (R4, search.html#chaining), _has
// (search.html#has) or _list. It holds when some other resource satisfies one of the inner queries and the reference parameter
// connects the two:
//
//	forward  the resource points to the other one by Param     Observation?patient.name=hoa
//	reverse  the other one points to the resource by Param     Patient?_has:Observation:patient:code=85354-9
//
// Only references of the form Type/id are followed; a version that they name is not looked at.
type Link struct {
	Param   *Param
	Reverse bool
	Inner   []*Query // forward: one for each type that is tried; reverse: one, of the type that Param is of

	outer string // the type of the resources that the link is asked of
}

// Related answers what links ask. An implementation decides which resources there are: those that are current (at the position
// of the log that the search is at) and that whoever searches may see. What is hidden from them must not count, or a search
// would tell what it holds.
type Related interface {
	// Matching reports whether any of the resources named ("Type/id") satisfies the query, its links included.
	Matching(references []string, inner *Query) (bool, error)
	// Pointing reports whether a resource that satisfies the query, its links included, points to the reference by the parameter.
	Pointing(reference string, by *Param, inner *Query) (bool, error)
}

// Linked reports whether every link of the query holds of the resource, which is of the query's type. Errors are other's.
func (q *Query) Linked(r *fhir.Resource, other Related) (bool, error) {
	for i := range q.Links {
		if ok, err := q.Links[i].holds(r, other); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (l *Link) holds(r *fhir.Resource, other Related) (bool, error) {
	if l.Reverse {
		return other.Pointing(r.Type+"/"+r.ID, l.Param, l.Inner[0])
	}
	references := l.include("").Targets(r)
	for _, inner := range l.Inner {
		of := slices.DeleteFunc(slices.Clone(references), func(ref string) bool { return !strings.HasPrefix(ref, inner.Type+"/") })
		if len(of) == 0 {
			continue
		}
		if ok, err := other.Matching(of, inner); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// include is the way that the link goes along, to resources of the type.
func (l *Link) include(target string) Include {
	return Include{Source: l.Param.Type, Param: l.Param, Target: target}
}

// Needs are the references ("Type/id") that one other resource, which satisfies an inner query, makes the link hold for: of the
// resource itself when the link goes forward, of the resources of the query's type that it points to when it goes back. They are
// the ones that Key takes.
func (l *Link) Needs(other *fhir.Resource) []string {
	if l.Reverse {
		return l.include(l.outer).Targets(other)
	}
	return []string{other.Type + "/" + other.ID}
}

// Key is the index key of the resources for which the link holds by that reference, one of Needs.
func (l *Link) Key(reference string) string {
	typ, id, _ := strings.Cut(reference, "/")
	if l.Reverse {
		return l.outer + "|_id|" + formToken + tokenKey(token{code: id})
	}
	return l.Param.sources[0].prefix + formReference + targetKey(target{typ: typ, id: id})
}

// Overflow is the key of resources for which the link may hold although none of its keys tells; "" if there can be none.
func (l *Link) Overflow() string {
	if l.Reverse {
		return ""
	}
	return l.Param.sources[0].prefix + formOverflow
}

// PointingTo is the inner query of a reverse link, narrowed to the resources that point to the reference ("Type/id") by the
// parameter: what an implementation of Related asks to answer Pointing.
func (q *Query) PointingTo(reference string, by *Param) *Query {
	typ, id, _ := strings.Cut(reference, "/")
	narrowed := *q
	narrowed.Clauses = append([]Clause{{Param: by, terms: []term{{typ: typ, id: id}}}}, q.Clauses...)
	return &narrowed
}

// Searched are the resource types that the query is of and those that its links look into, sorted, each once: whoever asks must be
// allowed to search them all. Of a link that tries several types, only one must be; see Permit.
func (q *Query) Searched() []string {
	types := []string{}
	var add func(*Query)
	add = func(q *Query) {
		for _, part := range q.Each() {
			types = append(types, part.Type)
			for i := range part.Links {
				for _, inner := range part.Links[i].Inner {
					add(inner)
				}
			}
		}
	}
	add(q)
	slices.Sort(types)
	return slices.Compact(types)
}

// Permit takes from the links of the query the types that may not be searched, where they are some of several that are tried
// because none was named. denied is a type without which nothing is left of a link, "" when there is none. The query itself is
// not changed.
func (q *Query) Permit(allowed func(resourceType string) bool) (permitted *Query, denied string) {
	out := *q
	out.Parts, out.Links = slices.Clone(q.Parts), slices.Clone(q.Links)
	for i, part := range out.Parts {
		if out.Parts[i], denied = part.Permit(allowed); denied != "" {
			return nil, denied
		}
	}
	for i := range out.Links {
		l := &out.Links[i]
		var inner []*Query
		for _, other := range l.Inner {
			if !allowed(other.Type) {
				denied = other.Type
				continue
			}
			permitted, deeper := other.Permit(allowed)
			if deeper != "" {
				denied = deeper
				continue
			}
			inner = append(inner, permitted)
		}
		if len(inner) == 0 {
			return nil, denied
		}
		l.Inner = inner
	}
	return &out, ""
}

// eachClause calls f for every clause of the query, its parts and its links, until f gives an error.
func (q *Query) eachClause(f func(*Clause) error) error {
	for _, list := range [][]Clause{q.Clauses, q.Members} {
		for i := range list {
			if err := f(&list[i]); err != nil {
				return err
			}
		}
	}
	for _, part := range q.Parts {
		if err := part.eachClause(f); err != nil {
			return err
		}
	}
	for i := range q.Links {
		for _, inner := range q.Links[i].Inner {
			if err := inner.eachClause(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// isLink reports whether a parameter's name asks something of other resources.
func isLink(name string) bool {
	return strings.HasPrefix(name, hasPrefix) || strings.Contains(name, ".")
}

// linker reads the links of one search.
type linker struct {
	name string // of the parameter as it was written, for errors
	left int    // links that may still be made
}

// link reads a chained parameter or _has of a type: name is what is left of the parameter's name at this depth.
func (k *linker) link(resourceType, name, value string, depth int) (Link, error) {
	if depth > MaxChain {
		return Link{}, fault.Newf(fault.TooCostly, "search.Parse", "A parameter may go over at most %d links to other resources.", MaxChain).At(k.name)
	}
	if rest, ok := strings.CutPrefix(name, hasPrefix); ok {
		return k.has(resourceType, rest, value, depth)
	}
	head, rest, _ := strings.Cut(name, ".")
	code, typ, typed := strings.Cut(head, ":")
	p := Lookup(resourceType, code)
	switch {
	case p == nil:
		return Link{}, k.unknown("%s has no search parameter %s. It has: %s.", resourceType, strconv.Quote(code), served(resourceType))
	case p.Kind != Reference:
		return Link{}, k.unknown("The parameter %s of %s is no reference, so no other parameter can follow it.", code, resourceType)
	case rest == "":
		return Link{}, k.unknown("A parameter must follow the point in %s.", strconv.Quote(k.name))
	case typed && (!fhir.IsType(typ) || !p.AllowsTarget(typ)):
		return Link{}, k.unknown("%s cannot point to %s. It points to: %s.", p.Code, strconv.Quote(typ), targetList(p))
	case typed:
		inner, err := k.inner(typ, rest, value, depth)
		return Link{Param: p, Inner: []*Query{inner}, outer: resourceType}, err
	case p.Targets == nil:
		return Link{}, k.unknown("%s can point to resources of any type: say which is meant, as in %s:Patient.%s.", p.Code, p.Code, rest)
	}
	return k.open(resourceType, p, rest, value, depth)
}

// open tries every type that the parameter may point to, and keeps those that have what follows.
func (k *linker) open(resourceType string, p *Param, rest, value string, depth int) (Link, error) {
	l := Link{Param: p, outer: resourceType}
	var first error
	for _, typ := range p.Targets {
		inner, err := k.inner(typ, rest, value, depth)
		switch {
		case err == nil:
			l.Inner = append(l.Inner, inner)
		case fault.Is(err, fault.TooCostly):
			return Link{}, err
		case first == nil || errors.As(first, &errUnknown{}) && !errors.As(err, &errUnknown{}):
			first = err // what is wrong with a value says more than that a name is not there
		}
	}
	switch {
	case len(l.Inner) > 0:
		return l, nil
	case len(p.Targets) > 1 && errors.As(first, &errUnknown{}):
		return Link{}, k.unknown("Nothing that %s points to has a search parameter %s. It points to: %s.", p.Code, strconv.Quote(rest), targetList(p))
	}
	return Link{}, first
}

// inner reads what is asked of the other resource.
func (k *linker) inner(resourceType, name, value string, depth int) (*Query, error) {
	if k.left--; k.left < 0 {
		return nil, fault.Newf(fault.TooCostly, "search.Parse", "A search may go over at most %d links to other resources. Name the types that are meant.", MaxLinks).At(k.name)
	}
	q := &Query{Type: resourceType}
	if isLink(name) {
		l, err := k.link(resourceType, name, value, depth+1)
		q.Links = []Link{l}
		return q, err
	}
	code, _, _ := strings.Cut(name, ":")
	c, err := q.clause(name, value)
	if err != nil {
		err = &fault.Error{Code: fault.CodeOf(err), Op: "search.Parse", Message: fault.MessageOf(err), Path: k.name, Err: err}
		if Lookup(resourceType, code) == nil {
			err = errUnknown{err}
		}
		return nil, err
	}
	q.Clauses = []Clause{c}
	narrow(q.Clauses)
	return q, nil
}

func targetList(p *Param) string {
	if p.Targets == nil {
		return "any type"
	}
	return strings.Join(p.Targets, ", ")
}

// unknown is the error of a name that leads nowhere.
func (k *linker) unknown(format string, args ...any) error {
	return errUnknown{invalid(k.name, format, args...)}
}

// errUnknown marks that it is the parameter's name that is wrong, and not its value.
type errUnknown struct{ error }

func (e errUnknown) Unwrap() error { return e.error }
