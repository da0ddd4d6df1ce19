package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// reached reports whether one of the keys is in a range of the clause, or the clause cannot drive.
func reached(t interface{ Fatalf(string, ...any) }, c *search.Clause, keys []string) bool {
	ranges, ok := c.Ranges()
	if !ok {
		return true
	}
	for _, r := range ranges {
		if r.Lo >= r.Hi {
			t.Fatalf("empty range %q of %s", r, c.Param.Code)
		}
		i, _ := slices.BinarySearch(keys, r.Lo)
		if i < len(keys) && keys[i] < r.Hi {
			return true
		}
	}
	return false
}

func TestMatch(t *testing.T) {
	resources := map[string]*fhir.Resource{
		"patient": load(t, "patient"), "bp": load(t, "blood-pressure"), "glucose": load(t, "glucose"),
		"nobody": read(t, `{"resourceType":"Patient","id":"x"}`),
	}
	yes := map[string][]string{
		"patient": {
			"", "_id=hoa", "_id=a,hoa", "_lastUpdated=2026-03-02", "_lastUpdated=gt2026-03-02T08:15:30.249%2B07:00", "_tag=urn:khamxa:source|screening",
			"name=nguyen thi hoa", "name=Nguyễn", "name=hoa", "name=thi ho", "name=HOÀ", "name:exact=Hòa", "name:contains=uyen", "name:contains=i h",
			"family=nguy", "given=thị", "name=nguyen&name=hoa", "name=tran,nguyen", "name:missing=false", "general-practitioner=duc",
			"identifier=036158004321", "identifier=http://fhir.hl7.org.vn/core/sid/cccd|036158004321", "identifier=http://fhir.hl7.org.vn/core/sid/cccd|",
			"gender=female", "gender=http://hl7.org/fhir/administrative-gender|female", "gender=|female", "gender:not=male", "gender:not=male,other",
			"active=true", "deceased=false", "death-date:missing=true", "phone=%2B84912345678", "email=HOA.nguyen@example.vn",
			"birthdate=1958-09", "birthdate=1958", "birthdate=ge1958-09-10", "birthdate=le1958-09-10", "birthdate=ne1958-09-02", "birthdate=lt1958-09-02", "birthdate=gt1958-09-29",
			"birthdate=sa1958-08", "birthdate=eb1958-10", "birthdate=ap1958-10", "birthdate=ge1958&birthdate=lt1959",
			"address=ninh binh", "address=hai thinh", "address-state=ninh",
			"organization=Organization/tyt-14221", "organization=tyt-14221", "organization:Organization=tyt-14221",
			"link:missing=true", `name:exact=Nguyễn Thị Hòa`,
		},
		"bp": {
			"code=85354-9", "code=http://loinc.org|85354-9", "code=http://loinc.org|", "code=urn:khamxa:local|HA", "combo-code=8480-6", "component-code=http://loinc.org|8462-4",
			"subject=Patient/hoa", "patient=hoa", "patient=Patient/hoa", "subject:Patient=hoa", "subject:Patient=Patient/hoa", "subject=hoa,other",
			"date=2026-03-01", "date=2026-03-01T08:20%2B07:00", "date=2026-03-01T01:20:00Z", "date=2026-03-01T08:20:00 07:00", "date=ge2026-01&date=lt2026-04", "date=gt2026-02-28", "date=lt2026-03-02",
			"date=ge2026-03-01T08:20:00%2B07:00", "date=le2026-03-01T08:20:00%2B07:00", "performer=Practitioner/duc", "performer:identifier=urn:khamxa:cskcb|36221", "performer:identifier=36221",
			"status=final", "status:not=entered-in-error", "encounter=kham-1", "identifier=urn:uuid:0b6c8a1e-6a57-4a4e-9b0c-0d1d5f0b5a10",
		},
		"glucose": {
			"subject=https://his.example.vn/fhir/Patient/77", "subject=https://his.example.vn/fhir/Patient/77/_history/9", "device:missing=false",
			"date=2026", "date=ge2026-03-01", "date=le2026-02-28", "date=gt2026-03-01", "date=lt2026-02-28", "date=ne2026-03-01", "date=ap2026-03-01", "date=sa2026-02-26", "date=eb2026-03-03",
		},
		"nobody": {"", "name:missing=true", "gender:not=male", "deceased=false"},
	}
	no := map[string][]string{
		"patient": {
			"_id=HOA", "_id=ho", "_lastUpdated=2026-03-01", "_lastUpdated=lt2026-03-02T08:15:30.250%2B07:00", "name=tran", "name=guyen", "name=nguyen&name=tran", "name:exact=hòa", "name:exact=Nguy", "name:contains=xyz", "name:missing=true",
			"given=thi hoa", "identifier=036158", "identifier=|036158004321", "identifier=http://other|036158004321", "gender=Female", "gender=http://other|female", "gender:not=female", "gender:not=male,female",
			"active=false", "deceased=true", "phone=hoa.nguyen@example.vn", "email=|x@y",
			"birthdate=1958-09-02", "birthdate=1959", "birthdate=ge1958-10", "birthdate=le1958-08", "birthdate=ne1958", "birthdate=lt1958-09-01", "birthdate=gt1958-09-30", "birthdate=sa1958-09", "birthdate=eb1958-09-20", "birthdate=ap1960-01",
			"birthdate=ge1959&birthdate=lt1960", "organization=Organization/tyt-1", "organization=tyt-1422", "organization:missing=true", "general-practitioner=bs",
		},
		"bp": {
			"code=85354", "code=ha", "code=http://loinc.org|HA", "subject=Group/hoa", "subject:Group=hoa", "subject=https://his.example.vn/fhir/Patient/hoa", "date=2026-03-02", "date=2026-03-01T08:20:01%2B07:00", "date=2026-03-01T08:20Z", "date=gt2026-03-01", "date=lt2026-03-01",
			"date=sa2026-03-01", "date=eb2026-03-01", "date=ne2026-03", "status=final&status=preliminary", "performer:identifier=urn:other|36221", "performer=36221", "device:missing=false",
		},
		"glucose": {
			"subject=Patient/77", "patient=77", "date=2026-03", "date=2026-02-27", "date=ge2026-03-02", "date=le2026-02-27", "date=ge2026-03-03", "date=le2026-02-26", "date=gt2026-03-02", "date=lt2026-02-27", "date=sa2026-02-27", "date=eb2026-03-02", "device=may-do", "device:missing=true",
		},
		"nobody": {"name=a", "gender=male", "birthdate=ne1958", "birthdate=lt3000", "birthdate:missing=false"},
	}
	for want, table := range map[bool]map[string][]string{true: yes, false: no} {
		for name, queries := range table {
			r := resources[name]
			keys := search.Extract(r).Keys
			for _, query := range queries {
				t.Run(fmt.Sprintf("%s/%v/%s", name, want, query), func(t *testing.T) {
					q := parse(t, r.Type, query)
					if q.Match(r) != want {
						t.Errorf("match is %v", !want)
					}
					for i := range q.Clauses {
						if want && !reached(t, &q.Clauses[i], keys) {
							t.Errorf("not reached by clause %d", i)
						}
					}
				})
			}
		}
	}
	if parse(t, "Observation", "").Match(resources["patient"]) {
		t.Error("a resource of another type matches")
	}
}

