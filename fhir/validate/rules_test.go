package validate

import (
	"strings"
	"testing"

	"github.com/gofhir/fhirpath/types"
)

// notEvaluated are the invariants of R4 that the FHIRPath library does not evaluate as they should be, and why. Each is decided in
// byHand. It is tested from inside because the table is nobody else's.
var notEvaluated = map[string]string{
	"txt-1":  "htmlChecks() is no function of FHIRPath; Write holds it, with formatting and images only",
	"txt-2":  "htmlChecks() is no function of FHIRPath",
	"ref-1":  "Write holds it, and says which reference",
	"dom-3":  "the library's cost grows with the square of the resource",
	"csd-1":  "the library's cost grows with the square of the resource",
	"que-2":  "the library's cost grows with the square of the resource",
	"bdl-7":  "the library's cost grows with the square of the resource",
	"rng-2":  "the library compares no FHIR Quantities",
	"eld-19": "the library takes its form for a dangerous one",
	"eld-20": "the library takes its form for a dangerous one",
}

// TestRules: every other invariant compiles and can be evaluated, on an element that has next to nothing.
func TestRules(t *testing.T) {
	v, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for key := range notEvaluated {
		if _, known := v.byHand(key, nil); !known {
			t.Errorf("%s is decided nowhere", key)
		}
	}
	seen := map[string]bool{}
	try := func(r ruled, path string) {
		rule := &rules[r.rule]
		seen[rule.key] = true
		_, known := v.byHand(rule.key, nil)
		if _, listed := notEvaluated[rule.key]; known || listed {
			if known != listed {
				t.Errorf("%s is decided by hand: %t, listed: %t", rule.key, known, listed)
			}
			return
		}
		expr, err := v.programs[r.rule].compiled(rule.expression)
		if err != nil {
			t.Errorf("%s: %v", rule.key, err)
			return
		}
		element := []byte(`{"id":"x"}`)
		if !strings.Contains(path, ".") && nodeOf(path) != 0 {
			element = []byte(`{"resourceType":"` + path + `","id":"x"}`)
		}
		it, err := types.JSONToCollection(element)
		if err != nil {
			t.Fatal(err)
		}
		s := scene{ctx: t.Context(), resource: it, root: it}
		if _, err := s.holds(expr, element, path); err != nil {
			t.Errorf("%s at %s: %v", rule.key, path, err)
		}
	}
	for _, r := range nodeRules {
		try(r, nodes[r.at].name)
	}
	for _, r := range fieldRules {
		for i := range nodes {
			if n := &nodes[i]; n.from <= r.at && r.at < n.to {
				try(r, n.name+"."+fields[r.at].elementName())
			}
		}
	}
	if len(seen) < 200 {
		t.Errorf("only %d invariants were met", len(seen))
	}
	for i := 1; i < len(rules); i++ {
		if !seen[rules[i].key] {
			t.Errorf("%s stands nowhere", rules[i].key)
		}
		if strings.Contains(rules[i].expression, "trace(") {
			t.Errorf("%s writes what is in a resource to the process's output", rules[i].key)
		}
	}
}

// TestTable: the table holds together, so that no place of it is looked for in vain.
func TestTable(t *testing.T) {
	if len(resources) != 146 {
		t.Errorf("%d resource types", len(resources))
	}
	for i := range nodes {
		slots := map[uint8]string{}
		for _, f := range fields[nodes[i].from:nodes[i].to] {
			if f.kind >= kindComplex && f.kind != kindResource && f.node == 0 {
				t.Errorf("%s.%s leads nowhere", nodes[i].name, f.name)
			}
			if int(f.element) > len(f.name) || f.slot > 63 || int(f.set) >= len(sets) || int(f.targets) >= len(targets) {
				t.Errorf("%s.%s: %+v", nodes[i].name, f.name, f)
			}
			if name, ok := slots[f.slot]; ok && (f.flags&choice == 0 || name != f.elementName()) {
				t.Errorf("%s.%s shares a slot with %s", nodes[i].name, f.name, name)
			}
			slots[f.slot] = f.elementName()
		}
		if nodes[i].required>>len(slots) != 0 {
			t.Errorf("%s requires what it does not have", nodes[i].name)
		}
	}
	for i := range sets[1:] {
		s := &sets[i+1]
		for _, c := range codes[s.from:s.to] {
			if !s.has(c) {
				t.Errorf("%s is not found in %s", c, s.url)
			}
		}
		if s.from == s.to || s.has("no such code") {
			t.Errorf("the set %s", s.url)
		}
	}
}
