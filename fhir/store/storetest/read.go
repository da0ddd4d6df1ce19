package storetest

import (
	"strconv"
	"strings"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var readTests = []test{
	{"what is not there", readMissing},
	{"every version can be read", readVersions},
	{"history is newest first and pages", history},
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
