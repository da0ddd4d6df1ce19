package cohort_test

import (
	"fmt"
	"testing"
	"time"

	"khamxa/fhir/store"
	"khamxa/registry/cohort"
)

// BenchmarkFold folds the timeline of a person with 36 months of visits.
func BenchmarkFold(b *testing.B) {
	tl := cohort.Timeline{Known: true}
	start := cohort.NewMonth(2024, time.January).Start()
	tl.AddEpisode(cohort.NewEpisode(1, cohort.CommuneOf("14221"), start, time.Time{}))
	for i := range 36 {
		at := start.AddDate(0, i, 3)
		tl.AddVisit(cohort.NewVisit(cohort.Key(100+i), at))
		tl.AddReading(cohort.NewReading(cohort.Key(200+i), at, float64(130+i%20), 80))
	}
	b.ReportAllocs()
	for b.Loop() {
		tl.Fold()
	}
}

// book makes a book of n people with a year of monthly pressures.
func book(b *testing.B, n int) (*cohort.Book, store.Seq) {
	b.Helper()
	out, seq := cohort.NewBook(), store.Seq(0)
	for p := range n {
		id := fmt.Sprintf("p%d", p)
		seq++
		e := store.Entry{Seq: seq, Changes: []store.EntryChange{put(patientBody(id, "")), put(episodeBody("e"+id, id, "tyt-14221", "active", "2024-01-05", ""))}}
		for m := 1; m <= 12; m++ {
			e.Changes = append(e.Changes, put(bpBody(fmt.Sprintf("o%d-%s", m, id), id, "final", fmt.Sprintf("2024-%02d-10T08:00:00+07:00", m), fmt.Sprint(130+m), "80")))
		}
		if err := out.Apply([]store.Entry{e}); err != nil {
			b.Fatal(err)
		}
	}
	return out, seq
}

// BenchmarkApply applies one new pressure of one person at a time.
func BenchmarkApply(b *testing.B) {
	bk, seq := book(b, 1000)
	at := time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		seq++
		id := fmt.Sprintf("p%d", i%1000)
		body := bpBody(fmt.Sprintf("n%d", i), id, "final", at.AddDate(0, 0, i/1000).Format(time.RFC3339), "128", "80")
		if err := bk.Apply([]store.Entry{{Seq: seq, Changes: []store.EntryChange{put(body)}}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFigures asks for 18 months of every commune, with few and with many people: the cost is the same.
func BenchmarkFigures(b *testing.B) {
	for _, n := range []int{100, 5000} {
		b.Run(fmt.Sprintf("people=%d", n), func(b *testing.B) {
			bk, _ := book(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bk.Figures(cohort.Query{Month: cohort.NewMonth(2025, time.June), Months: 18}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
