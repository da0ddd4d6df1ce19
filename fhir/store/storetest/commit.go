package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var commitTests = []test{
	{"the order is dense and times never go back", orderAndTime},
	{"a body is kept byte for byte, with id and meta set", bytesKept},
	{"versions count from one", versionsCount},
	{"if-match", ifMatch},
	{"if-absent", ifAbsent},
	{"absent", absent},
	{"absent sees an earlier change of another type", absentIndex},
	{"absent but for what is expected", absentExcept},
	{"absent within reach", absentWithin},
	{"what says the same makes no version", ifChanged},
	{"exists", exists},
	{"a transaction stands or falls as a whole", allOrNothing},
	{"a refused commit leaves no gap", noGap},
	{"delete and create again", deleteAndCreate},
	{"what was deleted already writes nothing", deleteTwice},
	{"what was never there cannot be deleted", deleteUnknown},
	{"malformed transactions are refused", malformed},
	{"limits have an error each", limits},
	{"a withdrawn request writes nothing", withdrawn},
}

func orderAndTime(s *suite) {
	start := s.clock.Now().UTC().Truncate(time.Millisecond)
	for i, step := range []struct {
		move time.Duration
		want time.Duration
	}{{0, 0}, {time.Second, time.Second}, {-time.Hour, time.Second}, {0, time.Second}, {time.Hour, time.Second}, {3 * time.Second, 4 * time.Second}} {
		s.clock.Advance(step.move)
		r := s.commit(put(basic("b", "x")))
		s.equal("Seq", r.Seq, store.Seq(i+1))
		s.equal("Time", r.Time, start.Add(step.want))
		head, err := s.Head(s.Context())
		s.equal("Head", head, r.Seq)
		s.wantCode(err, "")
	}
	s.sound()
}

func bytesKept(s *suite) {
	body := `{ "resourceType" : "Basic",  "id":"b", "_language":{"extension":[{"url":"u","valueDecimal":1.50}]},"meta":{"tag":[{"code":"đ"}],"versionId":"77"},` + "\n" +
		`"contained":[{"resourceType":"Patient","id":"p"}],"code":{"text":"Nguye\u0302n \u0111 \/"}}`
	r := s.commit(put(body))
	want := `{"resourceType":"Basic","id":"b","_language":{"extension":[{"url":"u","valueDecimal":1.50}]},"meta":{"lastUpdated":"2026-11-23T08:00:00.123Z","tag":[{"code":"đ"}],"versionId":"1"},` +
		`"contained":[{"resourceType":"Patient","id":"p"}],"code":{"text":"Nguye\u0302n \u0111 \/"}}`
	v, err := s.Read(s.Context(), "Basic", "b")
	s.wantCode(err, "")
	s.equal("stored body", string(v.Body), want)
	s.equal("body of the receipt", string(r.Changes[0].Body), want)
	s.equal("Updated", v.Updated, r.Time)
	s.equal("Seq", v.Seq, r.Seq)
	s.equal("Version", v.VersionID, "1")
}

func versionsCount(s *suite) {
	for _, want := range []string{"1", "2", "3"} {
		r := s.commit(put(basic("a", "x")), put(basic("b"+want, "x")))
		s.equal("version of the old", r.Changes[0].VersionID, want)
		s.equal("created the old", r.Changes[0].Created, want == "1")
		s.equal("version of the new", r.Changes[1].VersionID, "1")
		s.equal("created the new", r.Changes[1].Created, true)
	}
}

func ifMatch(s *suite) {
	match := func(version string) error {
		c := put(basic("a", "x"))
		c.IfMatch = version
		_, err := s.Commit(s.Context(), tx(c))
		return err
	}
	s.wantCode(match("1"), fault.Conflict)
	s.commit(put(basic("a", "x")))
	s.wantCode(match("2"), fault.Conflict)
	s.wantCode(match("01"), fault.Conflict)
	s.wantCode(match("1"), "")
	s.wantCode(match("1"), fault.Conflict)
	c := remove("Basic", "a")
	c.IfMatch = "1"
	_, err := s.Commit(s.Context(), tx(c))
	s.wantCode(err, fault.Conflict)
	c.IfMatch = "2"
	s.commit(c)
	s.wantCode(match("3"), fault.Conflict) // deleted: no version is current
}

func ifAbsent(s *suite) {
	c := put(basic("a", "x"))
	c.IfAbsent = true
	s.commit(c)
	_, err := s.Commit(s.Context(), tx(c))
	s.wantCode(err, fault.Conflict)
	s.commit(remove("Basic", "a"))
	r := s.commit(c)
	s.equal("version after deletion", r.Changes[0].VersionID, "3")
}

