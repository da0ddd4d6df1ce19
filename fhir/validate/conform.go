package validate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gofhir/fhirpath/types"

	"khamxa/fhir"
)

// follow checks the profiles that the resource claims and those that are asked for.
func (w *walker) follow(r *fhir.Resource, asked []string) {
	checked := map[*profile]bool{}
	for _, url := range asked {
		switch p := w.v.profile(url); {
		case p == nil:
			w.c.report(finding{at: r.Root, code: notFound, text: "The profile " + quoted(url) + " is not known here"})
		case p.typ != r.Type:
			w.c.report(finding{at: r.Root, code: structure, text: "The profile " + quoted(url) + " is for a " + p.typ + ", and this is a " + r.Type})
		case !checked[p]:
			checked[p] = true
			w.profile(r, p)
		}
	}
	for _, claim := range r.Root.Get("meta").Get("profile").Items() {
		switch p := w.v.profile(claim.String()); {
		case p == nil:
			w.c.report(finding{at: claim, severity: information, code: notFound, text: "The profile is not known here, so it was not checked"})
		case p.typ != r.Type:
			w.c.report(finding{at: claim, code: structure, text: "The profile is for a " + p.typ + ", and this is a " + r.Type})
		case !checked[p]:
			checked[p] = true
			w.profile(r, p)
		}
	}
}

// profile finds a shipped profile by its canonical URL, nil if there is none.
func (v *Validator) profile(url string) *profile {
	url, _, _ = strings.Cut(url, "|")
	for _, p := range v.profiles {
		if p.url == url {
			return p
		}
	}
	return nil
}

// following is one resource under one profile.
type following struct {
	*walker
	p *profile
}

func (w *walker) profile(r *fhir.Resource, p *profile) {
	it, err := types.JSONToCollection(r.Root.Bytes())
	if err != nil {
		return // it has been parsed
	}
	w.s.resource, w.s.root = it, it
	(&following{w, p}).value(r.Root, p.root)
}

func (f *following) wrong(at *fhir.Value, lack string, code string, text string) {
	f.c.report(finding{at: at, lack: lack, code: code, text: "Profile " + quoted(f.p.title) + ": " + text})
}

// value checks a value against a limit.
func (f *following) value(v *fhir.Value, l *limit) {
	switch {
	case l.exact != nil && !fits(l.exact, v):
		f.wrong(v, "", value, "This must be "+short(string(l.exact.Bytes())))
	case l.pattern != nil && !fits(l.pattern, v):
		f.wrong(v, "", value, "This must have "+shown(l.pattern))
	case l.codes != nil && !l.bound(v):
		f.wrong(v, "", codeInvalid, "The code must be one of "+strings.Join(l.listed(), ", "))
	}
	for _, r := range l.rules {
		f.evaluate(v, &r.rule, &r.program, l.path)
	}
	for _, child := range l.inside {
		f.element(v, child)
	}
}

// element checks the values that an object has for an element.
func (f *following) element(v *fhir.Value, l *limit) {
	found := under(v, l.name)
	name := strings.TrimSuffix(l.name, "[x]")
	f.count(v, name, name, len(found), l)
	for _, m := range found {
		if suffix := strings.TrimPrefix(m.name, name); l.types != nil && suffix != "" && !l.allows(suffix) {
			f.wrong(m.v, "", structure, "The type of "+l.name+" must be "+strings.Join(l.types, " or "))
			continue
		}
		f.value(m.v, l)
	}
	f.slices(v, name, found, l)
}

// slices gives each value to the slice that it belongs to.
func (f *following) slices(v *fhir.Value, name string, found []member, l *limit) {
	for _, s := range l.slices {
		n := 0
		for _, m := range found {
			if s.takes(m.v, l.discriminators) {
				n++
				f.value(m.v, s)
			}
		}
		f.count(v, name, name+" "+s.name, n, s)
	}
}

