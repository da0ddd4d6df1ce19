package fhir_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"khamxa/fhir"
)

var day = time.Date(2026, 3, 1, 15, 30, 0, 250_700_000, time.FixedZone("", 7*3600))

const dayText = "2026-03-01T08:30:00.250Z"

func TestStamp(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{
			"nothing there", `{"resourceType":"Patient"}`,
			`{"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"}}`,
		},
		{
			"id there", `{"id":"old","resourceType":"Patient","active":true}`,
			`{"id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"},"resourceType":"Patient","active":true}`,
		},
		{
			"resourceType last", `{"active":true,"resourceType":"Patient"}`,
			`{"active":true,"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"}}`,
		},
		{
			"empty meta", `{"resourceType":"Patient","meta":{ }}`,
			`{"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"}}`,
		},
		{
			"meta before all", `{"meta":{"tag":[{"code":"x"}]},"resourceType":"Patient"}`,
			`{"meta":{"versionId":"2","lastUpdated":"` + dayText + `","tag":[{"code":"x"}]},"resourceType":"Patient","id":"a"}`,
		},
		{
			"both replaced where they stand", `{"resourceType":"Patient","id":"b","meta":{"lastUpdated":"x","source":"#s","versionId":"1"}}`,
			`{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"` + dayText + `","source":"#s","versionId":"2"}}`,
		},
		{
			"one is missing", `{"resourceType":"Patient","id":"b","meta":{"versionId":"1","_versionId":{"id":"v"}}}`,
			`{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"` + dayText + `","versionId":"2","_versionId":{"id":"v"}}}`,
		},
		{
			"nested ids and metas stay", `{"resourceType":"Patient","contained":[{"resourceType":"Device","id":"d","meta":{"versionId":"9"}}]}`,
			`{"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"},"contained":[{"resourceType":"Device","id":"d","meta":{"versionId":"9"}}]}`,
		},
		{
			"numbers and escapes stay", `{"resourceType":"Basic","x":6.30,"y":"\u0111\/<>&"}`,
			`{"resourceType":"Basic","id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"},"x":6.30,"y":"\u0111\/<>&"}`,
		},
		{
			"white space in strings stays", "{ \"resourceType\" : \"Basic\" , \"x\" : \" a  b \" }",
			`{"resourceType":"Basic","id":"a","meta":{"versionId":"2","lastUpdated":"` + dayText + `"},"x":" a  b "}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parse(t, tt.raw).Stamp("a", "2", day)
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// checkStamp holds for every resource: the stamp is there, nothing else has changed, and doing it again changes nothing.
func checkStamp(t interface {
	Helper()
	Fatalf(string, ...any)
}, r *fhir.Resource,
) {
	t.Helper()
	out := r.Stamp("a.B-9", "17", day)
	s, err := fhir.Parse(out)
	if err != nil {
		t.Fatalf("%s: stamped %s: %v", r.Raw, out, err)
	}
	meta := s.Root.Get("meta")
	if s.ID != "a.B-9" || !meta.Get("versionId").IsString("17") || !meta.Get("lastUpdated").IsString(dayText) || string(s.Raw) != string(out) {
		t.Fatalf("stamped %s", out)
	}
	if again := s.Stamp("a.B-9", "17", day); string(again) != string(out) {
		t.Fatalf("again %s, first %s", again, out)
	}
	if before, after := rest(r.Root, 0), rest(s.Root, 0); before != after {
		t.Fatalf("changed\n%s\nto\n%s", before, after)
	}
}

// rest writes what Stamp must not change: every member but id and meta of the resource, and every member of meta but two.
func rest(v *fhir.Value, depth int) string {
	var b strings.Builder
	for name, m := range v.Members() {
		switch {
		case depth == 0 && name == "id", depth == 1 && (name == "versionId" || name == "lastUpdated"):
		case depth == 0 && name == "meta":
			b.WriteString(rest(m, 1))
		default:
			fmt.Fprintf(&b, "%q:%s\n", name, m.Bytes())
		}
	}
	return b.String()
}

// drawResource makes a resource with random members in random order, written with random white space.
func drawResource(t *rapid.T) string {
	members := map[string]string{"resourceType": `"` + rapid.SampledFrom(fhir.Types()).Draw(t, "type") + `"`}
	if rapid.Bool().Draw(t, "has id") {
		members["id"] = `"` + rapid.StringMatching(`[A-Za-z0-9\-.]{1,64}`).Draw(t, "id") + `"`
	}
	if rapid.Bool().Draw(t, "has meta") {
		members["meta"] = drawObject(t, rapid.SampledFrom([]string{"versionId", "lastUpdated", "tag", "_versionId", "source"}), 1)
	}
	for range rapid.IntRange(0, 5).Draw(t, "members") {
		name := rapid.SampledFrom([]string{"name", "_status", "contained", "extension", "value", "ngày"}).Draw(t, "name")
		members[name] = drawJSON(t, 2)
	}
	var parts []string
	for name, value := range members { // the order is random, and rapid cannot shrink it: the text is printed on failure
		parts = append(parts, quote(name)+blank(t)+":"+blank(t)+value)
	}
	return blank(t) + "{" + blank(t) + strings.Join(parts, blank(t)+",") + blank(t) + "}" + blank(t)
}

func drawObject(t *rapid.T, names *rapid.Generator[string], depth int) string {
	var parts []string
	for _, name := range rapid.SliceOfNDistinct(names, 0, 4, rapid.ID[string]).Draw(t, "names") {
		parts = append(parts, quote(name)+":"+blank(t)+drawJSON(t, depth))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func drawJSON(t *rapid.T, depth int) string {
	switch k := rapid.IntRange(0, 6).Draw(t, "kind"); {
	case k == 0 && depth > 0:
		return drawObject(t, rapid.SampledFrom([]string{"id", "meta", "reference", "versionId", "resourceType"}), depth-1)
	case k == 1 && depth > 0:
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, blank(t)+drawJSON(t, depth-1))
		}
		return "[" + strings.Join(items, ",") + "]"
	case k == 2:
		return rapid.SampledFrom([]string{"6.30", "-0", "1E-22", "0.1000", "12345678901234567890.5"}).Draw(t, "number")
	case k == 3:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
	case k == 4:
		return rapid.SampledFrom([]string{`"\u0111\ud83d\ude00"`, `"\\\""`, `" { \" : , } "`, `"Hoà"`, `"\n"`, `""`}).Draw(t, "escapes")
	}
	return quote(rapid.StringMatching(`[ -~đĐòạ]{0,12}`).Draw(t, "text"))
}

func blank(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", " ", "\n\t", "\r\n  "}).Draw(t, "blank")
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

func TestStampProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := drawResource(t)
		r, err := fhir.Parse([]byte(raw))
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		checkStamp(t, r)
	})
}

func TestRewriteReferences(t *testing.T) {
	const from = "urn:uuid:3f1c9a52-3f0e-4d6e-8a5b-0c2f6f3f7a01"
	bundle := parse(t, string(samples(t)["bundle.json"]))
	encounter, err := fhir.ResourceAt(bundle.Root.Get("entry").At(1).Get("resource"))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	out := fhir.RewriteReferences(encounter, func(ref string) (string, bool) {
		asked = append(asked, ref)
		return "Patient/p1", ref == from
	})
	if diff := cmp.Diff([]string{from}, asked); diff != "" {
		t.Error(diff)
	}
	want := strings.Replace(string(encounter.Raw), `"reference":"`+from+`"`, `"reference":"Patient/p1"`, 1)
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
	same := fhir.RewriteReferences(encounter, func(string) (string, bool) { return "", false })
	if string(same) != string(encounter.Raw) {
		t.Error("changed without a replacement")
	}
	many := parse(t, `{"resourceType":"Provenance","reference":{"reference":7},"contained":[{"a":{"reference":"x"}}],"target":[{"reference":"x"},{"reference":"y"},{"reference":"x"}]}`)
	got := fhir.RewriteReferences(many, func(ref string) (string, bool) { return `long"er`, ref == "x" })
	if want := strings.ReplaceAll(string(many.Raw), `"reference":"x"`, `"reference":"long\"er"`); want != string(got) {
		t.Errorf("got %s", got)
	}
}