func absent(s *suite) {
	create := func(id string) error {
		t := tx(put(basic(id, "x")))
		t.Absent = []store.Absence{{Query: s.query("Basic", "code=nothing")}, {Query: s.query("Basic", "code=urn:test|x")}}
		_, err := s.Commit(s.Context(), t)
		return err
	}
	s.wantCode(create("a"), "")
	err := create("b")
	s.wantCode(err, fault.Precondition)
	var m *store.Matched
	if !errors.As(err, &m) {
		s.Fatalf("error is a %T, want a *store.Matched", err)
	}
	s.equal("matched", m.Version.Type+"/"+m.Version.ID, "Basic/a")
	s.equal("index", m.Index, 1)
	s.equal("many", m.Many, false)
	if !strings.Contains(string(m.Version.Body), `"code":"x"`) {
		s.Fatalf("the match has the body %s", m.Version.Body)
	}
	s.commit(put(basic("c", "x")))
	if !errors.As(create("b"), &m) || !m.Many {
		s.Fatalf("with two matches Many = %v", m.Many)
	}
	s.commit(remove("Basic", "a"), remove("Basic", "c"))
	s.wantCode(create("b"), "")
	s.equal("found", s.find("Basic", "code=x"), "b")
}

func absentIndex(s *suite) {
	t := tx(put(basic("a", "x")))
	t.Absent = []store.Absence{{Query: s.query("Patient", "_id=p")}}
	s.commit(put(patient("p", "")))
	_, err := s.Commit(s.Context(), t)
	s.wantCode(err, fault.Precondition)
	s.commit(remove("Patient", "p"))
	_, err = s.Commit(s.Context(), t)
	s.wantCode(err, "")
}

func absentExcept(s *suite) {
	write := func(except ...string) error {
		t := tx(put(basic("new", "y")))
		t.Absent = []store.Absence{{Query: s.query("Basic", "code=x"), Except: except}}
		_, err := s.Commit(s.Context(), t)
		return err
	}
	s.commit(put(basic("a", "x")))
	s.wantCode(write(), fault.Precondition)
	s.wantCode(write("Basic/a"), "")
	s.wantCode(write("Basic/a", "Basic/b"), fault.Conflict) // b does not match
	s.commit(put(basic("b", "x")), put(basic("c", "x")))
	s.wantCode(write("Basic/a", "Basic/b", "Basic/c"), "")
	err := write("Basic/a", "Basic/c")
	s.wantCode(err, fault.Precondition)
	var m *store.Matched
	if !errors.As(err, &m) || m.Version.ID != "b" || m.Many {
		s.Fatalf("the error names %+v", m)
	}
	if !errors.As(write("Basic/b"), &m) || m.Version.ID != "a" || !m.Many {
		s.Fatalf("the error names %+v", m)
	}
	s.commit(remove("Basic", "b"))
	s.wantCode(write("Basic/a", "Basic/b", "Basic/c"), fault.Conflict)
	s.wantCode(write("Basic/a", "Basic/c"), "")
}

func absentWithin(s *suite) {
	s.commit(put(patient("pa", "a")), put(patient("pb", "b")), put(observation("oa", "pa", 1)), put(observation("ob", "pb", 1)))
	write := func(within []string, except ...string) error {
		t := tx(put(basic("new", "y")))
		t.Absent = []store.Absence{{Query: s.query("Observation", "date=2026-01-01"), Within: within, Except: except}}
		_, err := s.Commit(s.Context(), t)
		return err
	}
	s.wantCode(write(nil), fault.Precondition)
	s.wantCode(write(nil, "Observation/oa"), fault.Precondition)
	s.wantCode(write(nil, "Observation/oa", "Observation/ob"), "")
	s.wantCode(write([]string{"Organization/a"}), fault.Precondition)
	s.wantCode(write([]string{"Organization/a"}, "Observation/oa"), "")
	s.wantCode(write([]string{"Organization/a"}, "Observation/oa", "Observation/ob"), fault.Conflict)
	s.wantCode(write([]string{"Organization/c"}), "")
	s.wantCode(write([]string{}), "")
}

