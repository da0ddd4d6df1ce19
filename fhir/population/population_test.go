package population_test

import (
	"bytes"
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/population"
)

// TestRecords: every resource is one that the server takes, under the id that it is listed with, and refers only to what is there.
func TestRecords(t *testing.T) {
	m := population.Maker{Seed: 7}
	there := map[string]bool{}
	list := m.Shared()
	for n := range 50 {
		list = append(list, m.Person(n)...)
	}
	size := 0
	var references []string
	for _, r := range list {
		parsed, err := fhir.Parse(r.Body)
		if err != nil || parsed.Type != r.Type || parsed.ID != r.ID {
			t.Fatalf("%s/%s: %v: %s", r.Type, r.ID, err, r.Body)
		}
		if there[r.Type+"/"+r.ID] {
			t.Fatalf("%s/%s is there twice", r.Type, r.ID)
		}
		there[r.Type+"/"+r.ID] = true
		size += len(r.Body)
		fhir.RewriteReferences(parsed, func(reference string) (string, bool) {
			references = append(references, reference)
			return "", false
		})
	}
	for _, reference := range references {
		if !there[reference] {
			t.Errorf("%s is not there", reference)
		}
	}
	if mean := size / len(list); mean < 700 || mean > 1300 {
		t.Errorf("a resource has %d bytes, want about 1 kB", mean)
	}
}

// TestDeterministic: a person is the same from every Maker of the seed, another one of another seed, and a longer record begins as the shorter.
func TestDeterministic(t *testing.T) {
	one, two := population.Maker{Seed: 1}.Person(5), population.Maker{Seed: 1}.Record(5, 40)
	for i := range one {
		if !bytes.Equal(one[i].Body, two[i].Body) {
			t.Fatalf("%s\n%s", one[i].Body, two[i].Body)
		}
	}
	if other := (population.Maker{Seed: 2}).Person(5); bytes.Equal(one[0].Body, other[0].Body) {
		t.Error("two seeds make the same person")
	}
	if one[0].ID != population.PersonID(5) || !strings.Contains(string(one[0].Body), population.IdentifierValue(5)) {
		t.Errorf("%s", one[0].Body)
	}
}

func TestTransaction(t *testing.T) {
	list := population.Maker{}.Person(1)
	b, err := fhir.Parse(population.Transaction(list))
	if err != nil {
		t.Fatal(err)
	}
	entries := b.Root.Get("entry").Items()
	if len(entries) != len(list) {
		t.Fatalf("%d entries of %d resources", len(entries), len(list))
	}
	for i, e := range entries {
		want := list[i].Type + "/" + list[i].ID
		if !e.Get("request").Get("url").IsString(want) || !bytes.Equal(e.Get("resource").Bytes(), list[i].Body) {
			t.Errorf("entry %d is %s", i, e.Bytes())
		}
	}
}
