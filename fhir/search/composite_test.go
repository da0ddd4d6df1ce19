package search_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// R4, search.html#composite: the parts must be satisfied by one element together.
func TestComposite(t *testing.T) {
	resources := map[string]*fhir.Resource{
		"bp": load(t, "blood-pressure"), "glucose": load(t, "glucose"),
		"colour": read(t, `{"resourceType":"Observation","code":{"coding":[{"system":"urn:c","code":"colour"},{"code":"a$b"}]},"valueString":"Đỏ, nhạt"}`),
		"group":  read(t, `{"resourceType":"Group","characteristic":[{"code":{"coding":[{"code":"gender"}]},"valueCodeableConcept":{"coding":[{"code":"mixed"}]}},{"code":{"coding":[{"code":"owner"}]},"valueBoolean":true}]}`),
		"dna": read(t, `{"resourceType":"MolecularSequence","referenceSeq":{"chromosome":{"coding":[{"system":"urn:ch","code":"1"}]},"windowStart":5,"windowEnd":9},
			"variant":[{"start":128,"end":130},{"start":200,"end":230}]}`),
		"document": read(t, `{"resourceType":"DocumentReference","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/a"}},{"code":"signs","target":{"reference":"DocumentReference/b"}}]}`),
		"measure":  read(t, `{"resourceType":"Measure","useContext":[{"code":{"system":"urn:u","code":"age"},"valueRange":{"low":{"value":40,"system":"http://unitsofmeasure.org","code":"a"}}}]}`),
	}
	tests := []struct {
		name, query string
		want        bool
	}{
		{"bp", "component-code-value-quantity=http://loinc.org|8480-6$gt140", true},
		{"bp", "component-code-value-quantity=8480-6$gt140|http://unitsofmeasure.org|mm[Hg]", true},
		{"bp", "component-code-value-quantity=8480-6$ge19.9|http://unitsofmeasure.org|kPa", true},
		{"bp", "component-code-value-quantity=8480-6$lt140", false},
		{"bp", "component-code-value-quantity=8462-4$gt140", false}, // the diastolic is 95
		{"bp", "component-code-value-quantity=http://loinc.org|$95", true},
		{"bp", "component-code-value-quantity=urn:x|8480-6$gt140", false},
		{"bp", "component-code-value-quantity=8480-6$gt200,8462-4$ge90", true},
		{"bp", "combo-code-value-quantity=8480-6$gt140", true},
		{"bp", "combo-code-value-quantity=85354-9$gt140", false},
		{"bp", "code-value-quantity=8480-6$gt140", false},
		{"bp", "component-code-value-quantity:missing=false", true},
		{"bp", "code-value-quantity:missing=true", true},
		{"bp", "combo-code-value-quantity:missing=false", true},
		{"glucose", "code-value-quantity=http://loinc.org|15074-8$6.3|http://unitsofmeasure.org|mmol/L", true},
		{"glucose", "code-value-quantity=15074-8$6.3||mmol/L", true},
		{"glucose", "code-value-quantity=15074-8$113|http://unitsofmeasure.org|mg/dL", false},
		{"glucose", "code-value-quantity=15074-8$ap6", true},
		{"glucose", "combo-code-value-quantity=15074-8$sa6.2", true},
		{"colour", "code-value-string=colour$do", true},
		{"colour", "code-value-string=urn:c|colour$đỏ\\, nh", true},
		{"colour", `code-value-string=a\$b$do`, true},
		{"colour", "code-value-string=colour$xanh", false},
		{"group", "characteristic-value=gender$mixed", true},
		{"group", "characteristic-value=gender$true", false},
		{"group", "characteristic-value=owner$true", true},
		{"dna", "chromosome-variant-coordinate=1$lt129$gt129", true},
		{"dna", "chromosome-variant-coordinate=1$lt129$gt200", false}, // the end of another variant
		{"dna", "chromosome-variant-coordinate=2$lt129$gt129", false},
		{"dna", "chromosome-window-coordinate=urn:ch|1$5$9", true},
		{"document", "relationship=replaces$DocumentReference/a", true},
		{"document", "relationship=replaces$b", false},
		{"document", "relationship=signs$b", true},
		{"measure", "context-type-quantity=urn:u|age$ge50|http://unitsofmeasure.org|a", true},
		{"measure", "context-type-quantity=urn:u|age$lt40|http://unitsofmeasure.org|a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.query, func(t *testing.T) {
			if got := asked(t, resources[tt.name], tt.query); got != tt.want {
				t.Errorf("match is %v", got)
			}
		})
	}
}

