package cohort_test

import (
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/registry/cohort"
)

// FuzzResource: whatever resource an API client stores, the counters and the plain count read it the same way.
func FuzzResource(f *testing.F) {
	f.Add(patientBody("p", `,"deceasedDateTime":"2025"`))
	f.Add(patientBody("p", `,"deceasedDateTime":null`))
	f.Add(episodeBody("e", "p", "tyt-14221", "finished", "2025-01", "2024-12-31"))
	f.Add(bpBody("o", "p", "final", "2025-05-10T23:59:60Z", "1e400", "80"))
	f.Add([]byte(strings.Replace(string(bpBody("o", "p", "final", "x", "130", "80")), `"effectiveDateTime":"x"`, `"effectiveDateTime":2025,"effectiveInstant":"2025-06-01T00:00:00Z"`, 1)))
	f.Add([]byte(strings.Replace(string(bpBody("o", "p", "final", "2025-05-10", "130", "80")), `"code":"mm[Hg]"`, `"code":7`, 2)))
	f.Add(visitBody("v", "p/_history/3", "finished", "AMB", "2025-05-10T08:00:00.123456789-11:00"))
	f.Add(dispenseBody("d", "p", "completed", "1899-12-31T23:00:00Z"))
	base := [][]byte{patientBody("p", ""), episodeBody("base", "p", "tyt-14281", "active", "2024-11-30", ""), bpBody("first", "p", "final", "2025-01-15", "150", "90")}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := fhir.Parse(raw)
		if err != nil || r.ID == "" {
			return
		}
		b := cohort.NewBook()
		var current []cohort.Resource
		for i, body := range append(base, r.Raw) {
			c := put(body)
			if i == len(base) {
				c.Type, c.ID = r.Type, r.ID
			}
			current = deleteSame(current, c)
			current = append(current, cohort.Resource{Type: c.Type, ID: c.ID, Body: body})
			if err := b.Apply([]store.Entry{{Seq: store.Seq(i + 1), Changes: []store.EntryChange{{Method: store.Put, Type: c.Type, ID: c.ID, Body: body}}}}); err != nil {
				t.Fatal(err)
			}
		}
		diffs, err := cohort.VerifyResources(b, current)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range diffs {
			t.Errorf("%s: %s", r.Raw, d)
		}
	})
}

// deleteSame takes out what the change replaces.
func deleteSame(list []cohort.Resource, c store.EntryChange) []cohort.Resource {
	var out []cohort.Resource
	for _, r := range list {
		if r.Type != c.Type || r.ID != c.ID {
			out = append(out, r)
		}
	}
	return out
}
