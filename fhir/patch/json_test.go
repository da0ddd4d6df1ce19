package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/patch"
	"khamxa/internal/fault"
)

func parse(t testing.TB, raw string) *fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return r
}

func applyJSON(t testing.TB, raw, doc string) (string, error) {
	t.Helper()
	p, err := patch.ParseJSON([]byte(doc))
	if err != nil {
		return "", err
	}
	r, err := p.Apply(parse(t, raw))
	if err != nil {
		return "", err
	}
	return string(r.Raw), nil
}

// basic is a resource with the members after its type and id.
func basic(members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"resourceType":"Basic","id":"a"` + members + `}`
}

// TestJSON: the examples of RFC 6902, appendix A, inside a resource, and what it demands besides.
func TestJSON(t *testing.T) {
	for _, tt := range []struct{ name, before, doc, after string }{
		{"A.1 add a member", `"foo":"bar"`, `[{"op":"add","path":"/baz","value":"qux"}]`, `"foo":"bar","baz":"qux"`},
		{"A.2 add an item", `"foo":["bar","baz"]`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `"foo":["bar","qux","baz"]`},
		{"A.3 remove a member", `"baz":"qux","foo":"bar"`, `[{"op":"remove","path":"/baz"}]`, `"foo":"bar"`},
		{"A.4 remove an item", `"foo":["bar","qux","baz"]`, `[{"op":"remove","path":"/foo/1"}]`, `"foo":["bar","baz"]`},
		{"A.5 replace", `"baz":"qux","foo":"bar"`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `"baz":"boo","foo":"bar"`},
		{"A.6 move a value", `"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}`},
		{"A.7 move an item", `"foo":["all","grass","cows","eat"]`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `"foo":["all","cows","eat","grass"]`},
		{"A.8 test", `"baz":"qux","foo":["a",2,"c"]`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `"baz":"qux","foo":["a",2,"c"]`},
		{"A.10 add a nested member", `"foo":"bar"`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `"foo":"bar","child":{"grandchild":{}}`},
		{"A.11 members that are not known", `"foo":"bar"`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `"foo":"bar","baz":"qux"`},
		{"A.14 escapes", `"/":9,"~1":10`, `[{"op":"test","path":"/~01","value":10}]`, `"/":9,"~1":10`},
		{"A.16 add an array", `"foo":["bar"]`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `"foo":["bar",["abc","def"]]`},
		{"copy is a copy", `"a":{"x":[1]},"b":0`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/x/-","value":2},{"op":"remove","path":"/a/x/0"}]`, `"a":{"x":[]},"b":{"x":[1,2]}`},
		{"add replaces a member", `"a":1,"b":2`, `[{"op":"add","path":"/a","value":3}]`, `"a":3,"b":2`},
		{"number text and escapes stay", `"v":6.30,"e":1.0E-22,"s":"\u0111\/","m":{"z":1,"a":2}`, `[{"op":"add","path":"/m/n","value":0.10}]`, `"v":6.30,"e":1.0E-22,"s":"\u0111\/","m":{"z":1,"a":2,"n":0.10}`},
		{"number text through move and copy", `"v":6.30`, `[{"op":"copy","from":"/v","path":"/w"},{"op":"move","from":"/v","path":"/x"}]`, `"w":6.30,"x":6.30`},
		{"test by value of numbers", `"v":6.30`, `[{"op":"test","path":"/v","value":63e-1},{"op":"test","path":"/v","value":6.3}]`, `"v":6.30`},
		{"test of zero", `"v":-0.0`, `[{"op":"test","path":"/v","value":0}]`, `"v":-0.0`},
		{"test without order", `"v":{"a":[1,{"b":null,"c":true}],"d":"\u0111"}`, `[{"op":"test","path":"/v","value":{"d":"đ","a":[1.0,{"c":true,"b":null}]}}]`, `"v":{"a":[1,{"b":null,"c":true}],"d":"\u0111"}`},
		{"test of the whole", `"v":1`, `[{"op":"test","path":"","value":{"id":"a","v":1,"resourceType":"Basic"}}]`, `"v":1`},
		{"move to where it is", `"v":1`, `[{"op":"move","from":"/v","path":"/v"}]`, `"v":1`},
		{"an empty name", `"":1`, `[{"op":"replace","path":"/","value":2}]`, `"":2`},
		{"nothing to do", `"v":1`, `[]`, `"v":1`},
		{"null", `"v":1`, `[{"op":"add","path":"/w","value":null}]`, `"v":1,"w":null`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := applyJSON(t, basic(tt.before), tt.doc)
			if err != nil || got != basic(tt.after) {
				t.Errorf("%v\n%s", err, cmp.Diff(basic(tt.after), got))
			}
		})
	}
}

