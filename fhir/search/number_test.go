package search_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// asked asks one query of one resource, and checks that what matches is reached.
func asked(t testing.TB, r *fhir.Resource, query string) bool {
	t.Helper()
	q := parse(t, r.Type, query)
	match := q.Match(r)
	for i := range q.Clauses {
		if match && !reached(t, &q.Clauses[i], search.Extract(r).Keys) {
			t.Errorf("%s matches and is not reached by clause %d", query, i)
		}
	}
	return match
}

func risk(t testing.TB, number string) *fhir.Resource {
	t.Helper()
	return read(t, `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":`+number+`}]}`)
}

// The examples of R4, search.html#number, and their edges.
func TestNumber(t *testing.T) {
	tests := []struct{ query, yes, no string }{
		{"100", "100 99.5 100.49 1e2 100.4999999999999999999999 99.50", "99.49 100.5 99.4999999999999999999999 -100"},
		{"100.00", "100 99.995 100.004", "100.005 99.9949999999999999999999999"},
		{"1e2", "50 100 149.99", "49.9 150"},
		{"1.0e2", "95 104.9", "94.9 105"},
		{"1e-2", "0.005 0.0149", "0.004 0.015"},
		{"eq0", "0 -0.5 0.49 -0", "0.5 -0.51"},
		{"-2", "-2 -2.5 -1.51", "-1.5 -2.51 2"},
		{"ne100", "99.49 100.5 0", "100 99.5"},
		{"lt100", "99.9999999999999999999 -1e300", "100 100.0 100.1"},
		{"le100", "100 99", "100.0000000000000000001"},
		{"gt100", "100.0000000000000000001 1e300 1e400", "100 99"},
		{"ge100", "100 100.1", "99.9999999999999999999"},
		{"sa100", "100.1", "100 99"},
		{"eb100", "99.9", "100 101"},
		{"ap100", "90 110 100", "89.9 110.1"},
		{"ap1e2", "50 150", "49 151"},
		{"ap-10", "-11 -9", "-11.1 -8.9 10"},
		{"ap0", "0 0.5 -0.5", "0.6"},
		{"%2B5", "5", "6"},
		{".5", "0.5", "0.6"},
		{"1,3", "1 3", "2"},
		{"lt1,gt3", "0 4", "1 2 3"},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			for want, numbers := range map[bool]string{true: tt.yes, false: tt.no} {
				for number := range strings.FieldsSeq(numbers) {
					if got := asked(t, risk(t, number), "probability="+tt.query); got != want {
						t.Errorf("%s: match is %v", number, got)
					}
				}
			}
		})
	}
}

// What is no point: a Range holds its ends, and a comparator leaves its value out.
func TestExtent(t *testing.T) {
	values := map[string]string{
		"2-4": `"valueQuantity":{"value":0},"prediction":[{"probabilityRange":{"low":{"value":2},"high":{"value":4}}}]`,
		"-4":  `"prediction":[{"probabilityRange":{"high":{"value":4}}}]`,
		"2-":  `"prediction":[{"probabilityRange":{"low":{"value":2}}}]`,
	}
	tests := map[string]string{ // those that match
		"3": "", "3e0": "", "0e1": "2-4", "ne3": "2-4 -4 2-",
		"gt3": "2-4 -4 2-", "gt4": "2-", "ge4": "2-4 -4 2-", "ge5": "2-", "lt2": "-4", "le2": "2-4 -4 2-", "lt1": "-4",
		"sa1": "2-4 2-", "sa2": "", "eb5": "2-4 -4", "eb4": "", "ap5": "2-", "ap4.2": "2-4 -4 2-", "ap1": "-4", "ap10": "2-",
	}
	for query, matching := range tests {
		for name, members := range values {
			t.Run(query+" of "+name, func(t *testing.T) {
				want := strings.Contains(" "+matching+" ", " "+name+" ")
				if got := asked(t, read(t, `{"resourceType":"RiskAssessment",`+members+`}`), "probability="+query); got != want {
					t.Errorf("match is %v", got)
				}
			})
		}
	}
	comparators := map[string]map[string]string{ // comparator: query: value
		"<":  {"lt5": "5", "lt1": "5", "le5": "5", "eb5": "5"},
		"<=": {"lt5": "5", "le5": "5", "ge5": "5", "eb6": "5"},
		">":  {"gt5": "5", "gt9": "5", "sa5": "5", "ge5": "5"},
		">=": {"ge5": "5", "gt5": "5", "le5": "5", "sa4": "5"},
	}
	never := map[string][]string{
		"<": {"5", "ge5", "gt5", "sa1"}, "<=": {"5", "gt5", "eb5", "sa5"}, ">": {"5", "le5", "lt5", "eb9"}, ">=": {"5", "lt5", "sa5", "eb9"},
	}
	for comparator, queries := range comparators {
		r := read(t, `{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":"`+comparator+`","unit":"mg"}}`)
		for query := range queries {
			if !asked(t, r, "value-quantity="+query) {
				t.Errorf("%s does not match %s5", query, comparator)
			}
		}
		for _, query := range never[comparator] {
			if asked(t, r, "value-quantity="+query) {
				t.Errorf("%s matches %s5", query, comparator)
			}
		}
	}
}

