package rest

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"khamxa/fhir/search"
)

var update = flag.Bool("update", false, "write CONFORMANCE.md anew")

// TestConformance: CONFORMANCE.md says what the tables serve, with a test for each claim, and each test exists.
func TestConformance(t *testing.T) {
	p := &page{t: t, known: testsBelow(t, "..")}
	p.write()
	const file = "../../CONFORMANCE.md"
	if *update {
		if err := os.WriteFile(file, []byte(p.b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff(string(kept), p.b.String()); d != "" {
		t.Errorf("CONFORMANCE.md is stale; write it anew with -update. -kept +made\n%s", d)
	}
}

// testsBelow lists the tests of all packages below a folder, as "folder.TestName"; for the folder of a backend too.
func testsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := filepath.Base(filepath.Dir(path))
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				known[folder+"."+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// page is CONFORMANCE.md in the making.
type page struct {
	t     *testing.T
	known map[string]bool
	b     strings.Builder
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// tests checks that the tests exist and writes them.
func (p *page) tests(of, names string) string {
	var list []string
	for name := range strings.FieldsSeq(names) {
		if !p.known[name] {
			p.t.Errorf("%s: there is no test %s", of, name)
		}
		list = append(list, "`"+name+"`")
	}
	if len(list) == 0 {
		p.t.Errorf("%s: no test shows it", of)
	}
	return strings.Join(list, ", ")
}

func (p *page) write() {
	p.line("# What the FHIR interface does")
	p.line("")
	p.line("FHIR R4 (4.0.1), below `/fhir`. This page is made from the tables that serve (`go test ./fhir/rest -run TestConformance -update`), as is the")
	p.line("CapabilityStatement at `/fhir/metadata`. Each row names the tests that show it; a row whose test does not exist fails the build. Tests are named by")
	p.line("the last folder of their package below `fhir`. What is shown against judges of other people's making is in `fhir/conformance` (`make conformance`).")
	p.interactions()
	p.operations()
	p.searching()
	p.line("\n## Throughout\n")
	p.features(features())
	p.line("\n## Limits\n")
	p.line("| limit | most | past it | shown by |")
	p.line("|---|---|---|---|")
	for _, l := range limits() {
		p.line("| %s | %s | %s | %s |", l.what, amount(l.most), l.answer, p.tests(l.what, l.tests))
	}
	p.line("\n## Not served\n")
	p.features(notServed())
}

func (p *page) interactions() {
	claims := interactionClaims()
	p.line("\n## Interactions\n")
	p.line("| interaction | requests | notes | shown by |")
	p.line("|---|---|---|---|")
	for _, code := range codesOf(routes(), false) {
		c := p.claimed(claims, code)
		p.line("| %s | %s | %s | %s |", code, requests(routes(), "", code), c.says, p.tests(code, c.tests))
	}
	p.unclaimed(slices.Collect(maps.Keys(claims)))
}

func (p *page) operations() {
	claims := operationClaims()
	p.line("\n## Operations\n")
	p.line("| operation | requests | notes | shown by |")
	p.line("|---|---|---|---|")
	for _, name := range codesOf(routes(), true) {
		typ, code, typed := strings.Cut(name, "/")
		if !typed {
			typ, code = "", name
		}
		c := p.claimed(claims, name)
		p.line("| %s | %s | %s | %s |", name, requests(routes(), typ, code), c.says, p.tests(name, c.tests))
	}
	p.unclaimed(slices.Collect(maps.Keys(claims)))
}

// claimed takes the claim of a name, which must be there.
func (p *page) claimed(claims map[string]claim, name string) claim {
	c, ok := claims[name]
	if !ok {
		p.t.Errorf("%s is served and nothing is claimed of it (claims_test.go)", name)
	}
	delete(claims, name)
	return c
}

// unclaimed fails for claims of what no table has.
func (p *page) unclaimed(left []string) {
	for _, name := range left {
		p.t.Errorf("%s is claimed (claims_test.go) and not served", name)
	}
}

// codesOf lists the interactions, or the operations as "Type/$code", in the order of the table.
func codesOf(list []route, operations bool) (names []string) {
	for i := range list {
		rt := &list[i]
		name := rt.code
		if operations {
			name = strings.TrimPrefix(rt.ofType()+"/"+rt.code, "/")
		}
		if rt.operation() == operations && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// requests lists the methods and addresses of a code.
func requests(list []route, typ, code string) string {
	var all []string
	for i := range list {
		rt := &list[i]
		if rt.code == code && (!rt.operation() || rt.ofType() == typ) {
			pattern := strings.Replace(rt.pattern, ":[*A-Z].*", "", 1)
			if (code == "update" || code == "patch" || code == "delete") && rt.level == typeLevel {
				pattern += "?..."
			}
			all = append(all, "`"+rt.method+" "+pattern+"`")
		}
	}
	return strings.Join(slices.Compact(all), ", ")
}

func (p *page) searching() {
	counts := map[search.Kind]int{}
	total, refused := 0, map[string]bool{}
	for _, typ := range search.Types() {
		for _, param := range search.Params(typ) {
			if !param.Served() {
				refused[param.Code] = true
				continue
			}
			counts[param.Kind]++
			total++
		}
	}
	p.line("\n## Search\n")
	p.line("%d search parameters of %d resource types, all of the official definitions%s.\n", total, len(search.Types()), except(refused))
	p.line("| kind | parameters | values | prefixes | modifiers | shown by |")
	p.line("|---|---|---|---|---|---|")
	kinds := kindClaims()
	var modifiers []search.Modifier
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b search.Kind) int { return cmp.Compare(a, b) }) {
		c, ok := kinds[k]
		if !ok {
			p.t.Errorf("the kind %s is served and nothing is claimed of it", k)
		}
		delete(kinds, k)
		var taken, prefixes []string
		for _, m := range search.Modifiers(k) {
			taken = append(taken, "`:"+string(m)+"`")
			if !slices.Contains(modifiers, m) {
				modifiers = append(modifiers, m)
			}
		}
		for _, pre := range search.Prefixes(k) {
			prefixes = append(prefixes, string(pre))
		}
		p.line("| %s | %d | %s | %s | %s | %s |", k, counts[k], strings.ReplaceAll(c.says, "|", `\|`), strings.Join(prefixes, " "), strings.Join(taken, " "), p.tests(k.String(), c.tests))
	}
	p.line("\n| modifier | notes | shown by |")
	p.line("|---|---|---|")
	claims := modifierClaims()
	for _, m := range modifiers {
		c, ok := claims[m]
		if !ok {
			p.t.Errorf("the modifier %s is served and nothing is claimed of it", m)
		}
		delete(claims, m)
		p.line("| `:%s` | %s | %s |", m, c.says, p.tests(string(m), c.tests))
	}
	if len(claims)+len(kinds) > 0 {
		p.t.Errorf("claimed and not served: %v %v", claims, kinds)
	}
	controls := controlClaims()
	p.line("\n| parameter | notes | shown by |")
	p.line("|---|---|---|")
	for _, name := range search.ControlNames() {
		c := p.claimed(controls, name)
		p.line("| `%s` | %s | %s |", name, c.says, p.tests(name, c.tests))
	}
	p.unclaimed(slices.Collect(maps.Keys(controls)))
}

func except(codes map[string]bool) string {
	if len(codes) == 0 {
		return ""
	}
	return " but " + sentenceList(slices.Sorted(maps.Keys(codes)))
}

func (p *page) features(list []feature) {
	p.line("| what | notes | shown by |")
	p.line("|---|---|---|")
	for _, f := range list {
		name := f.name
		if f.spec != "" {
			name = "[" + f.name + "](" + f.spec + ")"
		}
		p.line("| %s | %s | %s |", name, f.says, p.tests(f.name, f.tests))
	}
}

// amount writes a bound for people.
func amount(most any) string {
	n := int64(0)
	switch v := most.(type) {
	case time.Duration:
		return fmt.Sprintf("%d s", int(v.Seconds()))
	case int64:
		n = v
	case int:
		n = int64(v)
	}
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<16 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprint(n)
}