// Escapes: a comma, a bar and a backslash can be searched for.
func TestMatchEscaped(t *testing.T) {
	r := read(t, `{"resourceType":"Patient","name":[{"family":"a,b\\c"}],"identifier":[{"system":"s|t","value":"u,v"}]}`)
	for query, want := range map[string]bool{
		`family=a\,b\\c`: true, `family=a`: true, `family=b,a\,b`: true, `family=a\$b`: false,
		`identifier=s\|t|u\,v`: true, `identifier=s|t|u\,v`: false, `identifier=s\|t|`: true, `identifier=u\,v`: true, `identifier=u,v`: false,
	} {
		values := map[string][]string{}
		name, value, _ := strings.Cut(query, "=")
		values[name] = []string{value}
		q, err := search.Parse("Patient", values)
		if err != nil {
			t.Fatal(err)
		}
		if q.Match(r) != want {
			t.Errorf("%s: match is %v", query, !want)
		}
	}
}

func TestCannotDrive(t *testing.T) {
	for query, want := range map[string]bool{"gender:not=male": false, "name:missing=true": false, "name:missing=false": true, "name:contains=x": true, "gender=male": true} {
		q := parse(t, "Patient", query)
		if _, ok := q.Clauses[0].Ranges(); ok != want {
			t.Errorf("%s can drive: %v", query, ok)
		}
	}
}

