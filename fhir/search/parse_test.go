package search_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// parse reads a query as it stands in a URL.
func parse(t testing.TB, resourceType, query string) *search.Query {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(resourceType, values)
	if err != nil {
		t.Fatalf("%s?%s: %v", resourceType, query, err)
	}
	return q
}

type refusal struct {
	typ, query string
	code       fault.Code
	path, says string
}

func checkRefused(t *testing.T, tests []refusal) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.typ+"?"+tt.query[:min(len(tt.query), 40)], func(t *testing.T) {
			values, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			q, err := search.Parse(tt.typ, values)
			if err == nil {
				t.Fatalf("accepted as %+v", q)
			}
			if fault.CodeOf(err) != tt.code || fault.PathOf(err) != tt.path {
				t.Errorf("code %s, path %q", fault.CodeOf(err), fault.PathOf(err))
			}
			if says := fault.MessageOf(err); !strings.Contains(says, tt.says) || !strings.HasSuffix(says, ".") {
				t.Errorf("says %q, want %q in it", says, tt.says)
			}
		})
	}
}

func TestParseRefusesClauses(t *testing.T) {
	checkRefused(t, []refusal{
		{"Nobody", "", fault.Invalid, "_type", `"Nobody" is not a resource type`},
		{"Patient", "nmae=x", fault.Invalid, "nmae", `Patient has no search parameter "nmae". It has: _content, _id, _lastUpdated, _profile, _security, _source, _tag, _text, active, address,`},
		{"Patient", "Name=x", fault.Invalid, "Name", "no search parameter"},
		{"Observation", "value-quantity=five", fault.Invalid, "value-quantity", `begins with "fi", which is no prefix`},
		{"Observation", "value-quantity=gt", fault.Invalid, "value-quantity", "is no number"},
		{"Observation", "value-quantity=5%C3%A9", fault.Invalid, "value-quantity", "is no number"},
		{"Observation", "value-quantity=%C3%A95", fault.Invalid, "value-quantity", "no prefix"},
		{"Observation", "value-quantity=5|mg", fault.Invalid, "value-quantity", "number, number|system|code or number||unit"},
		{"Observation", "value-quantity=5|a|b|c", fault.Invalid, "value-quantity", "number|system|code"},
		{"Observation", "value-quantity=1e1000000", fault.Invalid, "value-quantity", "is no number"},
		{"RiskAssessment", "probability=1.2.3", fault.Invalid, "probability", "is no number"},
		{"RiskAssessment", "probability=0x10", fault.Invalid, "probability", "is no number"},
		{"RiskAssessment", "probability:exact=1", fault.Invalid, "probability:exact", "It takes: :missing."},
		{"ValueSet", "url:contains=a", fault.Invalid, "url:contains", "It takes: :missing, :below, :above."},
		{"ValueSet", "url:below=urn:oid:1.2.3", fault.Invalid, "url:below", "is no URL"},
		{"ValueSet", "url:above=abc", fault.Invalid, "url:above", "is no URL"},
		{"Patient", "_profile=%7C1", fault.Invalid, "_profile", "is no URL"},
		{"Observation", "code-value-quantity=a", fault.Invalid, "code-value-quantity", "must be 2 values separated by $: token$quantity"},
		{"Observation", "code-value-quantity=a$5$6", fault.Invalid, "code-value-quantity", "2 values"},
		{"Observation", "code-value-quantity=a$", fault.Invalid, "code-value-quantity", "lacks a part"},
		{"Observation", "code-value-quantity=$5", fault.Invalid, "code-value-quantity", "lacks a part"},
		{"Observation", "code-value-quantity=a$five", fault.Invalid, "code-value-quantity", "no prefix"},
		{"Observation", "code-value-quantity:not=a$5", fault.Invalid, "code-value-quantity:not", "It takes: :missing."},
		{"MolecularSequence", "chromosome-variant-coordinate=1$2", fault.Invalid, "chromosome-variant-coordinate", "token$number$number"},
		{"Observation", "subject:above=Patient/1", fault.Invalid, "subject:above", "It takes: :missing, :identifier, :[type]."},
		{"Patient", "_query=x", fault.Unsupported, "_query", "no named queries"},
		{"Patient", "_text=--", fault.Invalid, "_text", "no word"},
		{"Patient", "_text:exact=a", fault.Invalid, "_text:exact", "It takes: :missing."},
		{"Location", "near=20.1", fault.Invalid, "near", "latitude|longitude|distance|unit"},
		{"Location", "near=91|0", fault.Invalid, "near", "from -90 to 90"},
		{"Location", "near=10|181", fault.Invalid, "near", "from -180 to 180"},
		{"Location", "near=10|a", fault.Invalid, "near", "latitude|longitude"},
		{"Location", "near=10|NaN", fault.Invalid, "near", "latitude|longitude"},
		{"Location", "near=10|10|-1", fault.Invalid, "near", "latitude|longitude"},
		{"Location", "near=10|10|1|kg", fault.Invalid, "near", "must be a length"},
		{"Location", "near=10|10|1|km|x", fault.Invalid, "near", "latitude|longitude"},
		{"Observation", "code:of-type=a|b|c", fault.Invalid, "code:of-type", "is for identifiers"},
		{"Patient", "identifier:of-type=a|b", fault.Invalid, "identifier:of-type", "system|code|value"},
		{"Patient", "identifier:of-type=a||c", fault.Invalid, "identifier:of-type", "system|code|value"},
		{"Patient", "gender:text=%CC%81", fault.Invalid, "gender:text", "nothing to search for"},
		{"Patient", "name:fuzzy=x", fault.Invalid, "name:fuzzy", `does not take the modifier ":fuzzy". It takes: :missing, :exact, :contains.`},
		{"Patient", "name:=x", fault.Invalid, "name:", "modifier"},
		{"Patient", "name:not=x", fault.Invalid, "name:not", "modifier"},
		{"Patient", "gender:contains=x", fault.Invalid, "gender:contains", "It takes: :missing, :not, :text, :in, :not-in, :below, :above, :of-type."},
		{"Observation", "code:below=8480-6", fault.Invalid, "code:below", "must be written system|code"},
		{"Observation", "code:above=http://loinc.org|", fault.Invalid, "code:above", "must be written system|code"},
		{"Observation", "code:in=", fault.Invalid, "code:in", "has no value"},
		{"Patient", "birthdate:exact=2026", fault.Invalid, "birthdate:exact", "modifier"},
		{"Observation", "subject:Nobody=1", fault.Invalid, "subject:Nobody", "modifier"},
		{"Observation", "subject:[type]=1", fault.Invalid, "subject:[type]", "modifier"},
		{"Observation", "subject:Medication=1", fault.Invalid, "subject:Medication", "cannot point to Medication. It points to: Device, Group, Location, Patient."},
		{"Observation", "subject:Patient=Group/1", fault.Invalid, "subject:Patient", "an id or Patient/id"},
		{"Observation", "subject=Medication/1", fault.Invalid, "subject", "cannot point to Medication"},
		{"Observation", "subject=Patient/1/_history/2", fault.Unsupported, "subject", "one version"},
		{"Observation", "subject=a b", fault.Invalid, "subject", "no reference"},
		{"Observation", "date=xx2026", fault.Invalid, "date", `begins with "xx", which is no prefix`},
		{"Observation", "date=GE2026", fault.Invalid, "date", "no prefix"},
		{"Observation", "date=2026-13", fault.Invalid, "date", "is no date"},
		{"Observation", "date=2026-02-30", fault.Invalid, "date", "is no date"},
		{"Observation", "date=ge", fault.Invalid, "date", "is no date"},
		{"Observation", "date=12.03.2026", fault.Invalid, "date", "is no date"},
		{"Patient", "name=", fault.Invalid, "name", "has no value"},
		{"Patient", "name=a,,b", fault.Invalid, "name", "empty one"},
		{"Patient", "name=%CC%81", fault.Invalid, "name", "nothing to search for"},
		{"Patient", "name=a%5Cb", fault.Invalid, "name", "backslash"},
		{"Patient", "name=a%00", fault.Invalid, "name", "control characters"},
		{"Patient", "name=%FF", fault.Invalid, "name", "UTF-8"},
		{"Patient", "identifier=|", fault.Invalid, "identifier", "neither system nor code"},
		{"Patient", "name:missing=yes", fault.Invalid, "name:missing", "true or false"},
		{"Patient", "name:missing=true,false", fault.Invalid, "name:missing", "one value"},
	})
}

