package terminology

import (
	"context"
	"slices"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// Member is one concept of a value set. Version is the code system's, where the value set or the stored system names one.
type Member struct {
	System, Version, Code, Display string
	Abstract, Inactive             bool
	Designations                   []*fhir.Value
}

// Expansion is what a value set holds, in the order of its definition, each concept once. It is immutable.
type Expansion struct {
	Members []Member
	place   map[search.Concept]int
}

func (x *Expansion) size() int { return len(x.Members) + 1 }

// Find gives the member with that system and code. With system "" the code must be a member in one system only.
func (x *Expansion) Find(system, code string) (Member, bool) {
	if system != "" {
		at, ok := x.place[search.Concept{System: system, Code: code}]
		if !ok {
			return Member{}, false
		}
		return x.Members[at], true
	}
	found := -1
	for i := range x.Members {
		if x.Members[i].Code != code {
			continue
		}
		if found >= 0 {
			return Member{}, false
		}
		found = i
	}
	if found < 0 {
		return Member{}, false
	}
	return x.Members[found], true
}

func (x *Expansion) add(m Member) error {
	key := search.Concept{System: m.System, Code: m.Code}
	if _, had := x.place[key]; had || m.Code == "" {
		return nil
	}
	if len(x.Members) >= MaxConcepts {
		return tooMany()
	}
	x.place[key] = len(x.Members)
	x.Members = append(x.Members, m)
	return nil
}

func newExpansion() *Expansion { return &Expansion{place: map[search.Concept]int{}} }

// Expand works out what a value set holds (R4, valueset.html#compositions). Its compose is the definition; an expansion that it
// carries is used when there is no compose, or when a code system that the compose needs is not on this server. Errors: NotFound (a
// system or value set that it needs is not there), Invalid (it contains itself, or a filter cannot be read), Unsupported (a filter that is not
// served), TooCostly.
func (s *Service) Expand(ctx context.Context, valueSet *fhir.Resource) (*Expansion, error) {
	e := &expander{ctx: ctx, service: s}
	return e.valueSet(valueSet)
}

// expander is one expansion on its way. steps counts the work.
type expander struct {
	ctx     context.Context
	service *Service
	open    []string // the value sets that are being expanded, outermost first
	steps   int
}

// step counts n concepts that are looked at.
func (e *expander) step(n int) error {
	if e.steps += n; e.steps > maxSteps {
		return fault.New(fault.TooCostly, "terminology.Expand", "The value set needs more work than is allowed; it includes too much from too large systems.")
	}
	return fault.Wrap(e.ctx.Err(), fault.Timeout, "terminology.Expand", "The expansion took too long and was stopped.")
}

func (e *expander) valueSet(r *fhir.Resource) (*Expansion, error) {
	const op = "terminology.Expand"
	if r.Type != "ValueSet" {
		return nil, fault.New(fault.Invalid, op, "A ValueSet is needed here.")
	}
	name := r.Root.Get("url").String()
	if name == "" {
		name = "ValueSet/" + r.ID
	}
	if slices.Contains(e.open, name) {
		return nil, fault.Newf(fault.Invalid, op, "The value set %s contains itself.", clip(name))
	}
	if len(e.open) >= maxImports {
		return nil, fault.Newf(fault.TooCostly, op, "More than %d value sets are inside one another.", maxImports)
	}
	e.open = append(e.open, name)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	compose, given := r.Root.Get("compose"), r.Root.Get("expansion")
	if compose == nil && given == nil {
		return nil, fault.Newf(fault.NotFound, op, "The value set %s has neither a definition nor an expansion.", clip(name))
	}
	if compose == nil {
		return e.given(given)
	}
	x, err := e.compose(compose)
	if given != nil && fault.Is(err, fault.NotFound) {
		return e.given(given)
	}
	return x, err
}

// given takes the expansion that a value set carries.
func (e *expander) given(expansion *fhir.Value) (*Expansion, error) {
	x := newExpansion()
	var add func(list *fhir.Value) error
	add = func(list *fhir.Value) error {
		for v := list.First(); v != nil; v = v.Next() {
			abstract, _ := v.Get("abstract").Bool()
			inactive, _ := v.Get("inactive").Bool()
			err := e.step(1)
			if err == nil && !abstract {
				err = x.add(Member{
					System: v.Get("system").String(), Version: v.Get("version").String(), Code: v.Get("code").String(),
					Display: v.Get("display").String(), Inactive: inactive, Designations: v.Get("designation").Items(),
				})
			}
			if err == nil {
				err = add(v.Get("contains"))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return x, add(expansion.Get("contains"))
}

// compose is the union of what is included, less what is excluded.
func (e *expander) compose(compose *fhir.Value) (*Expansion, error) {
	out := map[search.Concept]bool{}
	for v := compose.Get("exclude").First(); v != nil; v = v.Next() {
		err := e.part(v, func(m Member) error {
			out[search.Concept{System: m.System, Code: m.Code}] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	inactive, stated := compose.Get("inactive").Bool()
	x := newExpansion()
	for v := compose.Get("include").First(); v != nil; v = v.Next() {
		err := e.part(v, func(m Member) error {
			if out[search.Concept{System: m.System, Code: m.Code}] || stated && !inactive && m.Inactive {
				return nil
			}
			return x.add(m)
		})
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

// part walks an include or exclude: the concepts of its system, if it names one, that are in all of its value sets.
func (e *expander) part(v *fhir.Value, yield func(Member) error) error {
	var sets []*Expansion
	for u := v.Get("valueSet").First(); u != nil; u = u.Next() {
		if err := e.step(1); err != nil {
			return err
		}
		r, err := e.service.ValueSet(e.ctx, u.String())
		if err != nil {
			return err
		}
		x, err := e.valueSet(r)
		if err != nil {
			return err
		}
		sets = append(sets, x)
	}
	among := func(m Member, sets []*Expansion) error {
		if err := e.step(1 + len(sets)); err != nil {
			return err
		}
		for _, x := range sets {
			if _, in := x.place[search.Concept{System: m.System, Code: m.Code}]; !in {
				return nil
			}
		}
		return yield(m)
	}
	if v.Get("system") != nil {
		return e.system(v, func(m Member) error { return among(m, sets) })
	}
	if len(sets) == 0 {
		return fault.New(fault.Invalid, "terminology.Expand", "A part of the value set names neither a system nor a value set.").At("ValueSet.compose")
	}
	for _, m := range sets[0].Members {
		if err := among(m, sets[1:]); err != nil {
			return err
		}
	}
	return nil
}

// system walks the concepts of a code system that a part lists, filters, or takes as a whole.
func (e *expander) system(v *fhir.Value, yield func(Member) error) error {
	url := v.Get("system").String()
	canonical := url
	if version := v.Get("version").String(); version != "" {
		canonical += "|" + version
	}
	cs, err := e.service.System(e.ctx, canonical)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if list := v.Get("concept"); list != nil {
		return e.listed(cs, v, list, yield)
	}
	switch {
	case err != nil:
		return err
	case !cs.whole:
		return fault.Newf(fault.NotFound, "terminology.Expand", "The concepts of the code system %s are not on this server.", clip(url))
	}
	keep, err := e.filters(cs, v.Get("filter"))
	if err != nil {
		return err
	}
	for at := range cs.concepts {
		if err := e.step(1); err != nil {
			return err
		}
		if keep(at) {
			if err := yield(cs.member(at)); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed walks the codes that a part lists itself. The stored system, if there is one, adds what the list leaves out.
func (e *expander) listed(cs *CodeSystem, part, list *fhir.Value, yield func(Member) error) error {
	for v := list.First(); v != nil; v = v.Next() {
		m := Member{
			System: part.Get("system").String(), Version: part.Get("version").String(), Code: v.Get("code").String(),
			Display: v.Get("display").String(), Designations: v.Get("designation").Items(),
		}
		if cs != nil {
			if at, ok := cs.find(m.Code); ok {
				known := cs.member(at)
				m.Code, m.Version, m.Inactive, m.Abstract = known.Code, known.Version, known.Inactive, known.Abstract
				m.Designations = append(slices.Clip(m.Designations), known.Designations...)
				if m.Display == "" {
					m.Display = known.Display
				}
			}
		}
		if err := yield(m); err != nil {
			return err
		}
	}
	return nil
}

func (cs *CodeSystem) member(at int) Member {
	c := &cs.concepts[at]
	return Member{
		System: cs.URL, Version: cs.Version, Code: c.Code, Display: c.Display,
		Abstract: c.Abstract, Inactive: c.Inactive, Designations: c.Designations,
	}
}