func TestJSONRefused(t *testing.T) {
	const before = `"foo":["a"],"bar":{"x":1},"n":1`
	deep := strings.Repeat("/x", fhir.MaxDepth+1)
	for _, tt := range []struct {
		name, doc string
		code      fault.Code
		at        string
	}{
		{"no JSON", `[{`, fault.Invalid, "[0]"},
		{"no array", `{"op":"add"}`, fault.Invalid, ""},
		{"no object", `[1]`, fault.Invalid, "[0]"},
		{"no op", `[{"path":"/a"}]`, fault.Invalid, "[0]"},
		{"another op", `[{"op":"spam","path":"/a"}]`, fault.Invalid, "[0].op"},
		{"no path", `[{"op":"remove"}]`, fault.Invalid, "[0].path"},
		{"no pointer", `[{"op":"remove","path":"a"}]`, fault.Invalid, "[0].path"},
		{"a bad escape", `[{"op":"remove","path":"/~2"}]`, fault.Invalid, "[0].path"},
		{"no value", `[{"op":"add","path":"/a"}]`, fault.Invalid, "[0].value"},
		{"no from", `[{"op":"copy","path":"/a"}]`, fault.Invalid, "[0].from"},
		{"a member twice (A.13)", `[{"op":"add","path":"/baz","value":"qux","op":"remove"}]`, fault.Invalid, "[0].op"},
		{"a target that is not there (A.12)", `[{"op":"add","path":"/baz/bat","value":"qux"}]`, fault.Invalid, "[0].path"},
		{"remove of nothing", `[{"op":"test","path":"/n","value":1},{"op":"remove","path":"/none"}]`, fault.Invalid, "[1].path"},
		{"replace of nothing", `[{"op":"replace","path":"/none","value":1}]`, fault.Invalid, "[0].path"},
		{"copy of nothing", `[{"op":"copy","from":"/none","path":"/a"}]`, fault.Invalid, "[0].from"},
		{"test of nothing", `[{"op":"test","path":"/none","value":1}]`, fault.Invalid, "[0].path"},
		{"past the end", `[{"op":"add","path":"/foo/2","value":1}]`, fault.Invalid, "[0].path"},
		{"a leading zero", `[{"op":"remove","path":"/foo/00"}]`, fault.Invalid, "[0].path"},
		{"remove at the end", `[{"op":"remove","path":"/foo/-"}]`, fault.Invalid, "[0].path"},
		{"replace past the end", `[{"op":"replace","path":"/foo/1","value":1}]`, fault.Invalid, "[0].path"},
		{"into a number", `[{"op":"add","path":"/n/x","value":1}]`, fault.Invalid, "[0].path"},
		{"into itself", `[{"op":"move","from":"/bar","path":"/bar/x"}]`, fault.Invalid, "[0].path"},
		{"the whole", `[{"op":"remove","path":""}]`, fault.Invalid, "[0].path"},
		{"deep", `[{"op":"remove","path":"` + deep + `"}]`, fault.Invalid, "[0].path"},
		{"the type", `[{"op":"replace","path":"/resourceType","value":"Flag"}]`, fault.Invalid, "Basic.resourceType"},
		{"no type", `[{"op":"remove","path":"/resourceType"}]`, fault.Invalid, "Resource"},
		{"the id", `[{"op":"replace","path":"/id","value":"b"}]`, fault.Invalid, "Basic.id"},
		{"no id", `[{"op":"remove","path":"/id"}]`, fault.Invalid, "Basic.id"},
		{"a test that fails (A.9)", `[{"op":"add","path":"/n","value":2},{"op":"test","path":"/foo","value":["b"]}]`, fault.Precondition, "[1]"},
		{"a string and a number (A.15)", `[{"op":"test","path":"/n","value":"1"}]`, fault.Precondition, "[0]"},
		{"another number", `[{"op":"test","path":"/n","value":1.0000000000000000000001}]`, fault.Precondition, "[0]"},
		{"a number past all bounds", `[{"op":"test","path":"/n","value":1e99999999999}]`, fault.Precondition, "[0]"},
		{"more members", `[{"op":"test","path":"/bar","value":{"x":1,"y":2}}]`, fault.Precondition, "[0]"},
		{"too many", "[" + strings.Repeat(`{"op":"test","path":"/n","value":1},`, patch.MaxOperations) + `{"op":"test","path":"/n","value":1}]`, fault.TooLarge, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := applyJSON(t, basic(before), tt.doc)
			if fault.CodeOf(err) != tt.code || fault.PathOf(err) != tt.at || !strings.HasSuffix(fault.MessageOf(err), ".") {
				t.Errorf("%v (%s at %q), want %s at %q", err, fault.CodeOf(err), fault.PathOf(err), tt.code, tt.at)
			}
		})
	}
}

// TestCopiesEnd: copies of copies grow no further than the limit.
func TestCopiesEnd(t *testing.T) {
	var ops []string
	for i := range 60 {
		ops = append(ops, fmt.Sprintf(`{"op":"copy","from":"/x","path":"/x/y%d"}`, i))
	}
	_, err := applyJSON(t, basic(`"x":{"v":"`+strings.Repeat("0123456789", 1000)+`"}`), "["+strings.Join(ops, ",")+"]")
	if !fault.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

// TestApplyLeavesTheOld: the resource that a patch is applied to stays as it was, and the patch can be applied again.
func TestApplyLeavesTheOld(t *testing.T) {
	p, err := patch.ParseJSON([]byte(`[{"op":"add","path":"/x/-","value":{"n":[1]}},{"op":"add","path":"/x/0/n/-","value":2}]`))
	if err != nil {
		t.Fatal(err)
	}
	r := parse(t, basic(`"x":[]`))
	for range 2 {
		got, err := p.Apply(r)
		if err != nil || string(got.Raw) != basic(`"x":[{"n":[1,2]}]`) || string(r.Raw) != basic(`"x":[]`) {
			t.Errorf("%v %s from %s", err, got.Raw, r.Raw)
		}
	}
}
