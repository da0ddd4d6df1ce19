package records

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"khamxa/internal/fault"
)

// MaxKey is the longest key in bytes, and MaxList the most records that one List returns.
const (
	MaxKey  = 512
	MaxList = 1_000
)

// Memory is a complete Store in this process, for tests: nothing of it survives the process. Make one with NewMemory.
type Memory struct {
	clock func() time.Time

	mu      sync.Mutex
	last    int64 // the last version given to any record
	records map[string]Record
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty store; clock decides what has expired.
func NewMemory(clock func() time.Time) *Memory {
	return &Memory{clock: clock, records: make(map[string]Record)}
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) (Record, error) {
	if err := alive(ctx, "records.Memory.Get"); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.live(key)
	if !ok {
		return Record{}, fault.New(fault.NotFound, "records.Memory.Get", "There is no such record.")
	}
	return r, nil
}

// Put implements Store.
func (m *Memory) Put(ctx context.Context, r Record) (int64, error) {
	if err := alive(ctx, "records.Memory.Put"); err != nil {
		return 0, err
	}
	if err := Check(r); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.live(r.Key)
	if err := Compare(r, stored, ok); err != nil {
		return 0, err
	}
	m.last++
	r.Version = m.last
	r.Expires = Millisecond(r.Expires)
	r.Value = bytes.Clone(r.Value)
	m.records[r.Key] = r
	return r.Version, nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := alive(ctx, "records.Memory.Delete"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, key)
	return nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix, after string, limit int) ([]Record, error) {
	if err := alive(ctx, "records.Memory.List"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for key := range m.records {
		if r, ok := m.live(key); ok && strings.HasPrefix(key, prefix) && key > after {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	return found[:min(len(found), ListLimit(limit))], nil
}

// live is the record under the key if it has not expired, with its own copy of the value.
func (m *Memory) live(key string) (Record, bool) {
	r, ok := m.records[key]
	if !ok || Expired(r.Expires, m.clock()) {
		return Record{}, false
	}
	r.Value = bytes.Clone(r.Value)
	return r, true
}

func alive(ctx context.Context, op string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fault.Wrap(ctx.Err(), fault.Timeout, op, "The request was ended before it was done; nothing was changed.")
}

// Check is what every implementation demands of a record that is put: a key of 1 to MaxKey bytes of UTF-8 without NUL
// (Invalid), at most MaxValue bytes of value (TooLarge).
func Check(r Record) error {
	if r.Key == "" || len(r.Key) > MaxKey || !utf8.ValidString(r.Key) || strings.ContainsRune(r.Key, 0) {
		return fault.Newf(fault.Invalid, "records.Put", "A record's key is 1 to %d bytes of UTF-8.", MaxKey)
	}
	if len(r.Value) > MaxValue {
		return fault.Newf(fault.TooLarge, "records.Put", "A record's value is at most %d bytes.", MaxValue)
	}
	return nil
}

// Compare is the compare-and-set rule: put may replace stored, which is live if there is true. Conflict if not.
func Compare(put, stored Record, there bool) error {
	if put.Version == Any || (!there && put.Version == 0) || (there && put.Version == stored.Version) {
		return nil
	}
	return fault.New(fault.Conflict, "records.Put", "Somebody else has changed this in the meantime.")
}

// Expired reports whether a record that expires at the given time (zero: never) has expired now.
func Expired(expires, now time.Time) bool { return !expires.IsZero() && !expires.After(now) }

// Millisecond is how an expiry is kept: UTC, rounded down to the millisecond, zero for never.
func Millisecond(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// ListLimit is the number of records that a List with this limit returns at most.
func ListLimit(limit int) int {
	if limit <= 0 || limit > MaxList {
		return MaxList
	}
	return limit
}
