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

// refused are the published examples that break R4's own rules, with the rule and what the sentence must say. Each is
// expected to be refused: one that is accepted is an error too.
var refused = map[string]struct{ why, sentence string }{}
