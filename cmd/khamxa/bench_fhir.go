package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/population"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// fhirBench measures the FHIR server: it imports a synthetic population in three steps, each ten times the one before, runs the real
// service on it after each (an own process, real tokens, the audit trail on), and asks over HTTP.
type fhirBench struct {
	t       terminal
	dir     string
	span    time.Duration // of one measurement
	sizes   []int         // Observations after each step
	maker   population.Maker
	figures benchFigures

	people, resources, observations int // so far
	written                         int // resources in files that are not imported yet
	imported                        time.Duration
	floor                           *sqlite.Floor
	service                         *benchService
}

// Sizes. Of 100 resources about 70 are Observations.
const (
	benchObservations = 1_000_000
	quickObservations = 20_000
	observationsOf100 = 70
	bundleResources   = 1_000 // about how many go into one Bundle; people are not split
	longRecord        = 200   // resources of the records that $everything is asked for
	longRecords       = 20
)

// benchFHIR is `khamxa bench fhir`.
func benchFHIR(ctx context.Context, t terminal, args []string) (err error) {
	set := flags("bench fhir")
	b := &fhirBench{t: t, maker: population.Maker{Seed: 1}, span: 8 * time.Second}
	quick := set.Bool("quick", false, "smaller sizes and shorter measurements: under 40 s")
	asJSON := set.Bool("json", false, "print one JSON object instead of a table")
	resources := set.Int("resources", 0, "about how many resources are in the store at the end; 0: so many that a million Observations are")
	set.StringVar(&b.dir, "dir", "", "empty `folder` on the disk that is measured; it is removed afterwards; empty: one among the system's temporary files")
	if err := t.parse(set, args); err != nil {
		return err
	}
	last := benchObservations
	if *quick {
		last, b.span = quickObservations, 1200*time.Millisecond
	}
	if *resources > 0 {
		last = *resources * observationsOf100 / 100
	}
	if last < 1_000 {
		return usagef("--resources is at least %d", 1_000*100/observationsOf100)
	}
	b.sizes = []int{last / 100, last / 10, last}
	if *quick {
		b.sizes = []int{last / 10, last}
	}
	remove, err := b.folder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := b.run(ctx); err != nil {
		return err
	}
	return b.figures.print(t, "fhir", *asJSON)
}

// folder makes the folder to work in.
func (b *fhirBench) folder() (remove func() error, err error) {
	if b.dir == "" {
		b.dir, err = os.MkdirTemp("", "khamxa-bench-")
	} else if entries, e := os.ReadDir(b.dir); e == nil && len(entries) > 0 {
		return nil, usagef("--dir must be empty: it is removed afterwards")
	} else {
		err = os.MkdirAll(b.dir, 0o700)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The folder to measure in cannot be made.")
	}
	return func() error { return os.RemoveAll(b.dir) }, nil
}

func (b *fhirBench) data() string { return filepath.Join(b.dir, "data") }

func (b *fhirBench) run(ctx context.Context) (err error) {
	if b.floor, err = sqlite.OpenFloor(filepath.Join(b.dir, "floor.db"), time.Now); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.floor.Close()) }()
	if err := b.writeFile(0, b.maker.Shared()); err != nil {
		return err
	}
	for i, size := range b.sizes {
		b.t.sayf("importing until there are %d Observations", size)
		if err := b.grow(ctx, size, i == 0); err != nil {
			return err
		}
		if err := b.serve(ctx, i == len(b.sizes)-1); err != nil {
			return err
		}
	}
	b.figures.set("import_resources_per_s", float64(b.resources)/b.imported.Seconds(), "resources a second, transaction Bundles from files, end to end")
	b.figures.set("floor_resources_per_s", float64(b.floor.Resources)/b.floor.Took.Seconds(), "the same bodies and index rows straight into SQLite")
	b.figures.set("index_rows_per_resource", float64(b.floor.IndexRows)/float64(b.floor.Resources), "rows of the search index")
	b.figures.set("resources", float64(b.resources), "in the store at the end")
	b.figures.set("observations", float64(b.observations), "of them")
	return nil
}

// serve runs the service on what is there and measures it.
func (b *fhirBench) serve(ctx context.Context, last bool) (err error) {
	if b.service, err = startBenchService(ctx, b.data()); err != nil {
		return err
	}
	b.t.sayf("measuring %d Observations", b.observations)
	if err := b.measure(ctx, last); err != nil {
		return b.service.failed(err)
	}
	return b.service.stop()
}

// grow writes the Bundles of more people, imports them, and writes the same to the floor.
func (b *fhirBench) grow(ctx context.Context, observations int, first bool) error {
	for b.observations < observations || b.people < 2*longRecords {
		var list []population.Resource
		for len(list) < bundleResources && (b.observations < observations || b.people < 2*longRecords) {
			record := b.maker.Person(b.people)
			if first && b.people < longRecords {
				record = b.maker.Record(b.people, longRecord/2)[:longRecord]
			}
			b.people++
			list = append(list, record...)
			for i := range record {
				if record[i].Type == "Observation" {
					b.observations++
				}
			}
		}
		if err := b.writeFile(b.people, list); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(b.dir, "bundle-*.json"))
	if err != nil {
		return fault.Wrap(err, fault.Internal, "khamxa.bench", "The Bundles cannot be found.")
	}
	slices.Sort(files)
	before, resources, floorTook, floorRows := b.imported, b.resources, b.floor.Took, b.floor.Resources
	if err := b.bringIn(ctx, files, b.written); err != nil {
		return err
	}
	b.written = 0
	for _, file := range files {
		if err := b.toFloor(ctx, file); err != nil {
			return err
		}
	}
	at := fmt.Sprintf("_at_%d", observations)
	b.figures.set("import_resources_per_s"+at, float64(b.resources-resources)/(b.imported-before).Seconds(), "importing up to that many Observations")
	b.figures.set("floor_resources_per_s"+at, float64(b.floor.Resources-floorRows)/(b.floor.Took-floorTook).Seconds(), "the floor up to there")
	return nil
}

func (b *fhirBench) writeFile(n int, list []population.Resource) error {
	b.written += len(list)
	err := os.WriteFile(filepath.Join(b.dir, fmt.Sprintf("bundle-%08d.json", n)), population.Transaction(list), 0o600)
	return fault.Wrap(err, fault.Unavailable, "khamxa.bench", "A Bundle could not be written.")
}

// toFloor writes a Bundle's resources to the floor and removes the file.
func (b *fhirBench) toFloor(ctx context.Context, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "khamxa.bench", "A Bundle could not be read.")
	}
	bundle, err := fhir.Parse(raw)
	if err != nil {
		return err
	}
	for e := bundle.Root.Get("entry").First(); e != nil; e = e.Next() {
		r, err := fhir.ResourceAt(e.Get("resource"))
		if err != nil {
			return err
		}
		if err := b.floor.Add(ctx, r); err != nil {
			return err
		}
	}
	return fault.Wrap(os.Remove(file), fault.Unavailable, "khamxa.bench", "A Bundle could not be removed.")
}
