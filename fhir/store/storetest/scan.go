package storetest

import (
	"fmt"
	"strings"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var scanTests = []test{
	{"everything once, in the order of first appearance", scanAll},
	{"the state at a position, whatever comes after", scanPosition},
	{"types, times, deletions and compartments", scanNarrow},
	{"a scan is confined to holders", scanConfined},
	{"pages resume after a restart", scanRestart},
	{"what cannot be scanned", scanWrong},
}

// scanned gives "Type/id/version" of all pages, with a space between them; a deleted one has a minus before it.
func (s *suite) scanned(q store.ScanRequest) string {
	s.Helper()
	var out []string
	for {
		page, err := s.Scan(s.Context(), q)
		s.wantCode(err, "")
		if q.Count > 0 && len(page.Versions) > q.Count {
			s.Fatalf("%d versions on a page of %d", len(page.Versions), q.Count)
		}
		for _, v := range page.Versions {
			name := v.Type + "/" + v.ID + "/" + v.VersionID
			if v.Deleted {
				name = "-" + name
			}
			if v.Deleted != (v.Body == nil) || !v.Deleted && !strings.Contains(string(v.Body), `"versionId":"`+v.VersionID+`"`) {
				s.Fatalf("%s has the body %s", name, v.Body)
			}
			out = append(out, name)
		}
		if page.Next == "" {
			return strings.Join(out, " ")
		}
		q.At, q.Cursor = page.At, page.Next
	}
}

func scanAll(s *suite) {
	s.equal("empty", s.scanned(store.ScanRequest{}), "")
	s.commit(put(patient("p", "tyt-a")), put(observation("o1", "p", 1)))
	s.commit(put(shared("x")), put(observation("o2", "p", 2)))
	s.commit(put(patient("p", "tyt-b")), remove("Observation", "o1"))
	const want = "Patient/p/2 Organization/x/1 Observation/o2/1"
	s.equal("all", s.scanned(store.ScanRequest{}), want)
	for count := range 4 {
		s.equal("in pages", s.scanned(store.ScanRequest{Count: count}), want)
	}
	page, err := s.Scan(s.Context(), store.ScanRequest{})
	s.wantCode(err, "")
	v, err := s.Read(s.Context(), "Observation", "o2")
	s.wantCode(err, "")
	got := page.Versions[2]
	if string(got.Body) != string(v.Body) || got.Holder != v.Holder || got.Seq != v.Seq || !got.Updated.Equal(v.Updated) {
		s.Errorf("scanned %+v, read %+v", got, v)
	}
	s.equal("At", page.At, store.Seq(3))
}

func scanPosition(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(basic("a", "1")), put(basic("b", "1")), put(basic("c", "1")))
	s.commit(put(basic("a", "2")), remove("Basic", "b"))
	then := s.clock.Now()
	s.clock.Advance(time.Hour)
	const two = "Patient/p/1 Basic/a/2 Basic/c/1"
	page, err := s.Scan(s.Context(), store.ScanRequest{At: 2, Count: 1})
	s.wantCode(err, "")
	s.equal("first", page.Versions[0].ID, "p")
	if !page.Time.Equal(then.Truncate(time.Millisecond)) {
		s.Errorf("Time = %v, want %v", page.Time, then)
	}
	s.commit(put(basic("a", "3")), put(basic("b", "3")), remove("Basic", "c"), put(basic("new", "1")), put(patient("p", "tyt-b")))
	s.equal("at 2", s.scanned(store.ScanRequest{At: 2}), two)
	s.equal("at 2, continued", s.scanned(store.ScanRequest{At: 2, Cursor: page.Next}), "Basic/a/2 Basic/c/1")
	s.equal("at 1", s.scanned(store.ScanRequest{At: 1}), "Patient/p/1 Basic/a/1 Basic/b/1 Basic/c/1")
	s.equal("now", s.scanned(store.ScanRequest{}), "Patient/p/2 Basic/a/3 Basic/b/3 Basic/new/1")
	s.equal("at 2, deleted too", s.scanned(store.ScanRequest{At: 2, Deleted: true}), "Patient/p/1 Basic/a/2 -Basic/b/2 Basic/c/1")
	s.equal("at 2, since", s.scanned(store.ScanRequest{At: 2, Since: then.Add(time.Minute)}), "")
}

