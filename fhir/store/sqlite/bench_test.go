package sqlite_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
)

// bloodPressure is an Observation of the size and shape that the registry writes.
func bloodPressure(id, patient string, day int) store.Change {
	return store.Change{Method: store.Put, Type: "Observation", ID: id, Body: fmt.Appendf(nil,
		`{"resourceType":"Observation","id":%q,"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],`+
			`"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}]},"subject":{"reference":"Patient/%s"},`+
			`"encounter":{"reference":"Encounter/e%s"},"effectiveDateTime":"2026-%02d-%02dT08:00:00+07:00","performer":[{"reference":"Practitioner/hoa"}],"component":[`+
			`{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},`+
			`{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":91,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
		id, patient, id, 1+day%12, 1+day%28)}
}

func BenchmarkPut(b *testing.B) {
	db := mustOpen(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		mustCommit(b, db, store.Transaction{Author: "system", Changes: []store.Change{bloodPressure(fmt.Sprint("o", i), "p", i)}})
	}
}

func BenchmarkPutFrom64(b *testing.B) {
	db := mustOpen(b, b.TempDir())
	var n atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1))
			if _, err := db.Commit(context.Background(), store.Transaction{Author: "system", Changes: []store.Change{bloodPressure(fmt.Sprint("o", i), fmt.Sprint("p", i%500), i)}}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkImport writes transactions of a thousand resources; the figure is per resource.
func BenchmarkImport(b *testing.B) {
	db := mustOpen(b, b.TempDir())
	b.ResetTimer()
	fillObservations(b, db, b.N)
}

func fillObservations(b *testing.B, db *sqlite.DB, n int) {
	b.Helper()
	for from := 0; from < n; from += 1000 {
		tx := store.Transaction{Author: "system"}
		for i := from; i < min(from+1000, n); i++ {
			tx.Changes = append(tx.Changes, bloodPressure(fmt.Sprint("o", i), fmt.Sprint("p", i%500), i))
		}
		mustCommit(b, db, tx)
	}
}

func BenchmarkReading20kObservations(b *testing.B) {
	db := mustOpen(b, b.TempDir())
	fillObservations(b, db, 20_000)
	patients := store.Transaction{Author: "system"}
	for i := range 500 {
		patients.Changes = append(patients.Changes, store.Change{Method: store.Put, Type: "Patient", ID: fmt.Sprint("p", i), Body: fmt.Appendf(nil,
			`{"resourceType":"Patient","id":"p%d","identifier":[{"system":"urn:p","value":"%d"}],"gender":%q,"name":[{"text":"Nguyễn %d"}]}`, i, i, []string{"male", "female"}[i%2], i)})
	}
	mustCommit(b, db, patients)
	b.Run("point", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := db.Read(context.Background(), "Observation", fmt.Sprint("o", i%20_000)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, values := range map[string]string{
		"token":                   "code=http://loinc.org|85354-9",
		"token without system":    "code=85354-9",
		"patient":                 "patient=p7",
		"patient, code and date":  "patient=p7&code=http://loinc.org|85354-9&date=ge2026-03-01&date=lt2026-06-01",
		"newest":                  "code=http://loinc.org|85354-9&_sort=-_lastUpdated",
		"patient, newest by date": "patient=p7&_sort=-date",
		"newest by date of many":  "code=http://loinc.org|85354-9&_sort=-date",
		"chain to one":            "patient.identifier=urn:p|7&code=http://loinc.org|85354-9",
		"chain to some":           "subject:Patient.name=nguyen 1",
		"chain to many":           "patient.gender=female&code=http://loinc.org|85354-9",
	} {
		b.Run(name, func(b *testing.B) {
			req := request(b, "Observation", values)
			for b.Loop() {
				if page, err := db.Search(context.Background(), req); err != nil || len(page.Matches) == 0 {
					b.Fatal(len(page.Matches), err)
				}
			}
		})
	}
}
