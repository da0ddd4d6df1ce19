package rest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/terminology"
	"khamxa/internal/fault"
)

// parameters writes the Parameters resource that an operation answers with. https://hl7.org/fhir/R4/parameters.html
type parameters struct{ list []*fhir.Builder }

// text adds a value; "" is left out. member is the value[x] that it is written as.
func (p *parameters) text(name, member, value string) *parameters {
	if value != "" {
		p.list = append(p.list, part(name, member, value))
	}
	return p
}

func (p *parameters) truth(name string, value bool) *parameters {
	p.list = append(p.list, fhir.Build().String("name", name).Bool("valueBoolean", value))
	return p
}

// parts adds a parameter of parts; those that have only a name are left out.
func (p *parameters) parts(name string, list ...*fhir.Builder) {
	list = slices.DeleteFunc(list, func(b *fhir.Builder) bool { return !strings.Contains(string(b.Bytes()), `"value`) })
	p.list = append(p.list, fhir.Build().String("name", name).List("part", list...))
}

func part(name, member, value string) *fhir.Builder {
	return fhir.Build().String("name", name).String(member, value)
}

func (p *parameters) answer() answer {
	return answer{status: http.StatusOK, body: fhir.BuildResource("Parameters", "").List("parameter", p.list...).Bytes()}
}

// coding is one code that an operation is asked about.
type coding struct{ system, code, display string }

// coded reads the one code of an operation: code and system, or a coding.
func coded(args arguments, system, version string) (sys, ver, code, display string, err error) {
	v := args.value("coding")
	switch {
	case v != nil && args.text("code") == "":
		sys, ver, code, display = v.Get("system").String(), v.Get("version").String(), v.Get("code").String(), v.Get("display").String()
	case v == nil:
		sys, ver, code, display = args.text(system), args.text(version), args.text("code"), args.text("display")
	}
	if sys == "" || code == "" {
		return "", "", "", "", fault.Newf(fault.Invalid, "rest.coded", "Give a code and its %s, or a coding that has both, and not both.", system).At("code")
	}
	return sys, ver, code, display, nil
}

// codingsOf reads what a code is given as: code with the system in the parameter named, coding or codeableConcept, exactly one of them.
func codingsOf(args arguments, system string) (list []coding, err error) {
	given := 0
	if code := args.text("code"); code != "" {
		given++
		list = append(list, coding{args.text(system), code, args.text("display")})
	}
	if v := args.value("coding"); v != nil {
		given++
		list = append(list, coding{v.Get("system").String(), v.Get("code").String(), v.Get("display").String()})
	}
	if v := args.value("codeableConcept"); v != nil {
		given++
		for x := v.Get("coding").First(); x != nil; x = x.Next() {
			list = append(list, coding{x.Get("system").String(), x.Get("code").String(), x.Get("display").String()})
		}
	}
	if given != 1 || len(list) == 0 {
		return nil, fault.New(fault.Invalid, "rest.codingsOf", "Give exactly one of code, coding and codeableConcept.").At("code")
	}
	return list, nil
}

// known is what is known of a code that was found.
type known struct {
	display      string
	abstract     bool
	designations []*fhir.Value
}

// verdict answers whether any of the codings is found, and whether a display that was given is one of the code's.
func verdict(args arguments, codings []coding, where string, find func(coding) (known, bool)) (answer, error) {
	abstract, err := args.truth("abstract")
	if err != nil {
		return answer{}, err
	}
	p := &parameters{}
	message := ""
	for _, x := range codings {
		k, ok := find(x)
		switch {
		case !ok:
			message = "The code " + strconv.Quote(clip(x.code)) + " is not in " + where + "."
			continue
		case k.abstract && !abstract:
			message = "The code " + strconv.Quote(clip(x.code)) + " is abstract: it groups others and is no value itself."
			continue
		}
		display := cmp.Or(displayIn(k.designations, args.text("displayLanguage")), k.display)
		if x.display != "" && !named(x.display, k) {
			return p.truth("result", false).text("message", "valueString", "The display that was given is not one of the code's.").text("display", "valueString", display).answer(), nil
		}
		return p.truth("result", true).text("display", "valueString", display).answer(), nil
	}
	return p.truth("result", false).text("message", "valueString", message).answer(), nil
}

