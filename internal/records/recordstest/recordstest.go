// Package recordstest is the meaning of the records port as a test suite: every implementation of records.Store runs it.
// It is for tests only.
package recordstest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// Clock is a clock that only moves when it is told to; it is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a fixed moment in UTC.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)} }

// Now is the moment that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Run runs the suite. open gives an empty store on the clock; the store is left to the test's cleanup.
func Run(t *testing.T, open func(t *testing.T, clock func() time.Time) records.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s records.Store, clock *Clock)
	}{
		{"a missing record is not found", missing},
		{"put and get", putGet},
		{"compare and set", compareAndSet},
		{"an old version never matches again", noReuse},
		{"any version", anyVersion},
		{"expiry", expiry},
		{"list in key order", list},
		{"limits", limits},
		{"values are copied", copied},
		{"one of many concurrent puts wins", race},
		{"a counter loses no increment", counter},
		{"a cancelled request changes nothing", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := NewClock()
			c.test(t, open(t, clock.Now), clock)
		})
	}
}

func put(t *testing.T, s records.Store, r records.Record) int64 {
	t.Helper()
	v, err := s.Put(t.Context(), r)
	if err != nil {
		t.Fatalf("Put(%q): %v", r.Key, err)
	}
	return v
}

func wantCode(t *testing.T, err error, want fault.Code) {
	t.Helper()
	if got := fault.CodeOf(err); got != want {
		t.Fatalf("error code = %q (%v), want %q", got, err, want)
	}
}

func missing(t *testing.T, s records.Store, _ *Clock) {
	_, err := s.Get(t.Context(), "staff/nobody")
	wantCode(t, err, fault.NotFound)
	if err := s.Delete(t.Context(), "staff/nobody"); err != nil {
		t.Fatalf("Delete of what is not there: %v", err)
	}
}

func putGet(t *testing.T, s records.Store, clock *Clock) {
	want := records.Record{
		Key: "staff/hoa", Value: []byte("\x00\xffgiá trị"),
		Expires: clock.Now().Add(time.Hour + 1234567*time.Nanosecond),
	}
	want.Version = put(t, s, want)
	want.Expires = want.Expires.Truncate(time.Millisecond)
	got, err := s.Get(t.Context(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("record (-want +got):\n%s", diff)
	}
	if want.Version <= 0 {
		t.Fatalf("version = %d, want more than 0", want.Version)
	}
	if err := s.Delete(t.Context(), want.Key); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), want.Key)
	wantCode(t, err, fault.NotFound)
}

func compareAndSet(t *testing.T, s records.Store, _ *Clock) {
	_, err := s.Put(t.Context(), records.Record{Key: "k", Version: 3})
	wantCode(t, err, fault.Conflict)
	v1 := put(t, s, records.Record{Key: "k", Value: []byte("1")})
	_, err = s.Put(t.Context(), records.Record{Key: "k", Value: []byte("x")})
	wantCode(t, err, fault.Conflict)
	v2 := put(t, s, records.Record{Key: "k", Value: []byte("2"), Version: v1})
	if v2 <= v1 {
		t.Fatalf("versions %d, %d do not grow", v1, v2)
	}
	_, err = s.Put(t.Context(), records.Record{Key: "k", Value: []byte("x"), Version: v1})
	wantCode(t, err, fault.Conflict)
	got, err := s.Get(t.Context(), "k")
	if err != nil || string(got.Value) != "2" || got.Version != v2 {
		t.Fatalf("Get = %+v, %v; want value 2, version %d", got, err, v2)
	}
}

func noReuse(t *testing.T, s records.Store, clock *Clock) {
	old := put(t, s, records.Record{Key: "lease/a", Value: []byte("me"), Expires: clock.Now().Add(time.Second)})
	clock.Advance(2 * time.Second)
	put(t, s, records.Record{Key: "lease/a", Value: []byte("you"), Expires: clock.Now().Add(time.Minute)})
	_, err := s.Put(t.Context(), records.Record{Key: "lease/a", Value: []byte("me"), Version: old})
	wantCode(t, err, fault.Conflict)

	old = put(t, s, records.Record{Key: "k"})
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	put(t, s, records.Record{Key: "k", Value: []byte("new")})
	_, err = s.Put(t.Context(), records.Record{Key: "k", Value: []byte("old"), Version: old})
	wantCode(t, err, fault.Conflict)
}

func anyVersion(t *testing.T, s records.Store, _ *Clock) {
	v1 := put(t, s, records.Record{Key: "k", Value: []byte("1"), Version: records.Any})
	v2 := put(t, s, records.Record{Key: "k", Value: []byte("2"), Version: records.Any})
	if v2 <= v1 {
		t.Fatalf("versions %d, %d do not grow", v1, v2)
	}
}

