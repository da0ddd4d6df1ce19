package search_test

import (
	"slices"
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// pairs asks every query of every resource and checks that what matches is reached. It returns how many matched.
func pairs(t *testing.T, resources []*fhir.Builder, parameter string, values []string) int {
	t.Helper()
	type indexed struct {
		r    *fhir.Resource
		keys []string
	}
	var all []indexed
	for _, b := range resources {
		r := read(t, string(b.Bytes()))
		all = append(all, indexed{r, search.Extract(r).Keys})
	}
	matched := 0
	for _, value := range values {
		q, err := search.Parse(all[0].r.Type, map[string][]string{parameter: {value}})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			checkJudged(t, &q.Clauses[0], x.keys, q.Match(x.r))
			if !q.Match(x.r) {
				continue
			}
			matched++
			if !reached(t, &q.Clauses[0], x.keys) {
				ranges, _ := q.Clauses[0].Ranges()
				t.Errorf("%s=%s matches %s and is not reached: keys %q, ranges %q", parameter, value, x.r.Raw, x.keys, ranges)
			}
		}
	}
	return matched
}

// failing is what a *testing.T and a *rapid.T have in common.
type failing interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkJudged checks what the keys of a resource in the clause's ranges tell about it.
func checkJudged(t failing, c *search.Clause, keys []string, matches bool) {
	t.Helper()
	ranges, ok := c.Ranges()
	if !ok {
		return
	}
	open := false
	for _, k := range keys {
		if !slices.ContainsFunc(ranges, func(r search.Range) bool { return r.Lo <= k && k < r.Hi }) {
			continue
		}
		switch c.Judge(k) {
		case search.Holds:
			open = true
			if !matches {
				t.Errorf("%s: the key %q is judged to satisfy the clause, and its resource does not", c.Param.Code, k)
			}
		case search.Unsure:
			open = true
		case search.Beside: // another key must tell
		}
	}
	if matches && !open {
		t.Errorf("%s: every key of a resource that matches is judged to be beside the point: %q", c.Param.Code, keys)
	}
}

// Every date and every period of two dates, against every prefix and date.
func TestEveryDateIsReached(t *testing.T) {
	dates := append([]string{
		"2026-01-01T12:00+07:00", "2026-01-01T23:59:59.999+07:00", "2026-01-02", "2026-01-02T00:00:00+07:00", "2025-12-31", "2026-01-14T10:00:00Z", "2026-03",
	}, someDates...)
	var resources []*fhir.Builder
	for _, start := range append(dates, "") {
		resources = append(resources, fhir.BuildResource("Observation", "").String("effectiveDateTime", start))
		for _, end := range append(dates, "") {
			period := fhir.Build().String("start", start).String("end", end)
			resources = append(resources, fhir.BuildResource("Observation", "").Object("effectivePeriod", period))
		}
		// Two values at once are kept under other forms.
		resources = append(resources, fhir.BuildResource("Observation", "").
			Object("effectivePeriod", fhir.Build().String("start", start)).String("effectiveInstant", "2026-02-01T00:00:00Z"))
	}
	var values []string
	for _, prefix := range somePrefix {
		for _, date := range dates {
			values = append(values, prefix+date)
		}
	}
	if n := pairs(t, resources, "date", values); n < 10_000 {
		t.Errorf("only %d matched", n)
	}
}

func TestEveryTextIsReached(t *testing.T) {
	var resources []*fhir.Builder
	var values []string
	for _, text := range someTexts {
		resources = append(resources,
			fhir.BuildResource("Patient", "").List("name", fhir.Build().String("text", text)),
			fhir.BuildResource("Patient", "").List("name", fhir.Build().Strings("given", text)),
			fhir.BuildResource("Patient", "").List("name", fhir.Build().String("text", "Trần "+text)))
		values = append(values, escaper.Replace(text), escaper.Replace(text[:1]))
	}
	for i := range values {
		if len(values[i]) == 1 && values[i][0] >= 0x80 { // the first byte of a longer character
			values[i] = "a"
		}
	}
	for modifier, least := range map[string]int{"": 60, ":exact": 32, ":contains": 80} {
		if n := pairs(t, resources, "name"+modifier, values); n < least {
			t.Errorf("%q: only %d matched", modifier, n)
		}
	}
}

func TestEveryTokenIsReached(t *testing.T) {
	var resources []*fhir.Builder
	var values []string
	for _, code := range someCodes {
		values = append(values, escaper.Replace(code))
		resources = append(resources, fhir.BuildResource("Patient", "").String("gender", code).List("telecom", fhir.Build().String("value", code)))
		for _, system := range someURLs {
			values = append(values, escaper.Replace(system)+"|"+escaper.Replace(code))
			if system != "" {
				values = append(values, escaper.Replace(system)+"|")
			}
			resources = append(resources, fhir.BuildResource("Patient", "").
				List("identifier", fhir.Build().String("system", system).String("value", code)).
				Object("managingOrganization", fhir.Build().Object("identifier", fhir.Build().String("system", system).String("value", code))))
		}
	}
	for parameter, least := range map[string]int{"identifier": 200, "organization:identifier": 200, "telecom": 13, "gender": 13} {
		if n := pairs(t, resources, parameter, values); n < least {
			t.Errorf("%s: only %d matched", parameter, n)
		}
	}
}

func TestEveryReferenceIsReached(t *testing.T) {
	var resources []*fhir.Builder
	references := append([]string{"https://a.vn/" + someURLs[3] + "/Patient/a", someURLs[3] + "|2", "Patient/a.b-C", "Device/a"}, someRefs...)
	for _, ref := range references {
		resources = append(resources, fhir.BuildResource("Observation", "").List("focus", fhir.Ref(ref)))
	}
	values := []string{
		"a", "b", "a.b-C", "Patient/a", "Patient/b", "Device/a", "https://x.vn/fhir/Patient/a", "https://x.vn/fhir/Patient/a/_history/4", "urn:uuid:1",
		"https://x.vn/other", "https://a.vn/" + someURLs[3] + "/Patient/a",
	}
	if n := pairs(t, resources, "focus", values); n < 12 {
		t.Errorf("only %d matched", n)
	}
	// patient has no keys but subject's: it is found by them, and they prove no more than they hold.
	resources = nil
	for _, ref := range references {
		resources = append(resources, fhir.BuildResource("Observation", "").Object("subject", fhir.Ref(ref)),
			fhir.BuildResource("Observation", "").Object("subject", fhir.Build().String("reference", ref).String("type", "Patient")))
	}
	values = slices.DeleteFunc(values, func(v string) bool { return strings.HasPrefix(v, "Device/") })
	if n := pairs(t, resources, "patient", values); n < 16 {
		t.Errorf("of patients only %d matched", n)
	}
}
