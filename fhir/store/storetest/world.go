package storetest

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
)

// world is a population that answers searches by looking at every resource, to compare a backend with: it uses the exact tests of
// fhir/search and no keys.
type world struct {
	s      *suite
	order  []string // references in the order of creation
	all    map[string]*fhir.Resource
	holder map[string]string
	seq    map[string]int // when each was written last, of so many writes
	writes int
	within []string // of the search that is being answered

	pointing map[*search.Param]map[string][]string // by parameter and target: what points there
}

// populate commits a population: patients of two stations and of none, each with an encounter and observations; practitioners;
// organisations one above the other; a list.
func populate(s *suite, patients int) *world {
	s.Helper()
	w := &world{s: s, all: map[string]*fhir.Resource{}, holder: map[string]string{}, seq: map[string]int{}}
	bodies := []string{
		`{"resourceType":"Organization","id":"district","name":"Trung tâm y tế"}`,
		`{"resourceType":"Organization","id":"tyt-a","name":"Trạm A","identifier":[{"system":"urn:o","value":"a"}],"partOf":{"reference":"Organization/district"}}`,
		`{"resourceType":"Organization","id":"tyt-b","name":"Trạm B","identifier":[{"system":"urn:o","value":"b"}]}`,
		`{"resourceType":"Practitioner","id":"an","name":[{"family":"An"}]}`,
		`{"resourceType":"Practitioner","id":"binh","name":[{"family":"Bình"}]}`,
	}
	stations := []string{"tyt-a", "tyt-b", ""}
	doctors := []string{"an", "binh"}
	for i := range patients {
		managed := ""
		if station := stations[i%3]; station != "" {
			managed = fmt.Sprintf(`,"managingOrganization":{"reference":"Organization/%s"}`, station)
		}
		bodies = append(bodies,
			fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","gender":%q,"identifier":[{"system":"urn:p","value":"%d"}],"name":[{"text":"Nguyễn %c%d"}],"birthDate":"19%02d-01-01"%s}`,
				i, []string{"female", "male"}[i%2], i, 'A'+rune(i%7), i, i%80, managed),
			fmt.Sprintf(`{"resourceType":"Encounter","id":"e%d","status":%q,"class":{"code":"VR"},"subject":{"reference":"Patient/p%d"},"participant":[{"individual":{"reference":"Practitioner/%s"}}]}`,
				i, []string{"finished", "planned", "finished"}[i%3], i, doctors[i/2%2]))
		for k := range 1 + i%2 {
			encounter := ""
			if k == 0 {
				encounter = fmt.Sprintf(`,"encounter":{"reference":"Encounter/e%d"}`, i)
			}
			day := 1 + (i*5+k)%28
			when := fmt.Sprintf(`,"effectiveDateTime":"2026-01-%02dT08:00:00+07:00"`, day)
			if i%11 == 10 {
				when = ""
			} else if i%5 == 4 {
				when = fmt.Sprintf(`,"effectivePeriod":{"start":"2026-01-%02d","end":"2026-02-%02d"}`, day, day)
			}
			bodies = append(bodies, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d-%d","status":"final","code":{"coding":[{"system":"urn:c","code":%q}]},"subject":{"reference":"Patient/p%d"},"performer":[{"reference":"Practitioner/%s"}]%s%s}`,
				i, k, []string{"bp", "hb", "bp", "glu"}[(i+k)%4], i, doctors[(i+k)%2], encounter, when))
		}
	}
	bodies = append(bodies, `{"resourceType":"List","id":"l","status":"current","mode":"working","subject":{"reference":"Patient/p0"},"entry":[{"item":{"reference":"Patient/p0"}},{"item":{"reference":"Patient/p1"}},{"item":{"reference":"Observation/o3-0"}}]}`)
	w.put(bodies...)
	return w
}

// put commits resources, in transactions of a size that any backend takes, and remembers them.
func (w *world) put(bodies ...string) {
	w.s.Helper()
	for some := range slices.Chunk(bodies, 1000) {
		var changes []store.Change
		for _, body := range some {
			changes = append(changes, put(body))
		}
		w.s.commit(changes...)
	}
	w.pointing = map[*search.Param]map[string][]string{}
	for _, body := range bodies {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			w.s.Fatal(err)
		}
		ref := r.Type + "/" + r.ID
		if w.all[ref] == nil {
			w.order = append(w.order, ref)
		}
		w.writes++
		w.all[ref], w.seq[ref] = r, w.writes
	}
	held := map[string]string{}
	for ref, r := range w.all {
		if r.Type == "Patient" {
			held[strings.TrimPrefix(ref, "Patient/")] = r.Root.Get("managingOrganization").Get("reference").String()
		}
	}
	for ref, r := range w.all {
		var holders []string
		for _, id := range search.Extract(r).Patients {
			if held[id] != "" {
				holders = append(holders, held[id])
			}
		}
		slices.Sort(holders)
		w.holder[ref] = strings.Join(slices.Compact(holders), " ")
		if len(holders) == 0 && search.Personal(r.Type) {
			w.holder[ref] = store.Nobody
		}
	}
}

