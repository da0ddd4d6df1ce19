package archtest_test

import (
	"slices"
	"strings"
	"testing"
)

// rule: no package under from (except those under an entry of not) may reach a package under one of never, however far the
// chain goes through packages of ours. An entry of never that ends in "!" is that package alone, without those below it.
type rule struct {
	from  string
	not   []string
	never []string
	why   string
}

// drivers are the database drivers; each is imported by one package (see TestOneImporter).
var drivers = []string{"zombiezen.com/go/sqlite", "modernc.org/sqlite", "go.mongodb.org/mongo-driver", "database/sql"}

var rules = []rule{
	{from: "internal/fault", never: []string{module}, why: "it is the leaf below all"},
	{from: "signaling/wire", never: allBut("internal/fault"), why: "the wire format stands alone"},
	{from: "internal/bus", never: allBut("internal/fault"), why: "the bus knows nothing of what it carries"},
	{from: "internal/config", never: allBut("internal/fault"), why: "configuration at the bottom of everything makes import chains long"},
	{from: "internal/daemon", never: allBut("internal/fault"), why: "listeners and processes know no component"},
	{from: "internal", never: components, why: "internal is the ground the components stand on"},
	{from: "media", not: []string{"media/sfu", "media/turn", "media/remote", "media/mediatest"}, never: allBut("internal/fault"), why: "the port is plain values"},
	{from: "fhir", not: impure, never: append([]string{"net!", "net/http"}, drivers...), why: "fhir and fhir/search are pure (net/url is text)"},
	{from: "fhir", never: []string{module + "/consult", module + "/registry", module + "/signaling", module + "/media"}, why: "FHIR knows no application"},
	{from: "media", never: []string{module + "/consult", module + "/registry", module + "/fhir", module + "/signaling"}, why: "the media path is a component of its own"},
	{from: "signaling", never: append([]string{module + "/consult", module + "/registry", module + "/fhir", "github.com/pion"}, drivers...), why: "signalling carries no records and no packets"},
	{from: "consult", never: []string{module + "/registry/web"}, why: "they meet in cmd through small ports"},
	{from: "registry", never: []string{module + "/consult/web"}, why: "they meet in cmd through small ports"},
	{from: "consult", never: []string{"github.com/pion"}, why: "pion stays under media"},
	{from: "registry", never: []string{"github.com/pion"}, why: "pion stays under media"},
}

// impure is what lies under fhir and may use the network, the disk and the clock.
var impure = []string{"fhir/store", "fhir/rest", "fhir/bulk", "fhir/subscription"}

var components = []string{module + "/consult", module + "/registry", module + "/fhir", module + "/signaling", module + "/media"}

// allBut is a marker understood by TestReach: every package of ours except the named one and the package itself.
func allBut(leaf string) []string { return []string{"*but " + module + "/" + leaf} }

func TestReach(t *testing.T) {
	g := graph(sources(t))
	for _, r := range rules {
		t.Run(r.from, func(t *testing.T) {
			broken, met := r.check(g)
			for _, chain := range broken {
				t.Errorf("%s: %s", chain, r.why)
			}
			if !met {
				t.Errorf("no package under %s: the rule guards nothing", r.from)
			}
		})
	}
}