func ifChanged(s *suite) {
	c := put(`{"resourceType":"Basic","id":"a","code":{"text":"x","id":"1"}}`)
	c.IfChanged = true
	first := s.commit(c)
	s.equal("created", first.Changes[0].Created, true)
	s.equal("unchanged at first", first.Changes[0].Unchanged, false)
	s.equal("updated", first.Changes[0].Updated, first.Time)
	s.clock.Advance(time.Minute)
	c.Body = []byte(`{ "id":"a", "meta":{"versionId":"9"}, "code":{"id":"1","text":"x"}, "resourceType":"Basic" }`)
	c.IfMatch = "1"
	again := s.commit(c)
	s.equal("Seq", again.Seq, first.Seq)
	s.equal("unchanged", again.Changes[0].Unchanged, true)
	s.equal("created again", again.Changes[0].Created, false)
	s.equal("version", again.Changes[0].VersionID, "1")
	s.equal("updated again", again.Changes[0].Updated, first.Time)
	s.equal("body", string(again.Changes[0].Body), string(first.Changes[0].Body))

	c.IfMatch = "2" // what is demanded is demanded all the same
	_, err := s.Commit(s.Context(), tx(c))
	s.wantCode(err, fault.Conflict)

	c.IfMatch = ""
	both := s.commit(c, put(basic("b", "x")))
	s.equal("Seq with another", both.Seq, first.Seq+1)
	s.equal("version with another", both.Changes[0].VersionID+both.Changes[1].VersionID, "11")
	c.IfChanged = false
	s.equal("version without the wish", s.commit(c).Changes[0].VersionID, "2")
	c.IfChanged, c.Body = true, []byte(`{"resourceType":"Basic","id":"a","code":{"text":"y","id":"1"}}`)
	s.equal("version of a change", s.commit(c).Changes[0].VersionID, "3")
	s.commit(remove("Basic", "a"))
	r := s.commit(c)
	s.equal("version after a deletion", r.Changes[0].VersionID, "5")
	s.equal("created after a deletion", r.Changes[0].Created, true)
	list, err := s.History(s.Context(), store.HistoryRequest{Type: "Basic", ID: "a"})
	s.wantCode(err, "")
	s.equal("versions", len(list), 5)
	s.sound()
}

func exists(s *suite) {
	check := func(refs ...string) error {
		t := tx(put(basic("a", "x")), put(patient("own", "")))
		t.Exists = refs
		_, err := s.Commit(s.Context(), t)
		return err
	}
	s.commit(put(patient("p", "")), put(patient("gone", "")))
	s.commit(remove("Patient", "gone"))
	s.wantCode(check("Patient/p", "Patient/own", "Basic/a"), "")
	s.wantCode(check("Patient/p", "Patient/nobody"), fault.Precondition)
	s.wantCode(check("Patient/gone"), fault.Precondition)
	s.wantCode(check("urn:uuid:1"), fault.Invalid)
	t := tx(remove("Patient", "p"))
	t.Exists = []string{"Patient/p"}
	_, err := s.Commit(s.Context(), t)
	s.wantCode(err, fault.Precondition)
}

func allOrNothing(s *suite) {
	s.commit(put(basic("old", "before")))
	c := put(basic("last", "x"))
	c.IfMatch = "1"
	_, err := s.Commit(s.Context(), tx(put(basic("new", "x")), put(basic("old", "x")), remove("Basic", "old2"), c))
	if err == nil {
		s.Fatal("a transaction with a change that cannot be made was committed")
	}
	_, err = s.Read(s.Context(), "Basic", "new")
	s.wantCode(err, fault.NotFound)
	s.equal("found", s.find("Basic", "code=x"), "")
	s.equal("found", s.find("Basic", "code=before"), "old")
	s.sound()
}

func noGap(s *suite) {
	c := put(basic("a", "x"))
	c.IfMatch = "9"
	for want := store.Seq(1); want < 4; want++ {
		_, err := s.Commit(s.Context(), tx(c))
		s.wantCode(err, fault.Conflict)
		s.equal("Seq", s.commit(put(basic("b", "x"))).Seq, want)
	}
	s.sound()
}

func deleteAndCreate(s *suite) {
	s.commit(put(basic("a", "x")))
	r := s.commit(remove("Basic", "a"))
	s.equal("version of the deletion", r.Changes[0].VersionID, "2")
	_, err := s.Read(s.Context(), "Basic", "a")
	s.wantCode(err, fault.Gone)
	s.equal("found while deleted", s.find("Basic", ""), "")
	r = s.commit(put(basic("a", "y")))
	s.equal("version after", r.Changes[0].VersionID, "3")
	s.equal("created", r.Changes[0].Created, true)
	s.equal("found by the old code", s.find("Basic", "code=x"), "")
	s.equal("found by the new code", s.find("Basic", "code=y"), "a")
	s.sound()
}