// Two date clauses on one parameter drive with what they have in common.
func TestRangesNarrow(t *testing.T) {
	inside := read(t, `{"resourceType":"Observation","effectiveDateTime":"2026-01-15"}`)
	after := read(t, `{"resourceType":"Observation","effectiveDateTime":"2026-05-15"}`)
	q := parse(t, "Observation", "date=ge2026-01&date=lt2026-02")
	for i := range q.Clauses {
		if !reached(t, &q.Clauses[i], search.Extract(inside).Keys) {
			t.Errorf("clause %d does not reach what matches", i)
		}
		if reached(t, &q.Clauses[i], search.Extract(after).Keys) {
			t.Errorf("clause %d reads what lies outside both bounds", i)
		}
	}
	// A resource with several values may satisfy each clause by another of them.
	both := read(t, `{"resourceType":"Encounter","location":[{"period":{"start":"2025-01-01","end":"2025-01-01"}},{"period":{"start":"2027-01-01","end":"2027-01-01"}}]}`)
	q = parse(t, "Encounter", "location-period=ge2026-01&location-period=lt2026-02")
	if !q.Match(both) {
		t.Fatal("no match")
	}
	for i := range q.Clauses {
		if !reached(t, &q.Clauses[i], search.Extract(both).Keys) {
			t.Errorf("clause %d does not reach what matches", i)
		}
	}
}

var (
	someTexts  = []string{"Nguyễn", "Thị Hòa", "nguyen thi hoa", "Hoà", "Đ", "đông", "Mü", "ß", "ﬁ", "İ", "a,b", "a|b", strings.Repeat("ngữ ", 80), "\U0010FFFF", "x\u0301y", "~", "K"}
	someCodes  = []string{"a", "A", "b", "a b", "a|b", "a,b", "ạ", "true", "female", strings.Repeat("q", 230), strings.Repeat("q", 230) + "r", "K", "İ"}
	someURLs   = []string{"", "http://loinc.org", "urn:x", "http://a/" + strings.Repeat("u", 220) + "1", "http://a/" + strings.Repeat("u", 220) + "2"}
	someDates  = []string{"2026", "2025-12", "2026-01", "2026-01-01", "2026-01-31", "2026-02-01", "2026-01-01T00:00:00+07:00", "2025-12-31T17:00:00Z", "2026-01-15T10:30:00.5Z", "2026-01-31T23:59:59.999+07:00", "2026-01-15T10:30Z", "0001", "9999-12-31", "2024-02-29"}
	someRefs   = []string{"Patient/a", "Patient/b/_history/1", "Group/a", "Device/b", "https://x.vn/fhir/Patient/a", "urn:uuid:1", "#c", "https://x.vn/other", "nonsense"}
	somePrefix = []string{"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}
)

func draw(t *rapid.T, label string, from []string) string {
	return rapid.SampledFrom(from).Draw(t, label)
}

// drawResource makes an Observation, Patient or Encounter from the small pools above, so that queries from them often match.
func drawResource(t *rapid.T) *fhir.Resource {
	period := func() *fhir.Builder {
		return fhir.Build().String("start", maybe(t, someDates)).String("end", maybe(t, someDates))
	}
	coding := func() *fhir.Builder { return fhir.Coding(draw(t, "system", someURLs), maybe(t, someCodes), "") }
	ref := func() *fhir.Builder {
		return fhir.Build().String("reference", maybe(t, someRefs)).
			Object("identifier", fhir.Build().String("system", maybe(t, someURLs)).String("value", maybe(t, someCodes)))
	}
	var b *fhir.Builder
	switch draw(t, "type", []string{"Patient", "Observation", "Encounter"}) {
	case "Patient":
		name := func() *fhir.Builder {
			return fhir.Build().String("text", maybe(t, someTexts)).String("family", maybe(t, someTexts)).Strings("given", maybe(t, someTexts), maybe(t, someTexts))
		}
		b = fhir.BuildResource("Patient", "a").List("name", name(), name()).
			List("identifier", fhir.Build().String("system", maybe(t, someURLs)).String("value", maybe(t, someCodes))).
			List("telecom", fhir.Build().String("system", "email").String("value", maybe(t, someCodes))).
			String("birthDate", maybe(t, someDates)).String("gender", maybe(t, someCodes)).
			Object("managingOrganization", fhir.Build().String("reference", "Organization/a"))
	case "Observation":
		b = fhir.BuildResource("Observation", "a").Object("code", fhir.Build().List("coding", coding(), coding())).
			Object("subject", ref()).List("performer", ref(), ref())
		switch draw(t, "effective", []string{"DateTime", "Period", "Timing"}) {
		case "DateTime":
			b.String("effectiveDateTime", maybe(t, someDates))
		case "Period":
			b.Object("effectivePeriod", period())
		case "Timing":
			b.Object("effectiveTiming", fhir.Build().Strings("event", maybe(t, someDates), maybe(t, someDates)))
		}
	default:
		b = fhir.BuildResource("Encounter", "a").Object("subject", ref()).Object("period", period()).
			List("location", fhir.Build().Object("period", period()), fhir.Build().Object("period", period()))
	}
	r, err := fhir.Parse(b.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", b.Bytes(), err)
	}
	return r
}

func maybe(t *rapid.T, from []string) string {
	if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
		return ""
	}
	return draw(t, "value", from)
}