func TestParseRefusesControls(t *testing.T) {
	checkRefused(t, []refusal{
		{"Patient", "_count=x", fault.Invalid, "_count", "whole number"},
		{"Patient", "_count=-1", fault.Invalid, "_count", "whole number"},
		{"Patient", "_count=1&_count=2", fault.Invalid, "_count", "once"},
		{"Patient", "_sort=nope", fault.Invalid, "_sort", "to sort by"},
		{"Patient", "_sort=", fault.Invalid, "_sort", "once"},
		{"Observation", "_sort=code-value-quantity", fault.Unsupported, "_sort", "no order to sort by"},
		{"Patient", "_total=some", fault.Invalid, "_total", "none, estimate or accurate"},
		{"Patient", "_summary=all", fault.Invalid, "_summary", "true, text, data, count or false"},
		{"Patient", "_elements=name&_summary=true", fault.Invalid, "_summary", "together"},
		{"Patient", "_summary=text&_include=Patient:organization", fault.Invalid, "_summary", "together"},
		{"Patient", "_elements=name,", fault.Invalid, "_elements", "list of members"},
		{"Patient", "_elements=Observation.name", fault.Invalid, "_elements", "list of members"},
		{"Patient", "_contained=true", fault.Unsupported, "_contained", "not searched"},
		{"Patient", "_containedType=container", fault.Unsupported, "_containedType", "not searched"},
		{"Patient", "_filter=name eq x", fault.Unsupported, "_filter", "not served"},
		{"Patient", "_query=all", fault.Unsupported, "_query", "named queries"},
		{"Patient", "_type=Patient", fault.Invalid, "_type", "several types"},
		{"Patient", "_list=$current-allergies", fault.Unsupported, "_list", "functional list"},
		{"Patient", "_list=a b", fault.Invalid, "_list", "id of a List"},
		{"Patient", "_sort=name,name,name,name,name,name,name,name,name", fault.TooCostly, "_sort", "at most 8"},
		{"Patient", "_include:again=Patient:organization", fault.Unsupported, "_include:again", ":iterate"},
		{"Patient", "_include=Nobody:*", fault.Invalid, "_include", "not a resource type"},
		{"Patient", "_include=Observation:*", fault.Invalid, "_include", ":iterate"},
		{"Patient", "_include=Patient:*:Nobody", fault.Invalid, "_include", "cannot point to"},
		{"Patient", strings.Repeat("_include=Patient:organization&", 51), fault.Invalid, "_include", "at most 50"},
		{"Patient", "_format=xml", fault.Unsupported, "_format", "JSON"},
		{"Patient", "_pretty=1", fault.Invalid, "_pretty", "true or false"},
		{"Patient", "_include=organization", fault.Invalid, "_include", "Type:parameter"},
		{"Patient", "_include=Patient:name", fault.Invalid, "_include", "no reference parameter"},
		{"Patient", "_include=Observation:patient", fault.Invalid, "_include", "search of Patient must begin with that type"},
		{"Patient", "_include=Patient:organization:Device", fault.Invalid, "_include", "cannot point to"},
		{"Patient", "_revinclude=Encounter:location", fault.Invalid, "_revinclude", "does not point to Patient"},
		{"Patient", "_revinclude=Observation:subject:Device", fault.Invalid, "_revinclude", "does not point to Patient"},
		{"Patient", "_id=" + strings.Repeat("a,", 1000) + "a", fault.TooCostly, "", "at most 1000"},
	})
}

