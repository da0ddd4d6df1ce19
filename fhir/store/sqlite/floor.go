package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
)

// Floor is the yardstick for importing: the rows without which there is no store (body, current state and its two indexes, search
// index), written straight to SQLite in batches of 1,000 resources with sorted keys, with the settings of a store (WAL,
// synchronous=FULL, the same cache) and nothing else: no chain, no history, no compartments, no preconditions, nothing read. Everything that
// is not SQLite's work (parsing, keys) is done before the clock runs. It is for the bench; its file is no store.
type Floor struct {
	Resources int           // written
	IndexRows int           // rows of the search index among them
	Took      time.Duration // inside SQLite

	conn    *lite.Conn
	clock   func() time.Time
	holders map[string]string // of patients
	waiting []floorRow
}

type floorRow struct {
	typ, id, holder, patients string
	body                      []byte
	keys                      []string
}

const floorBatch = 1_000

// OpenFloor makes an empty file.
func OpenFloor(file string, clock func() time.Time) (*Floor, error) {
	const op = "sqlite.OpenFloor"
	conn, err := openWriter(file)
	if err != nil {
		return nil, clean(context.Background(), err, op)
	}
	return &Floor{conn: conn, clock: clock, holders: map[string]string{}}, nil
}

// Add takes one resource, and writes when a batch is full. A Patient must come before what is in its compartment.
func (f *Floor) Add(ctx context.Context, r *fhir.Resource) error {
	of := factsOf(r)
	if r.Type == "Patient" {
		f.holders[r.ID] = of.holder
	}
	holder := ""
	if len(of.patients) > 0 {
		holder = f.holders[of.patients[0]]
	}
	now := f.clock()
	f.waiting = append(f.waiting, floorRow{
		typ: r.Type, id: r.ID, holder: holder, patients: strings.Join(of.patients, " "),
		body: r.Stamp(r.ID, "1", now), keys: keysOf(of, r.Type, now, holder),
	})
	if len(f.waiting) < floorBatch {
		return nil
	}
	return f.Flush(ctx)
}

// Flush writes what waits as one batch.
func (f *Floor) Flush(ctx context.Context) error {
	index := indexBatch{}
	for i := range f.waiting {
		index.replace(int64(f.Resources+i+1), nil, f.waiting[i].keys)
	}
	rows, start := len(index.ops), f.clock()
	if err := f.write(&index); err != nil {
		return clean(ctx, err, "sqlite.Floor")
	}
	f.Took += f.clock().Sub(start)
	f.Resources += len(f.waiting)
	f.IndexRows += rows
	f.waiting = slices.Delete(f.waiting, 0, len(f.waiting))
	return nil
}

func (f *Floor) write(index *indexBatch) error {
	if err := run(f.conn, "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	ms := f.clock().UnixMilli()
	for i := range f.waiting {
		r, n := &f.waiting[i], int64(f.Resources+i+1)
		if err := run(f.conn, "INSERT INTO body (place, data) VALUES (?, ?)", nil, n, r.body); err != nil {
			return err
		}
		if err := run(f.conn, `INSERT INTO res (rid, type, id, vid, place, time, deleted, holder, patients) VALUES (?, ?, ?, 1, ?, ?, 0, ?, ?)`, nil,
			n, r.typ, r.id, n, ms, r.holder, r.patients); err != nil {
			return err
		}
	}
	if err := index.flush(f.conn); err != nil {
		return err
	}
	return run(f.conn, "COMMIT", nil)
}

// Close ends it.
func (f *Floor) Close() error { return clean(context.Background(), f.conn.Close(), "sqlite.Floor") }