// The examples of R4, search.html#quantity, units of one dimension, and what must be kept apart.
func TestQuantity(t *testing.T) {
	quantities := map[string]string{
		"mg":       `{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}`,
		"g":        `{"value":0.0054,"unit":"g","system":"http://unitsofmeasure.org","code":"g"}`,
		"viên":     `{"value":5.4,"unit":"viên"}`,
		"other":    `{"value":5.4,"unit":"milligram","system":"urn:other","code":"mg"}`,
		"mmol/L":   `{"value":5.4,"unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"}`,
		"mg/dL":    `{"value":97.2,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}`,
		"Cel":      `{"value":38.5,"system":"http://unitsofmeasure.org","code":"Cel"}`,
		"[degF]":   `{"value":101.3,"system":"http://unitsofmeasure.org","code":"[degF]"}`,
		"mm[Hg]":   `{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`,
		"kPa":      `{"value":16.0,"unit":"kPa","system":"http://unitsofmeasure.org","code":"kPa"}`,
		"bad ucum": `{"value":5.4,"system":"http://unitsofmeasure.org","code":"viên"}`,
	}
	tests := map[string]string{
		"5.4":                                      "mg,viên,other,mmol/L,bad ucum",
		"5.4|http://unitsofmeasure.org|mg":         "mg,g",
		"5.40e-3|http://unitsofmeasure.org|g":      "mg,g",
		"5400|http://unitsofmeasure.org|ug":        "mg,g",
		"ge5.4|http://unitsofmeasure.org|mg":       "mg,g",
		"gt5.4|http://unitsofmeasure.org|mg":       "",
		"ap5|http://unitsofmeasure.org|mg":         "mg,g",
		"5.4||mg":                                  "mg,other",
		"5.4||viên":                                "viên,bad ucum",
		"5.4|urn:other|mg":                         "other",
		"5.4|urn:other|":                           "other",
		"5.4|http://unitsofmeasure.org|":           "mg,mmol/L,bad ucum",
		"5.4||":                                    "mg,viên,other,mmol/L,bad ucum",
		"5.4|http://unitsofmeasure.org|mmol/L":     "mmol/L",
		"ge90|http://unitsofmeasure.org|mg/dL":     "mg/dL",
		"gt38|http://unitsofmeasure.org|Cel":       "Cel,[degF]",
		"ge38.5|http://unitsofmeasure.org|Cel":     "Cel,[degF]",
		"le101.3|http://unitsofmeasure.org|[degF]": "Cel,[degF]",
		"120|http://unitsofmeasure.org|mm[Hg]":     "mm[Hg],kPa",
		"gt119|http://unitsofmeasure.org|mm[Hg]":   "mm[Hg],kPa",
		"5.4|http://unitsofmeasure.org|viên":       "bad ucum",
		"1000|http://unitsofmeasure.org|mg,5.4|http://unitsofmeasure.org|g": "",
		"ne5.4|http://unitsofmeasure.org|mg":                                "",
		"ne6|http://unitsofmeasure.org|mg":                                  "mg,g",
	}
	for query, matching := range tests {
		t.Run(query, func(t *testing.T) {
			for name, q := range quantities {
				want := strings.Contains(","+matching+",", ","+name+",")
				if got := asked(t, read(t, `{"resourceType":"Observation","valueQuantity":`+q+`}`), "value-quantity="+query); got != want {
					t.Errorf("%s: match is %v", name, got)
				}
			}
		})
	}
}

