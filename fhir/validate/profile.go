package validate

import (
	"embed"
	"fmt"
	"strings"

	"khamxa/fhir"
)

// The profiles are StructureDefinitions with a differential, one a file, and the ValueSets that they name. Of the language of profiles they use, and this package
// understands: min and max, fixed and pattern values, the types of a choice, required bindings to the ValueSets beside
// them, which list their codes, slicing by value or pattern, and constraints.
//
//go:embed profiles/*.json
var profileFiles embed.FS

// profile is a shipped profile as it is checked.
type profile struct {
	url, title, typ string
	root            *limit
}

// limit is what a profile says of one element, and of those in it.
type limit struct {
	name     string // as in the path: "component", "value[x]"
	path     string // of the definitions, "Observation.component.code"
	min, max int    // max is -1 for any number
	types    []string
	exact    *fhir.Value     // fixed[x]: this and nothing else
	pattern  *fhir.Value     // pattern[x]: at least this
	codes    map[string]bool // of a required binding, "system|code"
	rules    []*invariantOf
	inside   []*limit

	discriminators []string // paths, when slices is not empty
	slices         []*limit
}

// invariantOf is a constraint of a profile.
type invariantOf struct {
	rule
	program
}

// shippedProfiles reads the profiles and value sets of this program, profiles sorted by URL.
func shippedProfiles() ([]*profile, error) {
	files, err := profileFiles.ReadDir("profiles")
	if err != nil {
		return nil, err
	}
	sets := map[string]map[string]bool{}
	var definitions []*fhir.Resource
	for _, f := range files {
		raw, err := profileFiles.ReadFile("profiles/" + f.Name())
		if err != nil {
			return nil, err
		}
		r, err := fhir.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if r.Type == "ValueSet" {
			sets[r.Root.Get("url").String()] = listed(r.Root)
		} else {
			definitions = append(definitions, r)
		}
	}
	var all []*profile
	for _, r := range definitions {
		p, err := readProfile(r, sets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.ID, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// readProfile reads a StructureDefinition. What it does not understand is an error: a limit that is passed over would be a
// promise that is not kept.
func readProfile(r *fhir.Resource, sets map[string]map[string]bool) (*profile, error) {
	p := &profile{
		url: r.Root.Get("url").String(), title: r.Root.Get("title").String(), typ: r.Root.Get("type").String(),
	}
	p.root = &limit{name: p.typ, path: p.typ, max: -1}
	for _, e := range r.Root.Get("differential").Get("element").Items() {
		l, err := p.root.place(e.Get("id").String())
		if err == nil {
			err = l.read(e, sets)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Get("id"), err)
		}
	}
	return p, nil
}

// place finds or makes the limit for an element's id: "Observation.component:systolic.code".
func (l *limit) place(id string) (*limit, error) {
	names := strings.Split(id, ".")
	if names[0] != l.name {
		return nil, fmt.Errorf("it begins with another type than %s", l.name)
	}
	for _, name := range names[1:] {
		name, slice, sliced := strings.Cut(name, ":")
		l = l.child(name)
		if !sliced {
			continue
		}
		var at *limit
		for _, s := range l.slices {
			if s.name == slice {
				at = s
			}
		}
		if at == nil {
			at = &limit{name: slice, path: l.path, max: -1}
			l.slices = append(l.slices, at)
		}
		l = at
	}
	return l, nil
}

// below is the limit of an element in it, nil if there is none.
func (l *limit) below(name string) *limit {
	if l == nil {
		return nil
	}
	for _, c := range l.inside {
		if c.name == name {
			return c
		}
	}
	return nil
}

// child is below, and makes what is not there.
func (l *limit) child(name string) *limit {
	if c := l.below(name); c != nil {
		return c
	}
	c := &limit{name: name, path: l.path + "." + strings.TrimSuffix(name, "[x]"), max: -1}
	l.inside = append(l.inside, c)
	return c
}

// read takes what an ElementDefinition says.
func (l *limit) read(e *fhir.Value, sets map[string]map[string]bool) error {
	for name, m := range e.Members() {
		switch {
		case name == "id", name == "path", name == "sliceName": // where it is, which place has read
		case name == "min":
			n, _ := m.Float()
			l.min = int(n)
		case name == "max":
			if _, err := fmt.Sscanf(m.String(), "%d", &l.max); err != nil && !m.IsString("*") {
				return err
			}
		case name == "type":
			for _, t := range m.Items() {
				l.types = append(l.types, t.Get("code").String())
			}
		case name == "slicing":
			for _, d := range m.Get("discriminator").Items() {
				l.discriminators = append(l.discriminators, d.Get("path").String())
			}
		case name == "binding":
			l.codes = sets[m.Get("valueSet").String()]
			if len(l.codes) == 0 || !m.Get("strength").IsString("required") {
				return fmt.Errorf("a binding that is not required, or lists no codes")
			}
		case name == "constraint":
			for _, c := range m.Items() {
				l.rules = append(l.rules, &invariantOf{rule: rule{
					c.Get("key").String(), c.Get("severity").IsString("warning"), c.Get("human").String(), c.Get("expression").String(),
				}})
			}
		case strings.HasPrefix(name, "fixed") && m.Kind() != fhir.Object:
			l.exact = m
		case strings.HasPrefix(name, "pattern"):
			l.pattern = m
		default:
			return fmt.Errorf("%s is not understood", name)
		}
	}
	return nil
}

// listed are the codes that a ValueSet lists.
func listed(v *fhir.Value) map[string]bool {
	codes := map[string]bool{}
	for _, include := range v.Get("compose").Get("include").Items() {
		for _, c := range include.Get("concept").Items() {
			codes[include.Get("system").String()+"|"+c.Get("code").String()] = true
		}
	}
	return codes
}
