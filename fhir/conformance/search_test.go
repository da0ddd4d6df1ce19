//go:build conformance

package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khamxa/fhir/rest"
	"khamxa/fhir/store/sqlite"
)

const (
	searchSeed = 20261124
	questions  = 2_000 // of one type; there are as many again of the other forms as their tests say
)

// served is the handler over a real store, behind a real listener, and what the brute-force matcher knows of it.
type served struct {
	*world
	url     string
	targets map[string][]string
	back    map[string][]pointer
}

// crowded is the handler with the population, the same for all tests, none of which writes.
var crowded = sync.OnceValues(startHandler)

// folders are those of the handlers' stores, which outlive the test that started them.
var folders []string

func TestMain(m *testing.M) {
	m.Run()
	for _, folder := range folders {
		_ = os.RemoveAll(folder)
	}
}

func startHandler() (*served, error) {
	dir, err := os.MkdirTemp("", "khamxa-conformance")
	if err != nil {
		return nil, err
	}
	folders = append(folders, dir)
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	handler, err := rest.New(rest.Options{
		Store: db, Log: slog.New(slog.DiscardHandler), Version: "test",
		Authorize: func(*http.Request) (rest.Access, error) {
			return rest.Access{Author: "Device/conformance", Allows: func(string, rest.Verb) bool { return true }}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &served{url: httptest.NewServer(handler).URL + rest.Prefix}, nil
}

// population writes the crowd: some resources in another state first, and some that are deleted again.
func population(t *testing.T) *served {
	t.Helper()
	s, err := crowded()
	if err != nil {
		t.Fatal(err)
	}
	if s.world != nil {
		return s
	}
	final, earlier := append(newCrowd(searchSeed), terminology()...), append(newCrowd(searchSeed+1), terminology()...)
	was := map[string]object{}
	for _, o := range earlier {
		was[fmt.Sprint(o["resourceType"], "/", o["id"])] = o
	}
	var bodies [][]byte
	put := func(reference string, o object, status int) []byte {
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		body, _, err := exchange(http.MethodPut, s.url+"/"+reference, raw, status)
		if err != nil {
			t.Fatalf("%s: %v", reference, err)
		}
		return body
	}
	for i, o := range final {
		reference := fmt.Sprint(o["resourceType"], "/", o["id"])
		status := http.StatusCreated
		if i%4 == 0 {
			put(reference, was[reference], status)
			status = http.StatusOK
		}
		if i%50 == 0 {
			gone := fmt.Sprint(o["resourceType"], "/gone-", i)
			put(gone, object{"resourceType": o["resourceType"], "id": fmt.Sprint("gone-", i)}, http.StatusCreated)
			if _, _, err := exchange(http.MethodDelete, s.url+"/"+gone, nil, http.StatusNoContent); err != nil {
				t.Fatal(err)
			}
		}
		bodies = append(bodies, put(reference, o, status))
	}
	var trees []object
	for _, body := range bodies {
		trees = append(trees, tree(t, body))
	}
	if s.targets, err = readTargets(exampleNamed(t, "Bundle-searchParams.json")); err != nil {
		t.Fatal(err)
	}
	s.world = newWorld(readDefinitions(t), bodies, judge(t, bodies), trees)
	s.back = s.pointers()
	return s
}

// expected is what a question must find, in order.
func (s *served) expected(q question) []*item {
	var found []*item
	for _, it := range s.items {
		if slices.Contains(q.types, it.typ) && !slices.ContainsFunc(q.conditions, func(c condition) bool { return !s.holds(it, c.name, c.value) }) {
			found = append(found, it)
		}
	}
	return s.ranked(found, q.sort)
}

// bundle is a page as a client reads it.
type bundle struct {
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		Resource struct{ ResourceType, ID string }
		Search   struct{ Mode string }
	}
}

func (b *bundle) of(mode string) (references []string) {
	for _, e := range b.Entry {
		if e.Search.Mode == mode {
			references = append(references, e.Resource.ResourceType+"/"+e.Resource.ID)
		}
	}
	return references
}

func (b *bundle) next() string {
	for _, l := range b.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

// page asks for one page.
func page(method, address, form string) (*bundle, error) {
	request, err := http.NewRequest(method, address, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d: %.400s", answer.StatusCode, raw)
	}
	var b bundle
	return &b, json.Unmarshal(raw, &b)
}

// first asks the question.
func (s *served) first(q question) (*bundle, error) {
	form := q.values().Encode()
	if q.post {
		return page(http.MethodPost, s.url+strings.TrimSuffix(q.path, "/")+"/_search", form)
	}
	return page(http.MethodGet, s.url+q.path+"?"+form, "")
}

// walk asks the question and goes through all pages. Each but the last must be full, unless the server says that it looked long.
func (s *served) walk(q question) (found []string, total *int, err error) {
	b, err := s.first(q)
	for pages := 0; err == nil; pages++ {
		if pages > 5_000 {
			return nil, nil, errors.New("the pages do not end")
		}
		matches := b.of("match")
		if len(matches) > q.count {
			return nil, nil, fmt.Errorf("a page of %d holds %d", q.count, len(matches))
		}
		found = append(found, matches...)
		if pages == 0 {
			total = b.Total
		}
		next := b.next()
		if next == "" {
			return found, total, nil
		}
		b, err = page(http.MethodGet, next, "")
	}
	return nil, nil, err
}

// check asks a question and compares all pages with what the matcher finds.
func (s *served) check(q question) error { return s.compare(q, s.expected(q)) }

func (s *served) compare(q question, items []*item) error {
	want := namesOf(items)
	q.count = max(q.count, len(want)/12) // a dozen pages show what a hundred would
	got, total, err := s.walk(q)
	switch {
	case err != nil:
		return err
	case q.total && (total == nil || *total != len(want)):
		return fmt.Errorf("the total is %v, want %d", total, len(want))
	case slices.Equal(got, want):
		return nil
	}
	var missing, tooMany []string
	for _, ref := range want {
		if !slices.Contains(got, ref) {
			missing = append(missing, ref)
		}
	}
	for _, ref := range got {
		if !slices.Contains(want, ref) {
			tooMany = append(tooMany, ref)
		}
	}
	if len(missing)+len(tooMany) == 0 && len(got) == len(want) {
		at := 0
		for got[at] == want[at] {
			at++
		}
		var ranks []string
		for _, key := range q.sort {
			code, descending := strings.CutPrefix(key, "-")
			ranks = append(ranks, fmt.Sprintf("%s is %q and %q", code, s.rank(s.byReference[got[at]], code, descending), s.rank(s.byReference[want[at]], code, descending)))
		}
		return fmt.Errorf("the order is another from match %d of %d on: got %s, want %s; %s", at, len(got), got[at], want[at], strings.Join(ranks, "; "))
	}
	return fmt.Errorf("%d found, want %d; missing %q, too many %q", len(got), len(want), missing[:min(5, len(missing))], tooMany[:min(5, len(tooMany))])
}

func namesOf(items []*item) []string {
	out := make([]string, 0, len(items))
	for _, it := range items {
		out = append(out, it.reference())
	}
	return out
}

// smaller leaves out what a failing question does not need, so that what is printed is short.
func (s *served) smaller(q question) question {
	for i := 0; i < len(q.conditions); i++ {
		if q.conditions[i].name == "_type" {
			continue // without it, all types are asked
		}
		less := q
		less.conditions = slices.Delete(slices.Clone(q.conditions), i, i+1)
		if s.check(less) != nil {
			q, i = less, -1
		}
	}
	for i := 0; i < len(q.sort); i++ {
		less := q
		less.sort = slices.Delete(slices.Clone(q.sort), i, i+1)
		if s.check(less) != nil {
			q, i = less, -1
		}
	}
	return q
}

// ask checks many questions, each made from the seed and its number. KHAMXA_SEED=NUMBER asks others, and
// KHAMXA_QUESTION=NUMBER one alone.
func (s *served) ask(t *testing.T, seed uint64, many int, make func(a *asker) question) {
	t.Helper()
	from, to := 0, many
	if other, err := strconv.ParseUint(os.Getenv("KHAMXA_SEED"), 10, 64); err == nil {
		seed = other
	}
	if only, err := strconv.Atoi(os.Getenv("KHAMXA_QUESTION")); err == nil {
		from, to = only, only+1
	}
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(4)
	var mu sync.Mutex
	found, empty, wrong := 0, 0, 0
	shown := map[string]int{}
	for n := from; n < to; n++ {
		group.Go(func() error {
			q := make(s.asker(seed, uint64(n)))
			want := s.expected(q)
			err := s.compare(q, want)
			mu.Lock()
			defer mu.Unlock()
			found += len(want)
			if len(want) == 0 {
				empty++
			} else {
				s.shows(q, shown)
			}
			if err == nil {
				return nil
			}
			if wrong++; wrong <= 40 {
				less := s.smaller(q)
				t.Errorf("question %d: %s\n  %v\n  was: %s: %v", n, less, s.check(less), q, err)
			}
			return nil
		})
	}
	_ = group.Wait() // each has reported for itself
	t.Logf("%d questions in %s: %d matches, %d find nothing, %d answered wrongly", to-from, time.Since(began).Round(time.Millisecond), found, empty, wrong)
	if wrong > 40 {
		t.Errorf("%d more are answered wrongly", wrong-40)
	}
	t.Logf("questions that found something with: %v", shown)
	if to-from >= questions {
		for _, what := range []string{
			"token", "string", "reference", "date", "number", "quantity", "uri", "composite", "chain", "chain of chains", "_has", "sort by several", ":missing", ":exact", ":contains", ":not", ":text",
			":of-type", ":identifier", ":Patient", ":below", ":above", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "or", "and",
		} {
			if shown[what] < 3 {
				t.Errorf("only %d questions found something with %s", shown[what], what)
			}
		}
	}
	if to-from > 1 && empty > (to-from)/2 {
		t.Errorf("%d of %d questions find nothing: they show too little", empty, to-from)
	}
}

// shows counts what a question is made of.
func (s *served) shows(q question, count map[string]int) {
	if len(q.sort) > 1 {
		count["sort by several"]++
	}
	if len(q.conditions) > 1 {
		count["and"]++
	}
	for _, c := range q.conditions {
		if strings.HasPrefix(c.name, "_has:") {
			count["_has"]++
			continue
		}
		if links := strings.Count(c.name, "."); links > 0 {
			count["chain"]++
			if links > 1 {
				count["chain of chains"]++
			}
			continue
		}
		code, modifier, _ := strings.Cut(c.name, ":")
		kind := s.kind(q.types[0], code)
		count[kind]++
		count[":"+modifier]++
		if prefix, _ := prefixed(c.value); kind == "date" || kind == "number" || kind == "quantity" {
			count[prefix]++
		}
		if len(separated(c.value, ',')) > 1 {
			count["or"]++
		}
	}
}

// asker asks the n-th question of a seed.
func (s *served) asker(seed, n uint64) *asker {
	return &asker{world: s.world, r: rand.New(rand.NewPCG(seed, n)), targets: s.targets, back: s.back}
}

// TestSearches: what is found, in which order, page by page, is what the matcher finds by looking at everything.
func TestSearches(t *testing.T) {
	s := population(t)
	s.ask(t, searchSeed, questions, (*asker).question)
}

// TestSearchesOfTheSystem: the same over several types at once.
func TestSearchesOfTheSystem(t *testing.T) {
	s := population(t)
	s.ask(t, searchSeed+1, 100, func(a *asker) question {
		q := a.question()
		q.path, q.sort = "/", nil
		q.types = []string{one(a, a.items).typ, one(a, a.items).typ, "Patient"}
		slices.Sort(q.types)
		q.types = slices.Compact(q.types)
		it := one(a, a.items)
		q.conditions = []condition{{"_type", strings.Join(q.types, ",")}}
		if a.chance(70) {
			for _, code := range []string{"_tag", "_profile", "_source", "_lastUpdated", "_id"} {
				if len(it.nodes[code]) > 0 {
					modifier, value := a.value(a.kind(it.typ, code), it.nodes[code][0])
					if modifier != "" {
						code += ":" + modifier
					}
					q.conditions = append(q.conditions, condition{code, value})
					break
				}
			}
		}
		if a.chance(50) {
			q.sort = []string{one(a, []string{"_lastUpdated", "-_lastUpdated", "_id", "-_id"})}
		}
		return q
	})
}
