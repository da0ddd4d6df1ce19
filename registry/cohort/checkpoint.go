package cohort

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// A checkpoint is the timelines at one position of the log. It lies in the records as a head under headKey and chunks under
// chunkPrefix/{generation}/{number}. The head is written last, so a checkpoint is there whole or not at all. The counters are not in
// it: they follow from the timelines, and folding is faster than it would be to trust a second copy.
const (
	headKey     = "cohort/checkpoint"
	chunkPrefix = "cohort/chunk/"
	chunkSize   = 1 << 20
)

// format is the version of the checkpoint's bytes and of how facts are read from resources. A change to either raises it, and every
// service then counts from the start of the log once.
const format = 1

// head describes a checkpoint. Entry is the hash of the commit at Position: a log that has another commit there is another log.
type head struct {
	Format     int
	Position   store.Seq
	Entry      []byte
	Generation string // random, so that two nodes never write under one name
	Chunks     int
	Sum        []byte // SHA-256 of all chunks
}

// save writes the book as it is now and gives its position.
func (f *Follower) save(ctx context.Context) (store.Seq, error) {
	rs := f.options.Records
	old, err := rs.Get(ctx, headKey)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return 0, err
	}
	data, at := f.encode()
	hash, err := f.entryHash(ctx, at)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(data)
	h := head{Format: format, Position: at, Entry: hash, Generation: rand.Text(), Sum: sum[:]}
	for rest := data; len(rest) > 0; h.Chunks++ {
		n := min(len(rest), chunkSize)
		if _, err := rs.Put(ctx, records.Record{Key: chunkKey(h.Generation, h.Chunks), Value: rest[:n], Version: records.Any}); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	value, err := json.Marshal(h)
	if err != nil {
		return 0, fault.Wrap(err, fault.Internal, "cohort.save", "The checkpoint could not be described.")
	}
	if _, err := rs.Put(ctx, records.Record{Key: headKey, Value: value, Version: old.Version}); err != nil {
		return 0, err // Conflict: another node wrote one; its chunks are its own
	}
	return at, f.sweep(ctx, h.Generation)
}

// sweep deletes the chunks of every other generation: of the checkpoint before, and of those that were never finished.
func (f *Follower) sweep(ctx context.Context, keep string) error {
	for after := ""; ; {
		list, err := f.options.Records.List(ctx, chunkPrefix, after, 20)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, r := range list {
			if after = r.Key; !strings.HasPrefix(r.Key, chunkPrefix+keep+"/") {
				if err := f.options.Records.Delete(ctx, r.Key); err != nil {
					return err
				}
			}
		}
	}
}

// Forget throws the checkpoint away, so that the next follower reads the log from its beginning. It is for a store whose follower does not
// run. The checkpoint's chunks go with the next one that is written.
func Forget(ctx context.Context, rs records.Store) error { return rs.Delete(ctx, headKey) }

func chunkKey(generation string, n int) string {
	return fmt.Sprintf("%s%s/%06d", chunkPrefix, generation, n)
}

// entryHash is the hash of the commit at a position of the log; nil for position 0.
func (f *Follower) entryHash(ctx context.Context, at store.Seq) ([]byte, error) {
	if at == 0 {
		return nil, nil
	}
	entries, err := f.options.Log.Entries(ctx, at-1, 1)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 || entries[0].Seq != at {
		return nil, fault.Newf(fault.State, "cohort.checkpoint", "The log has no commit %d.", at)
	}
	return entries[0].Hash[:], nil
}

// load gives the book of the checkpoint, nil if there is none, an error if it cannot be used.
func (f *Follower) load(ctx context.Context) (*Book, error) {
	r, err := f.options.Records.Get(ctx, headKey)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h head
	if err := json.Unmarshal(r.Value, &h); err != nil {
		return nil, unusable("its head cannot be read", err)
	}
	if h.Format != format {
		return nil, unusable(fmt.Sprintf("it has format %d, this program has %d", h.Format, format), nil)
	}
	hash, err := f.entryHash(ctx, h.Position)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(hash, h.Entry) {
		return nil, unusable("it belongs to another log", nil)
	}
	var data []byte
	for i := range h.Chunks {
		c, err := f.options.Records.Get(ctx, chunkKey(h.Generation, i))
		if err != nil {
			return nil, err
		}
		data = append(data, c.Value...)
	}
	if sum := sha256.Sum256(data); !bytes.Equal(sum[:], h.Sum) {
		return nil, unusable("its bytes have changed", nil)
	}
	b := NewBook()
	b.position = h.Position
	if err := b.decode(data); err != nil {
		return nil, unusable("its bytes do not make sense", err)
	}
	return b, nil
}

func unusable(why string, err error) error {
	return &fault.Error{Code: fault.State, Op: "cohort.load", Message: "The checkpoint cannot be used: " + why + ".", Err: err}
}
