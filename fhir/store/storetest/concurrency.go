package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var concurrencyTests = []test{
	{"of many conditional creates exactly one is made", conditionalCreates},
	{"no update is lost", lostUpdate},
	{"of many equal updates one makes a version", equalUpdates},
	{"seqs are dense under concurrent commits", dense},
	{"transactions are never seen half", neverHalf},
	{"each resource is linearizable", linearizable},
	{"a failing request fails alone", failsAlone},
}

func conditionalCreates(s *suite) {
	const rounds, contenders = 5, 16
	for round := range rounds {
		query := s.query("Basic", "code=urn:test|r"+itoa(round))
		var made atomic.Int32
		var wg sync.WaitGroup
		for i := range contenders {
			wg.Go(func() {
				t := tx(put(basic(fmt.Sprintf("r%d-%d", round, i), "r"+itoa(round))))
				t.Absent = []store.Absence{{Query: query}}
				_, err := s.Commit(s.Context(), t)
				var m *store.Matched
				switch {
				case err == nil:
					made.Add(1)
				case !errors.As(err, &m) || m.Many:
					s.Errorf("Commit: %v", err)
				}
			})
		}
		wg.Wait()
		s.equal("created", made.Load(), int32(1))
	}
	s.sound()
}

func equalUpdates(s *suite) {
	const rounds, contenders = 5, 16
	for round := range rounds {
		var made atomic.Int32
		var wg sync.WaitGroup
		for range contenders {
			wg.Go(func() {
				c := put(basic("a", "r"+itoa(round)))
				c.IfChanged = true
				r, err := s.Commit(s.Context(), tx(c))
				if err != nil || r.Changes[0].VersionID != itoa(round+1) {
					s.Errorf("Commit: %+v, %v", r.Changes, err)
				} else if !r.Changes[0].Unchanged {
					made.Add(1)
				}
			})
		}
		wg.Wait()
		s.equal("versions made", made.Load(), int32(1))
	}
	s.sound()
}

// lostUpdate lets writers count up a number by read, change, write with If-Match.
func lostUpdate(s *suite) {
	s.commit(put(basic("n", "0")))
	const writers, each = 6, 15
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := countUp(s); err != nil {
					s.Errorf("count up: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	v, err := s.Read(s.Context(), "Basic", "n")
	s.wantCode(err, "")
	s.equal("number", numberIn(v.Body), writers*each)
	s.equal("version", v.VersionID, itoa(writers*each+1))
}

func countUp(s *suite) error {
	for {
		v, err := s.Read(s.Context(), "Basic", "n")
		if err != nil {
			return err
		}
		c := put(basic("n", itoa(numberIn(v.Body)+1)))
		c.IfMatch = v.VersionID
		if _, err = s.Commit(s.Context(), tx(c)); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

var codeNumber = regexp.MustCompile(`"code":"(\d+)"`)

func numberIn(body []byte) int {
	m := codeNumber.FindSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

func dense(s *suite) {
	const writers, each = 8, 20
	var mu sync.Mutex
	seen := make(map[store.Seq]bool)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			var last store.Seq
			for range each {
				r, err := s.Commit(s.Context(), tx(put(basic("w"+itoa(w), "x"))))
				if err != nil || r.Seq <= last {
					s.Errorf("commit after %d has %d, %v", last, r.Seq, err)
					return
				}
				last = r.Seq
				mu.Lock()
				seen[r.Seq] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for seq := store.Seq(1); seq <= writers*each; seq++ {
		if !seen[seq] {
			s.Fatalf("commit %d was acknowledged to nobody", seq)
		}
	}
	s.sound()
}

// neverHalf writes two resources together, always with the same number, while readers look for a moment in which they differ.
func neverHalf(s *suite) {
	const times = 30
	s.commit(put(basic("a", "0")), put(basic("b", "0")))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			query := s.query("Basic", "")
			for {
				select {
				case <-done:
					return
				default:
				}
				page, err := s.Search(s.Context(), store.SearchRequest{Query: query})
				if err != nil || len(page.Matches) != 2 || numberIn(page.Matches[0].Body) != numberIn(page.Matches[1].Body) {
					s.Errorf("a page shows half a transaction: %d matches, %v", len(page.Matches), err)
					return
				}
			}
		})
	}
	for i := 1; i <= times; i++ {
		s.commit(put(basic("a", itoa(i))), put(basic("b", itoa(i))))
	}
	close(done)
	wg.Wait()
}

// linearizable lets clients write and read a few resources at random. Every write has its place in the log, so real time can be
// checked against it: a read must give a version that is not older than the newest one that was acknowledged to anybody before
// the read began, and its body must be the one that was written there.
func linearizable(s *suite) {
	const clients, steps, resources = 6, 60, 3
	var newest [resources]atomic.Int64 // the last version acknowledged
	var bodies sync.Map                // "resource/version" -> number that was written
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 7))
			for step := range steps {
				r := random.IntN(resources)
				id := "r" + itoa(r)
				if random.IntN(2) == 0 {
					number := client*1000 + step
					receipt, err := s.Commit(s.Context(), tx(put(basic(id, itoa(number)))))
					if err != nil {
						s.Errorf("Commit: %v", err)
						return
					}
					version, _ := strconv.ParseInt(receipt.Changes[0].VersionID, 10, 64)
					if other, twice := bodies.LoadOrStore(fmt.Sprintf("%s/%d", id, version), number); twice {
						s.Errorf("version %d of %s was acknowledged to two writers (%v and %d)", version, id, other, number)
					}
					for old := newest[r].Load(); version > old && !newest[r].CompareAndSwap(old, version); {
						old = newest[r].Load()
					}
					continue
				}
				floor := newest[r].Load()
				v, err := s.Read(s.Context(), "Basic", id)
				if fault.Is(err, fault.NotFound) && floor == 0 {
					continue
				}
				if err != nil {
					s.Errorf("Read: %v", err)
					return
				}
				version, _ := strconv.ParseInt(v.VersionID, 10, 64)
				if version < floor {
					s.Errorf("a read of %s gave version %d after version %d had been acknowledged", id, version, floor)
				}
				bodies.LoadOrStore("read "+id+"/"+v.VersionID, numberIn(v.Body))
			}
		})
	}
	wg.Wait()
	bodies.Range(func(key, number any) bool {
		var name string
		if n, _ := fmt.Sscanf(key.(string), "read %s", &name); n == 1 {
			if written, ok := bodies.Load(name); !ok || written != number {
				s.Errorf("%s was read as %v and written as %v", name, number, written)
			}
		}
		return true
	})
	s.sound()
}

// failsAlone mixes commits that hold with commits that do not, so that they share batches.
func failsAlone(s *suite) {
	const pairs = 40
	var wg sync.WaitGroup
	for i := range pairs {
		wg.Go(func() {
			if _, err := s.Commit(s.Context(), tx(put(basic("good"+itoa(i), "x")))); err != nil {
				s.Errorf("a good commit: %v", err)
			}
		})
		wg.Go(func() {
			c := put(basic("bad"+itoa(i), "x"))
			c.IfMatch = "1"
			if _, err := s.Commit(s.Context(), tx(c)); !fault.Is(err, fault.Conflict) {
				s.Errorf("a bad commit: %v", err)
			}
		})
	}
	wg.Wait()
	page, err := s.Search(s.Context(), store.SearchRequest{Query: s.query("Basic", "_count=200")})
	s.wantCode(err, "")
	s.equal("resources", len(page.Matches), pairs)
	s.sound()
}
