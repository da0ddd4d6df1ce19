package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var searchTests = []test{
	{"matches in the order of creation", creationOrder},
	{"every clause can drive", everyClause},
	{"what matches in several ways comes once", onceEach},
	{"an update moves a resource to its new keys", newKeys},
	{"sorted by a date, by id, by lastUpdated", sorting},
	{"what has no sort value comes last", missingLast},
	{"every page boundary", pageBoundaries},
	{"pages stay as they are under concurrent writes", stablePages},
	{"the second page of an old state", oldState},
	{"count zero asks for the total", countZero},
	{"include shows the state of the page", includeState},
	{"includes have a limit and tell", includeLimit},
	{"pages of large resources are cut short", largePages},
	{"broken page links are refused", brokenLinks},
	{"a deadline ends a search", deadline},
}

func creationOrder(s *suite) {
	s.commit(put(basic("z", "x")), put(basic("a", "x")))
	s.commit(put(basic("m", "x")))
	s.commit(put(basic("z", "x")))
	s.equal("found", s.find("Basic", ""), "z a m")
	s.equal("found", s.find("Basic", "code=x,y"), "z a m")
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Basic", "")})
	s.wantCode(err, "")
	s.equal("Total that nobody asked for", page.Total, -1)
	s.equal("Next of the only page", page.Next, "")
	s.equal("At", page.At, store.Seq(3))
}

// everyClause asks one thing with clauses of very different sizes, so that each becomes the driver in turn.
func everyClause(s *suite) {
	for i := range 40 {
		s.commit(put(observation(fmt.Sprintf("o%02d", i), "p"+itoa(i%4), 1+i%20)))
	}
	s.commit(put(observation("rare", "p9", 5)))
	for values, want := range map[string]string{
		"code=http://loinc.org|85354-9&patient=p9":                       "rare",
		"code=85354-9&subject=Patient/p9":                                "rare",
		"date=2026-01-05&patient=p0":                                     "o04 o24",
		"date=ge2026-01-20&code=85354-9":                                 "o19 o39",
		"date=ge2026-01-05&date=lt2026-01-06&code=85354-9":               "o04 o24 rare",
		"status=final&_id=o07,o08":                                       "o07 o08",
		"status:not=final":                                               "",
		"code:not=85354-9":                                               "",
		"date:missing=true":                                              "",
		"date:missing=false&patient=p9":                                  "rare",
		"patient=nobody":                                                 "",
		"code=|85354-9":                                                  "",
		"patient=p9,p1&date=2026-01-02":                                  "o01 o21",
		"code=http://loinc.org|85354-9&status=final&patient=p9&_id=rare": "rare",
	} {
		if got := s.find("Observation", values); got != want {
			s.Errorf("Observation?%s = %q, want %q", values, got, want)
		}
	}
}

func onceEach(s *suite) {
	s.commit(put(`{"resourceType":"Basic","id":"two","code":{"coding":[{"code":"x"},{"code":"y"}]}}`), put(basic("one", "x")))
	s.equal("by two codes", s.find("Basic", "code=x,y"), "two one")
	s.equal("by two codes, sorted", s.find("Basic", "code=x,y&_sort=_id"), "one two")
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Basic", "code=x,y&_total=accurate")})
	s.wantCode(err, "")
	s.equal("Total", page.Total, 2)
	s.commit(put(`{"resourceType":"Patient","id":"p","name":[{"text":"Nguyễn Thị Hòa","family":"Nguyễn","given":["Thị","Hòa"]}]}`))
	s.equal("by a name of several words", s.find("Patient", "name=nguyen,thi,hoa"), "p")
}

func newKeys(s *suite) {
	s.commit(put(observation("o", "p", 1)), put(basic("a", "x")))
	s.commit(put(observation("o", "q", 2)))
	s.equal("by the old patient", s.find("Observation", "patient=p"), "")
	s.equal("by the new patient", s.find("Observation", "patient=q"), "o")
	s.equal("by the old day", s.find("Observation", "date=2026-01-01"), "")
	s.equal("by the new day", s.find("Observation", "date=2026-01-02"), "o")
	s.equal("by the time of the change", s.find("Observation", "_lastUpdated=2026-11-23"), "o")
	s.commit(remove("Observation", "o"))
	s.equal("after deletion", s.find("Observation", "patient=q"), "")
	s.sound()
}

