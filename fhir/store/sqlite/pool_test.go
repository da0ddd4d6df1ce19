package sqlite_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// TestReadersAtTheEnd: what reads while the store is closed is either answered or told that it is closed, whoever comes first, and
// nothing of it is left when Close returns.
func TestReadersAtTheEnd(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, db, basicTx("a", "x"))
	var readers sync.WaitGroup
	reading := make(chan struct{}, 16)
	for i := range 16 {
		readers.Go(func() {
			for first := true; ; first = false {
				var err error
				if i%2 == 0 {
					_, err = db.Read(t.Context(), "Basic", "a")
				} else {
					_, err = db.History(t.Context(), store.HistoryRequest{Type: "Basic", ID: "a"})
				}
				if err != nil {
					if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Timeout) {
						t.Errorf("a reader is told %v", err)
					}
					return
				}
				if first {
					reading <- struct{}{}
				}
			}
		})
	}
	for range 16 {
		<-reading
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	readers.Wait()
	if _, err := db.Read(t.Context(), "Basic", "a"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a closed store answers %v", err)
	}
}

// TestAReaderThatWaitsGoesWithItsContext: when all connections are in use, who waits for one waits no longer than its context.
func TestAReaderThatWaitsGoesWithItsContext(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Readers: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mustCommit(t, db, basicTx("a", "x"))
	end := db.OccupyReaders(3)
	brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := db.Read(brief, "Basic", "a"); !fault.Is(err, fault.Timeout) {
		t.Errorf("a reader that waited is told %v", err)
	}
	end()
	if _, err := db.Read(t.Context(), "Basic", "a"); err != nil {
		t.Error(err)
	}
}
