//go:build conformance

package conformance_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"sync"
	"testing"
)

// published is how many resources the package holds. With fewer, the archive is not what it should be.
const published = 5305

// example is one published resource.
type example struct {
	name string // of its file, "Patient-example.json"
	raw  []byte
}

// examples reads the package named by KHAMXA_EXAMPLES once. `make conformance` fetches it and checks its SHA-512.
func examples(t *testing.T) []example {
	t.Helper()
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != published {
		t.Fatalf("%d examples, %d are published", len(all), published)
	}
	return all
}

var load = sync.OnceValues(func() ([]example, error) {
	name := os.Getenv("KHAMXA_EXAMPLES")
	if name == "" {
		return nil, errors.New("KHAMXA_EXAMPLES names no package: run `make conformance`")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var all []example
	for archive := tar.NewReader(unzipped); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		base := path.Base(head.Name)
		if path.Ext(base) != ".json" || base == "package.json" || base == ".index.json" || base == "ig-r4.json" {
			continue // what describes the package and how it was published
		}
		raw, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		all = append(all, example{base, raw})
	}
})

// exception is an example that is not accepted: why, and a part of what the sentence must say.
type exception struct{ why, sentence string }

const (
	manyTokens = "definitions of the whole standard in one Bundle, more than 200,000 names and values (fhir.MaxTokens); TestEntriesOfLargeBundles has its entries"
	largeBody  = "a definition of more than 1 MiB, the most that the service takes for one resource"
)

// refused are the examples that the parser must refuse. One that is accepted all the same is an error too, so this table stays
// true.
var refused = map[string]exception{
	"Bundle-dataelements.json":        {manyTokens, "more than 200000 names and values"},
	"Bundle-extensions.json":          {manyTokens, "more than 200000 names and values"},
	"Bundle-profiles-others.json":     {manyTokens, "more than 200000 names and values"},
	"Bundle-resources.json":           {manyTokens, "more than 200000 names and values"},
	"Bundle-v2-valuesets.json":        {manyTokens, "more than 200000 names and values"},
	"Bundle-valueset-expansions.json": {manyTokens, "more than 200000 names and values"},
	"Bundle-valuesets.json":           {manyTokens, "more than 200000 names and values"},
	"SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json": {
		"its id has 67 characters, and R4 allows 64 (datatypes.html#id)", "The id must be a string of 1 to 64",
	},
}

// notCreated are the examples that the parser accepts and the service must refuse, with 413.
var notCreated = map[string]exception{
	"Bundle-searchParams.json":                      {largeBody, "larger than 1024 KiB"},
	"Bundle-types.json":                             {largeBody, "larger than 1024 KiB"},
	"Bundle-v3-valuesets.json":                      {largeBody, "larger than 1024 KiB"},
	"CodeSystem-dicom-dcim.json":                    {largeBody, "larger than 1024 KiB"},
	"ImplementationGuide-fhir.json":                 {largeBody, "larger than 1024 KiB"},
	"StructureDefinition-ExplanationOfBenefit.json": {largeBody, "larger than 1024 KiB"},
	"ValueSet-c80-doc-typecodes.json":               {largeBody, "larger than 1024 KiB"},
}