func sorting(s *suite) {
	for i, day := range []int{3, 1, 2, 1} {
		s.commit(put(observation(string(rune('d'-i)), "p", day))) // d3 c1 b2 a1
	}
	s.commit(put(observation("d", "p", 3))) // changed last
	for values, want := range map[string]string{
		"_sort=date":            "c a b d",
		"_sort=-date":           "d b c a",
		"_sort=date,_id":        "a c b d",
		"_sort=date,-_id":       "c a b d",
		"_sort=_id":             "a b c d",
		"_sort=-_id":            "d c b a",
		"_sort=_lastUpdated":    "c b a d",
		"_sort=-_lastUpdated":   "d a b c",
		"_sort=-date&patient=p": "d b c a",
	} {
		if got := s.find("Observation", values); got != want {
			s.Errorf("Observation?%s = %q, want %q", values, got, want)
		}
	}
}

func missingLast(s *suite) {
	undated := func(id string) store.Change {
		return put(`{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"text":"x"}}`)
	}
	for i := range 8 {
		s.commit(undated("n"+itoa(i)), put(observation("o"+itoa(i), "p", 1+i)))
	}
	s.equal("ascending", s.find("Observation", "_sort=date"), "o0 o1 o2 o3 o4 o5 o6 o7 n0 n1 n2 n3 n4 n5 n6 n7")
	s.equal("descending", s.find("Observation", "_sort=-date"), "o7 o6 o5 o4 o3 o2 o1 o0 n0 n1 n2 n3 n4 n5 n6 n7")
}

// pageBoundaries walks all pages for every page size and every way of ordering: nothing twice, nothing missing.
func pageBoundaries(s *suite) {
	const all = 11
	var changes []store.Change
	for i := range all {
		changes = append(changes, put(observation(fmt.Sprintf("o%02d", (i*7)%all), "p", 1+i%3)))
	}
	s.commit(changes...)
	for _, values := range []string{"", "code=85354-9", "date=ge2026-01-01", "_sort=date", "_sort=-date,_id", "_sort=-_lastUpdated", "_sort=_id", "patient=p&_sort=_lastUpdated"} {
		whole := strings.Fields(s.find("Observation", values))
		s.equal("matches of "+values, len(whole), all)
		for size := 1; size <= all+1; size++ {
			pages := s.walk("Observation", fmt.Sprintf("%s&_count=%d", values, size))
			var seen []string
			for i, p := range pages {
				if i < len(pages)-1 {
					s.equal("size of a page that is not the last", len(strings.Fields(p)), size)
				}
				seen = append(seen, strings.Fields(p)...)
			}
			s.equal("all pages of "+values+" by "+itoa(size), strings.Join(seen, " "), strings.Join(whole, " "))
			s.equal("pages", len(pages), (all+size-1)/size)
		}
	}
}

// walk gives the ids of each page.
func (s *suite) walk(typ, values string) []string {
	s.Helper()
	req := store.SearchRequest{Query: s.query(typ, values)}
	var pages []string
	for {
		page, err := s.Search(s.Context(), req)
		if err != nil {
			s.Fatalf("Search(%s?%s): %v", typ, values, err)
		}
		pages = append(pages, ids(page.Matches))
		if page.Next == "" {
			return pages
		}
		req.Cursor, req.At = page.Next, page.At
	}
}

// stablePages walks pages while others create, change and delete: what was there from the beginning and is left alone comes
// exactly once, and nothing is shown that is newer than the first page.
func stablePages(s *suite) {
	const still = 60
	for i := range still {
		s.commit(put(observation(fmt.Sprintf("still%02d", i), "p", 1+i%28)), put(observation(fmt.Sprintf("moving%02d", i), "p", 1+i%28)))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			change := put(observation(fmt.Sprintf("moving%02d", i%still), "p", 1+(i*5)%28))
			if i%3 == 0 {
				change = put(observation(fmt.Sprintf("new%03d", i), "p", 1+i%28))
			}
			if i%7 == 0 {
				change = remove("Observation", fmt.Sprintf("moving%02d", i%still))
			}
			if _, err := s.Commit(s.Context(), tx(change)); err != nil {
				s.Errorf("Commit: %v", err)
				return
			}
		}
	})
	for _, values := range []string{"code=85354-9", "_sort=date", "_sort=-_lastUpdated", "date=ge2026-01-01"} {
		checkStable(s, values, still)
	}
	close(done)
	wg.Wait()
	s.sound()
}