// Matching implements search.Related.
func (w *world) Matching(references []string, inner *search.Query) (bool, error) {
	return slices.ContainsFunc(references, func(ref string) bool { return w.satisfies(ref, inner) }), nil
}

// Pointing implements search.Related.
func (w *world) Pointing(reference string, by *search.Param, inner *search.Query) (bool, error) {
	if w.pointing[by] == nil {
		w.pointing[by] = map[string][]string{}
		for _, ref := range w.order {
			for _, target := range (search.Include{Source: by.Type, Param: by}).Targets(w.all[ref]) {
				w.pointing[by][target] = append(w.pointing[by][target], ref)
			}
		}
	}
	return slices.ContainsFunc(w.pointing[by][reference], func(ref string) bool { return w.satisfies(ref, inner) }), nil
}

func (w *world) satisfies(ref string, q *search.Query) bool {
	r := w.all[ref]
	if r == nil || !store.Visible(w.within, w.holder[ref]) || !q.Match(r) {
		return false
	}
	for _, part := range q.Each() {
		if part.Type == r.Type {
			ok, err := part.Linked(r, w)
			return ok && err == nil
		}
	}
	return false
}

// find gives the ids of all matches in the order that the query asks for.
func (w *world) find(q *search.Query, within []string) []string {
	w.within = within
	type match struct {
		id     string
		values []string
	}
	var list []match
	for _, ref := range w.order {
		if !w.satisfies(ref, q) {
			continue
		}
		m := match{id: w.all[ref].ID}
		for _, part := range q.Each() {
			if part.Type == w.all[ref].Type {
				for _, k := range part.Sort {
					value := k.Value(w.all[ref])
					if k.Param.Code == "_lastUpdated" {
						value = fmt.Sprintf("%08d", w.seq[ref])
					}
					m.values = append(m.values, value)
				}
			}
		}
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(a, b match) int {
		for i, k := range q.Sort {
			x, y := a.values[i], b.values[i]
			switch {
			case x == y:
				continue
			case x == "" || y == "":
				return cmp.Compare(len(y), len(x)) // what has none comes last
			case k.Descending:
				return cmp.Compare(y, x)
			}
			return cmp.Compare(x, y)
		}
		return 0
	})
	var found []string
	for _, m := range list {
		found = append(found, m.id)
	}
	return found
}

// check compares every page of a search with what the world gives, for each page size and confinement.
func (w *world) check(name string, parse func(url.Values) (*search.Query, error), values string, sizes ...int) int {
	w.s.Helper()
	most := 0
	for _, within := range [][]string{nil, {holderA}, {holderB, holderA}, {"Organization/elsewhere"}} {
		for _, size := range sizes {
			v, err := url.ParseQuery(values)
			if err != nil {
				w.s.Fatal(err)
			}
			v.Set("_count", fmt.Sprint(size))
			v.Set("_total", "accurate")
			q, err := parse(v)
			if err != nil {
				w.s.Fatalf("%s?%s: %v", name, values, err)
			}
			want := w.find(q, within)
			w.s.compare(fmt.Sprintf("%s?%s within %v by %d", name, values, within, size), q, within, want)
			most = max(most, len(want))
		}
	}
	return most
}

// compare walks the pages of a search.
func (s *suite) compare(what string, q *search.Query, within, want []string) {
	s.Helper()
	req := store.SearchRequest{Query: q, Within: within}
	got := []string{}
	for pages := 0; ; pages++ {
		page, err := s.Search(s.Context(), req)
		if err != nil {
			s.Fatalf("%s: %v", what, err)
		}
		if page.Total != len(want) {
			s.Errorf("%s: total %d, want %d", what, page.Total, len(want))
		}
		for _, v := range page.Matches {
			got = append(got, v.ID)
		}
		if page.Next == "" || pages > len(want)+10 {
			break
		}
		req.Cursor, req.At = page.Next, page.At
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		s.Errorf("%s:\n got %.300v\nwant %.300v", what, got, want)
	}
}
