//go:build conformance

package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// compartment is what R4's CompartmentDefinition says: by resource type, the parameters that put a resource into it.
func compartment(t *testing.T, name string) map[string][]string {
	t.Helper()
	var c struct {
		Resource []struct {
			Code  string
			Param []string
		}
	}
	if err := json.Unmarshal(exampleNamed(t, "CompartmentDefinition-"+strings.ToLower(name[:1])+name[1:]+".json"), &c); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, r := range c.Resource {
		if len(r.Param) > 0 {
			out[r.Code] = r.Param
		}
	}
	if len(out[name]) > 0 { // that of Device is the one that leaves out the resource itself
		out[name] = append(out[name], "{def}")
	}
	return out
}

// TestCompartments: a search in a compartment finds those of its type that a parameter of the compartment points out.
func TestCompartments(t *testing.T) {
	s := population(t)
	asked, found := 0, 0
	for _, name := range []string{"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"} {
		members := compartment(t, name)
		types := slices.DeleteFunc(sortedKeys(members), func(typ string) bool { return crowdSizes[typ] == 0 })
		for n := range uint64(60) {
			a := s.asker(searchSeed+3, n)
			id := fmt.Sprintf("c-%d", a.r.IntN(crowdSizes[name]))
			q := question{path: "/" + name + "/" + id + "/", count: 50, total: a.chance(50)}
			q.types = []string{one(a, types)}
			switch {
			case a.chance(25):
				q.types = types
				q.path += "*"
			default:
				q.path += q.types[0]
				if a.chance(40) {
					q.conditions = []condition{a.condition(s.byReference[fmt.Sprintf("%s/c-%d", q.types[0], a.r.IntN(crowdSizes[q.types[0]]))], 0)}
				}
			}
			want := slices.DeleteFunc(s.expected(q), func(it *item) bool { return !s.within(it, members[it.typ], name, id) })
			asked++
			found += len(want)
			if err := s.compare(q, want); err != nil {
				t.Errorf("%s: %v", q, err)
			}
		}
	}
	t.Logf("%d questions, %d matches", asked, found)
}

func (s *served) within(it *item, params []string, name, id string) bool {
	return slices.ContainsFunc(params, func(code string) bool {
		return code == "{def}" && it.typ == name && it.id == id || slices.Contains(s.pointsTo(it, code), name+"/"+id) && s.mayPoint(it.typ, code, name)
	})
}

// The terminology of these tests: a code system that is a small tree, and value sets over it.
const treeSystem = "urn:oid:1.2.3"

var (
	treeParents = map[string]string{"a": "A", "x|y": "a", "1": "vi", "10": "1"} // A and vi are at the top
	valueSets   = map[string][]pair{
		"listed": {{system: "http://loinc.org", code: "8480-6"}, {system: "http://snomed.info/sct", code: "A"}, {system: "http://hl7.org/fhir/observation-status", code: "final"}},
		"tree":   {{system: treeSystem, code: "A"}, {system: treeSystem, code: "a"}, {system: treeSystem, code: "x|y"}, {system: treeSystem, code: "vi"}, {system: treeSystem, code: "1"}, {system: treeSystem, code: "10"}},
		"branch": {{system: treeSystem, code: "vi"}, {system: treeSystem, code: "1"}},
	}
)

// terminology is the code system and the value sets.
func terminology() (out []object) {
	concept := func(code string, children ...any) object {
		o := object{"code": code}
		if len(children) > 0 {
			o["concept"] = children
		}
		return o
	}
	include := func(system string, codes ...string) object {
		o := object{"system": system}
		var list []any
		for _, code := range codes {
			list = append(list, object{"code": code})
		}
		if len(list) > 0 {
			o["concept"] = list
		}
		return o
	}
	add := func(typ, id string, o object) {
		o["resourceType"], o["id"], o["status"] = typ, id, "active"
		out = append(out, o)
	}
	add("CodeSystem", "terms", object{
		"content": "complete", "url": treeSystem, "hierarchyMeaning": "is-a",
		"concept": []any{concept("A", concept("a", concept("x|y"))), concept("vi", concept("1", concept("10")))},
	})
	add("ValueSet", "listed", object{"url": "http://example.vn/terms/listed", "compose": object{"include": []any{
		include("http://loinc.org", "8480-6"), include("http://snomed.info/sct", "A"), include("http://hl7.org/fhir/observation-status", "final"),
	}}})
	add("ValueSet", "tree", object{"url": "http://example.vn/terms/tree", "compose": object{"include": []any{include(treeSystem)}}})
	add("ValueSet", "branch", object{"url": "http://example.vn/terms/branch", "compose": object{
		"include": []any{object{"system": treeSystem, "filter": []any{object{"property": "concept", "op": "is-a", "value": "vi"}}}},
		"exclude": []any{include(treeSystem, "10")},
	}})
	return out
}

// isOf reports whether the token is one of the concepts. A code that stands without a system may be of any.
func isOf(l leaf, p pair, concepts []pair) bool {
	return slices.ContainsFunc(concepts, func(c pair) bool {
		bare := p.system == "" && (l.typ == "code" || l.typ == "id" || l.typ == "uri" || l.typ == "string")
		return c.code == p.code && (c.system == p.system || bare)
	})
}

