package storetest

import (
	"context"
	"path/filepath"
	"strings"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var keeperTests = []test{
	{"a sound store has no findings", soundStore},
	{"a changed byte of a body is found and named", tamperedBody},
	{"a changed byte of the chain is found and named", tamperedChain},
	{"what was appended and not applied is repaired at the next start", crash},
	{"reindex changes nothing that can be seen", reindex},
	{"a backup opens and verifies", backup},
	{"a closed store says so", closed},
}

// fill writes a little of everything.
func fill(s *suite) {
	s.Helper()
	s.commit(put(patient("p", "tyt-a")), put(observation("o1", "p", 1)), put(observation("o2", "p", 2)))
	s.commit(put(basic("a", "x")))
	s.commit(put(patient("p", "tyt-b")))
	s.commit(remove("Observation", "o1"), put(observation("o2", "p", 3)))
	s.commit(put(observation("o1", "p", 4)), remove("Basic", "a"))
}

const filled = 5 // commits

func soundStore(s *suite) {
	s.sound() // empty
	fill(s)
	var done, total int64
	findings, err := s.Verify(s.Context(), func(d, t int64) { done, total = d, t })
	s.wantCode(err, "")
	s.equal("findings", len(findings), 0)
	s.equal("progress", done, int64(filled))
	s.equal("of", total, int64(filled))
}

func tamperedBody(s *suite) {
	fill(s)
	if _, ok := s.Backend.(Tamperer); !ok {
		s.Skip("the backend cannot be damaged")
	}
	s.reopen(func(b Backend) { b.(Tamperer).TamperBody(s.T, 2) })
	findings, err := s.Verify(s.Context(), nil)
	s.wantCode(err, "")
	for _, f := range findings {
		if f.Seq == 2 && f.Resource == "Basic/a/_history/1" && strings.Contains(f.Problem, "changed") {
			return
		}
	}
	s.Fatalf("a changed body of commit 2 was not named: %v", findings)
}

func tamperedChain(s *suite) {
	fill(s)
	if _, ok := s.Backend.(Tamperer); !ok {
		s.Skip("the backend cannot be damaged")
	}
	s.reopen(func(b Backend) { b.(Tamperer).TamperChain(s.T, 3) })
	findings, err := s.Verify(s.Context(), nil)
	s.wantCode(err, "")
	for _, f := range findings {
		if f.Seq == 3 && strings.Contains(f.Problem, "changed") {
			return
		}
	}
	s.Fatalf("a changed commit 3 was not named: %v", findings)
}

func crash(s *suite) {
	fill(s)
	if _, ok := s.Backend.(Crasher); !ok {
		s.Skip("the backend cannot be stopped at this point")
	}
	s.reopen(func(b Backend) {
		c := b.(Crasher)
		c.AppendWithoutApplying(s.T, tx(put(patient("p", "tyt-a")), put(patient("new", "tyt-b")), remove("Observation", "o2")))
		c.AppendWithoutApplying(s.T, tx(put(observation("o2", "new", 9))))
	})
	head, err := s.Head(s.Context())
	s.wantCode(err, "")
	s.equal("Head", head, store.Seq(filled+2))
	s.equal("found", s.find("Observation", "", holderA), "o1")
	s.equal("found", s.find("Observation", "", holderB), "o2")
	v, err := s.Read(s.Context(), "Observation", "o2")
	s.wantCode(err, "")
	s.equal("version", v.VersionID, "4")
	s.sound()
	s.equal("Seq of the next", s.commit(put(basic("a", "z"))).Seq, store.Seq(filled+3))
	s.sound()
}

func reindex(s *suite) {
	fill(s)
	for i := range 30 {
		s.commit(put(observation("n"+itoa(i), "p", 1+i%28)))
	}
	query := s.query("Observation", "code=85354-9&_count=10")
	first, err := s.Search(s.Context(), store.SearchRequest{Query: query})
	s.wantCode(err, "")
	before, err := s.Search(s.Context(), store.SearchRequest{Query: query, Cursor: first.Next, At: first.At})
	s.wantCode(err, "")
	var done, total int64
	s.wantCode(s.Reindex(s.Context(), func(d, t int64) { done, total = d, t }), "")
	s.equal("progress", done, int64(filled+30))
	s.equal("of", total, int64(filled+30))
	after, err := s.Search(s.Context(), store.SearchRequest{Query: query, Cursor: first.Next, At: first.At})
	s.wantCode(err, "")
	s.equal("the second page", ids(after.Matches), ids(before.Matches))
	s.equal("its next", after.Next, before.Next)
	s.sound()

	ctx, cancel := context.WithCancel(s.Context())
	err = s.Reindex(ctx, func(d, _ int64) {
		if d == 10 {
			cancel()
		}
	})
	if err == nil {
		s.Fatal("a reindex that was cancelled says that it is done")
	}
	s.equal("Seq", s.commit(put(basic("a", "z"))).Seq, store.Seq(filled+31)) // waits for the reindex to be over
	s.sound()
}

func backup(s *suite) {
	fill(s)
	file := filepath.Join(s.TempDir(), "copy")
	s.wantCode(s.Backup(s.Context(), file), "")
	s.wantCode(s.Backup(s.Context(), file), fault.Conflict)
	s.wantCode(s.Backup(s.Context(), filepath.Join(file, "no", "folder")), fault.Unavailable)
	s.commit(put(basic("later", "x")))
	r, ok := s.Backend.(Restorer)
	if !ok {
		s.Skip("the backend's backups cannot be restored here")
	}
	dir := s.TempDir()
	r.Restore(s.T, file, dir)
	copied := &suite{T: s.T, dir: dir, clock: s.clock, open: s.open}
	copied.Backend = s.open(s.T, dir, s.clock.Now)
	defer func() { copied.wantCode(copied.Close(), "") }()
	head, err := copied.Head(s.Context())
	s.wantCode(err, "")
	s.equal("Head of the copy", head, store.Seq(filled))
	s.equal("found in the copy", copied.find("Observation", "", holderB), "o1 o2")
	copied.sound()
	s.equal("Seq in the copy", copied.commit(put(basic("own", "x"))).Seq, store.Seq(filled+1))
}

func closed(s *suite) {
	fill(s)
	query := s.query("Basic", "")
	s.wantCode(s.Close(), "")
	s.wantCode(s.Close(), "")
	ctx := s.Context()
	_, err := s.Commit(ctx, tx(put(basic("a", "x"))))
	s.wantCode(err, fault.Unavailable)
	_, err = s.Read(ctx, "Basic", "a")
	s.wantCode(err, fault.Unavailable)
	_, err = s.Search(ctx, store.SearchRequest{Query: query})
	s.wantCode(err, fault.Unavailable)
	_, err = s.Entries(ctx, 0, 1)
	s.wantCode(err, fault.Unavailable)
	s.wantCode(s.Await(ctx, 99), fault.Unavailable)
	s.wantCode(s.Reindex(ctx, nil), fault.Unavailable)
	s.wantCode(s.Backup(ctx, filepath.Join(s.TempDir(), "b")), fault.Unavailable)
	_, err = s.Verify(ctx, nil)
	s.wantCode(err, fault.Unavailable)
	_, err = s.Get(ctx, "k")
	s.wantCode(err, fault.Unavailable)
}