func TestQuantityTypes(t *testing.T) {
	tests := []struct {
		name, raw, query string
		want             bool
	}{
		{"money", `{"resourceType":"Invoice","totalNet":{"value":250000,"currency":"VND"}}`, "totalnet=250000|urn:iso:std:iso:4217|VND", true},
		{"money by code", `{"resourceType":"Invoice","totalNet":{"value":250000,"currency":"VND"}}`, "totalnet=ge2e5||VND", true},
		{"other money", `{"resourceType":"Invoice","totalNet":{"value":250000,"currency":"VND"}}`, "totalnet=250000||USD", false},
		{"age", `{"resourceType":"Condition","onsetAge":{"value":1,"system":"http://unitsofmeasure.org","code":"a"}}`, "onset-age=gt11|http://unitsofmeasure.org|mo", true},
		{"range of ages", `{"resourceType":"Condition","onsetRange":{"low":{"value":40,"system":"http://unitsofmeasure.org","code":"a"},"high":{"value":50,"system":"http://unitsofmeasure.org","code":"a"}}}`, "onset-age=sa39|http://unitsofmeasure.org|a", true},
		{"range in two units", `{"resourceType":"Condition","onsetRange":{"low":{"value":40,"code":"a"},"high":{"value":50,"code":"mo"}}}`, "onset-age=ge1", false},
		{"range with one end", `{"resourceType":"Condition","onsetRange":{"high":{"value":50,"system":"http://unitsofmeasure.org","code":"a"}}}`, "onset-age=eb51|http://unitsofmeasure.org|a", true},
		{"duration", `{"resourceType":"Encounter","length":{"value":90,"system":"http://unitsofmeasure.org","code":"min"}}`, "length=1.5|http://unitsofmeasure.org|h", true},
		{"samples", `{"resourceType":"Observation","valueSampledData":{"origin":{"value":-1,"code":"mV"},"factor":0.5,"data":"2 E -4 U 10"}}`, "value-quantity=le-3", true},
		{"samples lie within", `{"resourceType":"Observation","valueSampledData":{"origin":{"value":-1,"code":"mV"},"factor":0.5,"data":"2 E -4 U 10"}}`, "value-quantity=gt4", false},
		{"samples mirrored", `{"resourceType":"Observation","valueSampledData":{"origin":{"value":0,"code":"mV"},"factor":-0.5,"data":"2 8"}}`, "value-quantity=sa-4.1", true},
		{"no samples", `{"resourceType":"Observation","valueSampledData":{"origin":{"value":0},"data":"E"}}`, "value-quantity=ne7", false},
		{"components", `{"resourceType":"Observation","component":[{"valueQuantity":{"value":7}}]}`, "combo-value-quantity=7", true},
		{"combined", `{"resourceType":"Observation","valueQuantity":{"value":7}}`, "combo-value-quantity=7", true},
		{"not of a component", `{"resourceType":"Observation","valueQuantity":{"value":7}}`, "component-value-quantity=7", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := asked(t, read(t, tt.raw), tt.query); got != tt.want {
				t.Errorf("match is %v", got)
			}
		})
	}
}