func (s *served) terms(typ, code string, concepts []pair, not bool) (out []*item) {
	for _, it := range s.items {
		if it.typ != typ {
			continue
		}
		some := slices.ContainsFunc(it.nodes[code], func(l leaf) bool {
			return slices.ContainsFunc(pairsOf(l), func(p pair) bool { return isOf(l, p, concepts) })
		})
		if some != not {
			out = append(out, it)
		}
	}
	return out
}

// TestTerminology: :in, :not-in, :below and :above over what is stored.
func TestTerminology(t *testing.T) {
	s := population(t)
	found := 0
	check := func(typ, name, value string, want []*item) {
		t.Helper()
		q := question{path: "/" + typ, types: []string{typ}, conditions: []condition{{name, value}}, count: 100}
		found += len(want)
		if err := s.compare(q, want); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	for _, p := range []struct{ typ, code string }{
		{"Observation", "code"},
		{"Observation", "combo-code"},
		{"Observation", "category"},
		{"Observation", "status"},
		{"Observation", "value-concept"},
		{"Condition", "code"},
		{"Encounter", "class"},
		{"Patient", "language"},
		{"MedicationRequest", "code"},
	} {
		for name, concepts := range valueSets {
			check(p.typ, p.code+":in", "http://example.vn/terms/"+name, s.terms(p.typ, p.code, concepts, false))
			check(p.typ, p.code+":in", "ValueSet/"+name, s.terms(p.typ, p.code, concepts, false))
			check(p.typ, p.code+":not-in", "http://example.vn/terms/"+name, s.terms(p.typ, p.code, concepts, true))
		}
		for _, code := range []string{"A", "a", "x|y", "vi", "1", "10"} {
			check(p.typ, p.code+":below", treeSystem+"|"+escaped(code), s.terms(p.typ, p.code, lineage(code, true), false))
			check(p.typ, p.code+":above", treeSystem+"|"+escaped(code), s.terms(p.typ, p.code, lineage(code, false), false))
		}
	}
	t.Logf("%d matches", found)
}

// lineage is the code with all below it, or all above it.
func lineage(code string, below bool) (out []pair) {
	for _, other := range []string{"A", "a", "x|y", "vi", "1", "10"} {
		from, to := other, code
		if !below {
			from, to = code, other
		}
		for at := from; at != ""; at = treeParents[at] {
			if at == to {
				out = append(out, pair{system: treeSystem, code: other})
			}
		}
	}
	return out
}

// TestPagesWhileWriting: while pages are turned, resources are created, changed and deleted. Every match of the first moment that was
// not touched is there once, in its place; what came later is not there, and nothing is there twice.
func TestPagesWhileWriting(t *testing.T) {
	s, err := startHandler() // of its own: the others' population stays as it is
	if err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		order := []string{"", "_id", "-_id", "_lastUpdated", "-_lastUpdated", "date", "-date", "code", "-value-quantity,date", "status,-date", "-_lastUpdated", "subject"}[n]
		mark := fmt.Sprintf("turn-%d", n)
		write := func(i int, status string, want int) {
			raw := fmt.Sprintf(`{"resourceType":"Observation","id":"%s-%02d","meta":{"tag":[{"system":"urn:khamxa:turn","code":%q}]},"status":%q,"code":{"text":"x","coding":[{"code":"c%d"}]},"effectiveDateTime":"2026-01-%02d","valueQuantity":{"value":%d}}`,
				mark, i, mark, status, i%3, 1+i%20, i%7)
			if _, _, err := exchange(http.MethodPut, fmt.Sprintf("%s/Observation/%s-%02d", s.url, mark, i), []byte(raw), want); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 40 {
			write(i, "final", http.StatusCreated)
		}
		address := s.url + "/Observation?_count=4&_total=accurate&_tag=urn:khamxa:turn%7C" + mark
		if order != "" {
			address += "&_sort=" + order
		}
		all, err := pagesOf(address, nil)
		if err != nil || len(all) != 40 {
			t.Fatalf("%s: %d found, %v", address, len(all), err)
		}
		touched := map[string]bool{}
		turned := 0
		got, err := pagesOf(address, func(seen []string) {
			turned++
			write(40+turned, "final", http.StatusCreated) // one more
			for i, change := range []bool{true, false} {
				at := (turned*7 + i*3) % 40
				ref := fmt.Sprintf("Observation/%s-%02d", mark, at)
				if touched[ref] || slices.Contains(seen, ref) {
					continue
				}
				touched[ref] = true
				if change {
					write(at, "amended", http.StatusOK)
				} else if _, _, err := exchange(http.MethodDelete, s.url+"/"+ref, nil, http.StatusNoContent); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		want := slices.DeleteFunc(slices.Clone(all), func(ref string) bool { return touched[ref] && !slices.Contains(got, ref) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: while writing %q, want %q", address, got, want)
		}
		if len(touched) < 5 {
			t.Errorf("%s: only %d were touched", address, len(touched))
		}
	}
}

// pagesOf turns all pages, with something done between them.
func pagesOf(address string, between func(seen []string)) (found []string, err error) {
	for address != "" {
		b, err := page(http.MethodGet, address, "")
		if err != nil {
			return nil, err
		}
		if b.Total == nil || *b.Total != 40 {
			return nil, fmt.Errorf("the total is %v", b.Total)
		}
		found = append(found, b.of("match")...)
		if address = b.next(); address != "" && between != nil {
			between(found)
		}
	}
	return found, nil
}
