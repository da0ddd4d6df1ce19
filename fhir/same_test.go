package fhir_test

import (
	"fmt"
	"strings"
	"testing"

	"khamxa/fhir"
)

func TestSame(t *testing.T) {
	many := func(order func(i int) int) string {
		var b strings.Builder
		for i := range 50 {
			fmt.Fprintf(&b, `,"m%d":%d`, order(i), order(i))
		}
		return `{"resourceType":"Basic","id":"a","x":{"n":0` + b.String() + `}}`
	}
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"itself", `{"resourceType":"Basic","id":"a"}`, `{"resourceType":"Basic","id":"a"}`, true},
		{"white space and order", `{"resourceType":"Basic","id":"a","code":{"text":"x","id":"1"}}`, `{ "id":"a", "code":{"id":"1","text":"x"},"resourceType":"Basic" }`, true},
		{"escapes", `{"resourceType":"Basic","id":"a","code":{"text":"\u0111"}}`, `{"resourceType":"Basic","id":"a","code":{"text":"đ"}}`, true},
		{"version and time", `{"resourceType":"Basic","id":"a","meta":{"versionId":"3","lastUpdated":"2026-01-01T00:00:00Z"}}`, `{"resourceType":"Basic","id":"a"}`, true},
		{"only one has a version", `{"resourceType":"Basic","meta":{"versionId":"3","tag":[{"code":"x"}]}}`, `{"resourceType":"Basic","meta":{"tag":[{"code":"x"}]}}`, true},
		{"another tag", `{"resourceType":"Basic","meta":{"tag":[{"code":"x"}]}}`, `{"resourceType":"Basic","meta":{"tag":[{"code":"y"}]}}`, false},
		{"a tag and none", `{"resourceType":"Basic","meta":{"tag":[{"code":"x"}]}}`, `{"resourceType":"Basic"}`, false},
		{"none and a tag", `{"resourceType":"Basic"}`, `{"resourceType":"Basic","meta":{"tag":[{"code":"x"}]}}`, false},
		{"another id", `{"resourceType":"Basic","id":"a"}`, `{"resourceType":"Basic","id":"b"}`, false},
		{"another type", `{"resourceType":"Basic"}`, `{"resourceType":"Flag"}`, false},
		{"precision", `{"resourceType":"Basic","x":1.0}`, `{"resourceType":"Basic","x":1.00}`, false},
		{"a number and a string", `{"resourceType":"Basic","x":1}`, `{"resourceType":"Basic","x":"1"}`, false},
		{"order of items", `{"resourceType":"Basic","x":[1,2]}`, `{"resourceType":"Basic","x":[2,1]}`, false},
		{"one item less", `{"resourceType":"Basic","x":[1,2]}`, `{"resourceType":"Basic","x":[1]}`, false},
		{"null and nothing", `{"resourceType":"Basic","x":null}`, `{"resourceType":"Basic"}`, false},
		{"other members", `{"resourceType":"Basic","x":{"a":1,"b":2}}`, `{"resourceType":"Basic","x":{"a":1,"c":2}}`, false},
		{"many members", many(func(i int) int { return i }), many(func(i int) int { return 49 - i }), true},
		{"many other members", many(func(i int) int { return i }), many(func(i int) int { return 50 - i }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := parse(t, tt.a), parse(t, tt.b)
			if fhir.Same(a, b) != tt.want || fhir.Same(b, a) != tt.want {
				t.Errorf("Same = %v and %v, want %v", fhir.Same(a, b), fhir.Same(b, a), tt.want)
			}
		})
	}
}
