package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
)

// The crash test runs this test binary again as a child that writes with many goroutines, kills it at some moment, and
// compares what was acknowledged with what is there. crashDir in the environment makes a process the child.
const crashDir = "KHAMXA_TEST_CRASH_DIR"

// TestCrashChild is the child's program; in the parent it does nothing.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("only the child of the crash test does something here")
	}
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	acks, err := os.OpenFile(filepath.Join(dir, "acks"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				tx := store.Transaction{Author: "system", Changes: append(basicTx("a"+id, id).Changes, basicTx("b"+id, id).Changes...)}
				r, err := db.Commit(context.Background(), tx)
				if err != nil {
					t.Errorf("Commit: %v", err)
					return
				}
				fmt.Fprintf(acks, "%d %s\n", r.Seq, id)
			}
		})
	}
	wg.Wait()
}

// kill lets a child write until it has acknowledged so many commits more, and kills it.
func kill(t *testing.T, dir string, acknowledged int, env ...string) {
	t.Helper()
	before := len(readAcks(t, dir))
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(append(os.Environ(), crashDir+"="+dir), env...)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = child.Wait() }()
	for alive := true; alive && len(readAcks(t, dir)) < before+acknowledged; {
		select {
		case <-ended:
			alive = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	_ = child.Process.Kill()
	<-ended
}

// inspect says what is wrong after kills: acknowledged commits that cannot be read or found, transactions that are there by
// half, and everything that Verify finds.
func inspect(t *testing.T, dir string) (acked int, wrong []string) {
	t.Helper()
	acks := readAcks(t, dir)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		return len(acks), []string{err.Error()}
	}
	defer db.Close()
	for _, ack := range acks {
		_, id, _ := strings.Cut(ack, " ")
		for _, name := range []string{"a" + id, "b" + id} {
			if _, err := db.Read(t.Context(), "Basic", name); err != nil {
				wrong = append(wrong, fmt.Sprintf("acknowledged and lost: %s: %v", name, err))
			}
		}
		if found := mustFind(t, db, "Basic", "code="+id); len(found) != 2 {
			wrong = append(wrong, fmt.Sprintf("acknowledged and not found: %s: %d of 2", id, len(found)))
		}
	}
	findings, err := db.Verify(t.Context(), nil)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, f := range findings {
		wrong = append(wrong, fmt.Sprintf("commit %d %s: %s", f.Seq, f.Resource, f.Problem))
	}
	return len(acks), append(wrong, halves(t, db)...)
}

// halves looks for transactions of which only one of the two resources is there.
func halves(t *testing.T, db *sqlite.DB) (wrong []string) {
	t.Helper()
	head, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := db.Number("SELECT count(*) FROM res")
	if err != nil {
		t.Fatal(err)
	}
	if n != 2*int64(head) {
		wrong = append(wrong, fmt.Sprintf("%d commits of two resources each, and %d resources", head, n))
	}
	return wrong
}

func readAcks(t *testing.T, dir string) (acks []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "acks"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		acks = append(acks, lines.Text())
	}
	return acks
}
