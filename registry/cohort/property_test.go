package cohort_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"khamxa/fhir/store"
	"khamxa/registry/cohort"
)

// world is a small registry that a property test changes at random: what the log gets, and the resources that are current.
type world struct {
	seq     store.Seq
	current map[string]cohort.Resource
	order   []string // ids of resources ever written, to change one again
}

var (
	patients = []string{"p1", "p2", "p3"}
	stations = []string{"tyt-14221", "tyt-14281", "tyt-14308", "hospital"}
	days     = []string{"2024-01-31", "2024-02-01", "2024-02-29", "2024-03-15", "2024-05-01", "2024-08-31", "2024-12-31", "2025-01-01", "2025-03-01", "2025-07-10", "2026-02-28", "2030-06-30"}
	hours    = []string{"", "T00:00:00+07:00", "T07:30:00+07:00", "T17:00:00Z", "T23:59:59.999+07:00", "T16:59:59.5Z", "T08:00:00"}
)

func dayOrPart(t *rapid.T, label string) string {
	d := rapid.SampledFrom(days).Draw(t, label)
	switch rapid.IntRange(0, 9).Draw(t, label+" precision") {
	case 0:
		return d[:7]
	case 1:
		return d[:4]
	}
	return d
}

func moment(t *rapid.T, label string) string {
	if rapid.IntRange(0, 9).Draw(t, label+" odd") == 0 {
		return rapid.SampledFrom([]string{"2024", "2024-05", "", "yesterday", "1850-01-01", "2024-13-01"}).Draw(t, label)
	}
	return rapid.SampledFrom(days).Draw(t, label) + rapid.SampledFrom(hours).Draw(t, label+" hour")
}

// body draws a new version of the resource with that type and id.
func body(t *rapid.T, typ, id string) []byte {
	patient := rapid.SampledFrom(patients).Draw(t, "patient")
	switch typ {
	case "Patient":
		return patientBody(id, rapid.SampledFrom([]string{
			"", "", "", `,"deceasedBoolean":false`, `,"deceasedBoolean":true`, `,"deceasedDateTime":"2025-02-10"`, `,"deceasedDateTime":"2024-12"`,
			`,"deceasedDateTime":"2025"`, `,"deceasedDateTime":"2024-06-30T17:00:00Z"`, `,"deceasedDateTime":"unknown"`,
		}).Draw(t, "deceased"))
	case "EpisodeOfCare":
		end := ""
		if rapid.Bool().Draw(t, "ended") {
			end = dayOrPart(t, "end")
		}
		status := rapid.SampledFrom([]string{"active", "active", "finished", "onhold", "planned", "cancelled", "entered-in-error"}).Draw(t, "status")
		return episodeBody(id, patient, rapid.SampledFrom(stations).Draw(t, "station"), status, dayOrPart(t, "start"), end)
	case "Observation":
		status := rapid.SampledFrom([]string{"final", "final", "final", "preliminary", "amended", "corrected", "registered", "cancelled", "entered-in-error"}).Draw(t, "status")
		sys := rapid.SampledFrom([]string{"120", "139", "139.99", "139.94", "140", "140.0", "180", "1400", "59"}).Draw(t, "sys")
		dia := rapid.SampledFrom([]string{"70", "89", "89.96", "90", "95", "200"}).Draw(t, "dia")
		return bpBody(id, patient, status, moment(t, "at"), sys, dia)
	case "Encounter":
		status := rapid.SampledFrom([]string{"finished", "in-progress", "planned", "cancelled", "entered-in-error"}).Draw(t, "status")
		return visitBody(id, patient, status, rapid.SampledFrom([]string{"AMB", "HH", "VR", "IMP"}).Draw(t, "class"), moment(t, "at"))
	}
	return dispenseBody(id, patient, rapid.SampledFrom([]string{"completed", "stopped"}).Draw(t, "status"), moment(t, "at"))
}

// change draws one change: something new, another version of something, or a deletion.
func (w *world) change(t *rapid.T) store.EntryChange {
	typ, id := "", ""
	if len(w.order) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 0 {
		key := rapid.SampledFrom(w.order).Draw(t, "which")
		r := w.current[key]
		typ, id = r.Type, r.ID
		if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			w.current[key] = cohort.Resource{Type: typ, ID: id}
			return store.EntryChange{Method: store.Delete, Type: typ, ID: id}
		}
	} else {
		typ = rapid.SampledFrom([]string{"Patient", "EpisodeOfCare", "Observation", "Observation", "Encounter", "MedicationDispense"}).Draw(t, "type")
		id = fmt.Sprintf("r%d", len(w.order))
		if typ == "Patient" {
			id = rapid.SampledFrom(patients).Draw(t, "person")
		}
	}
	key := typ + "/" + id
	if _, ok := w.current[key]; !ok {
		w.order = append(w.order, key)
	}
	b := body(t, typ, id)
	w.current[key] = cohort.Resource{Type: typ, ID: id, Body: b}
	return store.EntryChange{Method: store.Put, Type: typ, ID: id, Body: b}
}