// R4, search.html#uri.
func TestURI(t *testing.T) {
	url := func(s string) *fhir.Resource {
		return read(t, `{"resourceType":"ValueSet","url":"`+s+`","meta":{"profile":["`+s+`|1.0"]}}`)
	}
	long := "http://acme.org/" + strings.Repeat("u", 220)
	tests := []struct {
		query, url string
		want       bool
	}{
		{"url=http://acme.org/fhir/ValueSet/123", "http://acme.org/fhir/ValueSet/123", true},
		{"url=http://acme.org/fhir/valueset/123", "http://acme.org/fhir/ValueSet/123", false},
		{"url=urn:oid:1.2.3.4.5", "urn:oid:1.2.3.4.5", true},
		{"url=a,urn:oid:1.2", "urn:oid:1.2", true},
		{"url:below=http://acme.org/fhir/", "http://acme.org/fhir/ValueSet/123", true},
		{"url:below=http://acme.org/fhir", "http://acme.org/fhir/ValueSet/123", true},
		{"url:below=http://acme.org/fhir", "http://acme.org/fhir", true},
		{"url:below=http://acme.org/fhir", "http://acme.org/fhir#a", true},
		{"url:below=http://acme.org/fh", "http://acme.org/fhir", false},
		{"url:below=http://acme.org/fhir/", "http://acme.org/fhir", false},
		{"url:below=" + long, long + "/x", true},
		{"url:below=" + long + "1", long + "2", false},
		{"url:above=http://acme.org/fhir/ValueSet/123/_history/5", "http://acme.org/fhir/ValueSet/123", true},
		{"url:above=http://acme.org/fhir/ValueSet/123/_history/5", "http://acme.org/fhir/ValueSet/123/_history/5", true},
		{"url:above=http://acme.org/fhir/ValueSet/123", "http://acme.org/fhir/ValueSet/", true},
		{"url:above=http://acme.org/fhir/ValueSet/123", "http://acme.org", true},
		{"url:above=http://acme.org/fhir/ValueSet/123", "http://acme.org/fhir/ValueSet/12", false},
		{"url:above=http://acme.org/fhir/ValueSet/123", "http://acme.org/fhir/ValueSet/123/x", false},
		{"url:above=" + long + "/a/b", long + "/a", true},
		{"url:missing=false", "x", true},
		{"_profile=http://x/a", "http://x/a", true},
		{"_profile=http://x/a|1.0", "http://x/a", true},
		{"_profile=http://x/a|2.0", "http://x/a", false},
		{"_profile:below=http://x", "http://x/a", true},
	}
	for _, tt := range tests {
		t.Run(tt.query+" "+tt.url, func(t *testing.T) {
			if got := asked(t, url(tt.url), tt.query); got != tt.want {
				t.Errorf("match is %v", got)
			}
		})
	}
}

var (
	someUnits = []string{"", `"system":"http://unitsofmeasure.org","code":"mm[Hg]"`, `"system":"http://unitsofmeasure.org","code":"kPa"`, `"system":"http://unitsofmeasure.org","code":"[degF]"`, `"unit":"mg"`, `"system":"http://unitsofmeasure.org","code":"mg"`, `"system":"http://unitsofmeasure.org","code":"kg"`, `"system":"http://unitsofmeasure.org","code":"Cel"`, `"system":"http://unitsofmeasure.org","code":"K"`, `"system":"urn:x","code":"mg"`, `"system":"http://unitsofmeasure.org","code":"10*-3.g"`}
	someAsked = []string{"", "|http://unitsofmeasure.org|mm[Hg]", "|http://unitsofmeasure.org|Pa", "|http://unitsofmeasure.org|kg", "||mg", "|http://unitsofmeasure.org|mg", "|http://unitsofmeasure.org|g", "|http://unitsofmeasure.org|K", "|http://unitsofmeasure.org|Cel", "|http://unitsofmeasure.org|[degF]", "|urn:x|mg", "|http://unitsofmeasure.org|10*-3.g"}
)

// drawDecimal writes a number near a few places, where rounding matters, or anywhere.
func drawDecimal(t *rapid.T) string {
	switch rapid.IntRange(0, 3).Draw(t, "place") {
	case 0:
		return rapid.SampledFrom([]string{"0", "-0", "5", "5.0", "4.5", "5.5", "-5", "1e2", "100", "99.5", "149.9999999999999999", "50", "0.1", "0.10", "-273.15", "1e-400", "1e400", "-1e400", "1E+3", "1e310", "1e307", "1e-320", "1e-330", "1e-306", "3e-323", "123456789012.5"}).Draw(t, "number")
	case 1:
		return fmt.Sprintf("%d.%d", rapid.IntRange(-12, 12).Draw(t, "whole"), rapid.IntRange(0, 99).Draw(t, "fraction"))
	case 2:
		return fmt.Sprintf("%de%d", rapid.IntRange(-99, 99).Draw(t, "mantissa"), rapid.IntRange(-12, 12).Draw(t, "exponent"))
	}
	n := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "digits"))
	return fmt.Sprintf("%de%d", n, rapid.IntRange(-40, 10).Draw(t, "exponent"))
}

