//go:build conformance

package conformance_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// accepted parses every example, checks those that must be refused, and calls f for the others.
func accepted(t *testing.T, f func(t *testing.T, e example, r *fhir.Resource)) {
	t.Helper()
	count := 0
	for _, e := range examples(t) {
		r, err := fhir.Parse(e.raw)
		if rule, ok := refused[e.name]; ok {
			if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.MessageOf(err), rule.sentence) {
				t.Errorf("%s: got %v, want it refused with %q: %s", e.name, err, rule.sentence, rule.why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
			continue
		}
		count++
		f(t, e, r)
	}
	if want := published - len(refused); count != want {
		t.Errorf("%d examples were looked at, want %d", count, want)
	}
}

// TestBytes: what is kept is what was published, without the white space between tokens.
func TestBytes(t *testing.T) {
	accepted(t, func(t *testing.T, e example, r *fhir.Resource) {
		var want bytes.Buffer
		if err := json.Compact(&want, e.raw); err != nil {
			t.Errorf("%s: %v", e.name, err)
			return
		}
		if !bytes.Equal(r.Raw, want.Bytes()) {
			t.Errorf("%s: the compact form differs %s", e.name, firstDifference(r.Raw, want.Bytes()))
		}
	})
}

// TestEntriesOfLargeBundles: what is too much in one piece is accepted and kept piece by piece.
func TestEntriesOfLargeBundles(t *testing.T) {
	count := 0
	for _, e := range examples(t) {
		if refused[e.name].why != manyTokens {
			continue
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(e.raw, &bundle); err != nil {
			t.Fatal(err)
		}
		for i, entry := range bundle.Entry {
			var want bytes.Buffer
			if err := json.Compact(&want, entry.Resource); err != nil {
				t.Fatal(err)
			}
			r, err := fhir.Parse(entry.Resource)
			switch {
			case err != nil:
				t.Errorf("%s, entry %d: %v", e.name, i, err)
			case !bytes.Equal(r.Raw, want.Bytes()):
				t.Errorf("%s, entry %d: the compact form differs %s", e.name, i, firstDifference(r.Raw, want.Bytes()))
			}
			count++
		}
	}
	if count < 1000 {
		t.Errorf("only %d entries: this is not what was published", count)
	}
}

// TestStamp: setting id and version changes these three values and nothing else.
func TestStamp(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 456_000_000, time.UTC)
	accepted(t, func(t *testing.T, e example, r *fhir.Resource) {
		stamped := r.Stamp("x-1", "7", at)
		want := tree(t, e.raw)
		stamp(want, "x-1", "7", at.Format(fhir.InstantFormat))
		if got := tree(t, stamped); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: stamped, it is another resource", e.name)
		}
		again, err := fhir.Parse(stamped)
		if err != nil {
			t.Errorf("%s: stamped, it is refused: %v", e.name, err)
			return
		}
		if twice := again.Stamp("x-1", "7", at); !bytes.Equal(twice, stamped) {
			t.Errorf("%s: stamped twice, it differs %s", e.name, firstDifference(twice, stamped))
		}
	})
}

// TestExtract: every example gets its index: sorted, each key once, the type's key among them; and it is found by its own id.
func TestExtract(t *testing.T) {
	accepted(t, func(t *testing.T, e example, r *fhir.Resource) {
		index := search.Extract(r)
		if !slices.IsSorted(index.Keys) || len(slices.Compact(slices.Clone(index.Keys))) != len(index.Keys) {
			t.Errorf("%s: the keys are not sorted and distinct", e.name)
		}
		if !slices.Contains(index.Keys, search.TypeKey(r.Type)) {
			t.Errorf("%s: no key of type %s", e.name, r.Type)
		}
		query, err := search.Parse(r.Type, map[string][]string{"_id": {r.ID}})
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
			return
		}
		if !query.Match(r) {
			t.Errorf("%s: not found by _id=%s", e.name, r.ID)
		}
	})
}

// tree is a resource as encoding/json reads it, numbers as text: a reading that owes nothing to ours.
func tree(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// stamp sets what the server sets.
func stamp(m map[string]any, id, version, updated string) {
	m["id"] = id
	meta, ok := m["meta"].(map[string]any)
	if !ok {
		meta = map[string]any{}
		m["meta"] = meta
	}
	meta["versionId"], meta["lastUpdated"] = version, updated
}

// firstDifference shows where two texts part.
func firstDifference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	around := func(b []byte) string { return string(b[max(0, min(i, len(b))-30):min(len(b), i+30)]) }
	return "at " + around(got) + ", want " + around(want)
}
