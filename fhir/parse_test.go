package fhir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// samples are the resources in testdata, by file name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = raw
	}
	return all
}

func parse(t testing.TB, raw string) *fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("Parse(%s): %v", raw, err)
	}
	return r
}

func TestParseKeepsEveryByteButWhiteSpace(t *testing.T) {
	for name, raw := range samples(t) {
		t.Run(name, func(t *testing.T) {
			r := parse(t, string(raw))
			var want bytes.Buffer
			if err := json.Compact(&want, raw); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), string(r.Raw)); diff != "" {
				t.Error(diff)
			}
			again := parse(t, string(r.Raw))
			if !bytes.Equal(again.Raw, r.Raw) {
				t.Error("compact form is not stable")
			}
		})
	}
}

func TestParseDoesNotShareMemory(t *testing.T) {
	raw := []byte(`{"resourceType":"Patient","id":"a","gender":"female"}`)
	r, err := fhir.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] = 'x'
	}
	if got := string(r.Raw) + r.Root.Get("gender").String(); !strings.HasSuffix(got, "female") || !strings.HasPrefix(got, "{") {
		t.Errorf("changed with the caller's buffer: %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	deep := `{"resourceType":"Patient","extension":` + strings.Repeat(`[`, 300) + strings.Repeat(`]`, 300) + `}`
	many := `{"resourceType":"Patient","extension":[` + strings.Repeat(`0,`, fhir.MaxTokens) + `0]}`
	wide := `{"resourceType":"Basic"` + manyMembers(100) + `,"m7":1}`
	tests := []struct{ name, raw, path, says string }{
		{"empty", ``, "Resource", "ends where a value should be (line 1, column 1)"},
		{"byte order mark", "\ufeff{\"resourceType\":\"Patient\"}", "Resource", "byte order mark"},
		{"truncated", `{"resourceType":"Patient","name":[{"family":"Ng`, "Patient.name[0].family", "ends inside a string (line 1, column 48)"},
		{"truncated object", `{"resourceType":"Patient"`, "Patient", "ends inside the object"},
		{"truncated after comma", `{"resourceType":"Patient",`, "Patient", "ends inside the object"},
		{"line and column", "{\"resourceType\":\"Patient\",\n  \"name\": [ {\"text\":\"Hoà\"},\n {\"family\": nope} ] }", "Patient.name[1].family", "(line 3, column 13)"},
		{"column in characters", `{"resourceType":"Patient","language":"Hoà"x}`, "Patient", "(line 1, column 43)"},
		{"duplicate", `{"resourceType":"Patient","name":[{"use":"a","use":"b"}]}`, "Patient.name[0].use", `"use" is there twice (line 1, column 46)`},
		{"duplicate by escape", `{"resourceType":"Patient","id":"a","\u0069d":"b"}`, "Patient.id", "twice"},
		{"duplicate in a wide object", wide, "Basic.m7", "twice"},
		{"depth", deep, "Patient.extension" + strings.Repeat("[0]", fhir.MaxDepth-1), "more than 64 levels"},
		{"tokens", many, "Patient.extension[199995]", "more than 200000"},
		{"trailing bytes", `{"resourceType":"Patient"} {}`, "Patient", "more text after the end of the resource (line 1, column 28)"},
		{"trailing comma", `{"resourceType":"Patient",}`, "Patient", "member name in double quotes should be here, not '}'"},
		{"trailing comma in array", `{"resourceType":"Patient","name":[1,]}`, "Patient.name[1]", "A value should be here"},
		{"no colon", `{"resourceType":"Patient","a" 1}`, "Patient.a", "colon"},
		{"bare word", `{"resourceType":"Patient","a":True}`, "Patient.a", "A value should be here, not 'T'"},
		{"invalid UTF-8", "{\"resourceType\":\"Patient\",\"language\":\"\xff\"}", "Patient.language", "UTF-8"},
		{"overlong UTF-8", "{\"resourceType\":\"Patient\",\"language\":\"\xc0\xaf\"}", "Patient.language", "UTF-8"},
		{"invalid UTF-8 after an escape", "{\"resourceType\":\"Patient\",\"language\":\"\\n\xff\"}", "Patient.language", "UTF-8"},
		{"lone surrogate", `{"resourceType":"Patient","language":"\ud83d"}`, "Patient.language", "surrogate"},
		{"surrogates the wrong way", `{"resourceType":"Patient","language":"\ude00\ud83d"}`, "Patient.language", "surrogate"},
		{"raw tab", "{\"resourceType\":\"Patient\",\"language\":\"a\tb\"}", "Patient.language", "control character"},
		{"escaped NUL", `{"resourceType":"Patient","language":"a\u0000b"}`, "Patient.language", "FHIR does not allow"},
		{"escaped form feed", `{"resourceType":"Patient","language":"a\fb"}`, "Patient.language", "FHIR does not allow"},
		{"unknown escape", `{"resourceType":"Patient","language":"\x41"}`, "Patient.language", "escape that JSON does not know"},
		{"short escape", `{"resourceType":"Patient","language":"\u12"}`, "Patient.language", "four hexadecimal digits"},
		{"leading zero", `{"resourceType":"Patient","a":01}`, "Patient.a", "number"},
		{"no fraction", `{"resourceType":"Patient","a":1.}`, "Patient.a", "number"},
		{"no exponent", `{"resourceType":"Patient","a":1e+}`, "Patient.a", "number"},
		{"minus alone", `{"resourceType":"Patient","a":-}`, "Patient.a", "number"},
		{"plus", `{"resourceType":"Patient","a":+1}`, "Patient.a", "A value should be here"},
		{"array at top", `[{"resourceType":"Patient"}]`, "Resource", "must be a JSON object"},
		{"no resourceType", ` {"id":"a"}`, "Resource", "resourceType is missing (line 1, column 2)"},
		{"resourceType a number", `{"resourceType":7}`, "Resource.resourceType", "must be a string"},
		{"unknown resourceType", "{\n\"id\": \"a\", \"resourceType\": \"Patiant\"}", "Resource.resourceType", `"Patiant" is not a resource type of FHIR R4 (line 2, column 28)`},
		{"abstract resourceType", `{"resourceType":"DomainResource"}`, "Resource.resourceType", "not a resource type"},
		{"id too long", `{"resourceType":"Patient","id":"` + strings.Repeat("a", 65) + `"}`, "Patient.id", "1 to 64"},
		{"id with a slash", `{"resourceType":"Patient","id":"a/b"}`, "Patient.id", "1 to 64"},
		{"id a number", `{"resourceType":"Patient","id":7}`, "Patient.id", "must be a string"},
		{"empty id", `{"resourceType":"Patient","id":""}`, "Patient.id", "1 to 64"},
		{"meta an array", `{"resourceType":"Patient","meta":[]}`, "Patient.meta", "must be an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(tt.raw))
			if err == nil {
				t.Fatalf("accepted as %s", r.Raw)
			}
			if code := fault.CodeOf(err); code != fault.Invalid {
				t.Errorf("code %s", code)
			}
			if got := fault.PathOf(err); got != tt.path {
				t.Errorf("path %q, want %q", got, tt.path)
			}
			says := fault.MessageOf(err)
			if !strings.Contains(says, tt.says) || !strings.Contains(says, "(line ") || !strings.HasSuffix(says, ").") {
				t.Errorf("says %q, want %q in it, and line and column", says, tt.says)
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":0`, i)
	}
	return b.String()
}

func TestParseAcceptsTheLimits(t *testing.T) {
	parse(t, `{"resourceType":"Patient","extension":`+strings.Repeat(`[`, fhir.MaxDepth-1)+strings.Repeat(`]`, fhir.MaxDepth-1)+`}`)
	// Object, two names, the type, the array: five tokens beside the items.
	parse(t, `{"resourceType":"Patient","extension":[`+strings.Repeat(`0,`, fhir.MaxTokens-6)+`0]}`)
	parse(t, `{"resourceType":"Basic"`+manyMembers(2000)+`}`)
}

func TestValue(t *testing.T) {
	r := parse(t, string(samples(t)["patient.json"]))
	if r.Type != "Patient" || r.ID != "hoa" {
		t.Errorf("type %s, id %s", r.Type, r.ID)
	}
	root := r.Root
	name := root.Get("name").At(0)
	if got := name.Get("given").At(1).String(); got != "Hòa" {
		t.Errorf("given %q", got)
	}
	if got := string(root.Get("_birthDate").Get("extension").At(0).Get("valueDateTime").Bytes()); got != `"1958-09-02T05:30:00+07:00"` {
		t.Errorf("bytes %s", got)
	}
	if active, ok := root.Get("active").Bool(); !active || !ok {
		t.Error("active")
	}
	if _, ok := root.Get("gender").Bool(); ok {
		t.Error("a string is no boolean")
	}
	if n := len(root.Get("telecom").Items()); n != 2 || root.Get("telecom").Len() != 2 {
		t.Errorf("%d telecoms", n)
	}
	var members []string
	for m, v := range name.Members() {
		members = append(members, m)
		if v.Name() != m {
			t.Errorf("name %q under %q", v.Name(), m)
		}
	}
	if diff := cmp.Diff([]string{"use", "text", "family", "_family", "given"}, members); diff != "" {
		t.Error(diff)
	}

	glucose := parse(t, string(samples(t)["glucose.json"]))
	value := glucose.Root.Get("valueQuantity").Get("value")
	if f, ok := value.Float(); value.String() != "6.30" || f != 6.3 || !ok {
		t.Errorf("value %q, %v", value.String(), f)
	}
	if got := glucose.Root.Get("contained").At(0).Get("deviceName").At(0).Get("name").String(); got != "Máy đo đường huyết" {
		t.Errorf("escapes give %q", got)
	}
}

func TestValueOfNothing(t *testing.T) {
	var v *fhir.Value
	w := v.Get("a").At(3).First().Next()
	if w.Kind() != fhir.Missing || w.String() != "" || w.Len() != 0 || w.Items() != nil || w.Bytes() != nil || w.Name() != "" || w.IsString("") {
		t.Error("a missing value says something")
	}
	if _, ok := w.Float(); ok {
		t.Error("a missing value is a number")
	}
	for range w.Members() {
		t.Error("a missing value has members")
	}
	r := parse(t, `{"resourceType":"Patient","a":null,"b":[],"c":{},"d":"x"}`)
	for name, kind := range map[string]fhir.Kind{"a": fhir.Null, "b": fhir.Array, "c": fhir.Object, "d": fhir.String, "e": fhir.Missing} {
		if got := r.Root.Get(name).Kind(); got != kind {
			t.Errorf("%s is %d, want %d", name, got, kind)
		}
	}
	if r.Root.Get("b").At(0) != nil || r.Root.Get("b").At(-1) != nil || r.Root.Get("d").Get("x") != nil {
		t.Error("found what is not there")
	}
}

func TestResourceAt(t *testing.T) {
	bundle := parse(t, string(samples(t)["bundle.json"]))
	entry := bundle.Root.Get("entry").At(1).Get("resource")
	r, err := fhir.ResourceAt(entry)
	if err != nil {
		t.Fatal(err)
	}
	alone := parse(t, string(r.Raw))
	if r.Type != "Encounter" || !bytes.Equal(alone.Raw, r.Raw) {
		t.Errorf("got %s", r.Raw)
	}
	stamped, want := r.Stamp("e1", "1", day), alone.Stamp("e1", "1", day)
	if diff := cmp.Diff(string(want), string(stamped)); diff != "" {
		t.Error(diff)
	}
	if _, err := fhir.ResourceAt(bundle.Root.Get("entry").At(7).Get("resource")); !fault.Is(err, fault.Invalid) {
		t.Errorf("nothing is a resource: %v", err)
	}
	if _, err := fhir.ResourceAt(bundle.Root.Get("entry").At(0)); fault.PathOf(err) != "Resource" {
		t.Errorf("an entry is a resource: %v", err)
	}
}

func TestTypes(t *testing.T) {
	if n := len(fhir.Types()); n != 146 {
		t.Errorf("%d types", n)
	}
	for name, want := range map[string]bool{"Patient": true, "VisionPrescription": true, "Account": true, "Resource": false, "DomainResource": false, "patient": false, "": false} {
		if fhir.IsType(name) != want {
			t.Errorf("IsType(%q) is %v", name, !want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := samples(b)["patient.json"]
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fhir.Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
