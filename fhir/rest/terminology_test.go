package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
)

const colours = `{"resourceType":"CodeSystem","id":"colours","url":"http://x.example/colours","version":"1","name":"Colours","status":"active","content":"complete",
 "concept":[{"code":"warm","display":"Warm colours","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
   {"code":"red","display":"Red","definition":"As blood.","designation":[{"language":"vi","value":"Màu đỏ"}],"concept":[{"code":"ruby","display":"Ruby"}]},
   {"code":"pink","display":"Pink","property":[{"code":"status","valueCode":"retired"},{"code":"wave","valueInteger":7}]}]},
  {"code":"blue","display":"Blue"}]}`

const warm = `{"resourceType":"ValueSet","id":"warm","url":"http://x.example/warm","version":"2","name":"Warm","title":"Warm","status":"active",
 "compose":{"include":[{"system":"http://x.example/colours","filter":[{"property":"concept","op":"is-a","value":"warm"}]}]}}`

func withTerms(t *testing.T) *service {
	t.Helper()
	s := start(t)
	s.put("CodeSystem", "colours", colours)
	s.put("ValueSet", "warm", warm)
	return s
}

// codes are the codes of an expansion, or what else is at the end of the path of every item.
func codes(v *fhir.Value) (list []string) {
	for _, x := range v.Items() {
		list = append(list, x.Get("code").String())
	}
	return list
}

// out is the value of a parameter that an operation answered with; parts are given as name=value.
func (r *reply) out(name string) (list []string) {
	text := func(p *fhir.Value) (s string) {
		for member, v := range p.Members() {
			if strings.HasPrefix(member, "value") {
				if s = v.String(); s == "" {
					s = string(v.Bytes())
				}
			}
		}
		return s
	}
	for _, p := range r.root.Get("parameter").Items() {
		if !p.Get("name").IsString(name) {
			continue
		}
		var parts []string
		for _, x := range p.Get("part").Items() {
			parts = append(parts, x.Get("name").String()+"="+text(x))
		}
		if parts == nil {
			parts = []string{text(p)}
		}
		list = append(list, strings.Join(parts, " "))
	}
	return list
}

func given(list ...string) string {
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(list, ",") + `]}`
}

func TestExpand(t *testing.T) {
	s := withTerms(t)
	inline := `{"name":"valueSet","resource":{"resourceType":"ValueSet","status":"draft","compose":{"include":[{"valueSet":["http://x.example/warm"]}],"exclude":[{"system":"http://x.example/colours","concept":[{"code":"red"}]}]}}}`
	for _, tt := range []struct {
		name, method, path, body string
		want                     []string
		total                    string
	}{
		{"by URL", "GET", "/ValueSet/$expand?url=http://x.example/warm", "", []string{"warm", "red", "ruby", "pink"}, "4"},
		{"by URL and version", "GET", "/ValueSet/$expand?url=http://x.example/warm&valueSetVersion=2", "", []string{"warm", "red", "ruby", "pink"}, "4"},
		{"by id", "GET", "/ValueSet/warm/$expand", "", []string{"warm", "red", "ruby", "pink"}, "4"},
		{"POST by URL", "POST", "/ValueSet/$expand", given(`{"name":"url","valueUri":"http://x.example/warm"}`), []string{"warm", "red", "ruby", "pink"}, "4"},
		{"POST without a body", "POST", "/ValueSet/warm/$expand", "", []string{"warm", "red", "ruby", "pink"}, "4"},
		{"given", "POST", "/ValueSet/$expand", given(inline), []string{"warm", "ruby", "pink"}, "3"},
		{"filter", "GET", "/ValueSet/warm/$expand?filter=RE", "", []string{"red"}, "1"},
		{"filter in another language", "GET", "/ValueSet/warm/$expand?filter=mau+do", "", []string{"red"}, "1"},
		{"active only", "GET", "/ValueSet/warm/$expand?activeOnly=true", "", []string{"warm", "red", "ruby"}, "3"},
		{"page", "GET", "/ValueSet/warm/$expand?offset=1&count=2", "", []string{"red", "ruby"}, "4"},
		{"page past the end", "GET", "/ValueSet/warm/$expand?offset=9", "", nil, "4"},
		{"count 0", "GET", "/ValueSet/warm/$expand?count=0", "", nil, "4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			r := s.do(doctorA, tt.method, tt.path, tt.body).is(200)
			x := r.root.Get("expansion")
			if diff := cmp.Diff(tt.want, codes(x.Get("contains"))); diff != "" {
				t.Error(diff)
			}
			if got := x.Get("total").String(); got != tt.total {
				t.Errorf("total %s", got)
			}
			if x.Get("timestamp").String() == "" {
				t.Error("no timestamp")
			}
		})
	}
	r := s.do(anybody, "GET", "/ValueSet/warm/$expand?includeDesignations=true&displayLanguage=vi&filter=red", "").is(200)
	one := r.root.Get("expansion").Get("contains").At(0)
	if got := one.Get("display").String(); got != "Màu đỏ" {
		t.Errorf("display %q", got)
	}
	if got := one.Get("designation").At(0).Get("language").String(); got != "vi" {
		t.Errorf("designation %q", got)
	}
	if got := one.Get("system").String(); got != "http://x.example/colours" {
		t.Errorf("system %q", got)
	}
}