func checkStable(s *suite, values string, still int) {
	req := store.SearchRequest{Query: s.query("Observation", values+"&_count=7")}
	seen := make(map[string]bool)
	untouched := 0
	for {
		page, err := s.Search(s.Context(), req)
		s.wantCode(err, "")
		for _, v := range page.Matches {
			if seen[v.ID] {
				s.Errorf("%s: %s came twice", values, v.ID)
			}
			seen[v.ID] = true
			if v.Seq > page.At {
				s.Errorf("%s: a page at %d shows %s as of %d", values, page.At, v.ID, v.Seq)
			}
			if strings.HasPrefix(v.ID, "still") {
				untouched++
			}
		}
		if page.Next == "" {
			break
		}
		if req.At != 0 {
			s.equal("At", page.At, req.At)
		}
		req.Cursor, req.At = page.Next, page.At
	}
	s.equal(values+": resources that nobody touched", untouched, still)
}

func oldState(s *suite) {
	s.commit(put(basic("a", "x")), put(basic("b", "x")), put(basic("c", "x")), put(basic("d", "x")))
	query := s.query("Basic", "_count=1&_total=accurate")
	first, err := s.Search(s.Context(), store.SearchRequest{Query: query})
	s.wantCode(err, "")
	s.commit(put(basic("b", "y")), put(basic("e", "x")), remove("Basic", "c"))
	second, err := s.Search(s.Context(), store.SearchRequest{Query: query, Cursor: first.Next, At: first.At})
	s.wantCode(err, "")
	s.equal("second page", ids(second.Matches), "d")
	s.equal("Next", second.Next, "")
	s.equal("Total of the first page", second.Total, 4)
	s.equal("At", second.At, first.At)
}

func countZero(s *suite) {
	for i := range 30 {
		s.commit(put(basic("b"+itoa(i), "c"+itoa(i%3))))
	}
	for values, want := range map[string]int{
		"_count=0&_total=accurate": 30, "_count=0&_total=accurate&code=c1": 10, "_count=0&_total=accurate&code=c1&_sort=_id": 10,
		"_count=0&_total=accurate&code=none": 0, "_count=0&_total=estimate&code=c1,c2": 20,
	} {
		page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Basic", values)})
		s.wantCode(err, "")
		s.equal("Total of "+values, page.Total, want)
		s.equal("matches", len(page.Matches), 0)
		s.equal("Next", page.Next, "")
	}
}

func includeState(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(observation("o1", "p", 1)), put(observation("o2", "p", 2)), put(observation("o3", "q", 2)))
	query := s.query("Observation", "_count=1&_include=Observation:subject")
	first, err := s.Search(s.Context(), store.SearchRequest{Query: query})
	s.wantCode(err, "")
	s.equal("included", ids(first.Included), "p")
	s.commit(put(patient("p", "tyt-b")))
	second, err := s.Search(s.Context(), store.SearchRequest{Query: query, Cursor: first.Next, At: first.At})
	s.wantCode(err, "")
	s.equal("matches", ids(second.Matches), "o2")
	s.equal("included", ids(second.Included), "p")
	s.equal("version of the included", second.Included[0].VersionID, "1")
	s.equal("holder of the included", second.Included[0].Holder, holderB)
	third, err := s.Search(s.Context(), store.SearchRequest{Query: query, Cursor: second.Next, At: second.At})
	s.wantCode(err, "")
	s.equal("matches", ids(third.Matches), "o3")
	s.equal("a patient that is not there", ids(third.Included), "")
}

