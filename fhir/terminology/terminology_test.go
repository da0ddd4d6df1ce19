package terminology_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/terminology"
	"khamxa/internal/fault"
)

// shelf is a Source in memory.
type shelf struct {
	stamp int64
	list  []*fhir.Resource // the one that was changed last comes first
	reads int
}

func (s *shelf) Stamp(context.Context) (int64, error) { return s.stamp, nil }

func (s *shelf) ByURL(_ context.Context, typ, url string) (list []*fhir.Resource, err error) {
	s.reads++
	for _, r := range s.list {
		if r.Type == typ && r.Root.Get("url").IsString(url) {
			list = append(list, r)
		}
	}
	return list, nil
}

func (s *shelf) ByID(_ context.Context, typ, id string) (*fhir.Resource, error) {
	for _, r := range s.list {
		if r.Type == typ && r.ID == id {
			return r, nil
		}
	}
	return nil, fault.New(fault.NotFound, "test", "There is none.")
}

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *shelf) put(t testing.TB, list ...string) *shelf {
	t.Helper()
	for _, text := range list {
		s.list = append([]*fhir.Resource{parse(t, text)}, s.list...)
	}
	s.stamp++
	return s
}

const animals = `{"resourceType":"CodeSystem","id":"a","url":"urn:animals","version":"3","status":"active","content":"complete","concept":[
 {"code":"animal","display":"Animal","concept":[
   {"code":"dog","display":"Dog","property":[{"code":"legs","valueInteger":4},{"code":"sound","valueString":"wuff"}]},
   {"code":"bird","display":"Bird","property":[{"code":"legs","valueInteger":2}],"concept":[{"code":"hen","display":"Hen"},{"code":"dodo","display":"Dodo","property":[{"code":"inactive","valueBoolean":true}]}]}]},
 {"code":"bat","display":"Bat","property":[{"code":"parent","valueCode":"animal"},{"code":"subsumedBy","valueCode":"bird"}]},
 {"code":"stone","display":"Stone"}]}`

// set is a value set with that compose.
func set(url, compose string) string {
	return fmt.Sprintf(`{"resourceType":"ValueSet","id":%q,"url":%q,"status":"active","compose":%s}`, strings.ReplaceAll(url, ":", "-"), url, compose)
}

func filter(property, op, value string) string {
	return fmt.Sprintf(`{"include":[{"system":"urn:animals","filter":[{"property":%q,"op":%q,"value":%q}]}]}`, property, op, value)
}