// drawObservation makes one with a value and components of few codes, so that a part of one and a part of another often come close.
func drawObservation(t *rapid.T) *fhir.Resource {
	code := func() *fhir.Builder {
		return fhir.Build().List("coding", fhir.Coding(draw(t, "system", someURLs), draw(t, "code", someCodes), ""), fhir.Coding("", maybe(t, someCodes), ""))
	}
	value := func(b *fhir.Builder) *fhir.Builder {
		switch rapid.IntRange(0, 4).Draw(t, "value") {
		case 0:
			b.String("valueString", draw(t, "text", someTexts))
		case 1:
			b.Object("valueCodeableConcept", code())
		case 2:
			b.String("valueDateTime", draw(t, "date", someDates))
		case 3:
			b.Object("valuePeriod", fhir.Build().String("start", draw(t, "date", someDates)))
		default:
			unit := rapid.SampledFrom([]string{"mg", "g", "viên"}).Draw(t, "unit")
			b.Object("valueQuantity", fhir.Build().Raw("value", []byte(drawDecimal(t))).String("system", "http://unitsofmeasure.org").String("code", unit))
		}
		return b
	}
	b := value(fhir.BuildResource("Observation", "a").Object("code", code()))
	r, err := fhir.Parse(b.List("component", value(fhir.Build().Object("code", code())), value(fhir.Build().Object("code", code()))).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestJudgedAmounts: keys that lie well within what is asked prove it, so that resources need not be read.
func TestJudgedAmounts(t *testing.T) {
	for query, want := range map[string]bool{
		"component-value-quantity=gt140": true, "component-value-quantity=gt150": false, "component-value-quantity=gt140||mm[Hg]": false,
		"component-value-quantity=gt18|http://unitsofmeasure.org|kPa": false, "combo-value-quantity=95": true, "component-value-quantity=ne95": true,
		"component-code-value-quantity=8480-6$gt140": true, "component-code-value-quantity=http://loinc.org|8480-6$gt140": false,
		"component-code-value-quantity=8480-6$ap16|http://unitsofmeasure.org|kPa": false, "combo-code-value-quantity=8462-4$le100": true,
		"component-value-quantity:missing=false": false,
	} {
		bp := load(t, "blood-pressure")
		keys := search.Extract(bp).Keys
		q := parse(t, "Observation", query)
		checkJudged(t, &q.Clauses[0], keys, q.Match(bp))
		proven := slices.ContainsFunc(keys, func(k string) bool { return q.Clauses[0].Judge(k) == search.Holds })
		if proven != want {
			t.Errorf("%s: proven by a key: %v", query, proven)
		}
	}
	kilos := read(t, `{"resourceType":"Observation","valueQuantity":{"value":500,"system":"http://unitsofmeasure.org","code":"g"}}`)
	q := parse(t, "Observation", "value-quantity=lt1|http://unitsofmeasure.org|kg")
	if !slices.ContainsFunc(search.Extract(kilos).Keys, func(k string) bool { return q.Clauses[0].Judge(k) == search.Holds }) {
		t.Error("a key in base units does not prove what it holds")
	}
	set := read(t, `{"resourceType":"ValueSet","url":"http://x/a/b"}`)
	for query, want := range map[string]bool{"url=http://x/a/b": true, "url:below=http://x/a": true, "url:above=http://x/a/b/c": true, "url=http://x/a": false} {
		q := parse(t, "ValueSet", query)
		if got := q.Clauses[0].Judge("ValueSet|url|x|http://x/a/b") == search.Holds; got != want || q.Match(set) != want {
			t.Errorf("%s: proven by a key: %v", query, got)
		}
	}
}

func TestEveryCompositeIsReached(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		r := drawObservation(t)
		keys := search.Extract(r).Keys
		second := map[string]func() string{
			"code-value-string": func() string { return escaper.Replace(draw(t, "text", someTexts)) },
			"code-value-date":   func() string { return draw(t, "prefix", somePrefix) + draw(t, "date", someDates) },
		}
		concept := func() string { return drawToken(t) }
		quantity := func() string {
			return draw(t, "prefix", somePrefix) + drawDecimal(t) + rapid.SampledFrom(someAsked).Draw(t, "asked")
		}
		for _, lead := range []string{"", "component-", "combo-"} {
			second[lead+"code-value-concept"], second[lead+"code-value-quantity"] = concept, quantity
		}
		for code, one := range second {
			value := drawToken(t) + "$" + one()
			q, err := search.Parse("Observation", map[string][]string{code: {value}})
			if err != nil {
				t.Fatalf("%s=%s: %v", code, value, err)
			}
			checkJudged(t, &q.Clauses[0], keys, q.Match(r))
			if !q.Match(r) {
				continue
			}
			matched++
			if !reached(t, &q.Clauses[0], keys) {
				ranges, _ := q.Clauses[0].Ranges()
				t.Fatalf("%s=%s matches %s and is not reached: keys %q, ranges %q", code, value, r.Raw, keys, ranges)
			}
		}
	})
	if matched == 0 {
		t.Error("nothing matched, so nothing was tested")
	}
}