func (w *world) entries(t *rapid.T) []store.Entry {
	var out []store.Entry
	for range rapid.IntRange(1, 4).Draw(t, "commits") {
		w.seq++
		e := store.Entry{Seq: w.seq}
		seen := map[string]bool{} // a resource may appear once in a commit
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			c := w.change(t)
			if seen[c.Type+"/"+c.ID] {
				w.seq++
				out = append(out, e)
				e = store.Entry{Seq: w.seq}
				seen = map[string]bool{}
			}
			seen[c.Type+"/"+c.ID] = true
			e.Changes = append(e.Changes, c)
		}
		out = append(out, e)
	}
	return out
}

func (w *world) resources() []cohort.Resource {
	var out []cohort.Resource
	for _, key := range w.order {
		if r := w.current[key]; r.Body != nil {
			out = append(out, r)
		}
	}
	return out
}

// Whatever comes, in whatever order, corrected, deleted, late: after every batch the counters equal the plain count, every number equals
// its list of people, and a book that gets everything at once says the same.
func TestCountersEqualPlainCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{current: map[string]cohort.Resource{}}
		step := cohort.NewBook()
		var all []store.Entry
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			entries := w.entries(t)
			all = append(all, entries...)
			if err := step.Apply(entries); err != nil {
				t.Fatal(err)
			}
			diffs, err := cohort.VerifyResources(step, w.resources())
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diffs {
				t.Error(d)
			}
		}
		whole := cohort.NewBook()
		if err := whole.Apply(all); err != nil {
			t.Fatal(err)
		}
		from, err := cohort.ParseMonth("2023-12")
		if err != nil {
			t.Fatal(err)
		}
		checkLists(t, step, from)
		q := cohort.Query{Month: from + 100, Months: 101, Communes: []string{"14221", "14281", "14308", ""}}
		a, errA := step.Figures(q)
		b, errB := whole.Figures(q)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("step by step and at once differ: %s", diff)
		}
	})
}

// checkLists holds every number of the coming years against the list behind it.
func checkLists(t *rapid.T, b *cohort.Book, from cohort.Month) {
	r, err := b.Figures(cohort.Query{Month: from + 40, Months: 41})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range r.Total {
		seen := map[string]int{}
		for _, s := range cohort.States() {
			list, _ := b.List(cohort.PeopleQuery{Month: f.Month, States: []cohort.State{s}})
			if len(list) != f.Count(s) {
				t.Errorf("%s: %d %s in the figures, %d in the list", f.Month, f.Count(s), s, len(list))
			}
			for _, m := range list {
				seen[m.PatientID]++
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s is in %d states", f.Month, id, n)
			}
		}
		for _, c := range r.Communes {
			list, _ := b.List(cohort.PeopleQuery{Month: f.Month, Communes: []string{c.Code}})
			if len(list) != c.Series[i].Counted() {
				t.Errorf("%s: %d counted in %q, %d in the list", f.Month, c.Series[i].Counted(), c.Code, len(list))
			}
		}
	}
}

// Fold says the same as asking month by month, its intervals are in order, apart, and never go on the same.
func TestFoldEqualsAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tl cohort.Timeline
		tl.Known = true
		base := cohort.NewMonth(2024, 1).Start()
		for i := range rapid.IntRange(0, 12).Draw(t, "facts") {
			at := base.AddDate(0, 0, rapid.IntRange(0, 900).Draw(t, "day"))
			k := cohort.Key(i)
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				end := at.AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "length"))
				tl.AddEpisode(cohort.NewEpisode(k, cohort.CommuneOf(rapid.SampledFrom([]string{"14221", "14281"}).Draw(t, "commune")), at, end))
			case 1:
				tl.AddReading(cohort.NewReading(k, at, 140, 80))
			case 2:
				tl.AddVisit(cohort.NewVisit(k, at))
			}
		}
		intervals := tl.Fold()
		first := cohort.NewMonth(2023, 12)
		for i, in := range intervals {
			if in.From >= in.To || i > 0 && intervals[i-1].To > in.From {
				t.Fatalf("intervals out of order: %v", intervals)
			}
			if i > 0 && intervals[i-1].To == in.From && intervals[i-1].State == in.State && intervals[i-1].Commune == in.Commune {
				t.Fatalf("two intervals that are one: %v", intervals)
			}
		}
		for m := first; m < first+90; m++ {
			var want *cohort.Interval
			for i := range intervals {
				if intervals[i].From <= m && m < intervals[i].To {
					want = &intervals[i]
				}
			}
			c, s, ok := tl.At(m)
			if ok != (want != nil) || ok && (c != want.Commune || s != want.State) {
				t.Fatalf("%s: At gives %v %v %v, Fold %v", m, c, s, ok, want)
			}
		}
	})
}

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		x, n      int
		low, high float64
	}{
		{0, 0, 0, 1},
		{0, 10, 0, 0.2775},
		{10, 10, 0.7225, 1},
		{81, 263, 0.2553, 0.3662}, // Newcombe, Stat Med 1998;17:857, table I, method 3
		{15, 148, 0.0624, 0.1605}, // the same
		{0, 20, 0, 0.1611},        // the same
		{1, 29, 0.0061, 0.1718},   // the same
	} {
		t.Run(fmt.Sprintf("%d of %d", c.x, c.n), func(t *testing.T) {
			low, high := cohort.Wilson(c.x, c.n)
			if math.Abs(low-c.low) > 0.0001 || math.Abs(high-c.high) > 0.0001 {
				t.Errorf("got %.4f to %.4f, want %.4f to %.4f", low, high, c.low, c.high)
			}
		})
	}
}