// TestEveryNumberIsReached: whatever a number or quantity query matches has a key in its ranges, whatever the units; and where
// the number asked is the number stated, eq, ge, le and ap hold and ne does not.
func TestEveryNumberIsReached(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		number := drawDecimal(t)
		quantity := `{"value":` + number
		if c := rapid.SampledFrom([]string{"", "", "", "<", "<=", ">", ">="}).Draw(t, "comparator"); c != "" {
			quantity += `,"comparator":"` + c + `"`
		}
		if unit := rapid.SampledFrom(someUnits).Draw(t, "unit"); unit != "" {
			quantity += "," + unit
		}
		quantity += "}"
		raw := `{"resourceType":"Observation","valueQuantity":` + quantity + `}`
		if rapid.IntRange(0, 5).Draw(t, "range") == 0 {
			raw = `{"resourceType":"Condition","onsetRange":{"low":` + quantity + `}}`
		}
		r, err := fhir.Parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		code := map[string]string{"Observation": "value-quantity", "Condition": "onset-age"}[r.Type]
		prefix, asked := rapid.SampledFrom(somePrefix).Draw(t, "prefix"), drawDecimal(t)
		if rapid.Bool().Draw(t, "same") {
			asked = number
		}
		value := prefix + asked + rapid.SampledFrom(someAsked).Draw(t, "asked")
		q, err := search.Parse(r.Type, map[string][]string{code: {value}})
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		checkJudged(t, &q.Clauses[0], search.Extract(r).Keys, q.Match(r))
		if !q.Match(r) {
			return
		}
		matched++
		if keys := search.Extract(r).Keys; !reached(t, &q.Clauses[0], keys) {
			ranges, _ := q.Clauses[0].Ranges()
			t.Fatalf("%s matches %s and is not reached: keys %q, ranges %q", value, raw, keys, ranges)
		}
	})
	if matched == 0 {
		t.Error("nothing matched, so nothing was tested")
	}
}

// TestNumbersAreExact compares with fractions made from the text in another way.
func TestNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDecimal(t), drawDecimal(t)
		x, ok := new(big.Rat).SetString(a)
		y, ok2 := new(big.Rat).SetString(b)
		if !ok || !ok2 {
			t.Fatal("no fraction")
		}
		r, err := fhir.Parse([]byte(`{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":` + a + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		c := x.Cmp(y)
		for prefix, want := range map[string]bool{"lt": c < 0, "le": c <= 0, "gt": c > 0, "ge": c >= 0, "sa": c > 0, "eb": c < 0} {
			q, err := search.Parse("RiskAssessment", map[string][]string{"probability": {prefix + b}})
			if err != nil {
				t.Fatal(err)
			}
			if q.Match(r) != want {
				t.Fatalf("%s %s%s: match is %v", a, prefix, b, !want)
			}
		}
		asc := search.SortKey{Param: search.Lookup("RiskAssessment", "probability")}
		other, err := fhir.Parse([]byte(`{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":` + b + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if v, w := asc.Value(r), asc.Value(other); c < 0 && v > w || c > 0 && v < w || v == "" {
			t.Fatalf("%s sorts as %q, %s as %q", a, v, b, w)
		}
	})
}

// Every home unit is the only one of its dimension, and among the usual ones.
func TestHomeUnits(t *testing.T) {
	want := map[string]string{
		"g.m-1.s-2": "mm[Hg]", "s-1": "/min", "K": "Cel", "g": "kg", "m": "cm", "g.m-2": "kg/m2", "m-3": "mmol/L", "g.m-3": "mg/dL", "1": "%", "s": "min", "m3": "mL", "m-3.s-1": "U/L",
	}
	if diff := cmp.Diff(want, search.HomeUnits()); diff != "" {
		t.Error(diff)
	}
}