var escaper = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// drawClause makes one parameter that Parse accepts.
func drawClause(t *rapid.T, r *fhir.Resource) (name, value string) {
	codes := map[string][]string{
		"Patient": {"name", "family", "given", "identifier", "email", "birthdate", "gender", "organization"}, "Observation": {"code", "subject", "patient", "performer", "date"},
		"Encounter": {"subject", "date", "location-period"},
	}[r.Type]
	name = draw(t, "parameter", codes)
	var one func() string
	switch p := search.Lookup(r.Type, name); p.Kind {
	case search.Token:
		name += draw(t, "modifier", []string{"", "", "", ":not"})
		one = func() string { return drawToken(t) }
	case search.String:
		name += draw(t, "modifier", []string{"", "", ":exact", ":contains"})
		one = func() string { return escaper.Replace(draw(t, "text", someTexts)) }
	case search.Date:
		one = func() string { return draw(t, "prefix", somePrefix) + draw(t, "date", someDates) }
	default:
		if rapid.IntRange(0, 3).Draw(t, "by identifier") == 0 {
			name += ":identifier"
			one = func() string { return drawToken(t) }
			break
		}
		one = func() string {
			if p.Targets != nil && p.AllowsTarget("Patient") && p.AllowsTarget("Group") {
				return draw(t, "reference", []string{"a", "b", "Patient/a", "Patient/b", "Group/a", "https://x.vn/fhir/Patient/a", "urn:uuid:1", "https://x.vn/other"})
			}
			return draw(t, "reference", []string{"a", "b", "https://x.vn/fhir/Patient/a", "urn:uuid:1"})
		}
	}
	var terms []string
	for range rapid.IntRange(1, 2).Draw(t, "terms") {
		terms = append(terms, one())
	}
	return name, strings.Join(terms, ",")
}

func drawToken(t *rapid.T) string {
	code := escaper.Replace(draw(t, "code", someCodes))
	system := escaper.Replace(draw(t, "system", someURLs))
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return system + "|" + code
	case 1:
		return "http://loinc.org|"
	}
	return code
}

