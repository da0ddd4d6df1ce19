package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// importFiles brings Bundles into the folder.
func (b *fhirBench) importFiles(ctx context.Context, files []string) error {
	start := time.Now()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: b.data()})
	if err != nil {
		return err
	}
	queue := make(chan string)
	errs := make(chan error, 2)
	var mu sync.Mutex
	for range 2 {
		go func() {
			var failed error
			for file := range queue {
				if failed != nil {
					continue
				}
				var n int
				n, failed = importBundle(ctx, db, file)
				mu.Lock()
				b.resources += n
				mu.Unlock()
			}
			errs <- failed
		}()
	}
	for _, f := range files {
		queue <- f
	}
	close(queue)
	err = errors.Join(<-errs, <-errs, db.Close())
	b.imported += time.Since(start)
	return err
}

func importBundle(ctx context.Context, st store.Store, file string) (int, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "khamxa.bench", "A Bundle could not be read.")
	}
	bundle, err := fhir.Parse(raw)
	if err != nil {
		return 0, err
	}
	tx := store.Transaction{Author: "system"}
	for e := bundle.Root.Get("entry").First(); e != nil; e = e.Next() {
		r, err := fhir.ResourceAt(e.Get("resource"))
		if err != nil {
			return 0, err
		}
		tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: r.Type, ID: r.ID, Body: r.Raw})
	}
	_, err = st.Commit(ctx, tx)
	return len(tx.Changes), err
}

func (b *fhirBench) export(context.Context) error { return nil }
