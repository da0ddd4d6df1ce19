package rest

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/terminology"
	"khamxa/internal/fault"
)

// The terminology operations on stored resources. https://hl7.org/fhir/R4/terminology-service.html

// termSource reads CodeSystems and ValueSets from the store. They are about no person, so nobody is confined.
type termSource struct {
	store  store.Store
	charts store.Charts
}

func (t *termSource) Stamp(ctx context.Context) (int64, error) {
	if t.charts == nil {
		return 0, noCharts()
	}
	seq, err := t.charts.LastChange(ctx, "CodeSystem", "ValueSet")
	return int64(seq), err
}

func (t *termSource) ByURL(ctx context.Context, typ, address string) ([]*fhir.Resource, error) {
	const versions = 50 // of one canonical URL
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`)
	q, err := search.Parse(typ, url.Values{"url": {escape.Replace(address)}, "_count": {strconv.Itoa(versions)}})
	if err != nil {
		return nil, err
	}
	page, err := t.store.Search(ctx, store.SearchRequest{Query: q})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(page.Matches, func(a, b store.Version) int { return cmp.Compare(b.Seq, a.Seq) })
	list := make([]*fhir.Resource, len(page.Matches))
	for i := range page.Matches {
		if list[i], err = fhir.Parse(page.Matches[i].Body); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "rest.ByURL", "A stored resource cannot be read. It has been written to the log.")
		}
	}
	return list, nil
}

func (t *termSource) ByID(ctx context.Context, typ, id string) (*fhir.Resource, error) {
	v, err := t.store.Read(ctx, typ, id)
	if fault.Is(err, fault.NotFound) {
		return nil, noSuch(typ)
	}
	if err != nil {
		return nil, err
	}
	r, err := fhir.Parse(v.Body)
	return r, fault.Wrap(err, fault.Internal, "rest.ByID", "A stored resource cannot be read. It has been written to the log.")
}

// lookup says what is known of a code. https://hl7.org/fhir/R4/codesystem-operation-lookup.html
func (s *server) lookup(ctx context.Context, c *call) (answer, error) {
	args, err := c.arguments("code", "system", "version", "coding=Coding", "date", "displayLanguage", "property*")
	if err != nil {
		return answer{}, err
	}
	system, version, code, _, err := coded(args, "system", "version")
	if err != nil {
		return answer{}, err
	}
	cs, err := s.terms.System(ctx, canonical(system, version))
	if err != nil {
		return answer{}, err
	}
	concept, parents, children, err := cs.Lookup(code)
	if err != nil {
		return answer{}, err
	}
	p := &parameters{}
	p.text("name", "valueString", cmp.Or(cs.Name, cs.Title, cs.URL)).text("version", "valueString", cs.Version).
		text("display", "valueString", cmp.Or(displayIn(concept.Designations, args.text("displayLanguage")), concept.Display, concept.Code))
	for _, d := range concept.Designations {
		p.parts("designation", fhir.Build().String("name", "language").String("valueCode", d.Get("language").String()),
			fhir.Build().String("name", "use").Raw("valueCoding", d.Get("use").Bytes()), fhir.Build().String("name", "value").String("valueString", d.Get("value").String()))
	}
	wanted := args.texts("property")
	want := func(name string) bool {
		return len(wanted) == 0 || slices.Contains(wanted, name) || slices.Contains(wanted, "*")
	}
	property := func(name, form, value string) {
		if value != "" && want(name) {
			p.parts("property", part("code", "valueCode", name), part("value", form, value))
		}
	}
	property("definition", "valueString", concept.Definition)
	for _, code := range parents {
		property("parent", "valueCode", code)
	}
	for _, code := range children {
		property("child", "valueCode", code)
	}
	for _, x := range concept.Properties {
		name := x.Get("code").String()
		if !want(name) || name == "parent" || name == "child" {
			continue
		}
		for member, v := range x.Members() {
			if strings.HasPrefix(member, "value") {
				p.parts("property", part("code", "valueCode", name), fhir.Build().String("name", "value").Raw(member, v.Bytes()))
			}
		}
	}
	return p.answer(), nil
}

// subsumes says how one code stands to another. https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
func (s *server) subsumes(ctx context.Context, c *call) (answer, error) {
	args, err := c.arguments("codeA", "codeB", "system", "version", "codingA=Coding", "codingB=Coding")
	if err != nil {
		return answer{}, err
	}
	system, version := args.text("system"), args.text("version")
	var codes [2]string
	for i, letter := range []string{"A", "B"} {
		codes[i] = args.text("code" + letter)
		if coding := args.value("coding" + letter); coding != nil && codes[i] == "" {
			codes[i] = coding.Get("code").String()
			if own := coding.Get("system").String(); system == "" {
				system = own
			} else if own != system {
				return answer{}, fault.New(fault.Invalid, "rest.subsumes", "The two codes must be of one code system.").At("coding" + letter)
			}
		}
		if codes[i] == "" {
			return answer{}, fault.Newf(fault.Invalid, "rest.subsumes", "Two codes are compared: give codeA and codeB, or codingA and codingB; %s is missing.", letter).At("code" + letter)
		}
	}
	cs, err := s.codeSystem(ctx, c, system, version, nil)
	if err != nil {
		return answer{}, err
	}
	outcome, err := cs.Subsumes(codes[0], codes[1])
	if err != nil {
		return answer{}, err
	}
	return (&parameters{}).text("outcome", "valueCode", outcome).answer(), nil
}

// codeSystem is the one that an operation is about: the one in the address, a given one, or the one with the URL.
func (s *server) codeSystem(ctx context.Context, c *call, address, version string, given *fhir.Resource) (*terminology.CodeSystem, error) {
	switch {
	case c.rt.level == instanceLevel:
		return s.terms.SystemByID(ctx, c.id)
	case given != nil:
		return terminology.ReadSystem(given)
	case address == "":
		return nil, fault.New(fault.Invalid, "rest.codeSystem", "Name the code system by its canonical URL.").At("system")
	default:
		return s.terms.System(ctx, canonical(address, version))
	}
}

// validateSystemCode says whether a code is in a code system. https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
func (s *server) validateSystemCode(ctx context.Context, c *call) (answer, error) {
	args, err := c.arguments("url", "codeSystem=CodeSystem", "code", "version", "display", "coding=Coding", "codeableConcept=CodeableConcept",
		"date", "abstract", "displayLanguage")
	if err != nil {
		return answer{}, err
	}
	codings, err := codingsOf(args, "url")
	if err != nil {
		return answer{}, err
	}
	cs, err := s.codeSystem(ctx, c, cmp.Or(args.text("url"), codings[0].system), args.text("version"), args.resource("codeSystem"))
	if err != nil {
		return answer{}, err
	}
	return verdict(args, codings, "the code system "+clip(cs.URL), func(x coding) (known, bool) {
		if x.system != "" && x.system != cs.URL {
			return known{}, false
		}
		concept, _, _, err := cs.Lookup(x.code)
		return known{concept.Display, concept.Abstract, concept.Designations}, err == nil
	})
}

// validateSetCode says whether a code is in a value set. https://hl7.org/fhir/R4/valueset-operation-validate-code.html
func (s *server) validateSetCode(ctx context.Context, c *call) (answer, error) {
	args, err := c.arguments("url", "valueSet=ValueSet", "valueSetVersion", "code", "system", "systemVersion", "display", "coding=Coding",
		"codeableConcept=CodeableConcept", "date", "abstract", "displayLanguage")
	if err != nil {
		return answer{}, err
	}
	codings, err := codingsOf(args, "system")
	if err != nil {
		return answer{}, err
	}
	_, x, err := s.expansion(ctx, c, args)
	if err != nil {
		return answer{}, err
	}
	return verdict(args, codings, "the value set", func(one coding) (known, bool) {
		m, in := x.Find(one.system, one.code)
		return known{m.Display, m.Abstract, m.Designations}, in
	})
}

// expansion is that of the value set that an operation is about: the one in the address, a given one, or the one with the URL.
func (s *server) expansion(ctx context.Context, c *call, args arguments) (*fhir.Resource, *terminology.Expansion, error) {
	name := canonical(args.text("url"), args.text("valueSetVersion"))
	if c.rt.level == instanceLevel {
		name = "ValueSet/" + c.id
	}
	if given := args.resource("valueSet"); given != nil && c.rt.level != instanceLevel {
		x, err := s.terms.Expand(ctx, given)
		return given, x, err
	}
	if name == "" {
		return nil, nil, fault.New(fault.Invalid, "rest.expansion", "Name the value set by its canonical URL, or send it.").At("url")
	}
	r, err := s.terms.ValueSet(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	x, err := s.terms.Stored(ctx, name)
	return r, x, err
}

// expand lists what is in a value set. https://hl7.org/fhir/R4/valueset-operation-expand.html
func (s *server) expand(ctx context.Context, c *call) (answer, error) {
	args, err := c.arguments("url", "valueSet=ValueSet", "valueSetVersion", "filter", "date", "offset", "count", "includeDesignations",
		"activeOnly", "excludeNested", "displayLanguage")
	if err != nil {
		return answer{}, err
	}
	f, err := expandForm(args)
	if err != nil {
		return answer{}, err
	}
	r, x, err := s.expansion(ctx, c, args)
	if err != nil {
		return answer{}, err
	}
	members := f.matching(x.Members)
	b := fhir.Build().String("timestamp", s.Clock().UTC().Format(time.RFC3339)).Int("total", len(members))
	if f.paged {
		b.Int("offset", f.offset)
	}
	b.List("parameter", f.echo(args)...)
	members = members[min(f.offset, len(members)):]
	members = members[:min(f.count, len(members))]
	list := make([]*fhir.Builder, len(members))
	for i := range members {
		list[i] = f.contains(&members[i])
	}
	b.List("contains", list...)
	set := fhir.BuildResource("ValueSet", r.ID)
	for _, name := range []string{"url", "version", "name", "title"} {
		set.String(name, r.Root.Get(name).String())
	}
	set.String("status", cmp.Or(r.Root.Get("status").String(), "unknown")).Object("expansion", b)
	return answer{status: http.StatusOK, body: set.Bytes()}, nil
}

// canonical joins a URL and a version.
func canonical(address, version string) string {
	if address == "" || version == "" || strings.Contains(address, "|") {
		return address
	}
	return address + "|" + version
}

func noCharts() error {
	return fault.New(fault.Unsupported, "rest.noCharts", "This server's store does not serve this operation.")
}
