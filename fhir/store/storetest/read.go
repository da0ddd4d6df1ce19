package storetest

import (
	"strconv"
	"strings"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var readTests = []test{
	{"what is not there", readMissing},
	{"every version can be read", readVersions},
	{"history is newest first and pages", history},
	{"a journal is newest first and pages", journal},
	{"a journal since", journalSince},
	{"a journal within reach", journalWithin},
	{"a journal's pages are not moved by what comes later", journalStable},
	{"a read sees every commit that was acknowledged", readYourWrite},
	{"everything survives a restart", restart},
}

func itoa(i int) string { return strconv.Itoa(i) }

func readMissing(s *suite) {
	s.commit(put(basic("a", "x")))
	_, err := s.Read(s.Context(), "Basic", "b")
	s.wantCode(err, fault.NotFound)
	_, err = s.Read(s.Context(), "Patient", "a")
	s.wantCode(err, fault.NotFound)
	_, err = s.History(s.Context(), store.HistoryRequest{Type: "Basic", ID: "b"})
	s.wantCode(err, fault.NotFound)
	for _, version := range []string{"2", "0", "-1", "01", "", "x", "99999999999999999999"} {
		_, err = s.ReadVersion(s.Context(), "Basic", "a", version)
		s.wantCode(err, fault.NotFound)
	}
}

func readVersions(s *suite) {
	s.commit(put(basic("a", "one")))
	s.commit(put(basic("a", "two")))
	s.commit(remove("Basic", "a"))
	s.commit(put(basic("a", "four")))
	for i, want := range []string{"one", "two", "", "four"} {
		v, err := s.ReadVersion(s.Context(), "Basic", "a", itoa(i+1))
		s.wantCode(err, "")
		s.equal("Deleted", v.Deleted, want == "")
		s.equal("Seq", v.Seq, store.Seq(i+1))
		if want != "" && !strings.Contains(string(v.Body), `"code":"`+want+`"`) || want == "" && v.Body != nil {
			s.Fatalf("version %d has the body %s", i+1, v.Body)
		}
	}
}

func history(s *suite) {
	for range 5 {
		s.commit(put(basic("a", "x")))
		s.commit(put(basic("b", "x")))
	}
	s.commit(remove("Basic", "a"))
	read := func(count, before int) string {
		list, err := s.History(s.Context(), store.HistoryRequest{Type: "Basic", ID: "a", Count: count, Before: before})
		s.wantCode(err, "")
		var out []string
		for _, v := range list {
			out = append(out, v.VersionID)
			s.equal("Deleted", v.Deleted, v.VersionID == "6")
			s.equal("has a body", v.Body != nil, !v.Deleted)
		}
		return strings.Join(out, " ")
	}
	s.equal("all", read(0, 0), "6 5 4 3 2 1")
	s.equal("first page", read(4, 0), "6 5 4 3")
	s.equal("second page", read(4, 3), "2 1")
	s.equal("below the first", read(4, 1), "")
	_, err := s.History(s.Context(), store.HistoryRequest{Type: "Basic", ID: "a", Count: -1})
	s.wantCode(err, fault.Invalid)
}

// wander reads a journal to its end in pages of that size, as "type/id/version" with a star for deletions.
func (s *suite) wander(q store.JournalRequest, between func()) string {
	s.Helper()
	var all []string
	for pages := 0; ; pages++ {
		page, err := s.Journal(s.Context(), q)
		s.wantCode(err, "")
		if len(page.Versions) > q.Count || pages > 100 {
			s.Fatalf("%d versions on page %d", len(page.Versions), pages)
		}
		for _, v := range page.Versions {
			name := v.Type + "/" + v.ID + "/" + v.VersionID
			if v.Deleted {
				name += "*"
			}
			s.equal("has a body", v.Body != nil, !v.Deleted)
			again, err := s.ReadVersion(s.Context(), v.Type, v.ID, v.VersionID)
			s.wantCode(err, "")
			s.equal("Seq of "+name, v.Seq, again.Seq)
			s.equal("Updated of "+name, v.Updated, again.Updated)
			s.equal("Holder of "+name, v.Holder, again.Holder)
			s.equal("Body of "+name, string(v.Body), string(again.Body))
			all = append(all, name)
		}
		if page.Next == "" {
			return strings.Join(all, " ")
		}
		q.Cursor = page.Next
		if between != nil {
			between()
		}
	}
}

func journal(s *suite) {
	s.equal("empty", s.wander(store.JournalRequest{Count: 5}, nil), "")
	s.commit(put(basic("a", "x")), put(shared("o")), put(basic("b", "x")))
	s.commit(put(basic("a", "y")))
	s.commit(put(shared("o")), remove("Basic", "b"))
	s.commit(put(basic("a", "z")))
	const basics = "Basic/a/3 Basic/b/2* Basic/a/2 Basic/b/1 Basic/a/1"
	const everything = "Basic/a/3 Basic/b/2* Organization/o/2 Basic/a/2 Basic/b/1 Organization/o/1 Basic/a/1"
	for count := 1; count <= 8; count++ {
		s.equal("of a type", s.wander(store.JournalRequest{Types: []string{"Basic"}, Count: count}, nil), basics)
		s.equal("of two types", s.wander(store.JournalRequest{Types: []string{"Basic", "Organization"}, Count: count}, nil), everything)
		s.equal("of some types", s.wander(store.JournalRequest{Types: []string{"Basic", "Patient"}, Count: count}, nil), basics)
		s.equal("of all", s.wander(store.JournalRequest{Count: count}, nil), everything)
	}
	s.equal("of another type", s.wander(store.JournalRequest{Types: []string{"Patient"}, Count: 5}, nil), "")
	s.equal("of no type", s.wander(store.JournalRequest{Types: []string{}, Count: 5}, nil), "")
	for _, bad := range []store.JournalRequest{{}, {Count: -1}, {Count: store.MaxHistory + 1}, {Count: 1, Cursor: "?"}, {Count: 1, Cursor: "-1"}} {
		_, err := s.Journal(s.Context(), bad)
		s.wantCode(err, fault.Invalid)
	}
	s.sound()
	s.wantCode(s.Reindex(s.Context(), nil), "")
	s.equal("of a type after a rebuild", s.wander(store.JournalRequest{Types: []string{"Basic"}, Count: 2}, nil), basics)
	s.sound()
}

func journalSince(s *suite) {
	var times []time.Time
	for i := range 4 {
		times = append(times, s.commit(put(basic("a", itoa(i))), put(shared("o"))).Time)
		s.clock.Advance(time.Minute)
	}
	for i, since := range times {
		for _, types := range [][]string{{"Basic"}, nil} {
			want := len(times) - i
			if types == nil {
				want *= 2
			}
			for _, count := range []int{1, want, 100} {
				got := strings.Fields(s.wander(store.JournalRequest{Types: types, Since: since, Count: count}, nil))
				s.equal("versions since", len(got), want)
			}
		}
	}
	s.equal("since later", s.wander(store.JournalRequest{Since: times[3].Add(time.Millisecond), Count: 5}, nil), "")
}

func journalWithin(s *suite) {
	s.commit(put(patient("pa", "a")), put(patient("pb", "b")))
	s.commit(put(observation("oa", "pa", 1)), put(observation("ob", "pb", 1)), put(shared("o")))
	s.commit(remove("Observation", "oa"), remove("Observation", "ob"))
	for count := 1; count <= 4; count++ {
		of := func(typ string, within ...string) string {
			q := store.JournalRequest{Within: within, Count: count}
			if typ != "" {
				q.Types = []string{typ}
			}
			return s.wander(q, nil)
		}
		s.equal("mine of a type", of("Observation", "Organization/a"), "Observation/oa/2* Observation/oa/1")
		s.equal("mine of all", of("", "Organization/b"), "Observation/ob/2* Organization/o/1 Observation/ob/1 Patient/pb/1")
		s.equal("nobody's", of("", "Organization/c"), "Organization/o/1")
		s.equal("nothing's", of("Observation", store.Nobody), "")
	}
	page, err := s.Journal(s.Context(), store.JournalRequest{Types: []string{"Observation"}, Within: []string{"Organization/a"}, Count: 2})
	s.wantCode(err, "")
	s.equal("what is hidden makes no page", page.Next, "")
}

func journalStable(s *suite) {
	for i := range 6 {
		s.commit(put(basic("a", itoa(i))), put(basic("b", itoa(i))))
	}
	for _, types := range [][]string{{"Basic"}, nil} {
		q := store.JournalRequest{Types: types, Count: 2}
		head, err := s.Read(s.Context(), "Basic", "a")
		s.wantCode(err, "")
		before := s.wander(q, nil)
		more := 0
		s.equal("walk while others write", s.wander(q, func() { more++; s.commit(put(basic("a", "m"+itoa(more)+head.VersionID))) }), before)
	}
}

func readYourWrite(s *suite) {
	for i := range 50 {
		r := s.commit(put(basic("a", "c"+itoa(i))))
		v, err := s.Read(s.Context(), "Basic", "a")
		s.wantCode(err, "")
		s.equal("version", v.VersionID, r.Changes[0].VersionID)
		s.equal("found by the new code", s.find("Basic", "code=c"+itoa(i)), "a")
		if i > 0 {
			s.equal("found by the old code", s.find("Basic", "code=c"+itoa(i-1)), "")
		}
	}
}

func restart(s *suite) {
	s.commit(put(patient("p", "tyt-1")), put(observation("o", "p", 1)))
	s.commit(put(basic("a", "x")))
	s.commit(remove("Basic", "a"))
	before, err := s.Entries(s.Context(), 0, 100)
	s.wantCode(err, "")
	s.reopen(nil)
	after, err := s.Entries(s.Context(), 0, 100)
	s.wantCode(err, "")
	s.equal("commits", len(after), len(before))
	s.equal("last hash", after[2].Hash, before[2].Hash)
	v, err := s.Read(s.Context(), "Observation", "o")
	s.wantCode(err, "")
	s.equal("holder", v.Holder, "Organization/tyt-1")
	_, err = s.Read(s.Context(), "Basic", "a")
	s.wantCode(err, fault.Gone)
	s.equal("found", s.find("Observation", "patient=p", "Organization/tyt-1"), "o")
	s.clock.Advance(-1e12) // the clock is far behind after the restart
	r := s.commit(put(basic("a", "y")))
	s.equal("Seq", r.Seq, store.Seq(4))
	s.equal("Time", r.Time, before[2].Time)
	s.equal("version", r.Changes[0].VersionID, "3")
	s.sound()
}