func scanNarrow(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(patient("q", "tyt-a")), put(shared("x")), put(observation("op", "p", 1)), put(observation("oq", "q", 1)), put(basic("b", "1")))
	s.clock.Advance(time.Minute)
	since := s.clock.Now().Truncate(time.Millisecond)
	s.commit(put(observation("op", "p", 2)), remove("Basic", "b"))
	s.clock.Advance(time.Minute)
	s.commit(put(observation("oq", "p", 3)))
	for _, c := range []struct {
		name string
		q    store.ScanRequest
		want string
	}{
		{"types", store.ScanRequest{Types: []string{"Organization", "Patient"}}, "Patient/p/1 Patient/q/1 Organization/x/1"},
		{"no type", store.ScanRequest{Types: []string{}}, ""},
		{"since", store.ScanRequest{Since: since}, "Observation/op/2 Observation/oq/2"},
		{"a moment later", store.ScanRequest{Since: since.Add(time.Millisecond)}, "Observation/oq/2"},
		{"since, deleted too", store.ScanRequest{Since: since, Deleted: true}, "Observation/op/2 Observation/oq/2 -Basic/b/2"},
		{"compartments", store.ScanRequest{Compartment: true}, "Patient/p/1 Patient/q/1 Observation/op/2 Observation/oq/2"},
		{"of one patient", store.ScanRequest{Patients: []string{"q"}}, "Patient/q/1"},
		{"of one patient, then", store.ScanRequest{Patients: []string{"q"}, At: 2}, "Patient/q/1 Observation/oq/1"},
		{"of nobody", store.ScanRequest{Patients: []string{}}, ""},
	} {
		s.equal(c.name, s.scanned(c.q), c.want)
	}
}

func scanConfined(s *suite) {
	s.commit(put(patient("a", "tyt-a")), put(patient("b", "tyt-b")), put(shared("x")), put(observation("oa", "a", 1)), put(observation("ob", "b", 1)), put(basic("nobody", "1")))
	s.equal("a", s.scanned(store.ScanRequest{Within: []string{holderA}}), "Patient/a/1 Organization/x/1 Observation/oa/1")
	s.equal("nobody", s.scanned(store.ScanRequest{Within: []string{}}), "Organization/x/1")
	s.equal("held by nobody", s.scanned(store.ScanRequest{Within: []string{store.Nobody}}), "Organization/x/1")
	s.commit(put(patient("a", "tyt-b")))
	s.equal("today's holder decides of the past", s.scanned(store.ScanRequest{At: 1, Within: []string{holderA}}), "Organization/x/1")
	s.equal("b, then", s.scanned(store.ScanRequest{At: 1, Within: []string{holderB}}), "Patient/a/1 Patient/b/1 Organization/x/1 Observation/oa/1 Observation/ob/1")
	s.equal("deletions too", s.scanned(store.ScanRequest{Within: []string{holderA}, Deleted: true}), "Organization/x/1")
}

func scanRestart(s *suite) {
	var want []string
	for i := range 20 {
		s.commit(put(basic("b"+itoa(i), "1")))
		want = append(want, fmt.Sprintf("Basic/b%d/1", i))
	}
	page, err := s.Scan(s.Context(), store.ScanRequest{Count: 7})
	s.wantCode(err, "")
	s.commit(put(basic("b10", "2")), put(basic("later", "1")))
	s.reopen(nil)
	rest := s.scanned(store.ScanRequest{At: page.At, Cursor: page.Next, Count: 3})
	s.equal("the rest", rest, strings.Join(want[7:], " "))
	s.wantCode(s.Reindex(s.Context(), nil), "")
	s.equal("after Reindex", s.scanned(store.ScanRequest{At: page.At, Cursor: page.Next}), rest)
}

func scanWrong(s *suite) {
	s.commit(put(basic("a", "1")))
	for _, q := range []store.ScanRequest{{At: 2}, {At: -1}, {Cursor: "x"}, {Cursor: "-1"}} {
		_, err := s.Scan(s.Context(), q)
		s.wantCode(err, fault.Invalid)
	}
}
