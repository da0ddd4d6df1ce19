package fhir_test

import (
	"testing"

	"khamxa/fhir"
)

func TestLinksResolve(t *testing.T) {
	links := fhir.Links{
		"urn:uuid:1": "Patient/a", "https://x.example/fhir/Patient/7": "Patient/7", "https://y.example/fhir/Patient/7": "Patient/b",
	}
	for _, c := range []struct{ name, reference, own, want string }{
		{"a URN", "urn:uuid:1", "", "Patient/a"},
		{"another URN", "urn:uuid:2", "", ""},
		{"the whole address", "https://y.example/fhir/Patient/7", "", "Patient/b"},
		{"relative to the entry", "Patient/7", "https://y.example/fhir/Observation/1", "Patient/b"},
		{"relative to the entry, at another base", "Patient/7", "https://z.example/fhir/Observation/1", ""},
		{"relative to an entry without an address", "Patient/7", "urn:uuid:9", ""},
		{"no reference", "#x", "https://y.example/fhir/Observation/1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := links.Resolve(c.reference, c.own)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("Resolve = %q, %v; want %q", got, ok, c.want)
			}
		})
	}
}

func TestRewriteAddresses(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"url", `{"url":"urn:uuid:1"}`, `{"url":"Patient/1"}`},
		{
			"several, of each name", `{"valueUri":"urn:uuid:1","valueUrl":"urn:oid:1.2","valueUuid":"urn:uuid:1","valueOid":"urn:oid:1.2","uri":"urn:uuid:1"}`,
			`{"valueUri":"Patient/1","valueUrl":"Patient/2","valueUuid":"Patient/1","valueOid":"Patient/2","uri":"Patient/1"}`,
		},
		{"narrative", `{"div":"<a href=\"urn:uuid:1\">x</a><img src='urn:uuid:1'/>"}`, `{"div":"<a href=\"Patient/1\">x</a><img src='Patient/1'/>"}`},
		{"an identifier's system is none", `{"system":"urn:oid:1.2","value":"urn:uuid:1"}`, ""},
		{"not the whole value", `{"url":"urn:uuid:1 and more"}`, ""},
		{"not known", `{"url":"urn:uuid:3"}`, ""},
		{"text that looks like it", `{"text":"\"url\":\"urn:uuid:1\""}`, ""},
		{"nothing after the colon", `{"url":"urn:uuid:"}`, ""},
		{"the text ends", `{"url":"urn:uuid:1`, ""},
		{"none", `{}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if want == "" {
				want = c.raw
			}
			got := fhir.RewriteAddresses([]byte(c.raw), func(urn string) (string, bool) {
				to, ok := map[string]string{"urn:uuid:1": "Patient/1", "urn:oid:1.2": "Patient/2"}[urn]
				return to, ok
			})
			if string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