// TestRangesAreComplete is the contract of Ranges: whatever the query matches has a key in the ranges of every clause that
// can drive. It also counts, so that it cannot pass by matching nothing.
func TestRangesAreComplete(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		r := drawResource(t)
		index := search.Extract(r)
		values := map[string][]string{}
		for range rapid.IntRange(1, 3).Draw(t, "clauses") {
			name, value := drawClause(t, r)
			values[name] = append(values[name], value)
		}
		q, err := search.Parse(r.Type, values)
		if err != nil {
			t.Fatalf("%v: %v", values, err)
		}
		if !q.Match(r) {
			return
		}
		matched++
		if !slices.Contains(index.Keys, search.TypeKey(r.Type)) {
			t.Fatalf("no type key")
		}
		for i := range q.Clauses {
			if !reached(t, &q.Clauses[i], index.Keys) {
				ranges, _ := q.Clauses[i].Ranges()
				t.Fatalf("%s matches %v and is not reached by %s: keys %q, ranges %q", r.Raw, values, q.Clauses[i].Param.Code, index.Keys, ranges)
			}
		}
	})
	if matched == 0 {
		t.Error("nothing matched, so nothing was tested")
	}
}

// TestNotIsTheComplement: with one clause, exactly one of code=x and code:not=x holds; the same of :missing.
func TestNotIsTheComplement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawResource(t)
		for _, pair := range [][2]string{{"_id", "_id:not"}, {"identifier", "identifier:not"}} {
			value := drawToken(t)
			match := func(name string) bool {
				q, err := search.Parse(r.Type, map[string][]string{name: {value}})
				if err != nil {
					t.Fatalf("%v", err)
				}
				return q.Match(r)
			}
			if match(pair[0]) == match(pair[1]) {
				t.Fatalf("%s and %s say the same of %s", pair[0], pair[1], r.Raw)
			}
		}
		for _, p := range search.Params(r.Type) {
			if !p.Served() {
				continue
			}
			missing, err := search.Parse(r.Type, map[string][]string{p.Code + ":missing": {"true"}})
			if err != nil {
				t.Fatalf("%v", err)
			}
			there, err := search.Parse(r.Type, map[string][]string{p.Code + ":missing": {"false"}})
			if err != nil {
				t.Fatalf("%v", err)
			}
			if missing.Match(r) == there.Match(r) {
				t.Fatalf("%s is missing and not", p.Code)
			}
			keys := search.Extract(r).Keys
			if there.Match(r) && !reached(t, &there.Clauses[0], keys) {
				t.Fatalf("%s is there and not reached", p.Code)
			}
			_, drives := there.Clauses[0].Ranges()
			if drives && !p.Derived() && !there.Match(r) && reached(t, &there.Clauses[0], keys) {
				t.Fatalf("%s:missing=false is not exact", p.Code)
			}
		}
	})
}

func TestFollow(t *testing.T) {
	bp := load(t, "blood-pressure")
	q := parse(t, "Observation", "_include=Observation:patient&_include=Observation:performer&_include=Observation:subject:Group&_include=Observation:encounter")
	var got []string
	for _, i := range q.Include {
		got = append(got, i.Targets(bp)...)
	}
	if diff := cmp.Diff([]string{"Patient/hoa", "Practitioner/duc", "Encounter/kham-1"}, got); diff != "" {
		t.Error(diff)
	}
	rev := parse(t, "Patient", "_revinclude=Observation:patient").RevInclude[0]
	if !rev.PointsTo(bp, "Patient/hoa") || rev.PointsTo(bp, "Patient/x") || rev.PointsTo(load(t, "patient"), "Patient/hoa") {
		t.Error("PointsTo")
	}
	keys := search.Extract(bp).Keys
	found := slices.ContainsFunc(rev.Ranges("Patient/hoa"), func(r search.Range) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return r.Lo <= k && k < r.Hi })
	})
	if !found {
		t.Error("the ranges do not reach it")
	}
}