func includeLimit(s *suite) {
	changes := []store.Change{put(patient("p", ""))}
	for i := range store.MaxIncluded {
		changes = append(changes, put(observation("o"+itoa(i), "p", 1)))
	}
	s.commit(changes...)
	query := s.query("Patient", "_revinclude=Observation:subject")
	page, err := s.Search(s.Context(), store.SearchRequest{Query: query})
	s.wantCode(err, "")
	s.equal("included", len(page.Included), store.MaxIncluded)
	s.equal("Truncated", page.Truncated, false)
	s.commit(put(observation("more", "p", 1)))
	page, err = s.Search(s.Context(), store.SearchRequest{Query: query})
	s.wantCode(err, "")
	s.equal("included", len(page.Included), store.MaxIncluded)
	s.equal("Truncated", page.Truncated, true)
}

// largePages reads resources of which a page, and what it includes, would be larger than MaxPage.
func largePages(s *suite) {
	const size, n = store.MaxPage / 4, 7
	padding := strings.Repeat("x", size)
	s.commit(put(patient("p", "tyt-a")))
	for i := range n {
		id := "o" + itoa(i)
		s.commit(put(strings.Replace(observation(id, "p", 1+i), `"status"`, `"note":[{"text":"`+padding+`"}],"status"`, 1)))
	}
	for _, values := range []string{"_count=200", "_count=200&_sort=_lastUpdated", "_count=200&_sort=date", "_count=200&_sort=date,_id"} {
		if pages := s.walk("Observation", values); len(pages) != 2 || strings.Join(pages, " ") != "o0 o1 o2 o3 o4 o5 o6" {
			s.Errorf("%s: %q", values, pages)
		}
	}
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Patient", "_revinclude=Observation:subject")})
	s.wantCode(err, "")
	s.equal("included", len(page.Included) < n, true)
	s.equal("Truncated", page.Truncated, true)
	chart, err := s.Compartment(s.Context(), store.CompartmentRequest{Patient: "p"})
	s.wantCode(err, "")
	s.equal("of a chart", len(chart.Resources) < n && chart.Next != 0, true)
	for range n {
		s.commit(put(strings.Replace(observation("o0", "p", 1), `"status"`, `"note":[{"text":"`+padding+`"}],"status"`, 1)))
	}
	versions, err := s.History(s.Context(), store.HistoryRequest{Type: "Observation", ID: "o0", Count: 100})
	s.wantCode(err, "")
	s.equal("of a history", len(versions) >= 2 && len(versions) < n, true)
	s.equal("the whole chart", len(strings.Fields(s.record(store.CompartmentRequest{Patient: "p"}))), n+1)
}

func brokenLinks(s *suite) {
	s.commit(put(basic("a", "x")), put(basic("b", "x")))
	query := s.query("Basic", "_count=1")
	for _, cursor := range []string{"!", "e30x", "bm9uc2Vuc2U", strings.Repeat("A", 10_000)} {
		_, err := s.Search(s.Context(), store.SearchRequest{Query: query, Cursor: cursor})
		s.wantCode(err, fault.Invalid)
	}
	page, err := s.Search(s.Context(), store.SearchRequest{Query: query})
	s.wantCode(err, "")
	_, err = s.Search(s.Context(), store.SearchRequest{Query: s.query("Basic", "_sort=_id"), Cursor: page.Next})
	s.wantCode(err, fault.Invalid)
	_, err = s.Search(s.Context(), store.SearchRequest{Query: query, At: 99})
	s.wantCode(err, fault.Invalid)
	_, err = s.Search(s.Context(), store.SearchRequest{Query: query, At: -1})
	s.wantCode(err, fault.Invalid)
	_, err = s.Search(s.Context(), store.SearchRequest{})
	s.wantCode(err, fault.Invalid)
}

// deadline gives a search that looks at thousands of resources a few milliseconds; it must not run to its end.
func deadline(s *suite) {
	var changes []store.Change
	for i := range 2_000 {
		changes = append(changes, put(basic("b"+itoa(i), "x")))
	}
	s.commit(changes...)
	query := s.query("Basic", "code:not=y&_sort=-code&_total=accurate")
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Millisecond)
	defer cancel()
	_, err := s.Search(ctx, store.SearchRequest{Query: query})
	s.wantCode(err, fault.Timeout)
}
