package storetest

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var logTests = []test{
	{"an empty log", emptyLog},
	{"entries hold every change", entries},
	{"a reader resumes where it stopped", resume},
	{"await wakes when the head passes", await},
	{"await ends with its context and with the store", awaitEnds},
	{"a reader that follows sees everything once, in order", follow},
}

func emptyLog(s *suite) {
	head, err := s.Head(s.Context())
	s.wantCode(err, "")
	s.equal("Head", head, store.Seq(0))
	list, err := s.Entries(s.Context(), 0, 10)
	s.wantCode(err, "")
	s.equal("entries", len(list), 0)
	_, err = s.Entries(s.Context(), -1, 10)
	s.wantCode(err, fault.Invalid)
	_, err = s.Entries(s.Context(), 0, 0)
	s.wantCode(err, fault.Invalid)
}

func entries(s *suite) {
	s.commit(put(basic("a", "x")), put(basic("b", "x")))
	s.clock.Advance(time.Second)
	s.commit(put(basic("b", "y")), remove("Basic", "a"))
	list, err := s.Entries(s.Context(), 0, 10)
	s.wantCode(err, "")
	s.equal("entries", len(list), 2)
	s.equal("the first follows nothing", list[0].Prev, [32]byte{})
	s.equal("the second follows the first", list[1].Prev, list[0].Hash)
	s.equal("author", list[0].Author, author)
	s.equal("time", list[1].Time.Sub(list[0].Time), time.Second)
	last := list[1].Changes
	s.equal("changes", len(last), 2)
	s.equal("method", last[0].Method, store.Put)
	s.equal("version", last[0].VersionID, "2")
	v, err := s.Read(s.Context(), "Basic", "b")
	s.wantCode(err, "")
	s.equal("body", string(last[0].Body), string(v.Body))
	s.equal("hash of the body", last[0].BodyHash, sha256.Sum256(v.Body))
	s.equal("method of a deletion", last[1].Method, store.Delete)
	s.equal("resource of a deletion", last[1].Type+"/"+last[1].ID+"/"+last[1].VersionID, "Basic/a/2")
	s.equal("body of a deletion", string(last[1].Body), "")
}

func resume(s *suite) {
	for range 10 {
		s.commit(put(basic("a", "x")))
	}
	position, seen := store.Seq(0), 0
	for {
		list, err := s.Entries(s.Context(), position, 3)
		s.wantCode(err, "")
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			s.equal("Seq", e.Seq, position+1)
			position = e.Seq
			seen++
		}
	}
	s.equal("entries", seen, 10)
}

func await(s *suite) {
	s.commit(put(basic("a", "x")))
	s.wantCode(s.Await(s.Context(), 0), "")
	woken := make(chan error)
	go func() { woken <- s.Await(s.Context(), 2) }()
	s.commit(put(basic("a", "x")))
	select {
	case err := <-woken:
		s.Fatalf("Await(2) returned at commit 2: %v", err)
	default:
	}
	s.commit(put(basic("a", "x")))
	s.wantCode(<-woken, "")
}

func awaitEnds(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	woken := make(chan error)
	go func() { woken <- s.Await(ctx, 5) }()
	cancel()
	s.wantCode(<-woken, fault.Timeout)
	go func() { woken <- s.Await(s.Context(), 5) }()
	s.wantCode(s.Close(), "")
	s.wantCode(<-woken, fault.Unavailable)
}

func follow(s *suite) {
	const writers, each = 4, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				if _, err := s.Commit(s.Context(), tx(put(basic("w"+itoa(w), "x")))); err != nil {
					s.Errorf("Commit: %v", err)
				}
			}
		})
	}
	var position store.Seq
	var previous [32]byte
	for position < writers*each {
		if err := s.Await(s.Context(), position); err != nil {
			s.Fatalf("Await: %v", err)
		}
		list, err := s.Entries(s.Context(), position, 7)
		s.wantCode(err, "")
		if len(list) == 0 {
			s.Fatalf("Await(%d) returned and there is no entry after it", position)
		}
		for _, e := range list {
			s.equal("Seq", e.Seq, position+1)
			s.equal("Prev", e.Prev, previous)
			position, previous = e.Seq, e.Hash
		}
	}
	wg.Wait()
}