// count checks how many there are. named is how the element, or the slice, is called in the sentence.
func (f *following) count(v *fhir.Value, element, named string, n int, l *limit) {
	switch {
	case n < l.min && n == 0:
		f.wrong(v, element, required, "The element "+named+" is required, and it is not here")
	case n < l.min:
		f.wrong(v, element, required, "There must be "+strconv.Itoa(l.min)+" or more of "+named+", and there are "+strconv.Itoa(n))
	case l.max == 0 && n > 0:
		f.wrong(v, element, structure, "The element "+named+" must not be here")
	case l.max >= 0 && n > l.max:
		f.wrong(v, element, structure, "There may be "+strconv.Itoa(l.max)+" of "+named+" at most, and there are "+strconv.Itoa(n))
	}
}

// takes reports whether a value belongs to the slice: what the slice says at each discriminator is so.
func (l *limit) takes(v *fhir.Value, discriminators []string) bool {
	for _, path := range discriminators {
		at, sub := l, v
		if path != "$this" {
			for _, name := range strings.Split(path, ".") {
				at, sub = at.below(name), sub.Get(name)
			}
		}
		if at == nil || at.exact != nil && !fits(at.exact, sub) || at.pattern != nil && !fits(at.pattern, sub) {
			return false
		}
	}
	return true
}

// member is a value and the name that it stands under.
type member struct {
	name string
	v    *fhir.Value
}

// under are the values of an element, the items of an array one by one. The element of a choice ends in [x].
func under(v *fhir.Value, element string) (list []member) {
	name, isChoice := strings.CutSuffix(element, "[x]")
	for m := v.First(); m != nil; m = m.Next() {
		rest, ok := strings.CutPrefix(m.Name(), name)
		if !ok || rest != "" && (!isChoice || rest[0] < 'A' || rest[0] > 'Z') {
			continue
		}
		if m.Kind() != fhir.Array {
			list = append(list, member{m.Name(), m})
			continue
		}
		for item := m.First(); item != nil; item = item.Next() {
			list = append(list, member{m.Name(), item})
		}
	}
	return list
}

func (l *limit) allows(suffix string) bool {
	for _, t := range l.types {
		if strings.EqualFold(t, suffix) {
			return true
		}
	}
	return false
}

// bound reports whether a code, a Coding or a CodeableConcept has one of the codes.
func (l *limit) bound(v *fhir.Value) bool {
	if v.Kind() == fhir.String {
		for c := range l.codes {
			if strings.HasSuffix(c, "|"+v.String()) {
				return true
			}
		}
		return false
	}
	if l.codes[v.Get("system").String()+"|"+v.Get("code").String()] {
		return true
	}
	for _, c := range v.Get("coding").Items() {
		if l.codes[c.Get("system").String()+"|"+c.Get("code").String()] {
			return true
		}
	}
	return false
}

func (l *limit) listed() []string { return slices.Sorted(maps.Keys(l.codes)) }

// shown writes a pattern for a sentence: the codes of a concept, or its JSON.
func shown(pattern *fhir.Value) string {
	if c := pattern.Get("coding").At(0); c != nil {
		return "the code " + c.Get("code").String() + " of " + c.Get("system").String()
	}
	return short(string(pattern.Bytes()))
}

// fits reports whether got has everything that the pattern has. R4, elementdefinition.html, pattern[x].
func fits(pattern, got *fhir.Value) bool {
	if pattern.Kind() != got.Kind() {
		return false
	}
	for m := pattern.First(); m != nil; m = m.Next() {
		if pattern.Kind() == fhir.Object && !fits(m, got.Get(m.Name())) || pattern.Kind() == fhir.Array && !anyFits(m, got) {
			return false
		}
	}
	return pattern.First() != nil || pattern.String() == got.String()
}

func anyFits(pattern, list *fhir.Value) bool {
	for item := list.First(); item != nil; item = item.Next() {
		if fits(pattern, item) {
			return true
		}
	}
	return false
}