func TestParse(t *testing.T) {
	q := parse(t, "Observation", "patient=hoa&date=ge2026-01&date=lt2026-02&_sort=-date,code&_count=500&_total=estimate&_format=json&_pretty=true&_summary=false"+
		"&_include=Observation:patient&_include=Observation:encounter:Encounter&_revinclude=Provenance:target")
	if q.Count != search.MaxCount || q.Total != search.TotalEstimate || len(q.Clauses) != 3 {
		t.Errorf("%+v", q)
	}
	if len(q.Sort) != 2 || q.Sort[0].Param.Code != "date" || !q.Sort[0].Descending || q.Sort[1].Descending {
		t.Errorf("sort %+v", q.Sort)
	}
	if len(q.Include) != 2 || q.Include[1].Target != "Encounter" || len(q.RevInclude) != 1 || q.RevInclude[0].Source != "Provenance" {
		t.Errorf("include %+v %+v", q.Include, q.RevInclude)
	}
	want := url.Values{
		"patient": {"hoa"}, "date": {"ge2026-01", "lt2026-02"}, "_sort": {"-date,code"}, "_count": {"200"}, "_total": {"estimate"},
		"_include": {"Observation:patient", "Observation:encounter:Encounter"}, "_revinclude": {"Provenance:target"},
	}
	if diff := cmp.Diff(want, q.Values); diff != "" {
		t.Error(diff)
	}
	again, err := search.Parse("Observation", q.Values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(q.Values, again.Values); diff != "" {
		t.Error(diff)
	}
}

func TestParseDefaults(t *testing.T) {
	q := parse(t, "Patient", "")
	if q.Count != search.DefaultCount || q.Total != search.TotalNone || len(q.Clauses) != 0 || len(q.Values) != 0 {
		t.Errorf("%+v", q)
	}
	for _, query := range []string{"_count=0", "_summary=count", "_summary=count&_count=5&_total=none", "_count=0&_total=none"} {
		q := parse(t, "Patient", query)
		if q.Count != 0 || q.Total != search.TotalAccurate {
			t.Errorf("%s: count %d, total %s", query, q.Count, q.Total)
		}
	}
}

// FuzzSearch: whatever is asked of whichever type, the answer is a query or a sentence; a query can be rebuilt from its values and
// says the same of a resource, and a match is reached by every driving clause.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"name=nguyen&birthdate=ge1950&gender=female", "identifier=http://fhir.hl7.org.vn/core/sid/cccd|036158004321", "name:exact=Hòa", "_id=hoa,b",
		`name=a\,b\|c`, "_lastUpdated=ap2026-03-02T08:15:30.250 07:00", "general-practitioner:Practitioner=duc", "address:contains=ninh&_sort=-name", "birthdate=ne1958,sa1957-12-31",
		"component-value-quantity=gt140|http://unitsofmeasure.org|mm[Hg]&_sort=component-value-quantity", "combo-code-value-quantity=8480-6$ge1e2||mm[Hg]", "value-quantity=ap.5e-3,-1||",
		"near=20.2|106.2|10|km&_sort=name", "_text=huyet ap&_content=a", "identifier:of-type=|MR|1", "code:text=huyết", "_profile:below=http://x/", "_source:above=http://x/a/b#c", "code:in=ValueSet/x",
	} {
		f.Add(s)
	}
	type indexed struct {
		r    *fhir.Resource
		keys []string
	}
	var all []indexed
	for _, r := range []*fhir.Resource{
		load(f, "patient"), load(f, "blood-pressure"), load(f, "glucose"),
		read(f, `{"resourceType":"Location","meta":{"source":"http://x/a","profile":["http://x/b|1"]},"text":{"div":"<div>huyết áp</div>"},"position":{"latitude":20.2,"longitude":106.2}}`),
	} {
		all = append(all, indexed{r, search.Extract(r).Keys})
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for _, x := range all {
			q, err := search.Parse(x.r.Type, values)
			if err != nil {
				if fault.CodeOf(err) == fault.Internal || fault.MessageOf(err) == "" {
					t.Fatalf("%q: %v", query, err)
				}
				continue
			}
			again, err := search.Parse(x.r.Type, q.Values)
			if err != nil || again.Match(x.r) != q.Match(x.r) {
				t.Fatalf("%q again as %q: %v", query, q.Values.Encode(), err)
			}
			for _, k := range q.Sort {
				k.Value(x.r)
			}
			for i := range q.Clauses {
				if q.Match(x.r) && !reached(t, &q.Clauses[i], x.keys) {
					t.Fatalf("%q matches and is not reached by clause %d", query, i)
				}
			}
		}
	})
}
