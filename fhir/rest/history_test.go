package rest_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
	"khamxa/fhir/store"
)

// versionsOf walks a history to its end and gives "Type/id/version" of each entry, with a star for deletions.
func versionsOf(s *service, as, address string) (all []string) {
	s.t.Helper()
	for pages := 0; address != ""; pages++ {
		r := s.do(as, "GET", address, "").is(200)
		if pages > 50 {
			s.t.Fatal("no end")
		}
		for _, e := range r.root.Get("entry").Items() {
			full := strings.TrimPrefix(e.Get("fullUrl").String(), s.url+"/")
			name := full + "/" + strings.Trim(e.Get("response").Get("etag").String(), `W/"`)
			if e.Get("request").Get("method").IsString("DELETE") {
				name += "*"
			}
			all = append(all, name)
		}
		address = r.link("next")
	}
	return all
}

// TestHistoryOfMany: the history of a type and of everything, as pages of any size.
func TestHistoryOfMany(t *testing.T) {
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	s := start(t)
	populate(s)
	s.put("Patient", "pa", patient("pa", "Anh", stationA))
	ofPatient := []string{"Patient/pa/2", "Patient/pb/1", "Patient/pa/1"}
	everything := []string{
		"Patient/pa/2", "Observation/gone-a/2*", "Observation/gone-a/1", "Observation/gone-b/2*", "Observation/gone-b/1",
		"Practitioner/free/1", "Observation/ob/1", "Observation/oa/1", "Patient/pb/1", "Patient/pa/1",
	}
	for count := 1; count < 12; count += 3 {
		query := fmt.Sprintf("/_history?_count=%d", count)
		if diff := cmp.Diff(ofPatient, versionsOf(s, anybody, "/Patient"+query)); diff != "" {
			t.Errorf("%d: %s", count, diff)
		}
		if diff := cmp.Diff(everything, versionsOf(s, anybody, query)); diff != "" {
			t.Errorf("%d: %s", count, diff)
		}
	}
	t.Run("what a caller may not search is not shown", func(t *testing.T) {
		s.in(t)
		if diff := cmp.Diff(ofPatient, versionsOf(s, reader, "/_history")); diff != "" {
			t.Error(diff)
		}
		s.do(reader, "GET", "/Observation/_history", "").refused(403, "forbidden", "")
		s.do(nobody, "GET", "/_history", "").is(401)
	})
	t.Run("confined", func(t *testing.T) {
		s.in(t)
		mine := []string{"Patient/pa/2", "Observation/gone-a/2*", "Observation/gone-a/1", "Practitioner/free/1", "Observation/oa/1", "Patient/pa/1"}
		for _, query := range []string{"", "?_count=1", "?_count=2"} {
			if diff := cmp.Diff(mine, versionsOf(s, doctorA, "/_history"+query)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"Observation/gone-b/2*", "Observation/gone-b/1", "Observation/ob/1"}, versionsOf(s, doctorB, "/Observation/_history"+query)); diff != "" {
				t.Error(diff)
			}
		}
		if r := s.do(doctorA, "GET", "/Observation/_history?_count=3", "").is(200); r.link("next") != "" {
			t.Error("there is a next page of what is hidden")
		}
	})
	t.Run("a page link is the caller's and the list's own", func(t *testing.T) {
		s.in(t)
		next := s.do(anybody, "GET", "/Patient/_history?_count=1", "").is(200).link("next")
		s.do(doctorA, "GET", next, "").refused(404, "not-found", "_page")
		s.do(anybody, "GET", strings.Replace(next, "/Patient/_history", "/Patient", 1), "").refused(404, "not-found", "_page")
		s.do(anybody, "GET", strings.Replace(next, "/Patient/", "/Observation/", 1), "").refused(404, "not-found", "_page")
		s.do(anybody, "GET", strings.Replace(next, "/Patient/", "/", 1), "").refused(404, "not-found", "_page")
		search := s.do(anybody, "GET", "/Patient?_count=1", "").is(200).link("next")
		s.do(anybody, "GET", strings.Replace(search, "/Patient?", "/Patient/_history?", 1), "").refused(404, "not-found", "_page")
	})
	t.Run("since", func(t *testing.T) {
		s.in(t)
		before := s.do(anybody, "GET", "/Practitioner/free", "").root.Get("meta").Get("lastUpdated").String()
		if got := versionsOf(s, anybody, "/_history?_since="+url.QueryEscape(before)+"&_count=2"); len(got) < 6 || got[0] != everything[0] {
			t.Errorf("%v", got)
		}
		if got := versionsOf(s, anybody, "/Patient/_history?_since="+url.QueryEscape(now.AddDate(100, 0, 0).Format(time.RFC3339))); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
	t.Run("audit", func(t *testing.T) {
		s.in(t)
		s.seen()
		s.do(doctorA, "GET", "/_history?_count=2", "").is(200)
		events := s.seen()
		if len(events) != 1 || events[0].Interaction != "history-system" || cmp.Diff([]string{"Patient/pa/_history/2", "Observation/gone-a/_history/2"}, events[0].Resources) != "" {
			t.Errorf("%+v", events)
		}
	})
	t.Run("in a batch", func(t *testing.T) {
		s.in(t)
		r := s.do(doctorA, "POST", "/", bundleOf("batch", entryOf("", "GET", "_history?_count=1", ""), entryOf("", "GET", "Patient/_history", ""))).is(200)
		if diff := cmp.Diff([]string{"200 OK", "200 OK"}, statuses(r)); diff != "" || strings.Contains(string(r.body), "/pb") {
			t.Errorf("%s %s", diff, r.body)
		}
		s.do(doctorA, "POST", "/", bundleOf("transaction", entryOf("", "GET", "Patient/_history", ""))).is(200)
	})
	t.Run("refused", func(t *testing.T) {
		s.in(t)
		for _, path := range []string{"/_history", "/Patient/_history"} {
			s.do(anybody, "GET", path+"?_at=2026", "").refused(400, "not-supported", "_at")
			s.do(anybody, "GET", path+"?_count=x", "").refused(400, "invalid", "_count")
			s.do(anybody, "GET", path+"?name=x", "").refused(400, "invalid", "name")
		}
	})
}

// TestHistoryAt: the versions that were current at some time of a period.
func TestHistoryAt(t *testing.T) {
	clock := time.Date(2026, 1, 10, 5, 0, 0, 0, time.UTC)
	s := startAt(t, &clock)
	for _, name := range []string{"1", "2", "3"} { // versions of 10 January, 10 February, 10 March
		s.put("Patient", "p", patient("p", name, stationA))
		clock = clock.AddDate(0, 1, 0)
	}
	s.do(anybody, "DELETE", "/Patient/p", "").is(204) // 10 April
	for _, tt := range []struct{ at, want string }{
		{"2025", ""},
		{"2026-01-09", ""},
		{"2026-01", "1"},
		{"2026-01-10", "1"},
		{"2026-01-20", "1"},
		{"2026-02", "2 1"},
		{"2026-02-20", "2"},
		{"2026-02-10T12:00:00+07:00", "2"}, // the second in which it was written
		{"2026-02-10T05:00:00.000Z", "2"},
		{"2026-02-10T04:59:59.999Z", "1"},
		{"2026-03", "3 2"},
		{"2026", "4* 3 2 1"},
		{"2026-05", "4*"},
	} {
		for _, count := range []int{1, 2, 10} {
			var got []string
			for _, v := range versionsOf(s, anybody, fmt.Sprintf("/Patient/p/_history?_at=%s&_count=%d", url.QueryEscape(tt.at), count)) {
				got = append(got, strings.TrimPrefix(v, "Patient/p/"))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("_at=%s by %d: %v, want %s", tt.at, count, got, tt.want)
			}
		}
	}
	if got := versionsOf(s, anybody, "/Patient/p/_history?_at=2026&_since=2026-03-01T00:00:00Z"); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// erased is a store in which the bodies of old versions were erased by law.
type erased struct{ store.Store }

func (e erased) Journal(ctx context.Context, q store.JournalRequest) (store.JournalPage, error) {
	page, err := e.Store.Journal(ctx, q)
	for i := range page.Versions {
		page.Versions[i].Body = nil
	}
	return page, err
}

func (e erased) History(ctx context.Context, q store.HistoryRequest) ([]store.Version, error) {
	list, err := e.Store.History(ctx, q)
	for i := range list {
		list[i].Body = nil
	}
	return list, err
}

// TestHistoryOfErased: versions whose bodies were erased are listed without them.
func TestHistoryOfErased(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.Store = erased{o.Store} })
	populate(s)
	for _, caller := range []string{anybody, doctorA} {
		for _, path := range []string{"/_history", "/Observation/_history", "/Observation/oa/_history"} {
			r := s.do(caller, "GET", path, "").is(200)
			if entries := r.root.Get("entry").Items(); len(entries) == 0 || entries[0].Get("resource") != nil || strings.Contains(string(r.body), "pb") != (caller == anybody && path == "/_history") {
				t.Errorf("%s: %s", path, r.body)
			}
		}
	}
}