func TestExpandFollowsChanges(t *testing.T) {
	s := withTerms(t)
	expanded := func() []string {
		return codes(s.do(anybody, "GET", "/ValueSet/warm/$expand", "").is(200).root.Get("expansion").Get("contains"))
	}
	if got := len(expanded()); got != 4 {
		t.Fatalf("%d codes", got)
	}
	s.put("CodeSystem", "colours", strings.Replace(colours, `{"code":"ruby","display":"Ruby"}`, `{"code":"ruby","display":"Ruby"},{"code":"wine","display":"Wine"}`, 1))
	if diff := cmp.Diff([]string{"warm", "red", "ruby", "wine", "pink"}, expanded()); diff != "" {
		t.Error(diff)
	}
	s.do(anybody, "DELETE", "/CodeSystem/colours", "").is(204)
	s.do(anybody, "GET", "/ValueSet/warm/$expand", "").refused(404, "not-found", "", "http://x.example/colours")
}

func TestLookup(t *testing.T) {
	s := withTerms(t)
	r := s.do(anybody, "GET", "/CodeSystem/$lookup?system=http://x.example/colours&code=red", "").is(200)
	for name, want := range map[string][]string{
		"name": {"Colours"}, "version": {"1"}, "display": {"Red"}, "designation": {"language=vi value=Màu đỏ"},
		"property": {"code=definition value=As blood.", "code=parent value=warm", "code=child value=ruby"},
	} {
		if diff := cmp.Diff(want, r.out(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	r = s.do(anybody, "GET", "/CodeSystem/$lookup?system=http://x.example/colours&code=pink&property=wave&displayLanguage=vi", "").is(200)
	if diff := cmp.Diff([]string{"code=wave value=7"}, r.out("property")); diff != "" {
		t.Error(diff)
	}
	byCoding := given(`{"name":"coding","valueCoding":{"system":"http://x.example/colours","code":"blue"}}`)
	if diff := cmp.Diff([]string{"Blue"}, s.do(anybody, "POST", "/CodeSystem/$lookup", byCoding).is(200).out("display")); diff != "" {
		t.Error(diff)
	}
	s.do(anybody, "GET", "/CodeSystem/$lookup?system=http://x.example/colours&code=none", "").refused(404, "not-found", "", `"none"`)
	s.do(anybody, "GET", "/CodeSystem/$lookup?system=http://x.example/none&code=red", "").refused(404, "not-found", "")
	s.do(anybody, "GET", "/CodeSystem/$lookup?code=red", "").refused(400, "invalid", "code")
}

func TestSubsumes(t *testing.T) {
	s := withTerms(t)
	for query, want := range map[string]string{
		"$subsumes?system=http://x.example/colours&codeA=warm&codeB=ruby": "subsumes",
		"$subsumes?system=http://x.example/colours&codeA=ruby&codeB=warm": "subsumed-by",
		"colours/$subsumes?codeA=red&codeB=red":                           "equivalent",
		"colours/$subsumes?codeA=red&codeB=blue":                          "not-subsumed",
	} {
		if diff := cmp.Diff([]string{want}, s.do(anybody, "GET", "/CodeSystem/"+query, "").is(200).out("outcome")); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	s.do(anybody, "GET", "/CodeSystem/colours/$subsumes?codeA=red", "").refused(400, "invalid", "codeB")
	s.do(anybody, "GET", "/CodeSystem/colours/$subsumes?codeA=red&codeB=none", "").refused(404, "not-found", "")
}

func TestValidateCode(t *testing.T) {
	s := withTerms(t)
	for _, tt := range []struct{ method, path, body, result string }{
		{"GET", "/CodeSystem/$validate-code?url=http://x.example/colours&code=red", "", "true"},
		{"GET", "/CodeSystem/colours/$validate-code?code=red&display=red", "", "true"},
		{"GET", "/CodeSystem/colours/$validate-code?code=red&display=Mau+do", "", "true"},
		{"GET", "/CodeSystem/colours/$validate-code?code=red&display=Blue", "", "false"},
		{"GET", "/CodeSystem/colours/$validate-code?code=none", "", "false"},
		{"GET", "/CodeSystem/colours/$validate-code?code=warm", "", "false"},
		{"GET", "/CodeSystem/colours/$validate-code?code=warm&abstract=true", "", "true"},
		{"GET", "/ValueSet/warm/$validate-code?code=ruby&system=http://x.example/colours", "", "true"},
		{"GET", "/ValueSet/warm/$validate-code?code=ruby", "", "true"},
		{"GET", "/ValueSet/$validate-code?url=http://x.example/warm&code=blue&system=http://x.example/colours", "", "false"},
		{"GET", "/ValueSet/warm/$validate-code?code=ruby&system=http://x.example/other", "", "false"},
		{"POST", "/ValueSet/warm/$validate-code", given(`{"name":"codeableConcept","valueCodeableConcept":{"coding":[{"system":"http://x.example/colours","code":"blue"},{"system":"http://x.example/colours","code":"red"}]}}`), "true"},
		{"POST", "/CodeSystem/$validate-code", given(`{"name":"coding","valueCoding":{"system":"http://x.example/colours","code":"blue"}}`), "true"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			s.in(t)
			r := s.do(anybody, tt.method, tt.path, tt.body).is(200)
			if diff := cmp.Diff([]string{tt.result}, r.out("result")); diff != "" {
				t.Errorf("%s\n%s", diff, r.body)
			}
			if (len(r.out("message")) == 0) != (tt.result == "true") {
				t.Errorf("message %q", r.out("message"))
			}
		})
	}
	s.do(anybody, "GET", "/ValueSet/none/$validate-code?code=red", "").refused(404, "not-found", "")
}

// TestOperationArguments: what an operation does not know, or not in that form, is refused.
func TestOperationArguments(t *testing.T) {
	s := withTerms(t)
	for _, tt := range []struct {
		name, method, path, body, expression string
		status                               int
		code                                 string
	}{
		{"unknown in the address", "GET", "/ValueSet/warm/$expand?colour=red", "", "colour", 400, "invalid"},
		{"unknown in the body", "POST", "/ValueSet/warm/$expand", given(`{"name":"colour","valueString":"red"}`), "colour", 400, "invalid"},
		{"twice", "GET", "/ValueSet/warm/$expand?filter=a&filter=b", "", "filter", 400, "invalid"},
		{"twice, in both", "POST", "/ValueSet/warm/$expand?filter=a", given(`{"name":"filter","valueString":"b"}`), "filter", 400, "invalid"},
		{"a data type in the address", "GET", "/CodeSystem/$lookup?coding=red", "", "coding", 400, "invalid"},
		{"a primitive as an object", "POST", "/ValueSet/warm/$expand", given(`{"name":"filter","valueCoding":{"code":"x"}}`), "filter", 400, "invalid"},
		{"another resource", "POST", "/ValueSet/$expand", given(`{"name":"valueSet","resource":{"resourceType":"Patient"}}`), "valueSet", 400, "invalid"},
		{"no value", "POST", "/ValueSet/warm/$expand", given(`{"name":"filter"}`), "Parameters.parameter", 400, "invalid"},
		{"no Parameters", "POST", "/ValueSet/warm/$expand", warm, "ValueSet.resourceType", 400, "invalid"},
		{"no boolean", "GET", "/ValueSet/warm/$expand?activeOnly=yes", "", "activeOnly", 400, "invalid"},
		{"no number", "GET", "/ValueSet/warm/$expand?count=-1", "", "count", 400, "invalid"},
		{"no value set named", "GET", "/ValueSet/$expand", "", "url", 400, "invalid"},
		{"two codes", "POST", "/CodeSystem/colours/$validate-code?code=red", given(`{"name":"coding","valueCoding":{"code":"x"}}`), "code", 400, "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			s.do(anybody, tt.method, tt.path, tt.body).refused(tt.status, tt.code, tt.expression)
		})
	}
	s.do(reader, "GET", "/ValueSet/warm/$expand", "").refused(403, "forbidden", "")
	s.do(nobody, "GET", "/ValueSet/warm/$expand", "").refused(401, "login", "")
	s.do(anybody, "GET", "/Patient/$expand", "").is(http.StatusNotFound)
	s.do(anybody, "DELETE", "/ValueSet/$expand", "").is(http.StatusNotFound)
}

func TestOperationsInBundles(t *testing.T) {
	s := withTerms(t)
	entry := `{"request":{"method":"POST","url":"ValueSet/$expand"},"resource":` + given(`{"name":"url","valueUri":"http://x.example/warm"}`) + `}`
	for _, kind := range []string{"batch", "transaction"} {
		r := s.do(anybody, "POST", "/", bundleOf(kind, entry, entryOf("", "GET", "CodeSystem/colours/$subsumes?codeA=red&codeB=ruby", ""))).is(200)
		if n := r.root.Get("entry").At(0).Get("resource").Get("expansion").Get("contains").Len(); n != 4 {
			t.Errorf("%s: %d codes in %s", kind, n, r.body)
		}
		if got := r.root.Get("entry").At(1).Get("resource").Get("resourceType").String(); got != "Parameters" {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// TestSearchByTerminology: the modifiers that ask the stored terminology.
func TestSearchByTerminology(t *testing.T) {
	s := withTerms(t)
	s.put("Patient", "pa", patient("pa", "An", stationA))
	for _, code := range []string{"warm", "red", "ruby", "blue"} {
		s.put("Observation", code, `{"resourceType":"Observation","id":"`+code+`","status":"final","code":{"coding":[{"system":"http://x.example/colours","code":"`+code+`"}]},"subject":{"reference":"Patient/pa"}}`)
	}
	for query, want := range map[string][]string{
		"code:in=http://x.example/warm":              {"Observation/red", "Observation/ruby", "Observation/warm"},
		"code:in=ValueSet/warm":                      {"Observation/red", "Observation/ruby", "Observation/warm"},
		"code:not-in=http://x.example/warm":          {"Observation/blue"},
		"code:below=http://x.example/colours%7Cred":  {"Observation/red", "Observation/ruby"},
		"code:above=http://x.example/colours%7Cruby": {"Observation/red", "Observation/ruby", "Observation/warm"},
		"code:below=http://x.example/colours%7Cblue": {"Observation/blue"},
	} {
		if diff := cmp.Diff(want, sorted(s.do(doctorA, "GET", "/Observation?"+query, "").is(200).entries())); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	s.do(doctorA, "GET", "/Observation?code:in=http://x.example/none", "").refused(404, "not-found", "code:in")
}
