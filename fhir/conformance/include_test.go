//go:build conformance

package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// follow is one _include or _revinclude.
type follow struct {
	back, iterate        bool
	source, code, target string // code "*" for every reference parameter, source "" for every type
}

func (f follow) pair() (name, value string) {
	name = "_include"
	if f.back {
		name = "_revinclude"
	}
	if f.iterate {
		name += ":iterate"
	}
	value = f.source + ":" + f.code
	if f.source == "" {
		value = f.code
	}
	if f.target != "" {
		value += ":" + f.target
	}
	return name, value
}

// goes gives the resources that the follow leads to from one.
func (s *served) goes(f follow, from *item) (out []*item) {
	if !f.back {
		if f.source != "" && f.source != from.typ {
			return nil
		}
		for code := range from.nodes {
			if s.kind(from.typ, code) != "reference" || f.code != "*" && f.code != code {
				continue
			}
			for _, ref := range s.pointsTo(from, code) {
				if to := s.byReference[ref]; to != nil && (f.target == "" || f.target == to.typ) {
					out = append(out, to)
				}
			}
		}
		return out
	}
	if f.target != "" && f.target != from.typ {
		return nil
	}
	for _, p := range s.back[from.reference()] {
		if (f.source == "" || f.source == p.from.typ) && (f.code == "*" || f.code == p.code) && s.mayPoint(p.from.typ, p.code, from.typ) {
			out = append(out, p.from)
		}
	}
	return out
}

// mayPoint reports whether the definition of a reference parameter names the type.
func (s *served) mayPoint(typ, code, target string) bool {
	allowed := s.targets[typ+"."+code]
	return len(allowed) == 0 || slices.Contains(allowed, target)
}

// rounds is how far :iterate goes from a match; that there is more is then said in an outcome.
const rounds = 8

// included is what a page of these matches must add, in no order, and whether :iterate would lead further.
func (s *served) included(matches []*item, follows []follow) (out []string, further bool) {
	seen := map[*item]bool{}
	for _, it := range matches {
		seen[it] = true
	}
	at := matches
	for round := 0; len(at) > 0 && round < rounds; round++ {
		var next []*item
		for _, f := range follows {
			if round > 0 && !f.iterate {
				continue
			}
			for _, it := range at {
				for _, to := range s.goes(f, it) {
					if !seen[to] {
						seen[to] = true
						next = append(next, to)
						out = append(out, to.reference())
					}
				}
			}
		}
		at = next
	}
	slices.Sort(out)
	return out, len(at) > 0 && slices.ContainsFunc(follows, func(f follow) bool { return f.iterate })
}

// follows picks what to follow from resources of a type.
func (a *asker) follows(typ string) (out []follow) {
	for range 1 + a.r.IntN(3) {
		it := one(a, a.items)
		if len(out) == 0 || a.chance(60) {
			it = a.byReference[fmt.Sprintf("%s/c-%d", typ, a.r.IntN(crowdSizes[typ]))]
		}
		f := follow{back: a.chance(45), iterate: it.typ != typ || a.chance(25)}
		switch {
		case a.chance(10):
			f.code = "*"
			if !f.back || a.chance(50) {
				f.source = typ
			}
			if f.back {
				f.source = one(a, []string{"", "Observation", "Encounter"})
			}
		case f.back:
			pointers := a.back[it.reference()]
			if len(pointers) == 0 {
				continue
			}
			p := one(a, pointers)
			f.source, f.code = p.from.typ, p.code
		default:
			codes := slices.DeleteFunc(sortedKeys(it.nodes), func(code string) bool { return a.kind(it.typ, code) != "reference" })
			if len(codes) == 0 {
				continue
			}
			f.source, f.code = it.typ, one(a, codes)
			if refs := a.pointsTo(it, f.code); len(refs) > 0 && a.chance(30) {
				f.target, _, _ = strings.Cut(refs[0], "/")
			}
		}
		out = append(out, f)
	}
	return out
}

// TestIncludes: what _include and _revinclude add to a page, one step far or as far as :iterate goes, is what following every
// reference adds.
func TestIncludes(t *testing.T) {
	s := population(t)
	checked, added := 0, 0
	for n := uint64(0); checked < 250 && n < 2_000; n++ {
		a := s.asker(searchSeed+2, n)
		q := a.question()
		q.sort, q.count, q.total, q.post = nil, 200, false, false
		matches := s.expected(q)
		follows := a.follows(q.types[0])
		want, further := s.included(matches, follows)
		if len(matches) == 0 || len(matches) > 60 || len(follows) == 0 || len(want) > 900 {
			continue // more than a page holds
		}
		checked++
		added += len(want)
		values := q.values()
		for _, f := range follows {
			name, value := f.pair()
			values.Add(name, value)
		}
		b, err := page("GET", s.url+q.path+"?"+values.Encode(), "")
		if err != nil {
			t.Errorf("question %d: %s %v: %v", n, q, follows, err)
			continue
		}
		got := b.of("include")
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("question %d: %s\n  with %+v: %d included, want %d; missing %q, too many %q", n, q, follows, len(got), len(want), without(want, got), without(got, want))
		}
		if said := len(b.of("outcome")) > 0; said != further {
			t.Errorf("question %d: %s\n  with %+v: there is more to include: %t, and it is said: %t", n, q, follows, further, said)
		}
		if matched := b.of("match"); !slices.Equal(matched, namesOf(matches)) {
			t.Errorf("question %d: %s: the includes change the matches", n, q)
		}
	}
	t.Logf("%d questions, %d resources included", checked, added)
	if checked < 250 {
		t.Errorf("only %d questions could be asked", checked)
	}
}

// without is some of what is in a and not in b.
func without(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) && len(out) < 5 {
			out = append(out, s)
		}
	}
	return out
}