// TestReachFails: the rules are able to fail, and refuse no more than they say.
func TestReachFails(t *testing.T) {
	for _, c := range []struct {
		name string
		g    map[string][]string
		want string // "" for an allowed graph
	}{
		{"net/url is text", map[string][]string{"khamxa/fhir/search": {"net/url", "khamxa/fhir"}, "khamxa/fhir": {"time"}}, ""},
		{"net", map[string][]string{"khamxa/fhir/search": {"net"}}, "khamxa/fhir/search -> net"},
		{"net/http", map[string][]string{"khamxa/fhir": {"net/http"}}, "khamxa/fhir -> net/http"},
		{"below net/http", map[string][]string{"khamxa/fhir": {"net/http/httptest"}}, "khamxa/fhir -> net/http/httptest"},
		{"a driver, through another package", map[string][]string{
			"khamxa/fhir": {"khamxa/internal/fault"}, "khamxa/internal/fault": {"zombiezen.com/go/sqlite"},
		}, "khamxa/fhir -> khamxa/internal/fault -> zombiezen.com/go/sqlite"},
		{"the REST face may listen", map[string][]string{"khamxa/fhir/rest": {"net/http", "khamxa/fhir"}}, ""},
		{"an application", map[string][]string{"khamxa/fhir/rest": {"khamxa/consult"}}, "khamxa/fhir/rest -> khamxa/consult"},
		{"ground", map[string][]string{"khamxa/internal/audit": {"khamxa/fhir/store"}}, "khamxa/internal/audit -> khamxa/fhir/store"},
		{"the media port alone", map[string][]string{"khamxa/media": {"khamxa/internal/bus"}}, "khamxa/media -> khamxa/internal/bus"},
		{"the media port and the leaf", map[string][]string{"khamxa/media": {"khamxa/internal/fault"}}, ""},
		{"media over the bus", map[string][]string{"khamxa/media/remote": {"khamxa/internal/bus", "khamxa/media"}}, ""},
		{"the leaf", map[string][]string{"khamxa/internal/fault": {"khamxa/internal/records"}}, "khamxa/internal/fault -> khamxa/internal/records"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range rules {
				broken, _ := r.check(c.g)
				got = append(got, broken...)
			}
			if want := c.want; want == "" && len(got) > 0 || want != "" && !slices.Contains(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// check gives the chains of imports that break the rule, and whether there is anything that it speaks of.
func (r rule) check(g map[string][]string) (broken []string, met bool) {
	for pkg := range g {
		if !under(pkg, module+"/"+r.from) || slices.ContainsFunc(r.not, func(n string) bool { return under(pkg, module+"/"+n) }) {
			continue
		}
		met = true
		for _, chain := range chains(g, pkg) {
			if forbidden(r, pkg, chain[len(chain)-1]) {
				broken = append(broken, strings.Join(chain, " -> "))
			}
		}
	}
	return broken, met
}

func forbidden(r rule, pkg, reached string) bool {
	for _, n := range r.never {
		if leaf, ok := strings.CutPrefix(n, "*but "); ok {
			if own(reached) && reached != leaf && reached != pkg {
				return true
			}
			continue
		}
		if alone, ok := strings.CutSuffix(n, "!"); ok {
			if reached == alone {
				return true
			}
			continue
		}
		if under(reached, n) && !under(reached, module+"/"+r.from) {
			return true
		}
	}
	return false
}

// chains gives, for every package reachable from start through packages of ours, one shortest chain of imports to it.
func chains(g map[string][]string, start string) [][]string {
	seen := map[string]bool{start: true}
	queue := [][]string{{start}}
	var out [][]string
	for len(queue) > 0 {
		chain := queue[0]
		queue = queue[1:]
		for _, next := range g[chain[len(chain)-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			c := append(slices.Clone(chain), next)
			out = append(out, c)
			if own(next) {
				queue = append(queue, c)
			}
		}
	}
	return out
}

// TestOneImporter: a thing with one door has one importer.
func TestOneImporter(t *testing.T) {
	g := graph(sources(t))
	for _, c := range []struct {
		module string
		door   string
	}{
		{"zombiezen.com/go/sqlite", module + "/fhir/store/sqlite"},
		{"github.com/pion", module + "/media"},
		{"github.com/nats-io", module + "/internal/bus"},
		{"github.com/gobwas/ws", module + "/signaling " + module + "/fhir/subscription"},
		{"github.com/evanw/esbuild", module + "/internal/page"},
		{"github.com/golang-jwt/jwt", module + "/internal/identity"},
		{module + "/cmd", module + "/cmd"},
	} {
		t.Run(c.module, func(t *testing.T) {
			for pkg, imports := range g {
				for _, im := range imports {
					inside := slices.ContainsFunc(strings.Fields(c.door), func(door string) bool { return under(pkg, door) })
					if under(im, c.module) && !inside {
						t.Errorf("%s imports %s; only %s may", pkg, im, c.door)
					}
				}
			}
		})
	}
}

// TestProcessGlobals: exit, environment and flags belong to cmd and internal/config.
func TestProcessGlobals(t *testing.T) {
	for _, s := range sources(t) {
		if under(s.pkg, module+"/cmd") || under(s.pkg, module+"/internal/config") || generator(s) || strings.HasSuffix(s.path, "faultpoint_on.go") {
			continue
		}
		for _, call := range selectors(s.file) {
			switch call {
			case "os.Exit", "os.Getenv", "os.LookupEnv", "os.Args", "flag.Parse", "flag.String", "log.Fatal", "log.Fatalf", "log.Print", "log.Printf", "log.Println":
				t.Errorf("%s uses %s", s.path, call)
			}
		}
	}
}

// TestNoClock: what is pure is handed the time.
func TestNoClock(t *testing.T) {
	met := false
	for _, s := range sources(t) {
		if !under(s.pkg, module+"/fhir") || slices.ContainsFunc(impure, func(n string) bool { return under(s.pkg, module+"/"+n) }) || generator(s) {
			continue
		}
		met = true
		for _, call := range selectors(s.file) {
			switch call {
			case "time.Now", "time.Since", "time.Until", "time.After", "time.Tick", "time.NewTimer", "time.NewTicker", "time.Sleep":
				t.Errorf("%s uses %s", s.path, call)
			}
		}
	}
	if !met {
		t.Error("no pure package found: the rule guards nothing")
	}
}

// TestChainLength: the longest chain of imports inside the module.
func TestChainLength(t *testing.T) {
	const most = 6
	g := graph(sources(t))
	memo := map[string][]string{}
	var longest func(pkg string) []string
	longest = func(pkg string) []string {
		if c, ok := memo[pkg]; ok {
			return c
		}
		best := []string{pkg}
		for _, im := range g[pkg] {
			if own(im) {
				if c := append([]string{pkg}, longest(im)...); len(c) > len(best) {
					best = c
				}
			}
		}
		memo[pkg] = best
		return best
	}
	for pkg := range g {
		if c := longest(pkg); len(c)-1 > most {
			t.Errorf("%d imports in a chain, %d is the most: %s", len(c)-1, most, strings.Join(c, " -> "))
		}
	}
}