func deleteTwice(s *suite) {
	s.commit(put(basic("a", "x")), put(basic("b", "x")))
	first := s.commit(remove("Basic", "a"))
	again := s.commit(remove("Basic", "a"))
	s.equal("Seq", again.Seq, first.Seq)
	s.equal("version", again.Changes[0].VersionID, "2")
	s.equal("unchanged", again.Changes[0].Unchanged, true)
	both := s.commit(remove("Basic", "a"), remove("Basic", "b"))
	s.equal("Seq", both.Seq, first.Seq+1)
	s.equal("changes", len(both.Changes), 2)
	list, err := s.History(s.Context(), store.HistoryRequest{Type: "Basic", ID: "a"})
	s.wantCode(err, "")
	s.equal("versions", len(list), 2)
	s.sound()
}

func deleteUnknown(s *suite) {
	_, err := s.Commit(s.Context(), tx(remove("Basic", "a")))
	s.wantCode(err, fault.NotFound)
}

func malformed(s *suite) {
	change := func(method store.Method, typ, id, body string) store.Transaction {
		return tx(store.Change{Method: method, Type: typ, ID: id, Body: []byte(body)})
	}
	for name, t := range map[string]store.Transaction{
		"a resource twice":             tx(put(basic("a", "x")), remove("Basic", "a")),
		"a body that is no JSON":       change(store.Put, "Basic", "a", "{"),
		"another id":                   change(store.Put, "Basic", "b", basic("a", "x")),
		"another type":                 change(store.Put, "Patient", "a", basic("a", "x")),
		"no id":                        change(store.Put, "Basic", "", basic("a", "x")),
		"an id outside the grammar":    change(store.Delete, "Basic", "a/b", ""),
		"a type that is none":          change(store.Delete, "Nonsense", "a", ""),
		"an unknown method":            change("PATCH", "Basic", "a", basic("a", "x")),
		"a deletion with a body":       change(store.Delete, "Basic", "a", basic("a", "x")),
		"no author":                    {Changes: []store.Change{put(basic("a", "x"))}},
		"an absence without a query":   {Author: author, Absent: []store.Absence{{}}},
		"a duplicate member name":      change(store.Put, "Basic", "a", `{"resourceType":"Basic","id":"a","id":"a"}`),
		"a reference that is no local": {Author: author, Exists: []string{"nonsense"}},
	} {
		_, err := s.Commit(s.Context(), t)
		if fault.CodeOf(err) != fault.Invalid {
			s.Errorf("%s: error code = %q (%v), want invalid", name, fault.CodeOf(err), err)
		}
	}
	head, err := s.Head(s.Context())
	s.wantCode(err, "")
	s.equal("Head", head, store.Seq(0))
}

func limits(s *suite) {
	large := func(id string, size int) store.Change {
		body := `{"resourceType":"Basic","id":"` + id + `","code":{"text":"` + strings.Repeat("x", size) + `"}}`
		return store.Change{Method: store.Put, Type: "Basic", ID: id, Body: []byte(body)}
	}
	s.commit(large("fits", store.MaxBody-100))
	_, err := s.Commit(s.Context(), tx(large("large", store.MaxBody)))
	s.wantCode(err, fault.TooLarge)

	var many []store.Change
	for i := range store.MaxChanges + 1 {
		many = append(many, remove("Basic", "x"+itoa(i)))
	}
	_, err = s.Commit(s.Context(), tx(many...))
	s.wantCode(err, fault.TooLarge)
	_, err = s.Commit(s.Context(), store.Transaction{Author: author, Exists: make([]string, store.MaxExists+1)})
	s.wantCode(err, fault.TooLarge)
	_, err = s.Commit(s.Context(), store.Transaction{Author: author, Absent: make([]store.Absence, store.MaxAbsent+1)})
	s.wantCode(err, fault.TooLarge)
	_, err = s.Commit(s.Context(), store.Transaction{Author: author, Absent: []store.Absence{{Except: make([]string, store.MaxExcept+1)}}})
	s.wantCode(err, fault.TooLarge)

	var heavy []store.Change
	for i := range store.MaxBytes/(store.MaxBody-1000) + 1 {
		heavy = append(heavy, large("h"+itoa(i), store.MaxBody-1000))
	}
	_, err = s.Commit(s.Context(), tx(heavy...))
	s.wantCode(err, fault.TooLarge)
}

func withdrawn(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.Commit(ctx, tx(put(basic("a", "x"))))
	s.wantCode(err, fault.Timeout)
	_, err = s.Read(s.Context(), "Basic", "a")
	s.wantCode(err, fault.NotFound)
	_, err = s.Read(ctx, "Basic", "a")
	s.wantCode(err, fault.Timeout)
	_, err = s.Search(ctx, store.SearchRequest{Query: s.query("Basic", "")})
	s.wantCode(err, fault.Timeout)
}
