package sqlite // the order of two goroutines' steps can be set only from inside

import (
	"testing"
	"time"

	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// TestRecentRecords: what was read before a write and is handed in after it is not held; values are everybody's own.
func TestRecentRecords(t *testing.T) {
	var c recordCache
	_, at, _ := c.get("k")
	c.forget([]string{"k"})
	c.put(records.Record{Key: "k", Value: []byte("old"), Version: 1}, at)
	if r, _, ok := c.get("k"); ok {
		t.Errorf("a record is held that was read before it was written: %+v", r)
	}
	_, at, _ = c.get("k")
	c.put(records.Record{Key: "k", Value: []byte("new"), Version: 2}, at)
	r, _, ok := c.get("k")
	if !ok || string(r.Value) != "new" {
		t.Fatalf("%+v, %v", r, ok)
	}
	r.Value[0] = 'x'
	if again, _, _ := c.get("k"); string(again.Value) != "new" {
		t.Errorf("one caller's change is another's value: %s", again.Value)
	}
}

// TestRecordsAreReadAsWritten: with every read held, the last write is what is read.
func TestRecordsAreReadAsWritten(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	db, err := Open(t.Context(), Options{Dir: t.TempDir(), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := func(value string) {
		t.Helper()
		for range 2 {
			if r, err := db.Get(t.Context(), "k"); err != nil || string(r.Value) != value {
				t.Errorf("%q, %v; want %q", r.Value, err, value)
			}
		}
	}
	put := func(value string, expires time.Time) {
		t.Helper()
		if _, err := db.Put(t.Context(), records.Record{Key: "k", Value: []byte(value), Version: records.Any, Expires: expires}); err != nil {
			t.Fatal(err)
		}
	}
	put("one", time.Time{})
	want("one")
	put("two", now.Add(time.Minute))
	want("two")
	now = now.Add(time.Hour)
	if _, err := db.Get(t.Context(), "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an expired record: %v", err)
	}
	put("three", time.Time{})
	want("three")
	if err := db.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Get(t.Context(), "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a deleted record: %v", err)
	}
}
