package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The crash test starts `khamxa serve`, lets writers write to it over HTTP, kills it with SIGKILL at some moment, starts it again on the
// same folder, and compares what it says with what was acknowledged. crash_writer_test.go has what is written, crash_inspect_test.go
// what is demanded, crash_proof_test.go and crash_broken_test.go that the demands can fail.

const (
	killsWanted    = 100
	killsUnderRace = 5 // which is about goroutines, and slow
	crashWriters   = 8

	// Each kill comes this long after the first acknowledgement since the start.
	soonest = 5 * time.Millisecond
	latest  = 150 * time.Millisecond
)

// seedVariable replays a run: the same writes are tried, and the kills come after the same times.
const seedVariable = "CRASH_SEED"

// crash is one data folder through many kills.
type crash struct {
	t         *testing.T
	seed      uint64
	rnd       *rand.Rand
	data      string
	client    apiClient
	journal   *journal
	chronicle *chronicle
	env       []string // of the service
	dies      bool     // by itself, instead of being killed
	apart     bool     // the writers do not meet

	began                time.Time // when the writers of the last round did
	kills, acked, doubts int
}

// newCrash makes a data folder and a client. The service that acknowledged the client is killed at once.
func newCrash(t *testing.T) *crash {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("%s=%d", seedVariable, seed)
	dir := t.TempDir()
	c := &crash{
		t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 0)), data: filepath.Join(dir, "data"),
		journal: newJournal(t, dir), chronicle: newChronicle(),
	}
	v, err := startVictim(t, c.data)
	if err != nil {
		t.Fatal(err)
	}
	c.client = newAPIClient(t, c.data)
	if err := v.kill(); err != nil {
		t.Fatal(err)
	}
	return c
}

// round starts the service, inspects what the kill before has left, lets the writers write, and kills the service.
func (c *crash) round() (wrong []string) {
	c.t.Helper()
	v, wrong := c.startAndInspect()
	if len(wrong) > 0 {
		return wrong
	}
	return c.writeAndKill(v)
}

// startAndInspect starts the service and compares what it says with what the writers of the last round noted.
func (c *crash) startAndInspect() (v *victim, wrong []string) {
	c.t.Helper()
	v, err := startVictim(c.t, c.data, c.env...)
	if err != nil {
		return v, []string{err.Error()}
	}
	caller, err := newFHIRCaller(v.base, c.client)
	if err != nil {
		return v, []string{err.Error()}
	}
	defer caller.close()
	attempts := c.journal.since(c.t)
	for _, a := range attempts {
		switch a.Outcome {
		case outcomeAcked:
			c.acked++
		case outcomeUnknown:
			c.doubts++
		}
	}
	c.chronicle.inspectClients(v.base, attempts)
	return v, c.chronicle.inspect(caller, attempts, c.began)
}

// inspectAll compares everything that there ever was.
func (c *crash) inspectAll(v *victim) (wrong []string) {
	caller, err := newFHIRCaller(v.base, c.client)
	if err != nil {
		return []string{err.Error()}
	}
	defer caller.close()
	return c.chronicle.inspectAll(caller)
}

// assault is the writers of one round at work.
type assault struct {
	killed atomic.Bool   // set before the service is killed: from then on answers may fail to come
	begun  chan struct{} // closed by the first acknowledgement
	over   chan struct{} // closed when all writers have stopped

	once  sync.Once
	mu    sync.Mutex
	wrong []string
}

func (a *assault) acked() { a.once.Do(func() { close(a.begun) }) }

func (a *assault) complain(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, what)
}

// begin sets the writers and the operator to work.
func (c *crash) begin(caller *fhirCaller) *assault {
	a := &assault{begun: make(chan struct{}), over: make(chan struct{})}
	a.killed.Store(c.dies)
	var wg sync.WaitGroup
	for n := range crashWriters {
		w := c.newWriter(caller, c.chronicle, c.kills, n)
		w.killed, w.acked, w.wrong = &a.killed, a.acked, a.complain
		wg.Go(w.run)
	}
	o := &crashOperator{data: c.data, journal: c.journal, kill: c.kills, killed: &a.killed, wrong: a.complain}
	wg.Go(o.run)
	go func() { wg.Wait(); close(a.over) }()
	return a
}

// writeAndKill lets the writers write, and kills the service some time after the first acknowledgement.
func (c *crash) writeAndKill(v *victim) []string {
	caller, err := newFHIRCaller(v.base, c.client)
	if err != nil {
		return []string{err.Error()}
	}
	defer caller.close()
	moment := soonest + time.Duration(c.rnd.Int64N(int64(latest-soonest)))
	if c.dies {
		moment = patience
	}
	c.began = time.Now()
	a := c.begin(caller)
	select {
	case <-a.begun:
		select {
		case <-time.After(moment):
		case <-a.over:
		}
	case <-a.over:
	case <-time.After(patience):
		a.complain(fmt.Sprintf("nothing was acknowledged within %v; the service said:\n%s", patience, v.said()))
	}
	select {
	case <-a.over:
		if !c.dies {
			a.complain("the writers had to stop before the service was killed; it said:\n" + v.said())
		}
	default:
		if c.dies {
			a.complain("the service did not die by itself")
		}
	}
	a.killed.Store(true)
	err = v.kill()
	<-a.over
	if err != nil {
		a.complain(err.Error())
	}
	c.kills++
	return a.wrong
}

// story is what a failure says: enough to find the place, and to run it again.
func (c *crash) story(wrong []string) string {
	more := ""
	if len(wrong) > 10 {
		more = fmt.Sprintf("\n... and %d more", len(wrong)-10)
		wrong = wrong[:10]
	}
	return fmt.Sprintf("%s=%d, after kill %d and %d acknowledgements:\n%s%s", seedVariable, c.seed, c.kills, c.acked, strings.Join(wrong, "\n"), more)
}

// Nothing that was acknowledged is lost, and nothing is half there, however often and whenever the service is killed.
func TestKillsLoseNothingThatWasAcknowledged(t *testing.T) {
	kills := killsWanted
	if raceDetector || testing.Short() {
		kills = killsUnderRace
		t.Logf("%d kills under the race detector and in the quick loop; otherwise they are %d (make faults)", kills, killsWanted)
	}
	began := time.Now()
	c := newCrash(t)
	for c.kills < kills {
		if wrong := c.round(); len(wrong) > 0 {
			t.Fatal(c.story(wrong))
		}
	}
	v, wrong := c.startAndInspect()
	if len(wrong) == 0 {
		wrong = c.inspectAll(v)
	}
	if err := v.kill(); err != nil {
		wrong = append(wrong, err.Error())
	}
	c.kills++
	verified, err := tool(t, "verify", "--data", c.data)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		t.Fatal(c.story(wrong))
	}
	t.Logf("khamxa verify: %s", verified)
	t.Logf("%d kills, %d acknowledged requests, %d of unknown outcome, %d versions of %d resources, in %v",
		c.kills, c.acked, c.doubts, c.chronicle.versions(), len(c.chronicle.must), time.Since(began).Round(time.Second))
	if c.acked < 2*kills || c.doubts < kills {
		t.Errorf("only %d acknowledgements and %d requests in doubt in %d kills: the kills do not meet writers at work", c.acked, c.doubts, kills)
	}
}
