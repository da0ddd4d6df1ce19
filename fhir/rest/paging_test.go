package rest_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
)

// TestPaging walks all pages for every boundary while others write: who was there and is not changed comes exactly once, who
// came later does not come, and nothing is shown in a newer state.
func TestPaging(t *testing.T) {
	s := start(t)
	const there = 23
	var want []string
	for i := range there {
		id := fmt.Sprintf("p%02d", i)
		s.put("Patient", id, patient(id, "Nguyen", stationA))
		want = append(want, "Patient/"+id)
	}
	for _, query := range []string{"name=nguyen", "name=nguyen&_sort=-_lastUpdated", "_sort=name", ""} {
		for _, count := range []int{1, 2, 7, there - 1, there, there + 1} {
			t.Run(fmt.Sprintf("%s by %d", query, count), func(t *testing.T) {
				s.in(t)
				var late []string
				var got []string
				next := fmt.Sprintf("%s/Patient?%s&_count=%d", s.url, query, count)
				for pages := 0; next != ""; pages++ {
					if pages > there+2 {
						t.Fatal("the pages do not end")
					}
					r := s.do(anybody, "GET", next, "").is(200)
					if n := r.root.Get("entry").Len(); n > count {
						t.Fatalf("%d entries on a page of %d", n, count)
					}
					got = append(got, r.entries()...)
					next = r.link("next")
					id := fmt.Sprintf("late-%d-%d", pages, len(late))
					s.put("Patient", id, patient(id, "Nguyen", stationA))
					late = append(late, id)
				}
				if diff := cmp.Diff(want, sorted(got)); diff != "" {
					t.Error(diff)
				}
				for _, id := range late {
					s.do(anybody, "DELETE", "/Patient/"+id, "").is(204)
				}
			})
		}
	}
}

// TestPagingUnderLoad does the same against writers that never stop.
func TestPagingUnderLoad(t *testing.T) {
	s := start(t)
	var want []string
	for i := range 40 {
		id := fmt.Sprintf("p%02d", i)
		s.put("Patient", id, patient(id, "Nguyen", stationA))
		want = append(want, "Patient/"+id)
	}
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				body := patient(fmt.Sprintf("w%d-%d", w, i%5), "Nguyen", stationA)
				req, _ := http.NewRequestWithContext(ctx, "PUT", fmt.Sprintf("%s/Patient/w%d-%d", s.url, w, i%5), strings.NewReader(body))
				req.Header.Set("Authorization", "Bearer "+anybody)
				req.Header.Set("Content-Type", "application/fhir+json")
				if resp, err := http.DefaultClient.Do(req); err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	for range 5 {
		var got []string
		for next := s.url + "/Patient?name=nguyen&_count=3"; next != ""; {
			r := s.do(anybody, "GET", next, "").is(200)
			got = append(got, r.entries()...)
			next = r.link("next")
		}
		got = slices.DeleteFunc(got, func(ref string) bool { return strings.HasPrefix(ref, "Patient/w") })
		if diff := cmp.Diff(want, sorted(got)); diff != "" {
			t.Error(diff)
		}
	}
	stop()
	writers.Wait()
}

func TestPageLinks(t *testing.T) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(o *rest.Options) { o.PageKey = key })
	for i := range 5 {
		id := fmt.Sprintf("p%d", i)
		s.put("Patient", id, patient(id, "Nguyễn Thị Hòa", stationA))
	}
	next := s.do(doctorA, "GET", "/Patient?name=hoa&_count=2", "").is(200).link("next")
	if next == "" {
		t.Fatal("there is no second page")
	}
	if strings.Contains(strings.ToLower(next), "hoa") {
		t.Errorf("the link shows what was searched for: %s", next)
	}
	s.do(doctorA, "GET", next, "").is(200)
	s.do(doctorA, "GET", next+"&_format=json", "").is(200)

	t.Run("by another caller", func(t *testing.T) {
		s.in(t)
		s.do(anybody, "GET", next, "").refused(404, "not-found", "_page", "not yours")
		s.do(doctorB, "GET", next, "").refused(404, "not-found", "_page")
	})
	t.Run("for another type", func(t *testing.T) {
		s.in(t)
		s.do(doctorA, "GET", strings.Replace(next, "/Patient?", "/Observation?", 1), "").refused(404, "not-found", "_page")
		s.do(doctorA, "GET", strings.Replace(next, "/Patient?", "/Patient/p1/_history?", 1), "").refused(404, "not-found", "_page")
	})
	t.Run("changed in any place", func(t *testing.T) {
		s.in(t)
		at := strings.Index(next, "_page=") + len("_page=")
		for i := at; i < len(next); i += 7 {
			other := byte('A')
			if next[i] == other {
				other = 'B'
			}
			s.do(doctorA, "GET", next[:i]+string(other)+next[i+1:], "").refused(404, "not-found", "_page")
		}
		s.do(doctorA, "GET", next[:at+10], "").refused(404, "not-found", "_page")
		s.do(doctorA, "GET", next+"&_page=x", "").refused(400, "invalid", "_page")
	})
	t.Run("answers what was asked then", func(t *testing.T) {
		s.in(t)
		s.put("Patient", "p9", patient("p9", "Hòa", stationA))
		var got []string
		for link := next; link != ""; {
			r := s.do(doctorA, "GET", link, "").is(200)
			got = append(got, r.entries()...)
			link = r.link("next")
		}
		if len(got) != 3 || slices.Contains(got, "Patient/p9") {
			t.Errorf("%v", got)
		}
	})
}
