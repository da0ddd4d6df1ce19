package rest_test

import (
	"bytes"
	"strings"
	"testing"
)

// faithful has what typed models lose: extensions on primitives, contained resources, the text of decimals, odd but legal
// escapes, unknown members, null in an array, and its own order of members.
const faithful = `{"resourceType":"Observation","id":"f1","meta":{"versionId":"1","lastUpdated":"LAST","profile":["urn:x"]},` +
	`"zzUnknown":{"b":1,"a":[true,null]},"contained":[{"resourceType":"Patient","id":"c","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},"name":[{"given":["A",null],"_given":[null,{"id":"x"}]}]}],` +
	`"status":"final","_status":{"extension":[{"url":"urn:e","valueDecimal":1.0E-22}]},"code":{"text":"\u0110\u01b0\u1eddng huy\u1ebft <b>&amp;\/"},"subject":{"reference":"#c"},` +
	`"valueQuantity":{"value":6.30,"unit":"mmol/L"},"component":[{"code":{"text":"x"},"valueQuantity":{"value":0.10000000000000000000000000001}}]}`

func TestFidelity(t *testing.T) {
	s := start(t)
	sent := strings.NewReplacer(`"versionId":"1"`, `"versionId":"88"`, "LAST", "1999-01-01T00:00:00Z").Replace(faithful)
	put := s.do(anybody, "PUT", "/Observation/f1", sent).is(201)
	last := put.root.Get("meta").Get("lastUpdated").String()
	want := []byte(strings.Replace(faithful, "LAST", last, 1))

	for _, tt := range []struct{ name, path string }{
		{"read", "/Observation/f1"}, {"vread", "/Observation/f1/_history/1"},
	} {
		if got := s.do(anybody, "GET", tt.path, "").is(200).body; !bytes.Equal(got, want) {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, want)
		}
	}
	if !bytes.Equal(put.body, want) {
		t.Errorf("update answered %s", put.body)
	}
	for _, path := range []string{"/Observation?_id=f1", "/Observation/f1/_history"} {
		r := s.do(anybody, "GET", path, "").is(200)
		if got := r.root.Get("entry").At(0).Get("resource").Bytes(); !bytes.Equal(got, want) {
			t.Errorf("%s\n got %s\nwant %s", path, got, want)
		}
	}
	t.Run("white space between tokens goes, and nothing else", func(t *testing.T) {
		s.in(t)
		spaced := strings.NewReplacer(`,"`, ",\n\t \"", `[{`, "[ {", "6.30", "6.300").Replace(sent)
		r := s.do(anybody, "PUT", "/Observation/f1", spaced).is(200)
		want := strings.NewReplacer("6.30", "6.300", `"versionId":"1"`, `"versionId":"2"`, "LAST", r.root.Get("meta").Get("lastUpdated").String()).Replace(faithful)
		if got := string(s.do(anybody, "GET", "/Observation/f1", "").body); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
	t.Run("through a transaction", func(t *testing.T) {
		s.in(t)
		r := s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "PUT", "Observation/f1", sent))).is(200)
		got := s.do(anybody, "GET", r.located(s, 0), "").is(200)
		want := strings.NewReplacer(`"versionId":"1"`, `"versionId":"3"`, "LAST", got.root.Get("meta").Get("lastUpdated").String()).Replace(faithful)
		if string(got.body) != want {
			t.Errorf("\n got %s\nwant %s", got.body, want)
		}
	})
}
