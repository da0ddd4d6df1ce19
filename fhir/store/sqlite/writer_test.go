package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// waitFor waits until so many requests wait behind the one that holds the committer.
func waitFor(db *sqlite.DB, n int) {
	for db.Waiting() < n {
		time.Sleep(time.Millisecond)
	}
}

func TestARequestThatWaitsCanBeWithdrawn(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	release := db.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := db.Commit(ctx, basicTx("a", "x")); done <- err }()
	waitFor(db, 1)
	cancel()
	if err := <-done; !fault.Is(err, fault.Timeout) {
		t.Fatalf("a withdrawn commit: %v, want timeout", err)
	}
	release()
	mustCommit(t, db, basicTx("b", "x"))
	if _, err := db.Read(t.Context(), "Basic", "a"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("the withdrawn resource: %v, want not-found", err)
	}
}

func TestARequestThatIsBeingWrittenHasAnUnknownOutcome(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	started, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- db.DoIn(ctx, func(*lite.Conn) error { close(started); <-release; return nil })
	}()
	<-started
	cancel()
	if err := <-done; !fault.Is(err, fault.Unknown) {
		t.Fatalf("a commit that was cancelled while it was written: %v, want unknown-outcome", err)
	}
	close(release)
	mustCommit(t, db, basicTx("a", "x"))
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	release := db.Hold()
	const writers = 20
	done := make(chan error, writers)
	for i := range writers {
		go func() { _, err := db.Commit(t.Context(), basicTx(fmt.Sprint("b", i), "x")); done <- err }()
	}
	waitFor(db, writers)
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	for !db.Closing() {
		time.Sleep(time.Millisecond)
	}
	if _, err := db.Commit(t.Context(), basicTx("late", "x")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a commit after Close began: %v, want unavailable", err)
	}
	release()
	if err := <-closed; err != nil {
		t.Fatalf("Close: %v", err)
	}
	for range writers {
		if err := <-done; err != nil {
			t.Errorf("a commit that waited: %v", err)
		}
	}
	if found := mustFind(t, mustOpen(t, dir), "Basic", ""); len(found) != writers {
		t.Fatalf("%d resources after the restart, want %d", len(found), writers)
	}
}

func TestConditionalCreatesOfOneBatchSeeEachOther(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	release := db.Hold()
	const contenders = 10
	done := make(chan error, contenders)
	query := request(t, "Basic", "code=x").Query
	for i := range contenders {
		go func() {
			tx := basicTx(fmt.Sprint("b", i), "x")
			tx.Absent = []store.Absence{{Query: query}}
			_, err := db.Commit(t.Context(), tx)
			done <- err
		}()
	}
	waitFor(db, contenders)
	release()
	created := 0
	for range contenders {
		if err := <-done; err == nil {
			created++
		} else if m := new(store.Matched); !errors.As(err, &m) || m.Many {
			t.Errorf("Commit: %v", err)
		}
	}
	if created != 1 {
		t.Fatalf("%d of %d conditional creates of one batch were made, want one", created, contenders)
	}
}

func TestOneOfABatchCannotHarmTheOthers(t *testing.T) {
	var ticks atomic.Int64 // so that the second attempt has another time, and other keys, than the first
	clock := func() time.Time { return time.UnixMilli(1_795_000_000_000 + ticks.Add(1)) }
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	commit, beside := db.CommitBeside(basicTx("a", "x"), func(conn *lite.Conn) error {
		stmt, err := conn.Prepare("INSERT INTO meta (name, value) VALUES ('applied', 'x')") // breaks a constraint
		if err == nil {
			_, err = stmt.Step()
		}
		return err
	})
	if commit != nil || !fault.Is(beside, fault.Unavailable) {
		t.Fatalf("the good one: %v; the bad one: %v", commit, beside)
	}
	if r := mustCommit(t, db, basicTx("b", "x")); r.Seq != 2 {
		t.Fatalf("the next commit is %d, want 2", r.Seq)
	}
	if findings, err := db.Verify(t.Context(), nil); err != nil || len(findings) > 0 {
		t.Fatalf("Verify: %v, %v", findings, err)
	}
}

func TestAFullDiskChangesNothingAndHeals(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	mustCommit(t, db, basicTx("a", "x"))
	pages := func(n string) {
		if err := db.Do(func(conn *lite.Conn) error { return sqlite.Run(conn, "PRAGMA max_page_count = "+n) }); err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // SQLite raises it to the present size
	large := basicTx("b", strings.Repeat("x", 100_000))
	_, err := db.Commit(t.Context(), large)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.MessageOf(err), "full") {
		t.Fatalf("a commit to a full disk: %v", err)
	}
	if _, err := db.Put(t.Context(), records.Record{Key: "k", Value: make([]byte, 100_000)}); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("a record to a full disk: %v", err)
	}
	if len(mustFind(t, db, "Basic", "")) != 1 {
		t.Fatal("reading does not work while the disk is full")
	}
	pages("1000000")
	if r := mustCommit(t, db, large); r.Seq != 2 {
		t.Fatalf("the commit after the disk has room is %d, want 2", r.Seq)
	}
}

func TestADiskErrorStopsWriting(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	mustCommit(t, db, basicTx("a", "x"))
	commit, beside := db.CommitBeside(basicTx("b", "x"), func(*lite.Conn) error { return lite.ResultIOErrFsync.ToError() })
	for name, err := range map[string]error{"beside it": commit, "itself": beside} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("the request %s: %v, want unavailable", name, err)
		}
	}
	_, err := db.Commit(t.Context(), basicTx("c", "x"))
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.MessageOf(err), "no more writes") {
		t.Fatalf("a commit after the disk error: %v", err)
	}
	if len(mustFind(t, db, "Basic", "")) != 1 {
		t.Fatal("reading does not work after a disk error")
	}
	db.Close()
	if r := mustCommit(t, mustOpen(t, dir), basicTx("c", "x")); r.Seq != 2 {
		t.Fatalf("the commit after the restart is %d, want 2", r.Seq)
	}
}

// A COMMIT that fails may have been kept: an immediate foreign key cannot make it fail, a deferred one can.
func TestAFailedCommitHasAnUnknownOutcome(t *testing.T) {
	db := mustOpen(t, t.TempDir())
	err := db.Do(func(conn *lite.Conn) error {
		return errors.Join(
			sqlite.Run(conn, "CREATE TABLE parent (id INTEGER PRIMARY KEY)"),
			sqlite.Run(conn, "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetForeignKeys(); err != nil {
		t.Fatal(err)
	}
	commit, beside := db.CommitBeside(basicTx("a", "x"), func(conn *lite.Conn) error {
		return sqlite.Run(conn, "INSERT INTO child (id) VALUES (1)")
	})
	if !fault.Is(commit, fault.Unknown) || !fault.Is(beside, fault.Unknown) {
		t.Fatalf("a batch whose COMMIT failed: %v and %v, want unknown-outcome", commit, beside)
	}
	if r := mustCommit(t, db, basicTx("b", "x")); r.Seq != 1 {
		t.Fatalf("the next commit is %d, want 1: the failed one was not kept", r.Seq)
	}
}

func TestExpiredRecordsAreRemoved(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range 10 {
		if _, err := db.Put(t.Context(), records.Record{Key: fmt.Sprint("s", i), Expires: now.Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Hour)
	if _, err := db.Put(t.Context(), records.Record{Key: "new"}); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Number("SELECT count(*) FROM record"); err != nil || n != 1 {
		t.Fatalf("%d records are stored (%v), want only the new one", n, err)
	}
}