func expiry(t *testing.T, s records.Store, clock *Clock) {
	put(t, s, records.Record{Key: "session/a", Expires: clock.Now().Add(time.Minute)})
	put(t, s, records.Record{Key: "session/b"})
	clock.Advance(time.Minute - time.Millisecond)
	if _, err := s.Get(t.Context(), "session/a"); err != nil {
		t.Fatalf("one millisecond before its expiry: %v", err)
	}
	clock.Advance(time.Millisecond)
	_, err := s.Get(t.Context(), "session/a")
	wantCode(t, err, fault.NotFound)
	got, err := s.List(t.Context(), "session/", "", 0)
	if err != nil || len(got) != 1 || got[0].Key != "session/b" {
		t.Fatalf("List = %v, %v; want only session/b", got, err)
	}
	clock.Advance(24 * time.Hour) // whatever purges expired records has its chance
	put(t, s, records.Record{Key: "session/a", Value: []byte("again")})
	if _, err := s.Get(t.Context(), "session/b"); err != nil {
		t.Fatalf("a record without expiry: %v", err)
	}
}

func list(t *testing.T, s records.Store, _ *Clock) {
	for _, key := range []string{"b/2", "a", "b/1", "b/đ", "b", "b/10", "c", "b/\U0010ffff"} {
		put(t, s, records.Record{Key: key})
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          string
	}{
		{"", "", 0, "a b b/1 b/10 b/2 b/đ b/\U0010ffff c"},
		{"b/", "", 0, "b/1 b/10 b/2 b/đ b/\U0010ffff"},
		{"b/", "", 2, "b/1 b/10"},
		{"b/", "b/10", 2, "b/2 b/đ"},
		{"b/", "a", 1, "b/1"},
		{"b/", "c", 0, ""},
		{"b/\U0010ffff", "", 0, "b/\U0010ffff"},
		{"zzz", "", 0, ""},
	} {
		got, err := s.List(t.Context(), c.prefix, c.after, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, r := range got {
			keys = append(keys, r.Key)
		}
		if diff := cmp.Diff(c.want, strings.Join(keys, " ")); diff != "" {
			t.Errorf("List(%q, %q, %d) (-want +got):\n%s", c.prefix, c.after, c.limit, diff)
		}
	}
}

func limits(t *testing.T, s records.Store, _ *Clock) {
	for _, c := range []struct {
		name string
		r    records.Record
		want fault.Code
	}{
		{"the longest key", records.Record{Key: strings.Repeat("k", records.MaxKey)}, ""},
		{"a key too long", records.Record{Key: strings.Repeat("k", records.MaxKey+1)}, fault.Invalid},
		{"no key", records.Record{}, fault.Invalid},
		{"a key that is not UTF-8", records.Record{Key: "k\xff"}, fault.Invalid},
		{"a key with NUL", records.Record{Key: "k\x00"}, fault.Invalid},
		{"the largest value", records.Record{Key: "v", Value: make([]byte, records.MaxValue)}, ""},
		{"a value too large", records.Record{Key: "w", Value: make([]byte, records.MaxValue+1)}, fault.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Put(t.Context(), c.r)
			wantCode(t, err, c.want)
		})
	}
}

func copied(t *testing.T, s records.Store, _ *Clock) {
	value := []byte("before")
	put(t, s, records.Record{Key: "k", Value: value})
	copy(value, "AFTER!")
	for range 2 {
		got, err := s.Get(t.Context(), "k")
		if err != nil || !bytes.Equal(got.Value, []byte("before")) {
			t.Fatalf("Get = %q, %v; want %q", got.Value, err, "before")
		}
		copy(got.Value, "AFTER!")
	}
}

func race(t *testing.T, s records.Store, _ *Clock) {
	const contenders = 16
	var won sync.Map
	var wg sync.WaitGroup
	for i := range contenders {
		wg.Go(func() {
			_, err := s.Put(t.Context(), records.Record{Key: "lease", Value: fmt.Append(nil, i)})
			if err == nil {
				won.Store(i, true)
			} else if !fault.Is(err, fault.Conflict) {
				t.Errorf("Put: %v", err)
			}
		})
	}
	wg.Wait()
	var winners []any
	won.Range(func(k, _ any) bool { winners = append(winners, k); return true })
	if len(winners) != 1 {
		t.Fatalf("%d of %d concurrent puts of version 0 won (%v), want exactly one", len(winners), contenders, winners)
	}
	if r, err := s.Get(t.Context(), "lease"); err != nil || string(r.Value) != fmt.Sprint(winners[0]) {
		t.Fatalf("the winner is %v and the record says %q (%v)", winners[0], r.Value, err)
	}
}

func counter(t *testing.T, s records.Store, _ *Clock) {
	put(t, s, records.Record{Key: "n", Value: []byte{0}})
	const workers, each = 8, 10
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				increment(t, s)
			}
		})
	}
	wg.Wait()
	if r, err := s.Get(t.Context(), "n"); err != nil || int(r.Value[0]) != workers*each {
		t.Fatalf("counter = %v (%v), want %d", r.Value, err, workers*each)
	}
}

func increment(t *testing.T, s records.Store) {
	for {
		r, err := s.Get(t.Context(), "n")
		if err != nil {
			t.Errorf("Get: %v", err)
			return
		}
		r.Value[0]++
		_, err = s.Put(t.Context(), r)
		if err == nil {
			return
		}
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("Put: %v", err)
			return
		}
	}
}

func cancelled(t *testing.T, s records.Store, _ *Clock) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, records.Record{Key: "k"})
	wantCode(t, err, fault.Timeout)
	_, err = s.Get(t.Context(), "k")
	wantCode(t, err, fault.NotFound)
}