func TestExpand(t *testing.T) {
	for _, tt := range []struct{ name, compose, want string }{
		{"whole system", `{"include":[{"system":"urn:animals"}]}`, "animal dog bird hen dodo bat stone"},
		{"whole system of a version", `{"include":[{"system":"urn:animals","version":"3"}]}`, "animal dog bird hen dodo bat stone"},
		{"listed", `{"include":[{"system":"urn:animals","concept":[{"code":"hen"},{"code":"dog"},{"code":"hen"}]}]}`, "hen dog"},
		{"listed of a system that is not here", `{"include":[{"system":"urn:other","concept":[{"code":"x"}]}]}`, "x"},
		{"is-a", filter("concept", "is-a", "bird"), "bird hen dodo bat"},
		{"descendent-of", filter("concept", "descendent-of", "bird"), "hen dodo bat"},
		{"is-not-a", filter("concept", "is-not-a", "bird"), "animal dog stone"},
		{"generalizes", filter("concept", "generalizes", "bat"), "animal bird bat"},
		{"=", filter("legs", "=", "4"), "dog"},
		{"= parent", filter("parent", "=", "bird"), "hen dodo bat"},
		{"in", filter("code", "in", "hen, dog"), "dog hen"},
		{"not-in", filter("legs", "not-in", "2,4"), "animal hen dodo bat stone"},
		{"exists", filter("legs", "exists", "true"), "dog bird"},
		{"exists not", filter("legs", "exists", "false"), "animal hen dodo bat stone"},
		{"regex is the whole value", filter("display", "regex", "D.*"), "dog dodo"},
		{"regex is not a part", filter("display", "regex", "o"), ""},
		{"two filters", `{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"bird"},{"property":"legs","op":"exists","value":"true"}]}]}`, "bird"},
		{"union", `{"include":[{"system":"urn:animals","concept":[{"code":"stone"}]},{"system":"urn:animals","filter":[{"property":"concept","op":"descendent-of","value":"bird"}]}]}`, "stone hen dodo bat"},
		{"exclude", `{"include":[{"system":"urn:animals"}],"exclude":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"bird"}]}]}`, "animal dog stone"},
		{"without inactive ones", `{"inactive":false,"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"bird"}]}]}`, "bird hen bat"},
		{"import", `{"include":[{"valueSet":["urn:birds"]}]}`, "bird hen dodo bat"},
		{"import by reference", `{"include":[{"valueSet":["ValueSet/urn-birds"]}]}`, "bird hen dodo bat"},
		{"what is in both imports", `{"include":[{"valueSet":["urn:birds","urn:legged"]}]}`, "bird"},
		{"what a system and an import share", `{"include":[{"system":"urn:animals","concept":[{"code":"dog"},{"code":"hen"}],"valueSet":["urn:birds"]}]}`, "hen"},
		{"exclude an import", `{"include":[{"system":"urn:animals"}],"exclude":[{"valueSet":["urn:birds"]}]}`, "animal dog stone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := (&shelf{}).put(t, animals, set("urn:birds", filter("concept", "is-a", "bird")), set("urn:legged", filter("legs", "exists", "true")))
			x, err := terminology.New(s).Expand(t.Context(), parse(t, set("urn:it", tt.compose)))
			if err != nil {
				t.Fatal(err)
			}
			if got := codesOf(x); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func codesOf(x *terminology.Expansion) string {
	var list []string
	for _, m := range x.Members {
		list = append(list, m.Code)
	}
	return strings.Join(list, " ")
}

func TestMember(t *testing.T) {
	s := (&shelf{}).put(t, animals)
	x, err := terminology.New(s).Expand(t.Context(), parse(t, set("urn:it", `{"include":[{"system":"urn:animals","concept":[{"code":"dog","display":"Hund"},{"code":"hen"},{"code":"unicorn"}]}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range x.Members {
		got = append(got, m.System+"|"+m.Version+"|"+m.Code+"|"+m.Display)
	}
	if diff := cmp.Diff([]string{"urn:animals|3|dog|Hund", "urn:animals|3|hen|Hen", "urn:animals||unicorn|"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestGivenExpansion: what a value set carries is used when its definition cannot be.
func TestGivenExpansion(t *testing.T) {
	given := `"expansion":{"timestamp":"2026-01-01T00:00:00Z","contains":[{"abstract":true,"display":"Group","contains":[{"system":"urn:x","code":"1"}]},{"system":"urn:x","code":"2"}]}`
	for _, tt := range []struct{ name, text, want string }{
		{"no definition", `{"resourceType":"ValueSet","status":"active",` + given + `}`, "1 2"},
		{"its system is not here", `{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"urn:x"}]},` + given + `}`, "1 2"},
		{"its system is here", `{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"urn:animals","filter":[{"property":"legs","op":"=","value":"4"}]}]},` + given + `}`, "dog"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := terminology.New((&shelf{}).put(t, animals)).Expand(t.Context(), parse(t, tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := codesOf(x); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	nest := func(s *shelf, n int) {
		for i := range n {
			s.put(t, set(fmt.Sprintf("urn:%d", i), fmt.Sprintf(`{"include":[{"valueSet":["urn:%d"]}]}`, i+1)))
		}
	}
	for _, tt := range []struct {
		name, compose string
		code          fault.Code
		more          func(*shelf)
	}{
		{"no such system", `{"include":[{"system":"urn:none"}]}`, fault.NotFound, nil},
		{"no such version", `{"include":[{"system":"urn:animals","version":"9"}]}`, fault.NotFound, nil},
		{"a system without its concepts", `{"include":[{"system":"urn:empty"}]}`, fault.NotFound, func(s *shelf) {
			s.put(t, `{"resourceType":"CodeSystem","url":"urn:empty","status":"active","content":"not-present"}`)
		}},
		{"no such value set", `{"include":[{"valueSet":["urn:none"]}]}`, fault.NotFound, nil},
		{"filter on a code that is not there", filter("concept", "is-a", "none"), fault.NotFound, nil},
		{"unknown operator", filter("concept", "like", "x"), fault.Unsupported, nil},
		{"bad regex", filter("display", "regex", "("), fault.Invalid, nil},
		{"long regex", filter("display", "regex", strings.Repeat("a", 300)), fault.TooCostly, nil},
		{"neither system nor value set", `{"include":[{"concept":[{"code":"x"}]}]}`, fault.Invalid, nil},
		{"itself", `{"include":[{"valueSet":["urn:it"]}]}`, fault.Invalid, func(s *shelf) { s.put(t, set("urn:it", `{"include":[{"valueSet":["urn:it"]}]}`)) }},
		{"a circle", `{"include":[{"valueSet":["urn:0"]}]}`, fault.Invalid, func(s *shelf) {
			s.put(t, set("urn:0", `{"include":[{"valueSet":["urn:1"]}]}`), set("urn:1", `{"include":[{"valueSet":["urn:0"]}]}`))
		}},
		{"too deep", `{"include":[{"valueSet":["urn:0"]}]}`, fault.TooCostly, func(s *shelf) { nest(s, 20) }},
		{"too much work", `{"include":[` + strings.Repeat(`{"system":"urn:large"},`, 300) + `{"system":"urn:large"}]}`, fault.TooCostly, func(s *shelf) { s.put(t, large(10_000)) }},
		{"too many concepts", `{"include":[{"system":"urn:large"}]}`, fault.TooCostly, func(s *shelf) { s.put(t, large(terminology.MaxConcepts+1)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := (&shelf{}).put(t, animals)
			if tt.more != nil {
				tt.more(s)
			}
			_, err := terminology.New(s).Expand(t.Context(), parse(t, set("urn:it", tt.compose)))
			if fault.CodeOf(err) != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := terminology.New((&shelf{}).put(t, animals)).Expand(ctx, parse(t, set("urn:it", `{"include":[{"system":"urn:animals"}]}`)))
	if !fault.Is(err, fault.Timeout) {
		t.Errorf("after the end of the context: %v", err)
	}
	if _, err := terminology.ReadSystem(parse(t, `{"resourceType":"CodeSystem","concept":[{"code":"x"},{"code":"x"}]}`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a code twice: %v", err)
	}
}

func large(n int) string {
	var b strings.Builder
	b.WriteString(`{"resourceType":"CodeSystem","url":"urn:large","status":"active","content":"complete","concept":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"code":"c%d"}`, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

func TestSearchTerminology(t *testing.T) {
	s := terminology.New((&shelf{}).put(t, animals, set("urn:birds", filter("concept", "is-a", "bird"))))
	list := func(codes ...string) (all []search.Concept) {
		for _, c := range codes {
			all = append(all, search.Concept{System: "urn:animals", Code: c})
		}
		return all
	}
	for _, tt := range []struct {
		name string
		got  func() ([]search.Concept, error)
		want []search.Concept
		code fault.Code
	}{
		{"members", func() ([]search.Concept, error) { return s.Members(t.Context(), "urn:birds") }, list("bird", "hen", "dodo", "bat"), ""},
		{"members by reference", func() ([]search.Concept, error) { return s.Members(t.Context(), "ValueSet/urn-birds") }, list("bird", "hen", "dodo", "bat"), ""},
		{"below", func() ([]search.Concept, error) { return s.Below(t.Context(), "urn:animals", "bird") }, list("bird", "hen", "dodo", "bat"), ""},
		{"above", func() ([]search.Concept, error) { return s.Above(t.Context(), "urn:animals", "bat") }, list("bat", "animal", "bird"), ""},
		{"no set", func() ([]search.Concept, error) { return s.Members(t.Context(), "urn:none") }, nil, fault.NotFound},
		{"no name", func() ([]search.Concept, error) { return s.Members(t.Context(), "") }, nil, fault.Invalid},
		{"no system", func() ([]search.Concept, error) { return s.Below(t.Context(), "urn:none", "bird") }, nil, fault.NotFound},
		{"no code", func() ([]search.Concept, error) { return s.Above(t.Context(), "urn:animals", "none") }, nil, fault.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.got()
			if fault.CodeOf(err) != tt.code {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHierarchy: circles end, and a hierarchy that is no is-a subsumes nothing.
func TestHierarchy(t *testing.T) {
	circle, err := terminology.ReadSystem(parse(t, `{"resourceType":"CodeSystem","concept":[{"code":"a","property":[{"code":"parent","valueCode":"b"}]},{"code":"b","property":[{"code":"parent","valueCode":"a"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := circle.Subsumes("a", "b"); err != nil || got != "subsumes" {
		t.Errorf("%q %v", got, err)
	}
	parts, err := terminology.ReadSystem(parse(t, `{"resourceType":"CodeSystem","caseSensitive":false,"hierarchyMeaning":"part-of","concept":[{"code":"Car","concept":[{"code":"Wheel"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parts.Subsumes("CAR", "wheel"); err != nil || got != "not-subsumed" {
		t.Errorf("%q %v", got, err)
	}
}

// TestVersions: of several resources with one URL an active one is meant, and of these the one that was changed last.
func TestVersions(t *testing.T) {
	s := (&shelf{}).put(t,
		`{"resourceType":"CodeSystem","url":"urn:v","version":"1","status":"active","concept":[{"code":"one"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:v","version":"2","status":"active","concept":[{"code":"two"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:v","version":"3","status":"draft","concept":[{"code":"three"}]}`)
	svc := terminology.New(s)
	for canonical, want := range map[string]string{"urn:v": "2", "urn:v|1": "1", "urn:v|3": "3"} {
		cs, err := svc.System(t.Context(), canonical)
		if err != nil || cs.Version != want {
			t.Errorf("%s gives %v %v, want %s", canonical, cs, err, want)
		}
	}
}

// TestCache: what was worked out is used again until anything changes, and never after.
func TestCache(t *testing.T) {
	s := (&shelf{}).put(t, animals, set("urn:it", filter("concept", "is-a", "bird")))
	svc := terminology.New(s)
	members := func() int {
		list, err := svc.Members(t.Context(), "urn:it")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	members()
	reads := s.reads
	if n := members(); n != 4 || s.reads != reads {
		t.Errorf("%d members, and %d reads for the second answer", n, s.reads-reads)
	}
	s.put(t, strings.Replace(animals, `{"code":"hen","display":"Hen"},`, "", 1))
	if n := members(); n != 3 {
		t.Errorf("%d members after a change", n)
	}
	for i := range 600 { // more than it keeps
		s.list = append(s.list, parse(t, set(fmt.Sprintf("urn:s%d", i), fmt.Sprintf(`{"include":[{"system":"urn:z","concept":[{"code":"%d"}]}]}`, i))))
		if x, err := svc.Stored(t.Context(), fmt.Sprintf("urn:s%d", i)); err != nil || codesOf(x) != fmt.Sprint(i) {
			t.Fatal(x, err)
		}
	}
}