func TestSortValue(t *testing.T) {
	sorted := map[string][]string{ // resources in ascending order of the parameter
		"Observation?date": {`"effectiveDateTime":"0001"`, `"effectivePeriod":{"start":"2025"}`, `"effectiveDateTime":"2026-01-01"`, `"effectiveDateTime":"2026-01"`, `"effectiveDateTime":"2026"`, `"effectiveDateTime":"2026-01-01T00:00:00Z"`, `"effectiveDateTime":"2026-01-02"`},
		"Patient?family":   {`"name":[{"family":"Đặng"},{"family":"Z"}]`, `"name":[{"family":"Đào"}]`, `"name":[{"family":"nguyen"}]`, `"name":[{"family":"Trần"}]`},
		"Patient?name":     {`"name":[{"text":"An Z","family":"Z"}]`, `"name":[{"family":"Binh","prefix":["A"]}]`, `"name":[{"text":"Chi"}]`},
		"Patient?gender":   {`"gender":"female"`, `"gender":"male"`},
		"Observation?value-quantity": {
			`"valueQuantity":{"value":3,"unit":"viên"}`, `"valueQuantity":{"value":1,"code":"x"}`, `"valueQuantity":{"value":2,"code":"x"}`,
			`"valueQuantity":{"value":999,"system":"http://unitsofmeasure.org","code":"mg"}`, `"valueQuantity":{"value":1,"comparator":"<","system":"http://unitsofmeasure.org","code":"g"}`, `"valueQuantity":{"value":1001,"system":"http://unitsofmeasure.org","code":"mg"}`,
			`"valueQuantity":{"value":-1,"system":"http://unitsofmeasure.org","code":"mmol/L"}`, `"valueQuantity":{"value":0,"system":"http://unitsofmeasure.org","code":"mmol/L"}`,
		},
		"RiskAssessment?probability": {`"prediction":[{"probabilityDecimal":-1e3}]`, `"prediction":[{"probabilityDecimal":-1}]`, `"prediction":[{"probabilityDecimal":0.5},{"probabilityDecimal":7}]`, `"prediction":[{"probabilityRange":{"low":{"value":0.6}}}]`, `"prediction":[{"probabilityDecimal":10}]`},
		"ValueSet?url":               {`"url":"http://a"`, `"url":"http://a/b"`, `"url":"urn:a"`},
		"Patient?organization":       {`"managingOrganization":{"reference":"Organization/a"}`, `"managingOrganization":{"reference":"Organization/b"}`},
	}
	for name, members := range sorted {
		t.Run(name, func(t *testing.T) {
			typ, code, _ := strings.Cut(name, "?")
			asc := search.SortKey{Param: search.Lookup(typ, code)}
			last := ""
			for _, m := range members {
				v := asc.Value(read(t, `{"resourceType":"`+typ+`",`+m+`}`))
				if v == "" || v <= last {
					t.Errorf("%s sorts as %q, after %q", m, v, last)
				}
				last = v
			}
			if v := asc.Value(read(t, `{"resourceType":"`+typ+`"}`)); v != "" {
				t.Errorf("nothing sorts as %q", v)
			}
		})
	}
	two := read(t, `{"resourceType":"Patient","name":[{"family":"A"},{"family":"B"}]}`)
	p := search.Lookup("Patient", "family")
	if a, d := (search.SortKey{Param: p}).Value(two), (search.SortKey{Param: p, Descending: true}).Value(two); a != "a" || d != "b" {
		t.Errorf("ascending %q, descending %q", a, d)
	}
}

func BenchmarkMatch(b *testing.B) {
	r := load(b, "blood-pressure")
	for _, query := range []string{
		"code=85354-9", "date=ge2026-01", "combo-value-quantity=gt200", "combo-value-quantity=gt200|http://unitsofmeasure.org|mm[Hg]",
		"component-code-value-quantity=8480-6$gt140|http://unitsofmeasure.org|mm[Hg]", "code:text=huyet", "_content=huyet ap",
	} {
		b.Run(query, func(b *testing.B) {
			q := parse(b, "Observation", query)
			b.ReportAllocs()
			for b.Loop() {
				q.Match(r)
			}
		})
	}
}