// named reports whether a display is the code's own or a designation, without regard to case and marks.
func named(display string, k known) bool {
	folded := search.Fold(display)
	if k.display == "" || search.Fold(k.display) == folded {
		return true
	}
	return slices.ContainsFunc(k.designations, func(d *fhir.Value) bool { return search.Fold(d.Get("value").String()) == folded })
}

// displayIn is the designation in a language ("vi" also finds "vi-VN"), "" if there is none.
func displayIn(designations []*fhir.Value, language string) string {
	if language == "" {
		return ""
	}
	for _, d := range designations {
		if own := d.Get("language").String(); own == language || strings.HasPrefix(own, language+"-") {
			return d.Get("value").String()
		}
	}
	return ""
}

// form is what $expand was asked to show.
type form struct {
	words         []string // each must be in the display, the code or a designation
	offset, count int
	paged         bool
	active        bool
	designations  bool
	language      string
}

func expandForm(args arguments) (f form, err error) {
	f.count = terminology.MaxConcepts
	f.words = strings.Fields(search.Fold(args.text("filter")))
	f.language = args.text("displayLanguage")
	for _, n := range []struct {
		name string
		to   *int
	}{{"offset", &f.offset}, {"count", &f.count}} {
		if text := args.text(n.name); text != "" {
			if *n.to, err = strconv.Atoi(text); err != nil || *n.to < 0 {
				return f, fault.Newf(fault.Invalid, "rest.expandForm", "%s must be a whole number from 0.", n.name).At(n.name)
			}
			f.paged = true
		}
	}
	if f.active, err = args.truth("activeOnly"); err != nil {
		return f, err
	}
	if f.designations, err = args.truth("includeDesignations"); err != nil {
		return f, err
	}
	_, err = args.truth("excludeNested") // the list is always flat
	return f, err
}

func (f *form) matching(all []terminology.Member) []terminology.Member {
	if len(f.words) == 0 && !f.active {
		return all
	}
	var list []terminology.Member
	for i := range all {
		if m := &all[i]; (!f.active || !m.Inactive) && f.says(m) {
			list = append(list, *m)
		}
	}
	return list
}

// says reports whether every word of the filter is in the member's texts, folded as a search folds them.
func (f *form) says(m *terminology.Member) bool {
	if len(f.words) == 0 {
		return true
	}
	texts := search.Fold(m.Code + " " + m.Display)
	for _, d := range m.Designations {
		texts += " " + search.Fold(d.Get("value").String())
	}
	for _, w := range f.words {
		if !strings.Contains(texts, w) {
			return false
		}
	}
	return true
}

// echo lists the parameters that shaped the expansion.
func (f *form) echo(args arguments) (list []*fhir.Builder) {
	for _, name := range []string{"filter", "displayLanguage"} {
		if text := args.text(name); text != "" {
			list = append(list, part(name, "valueString", text))
		}
	}
	if args.text("offset") != "" {
		list = append(list, fhir.Build().String("name", "offset").Int("valueInteger", f.offset))
	}
	if args.text("count") != "" {
		list = append(list, fhir.Build().String("name", "count").Int("valueInteger", f.count))
	}
	if f.active {
		list = append(list, fhir.Build().String("name", "activeOnly").Bool("valueBoolean", true))
	}
	return list
}

func (f *form) contains(m *terminology.Member) *fhir.Builder {
	b := fhir.Build().String("system", m.System)
	if m.Abstract {
		b.Bool("abstract", true)
	}
	if m.Inactive {
		b.Bool("inactive", true)
	}
	b.String("version", m.Version).String("code", m.Code).String("display", cmp.Or(displayIn(m.Designations, f.language), m.Display))
	if f.designations {
		var list []byte
		for _, d := range m.Designations {
			list = append(append(list, ','), d.Bytes()...)
		}
		if len(list) > 0 {
			list[0] = '['
			b.Raw("designation", append(list, ']'))
		}
	}
	return b
}
