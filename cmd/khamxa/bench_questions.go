package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"khamxa/fhir/population"
	"khamxa/internal/fault"
)

// question is one kind of request that is measured at every size.
type question struct {
	name, about string
	clients     int
	percentile  bool // its figure is the 99th percentile in ms; else it is how many a second
	path        func(b *fhirBench, r *rand.Rand) string
	check       func(body []byte) error
}

const pressureCode = "http://loinc.org%7C85354-9"

// questions are the reads and searches.
func questions() []question {
	return []question{
		{"read_per_s_16", "read by id, 16 clients", 16, false, anyResource, nil},
		{"token_search_per_s", "Observation?code, 20 results, 16 clients", 16, false, func(*fhirBench, *rand.Rand) string {
			return "/fhir/Observation?code=" + pressureCode + "&_count=20"
		}, found(20)},
		{"search_code_date_patient_p99_ms", "Observation?code&date&patient, 4 clients", 4, true, func(b *fhirBench, r *rand.Rand) string {
			from := time.Date(2023, time.Month(1+r.IntN(30)), 1, 0, 0, 0, 0, time.UTC)
			return fmt.Sprintf("/fhir/Observation?patient=Patient/%s&code=%s&date=ge%s&date=lt%s", b.anybody(r), pressureCode,
				from.Format(time.DateOnly), from.AddDate(0, 9, 0).Format(time.DateOnly))
		}, nil},
		{"chain_p99_ms", "chained searches, by identifier, family name and birth date, 4 clients", 4, true, chained, nil},
		{"everything_p99_ms", "Patient/$everything of 200 resources, 2 clients", 2, true, func(_ *fhirBench, r *rand.Rand) string {
			return "/fhir/Patient/" + population.PersonID(r.IntN(longRecords)) + "/$everything?_count=" + fmt.Sprint(longRecord)
		}, found(longRecord)},
	}
}

// found demands at least a number of entries: a record comes with the stations and doctors that it names.
func found(n int) func([]byte) error {
	return func(body []byte) error {
		if got := countOf(body, `"fullUrl":`); got < n {
			return fault.Newf(fault.Internal, "khamxa.bench", "An answer has %d entries, not at least %d: %s", got, n, firstBytes(body))
		}
		return nil
	}
}

func countOf(b []byte, word string) (n int) {
	for i := 0; i+len(word) <= len(b); i++ {
		if b[i] == word[0] && string(b[i:i+len(word)]) == word {
			n++
		}
	}
	return n
}

// anybody is a person with a record of the usual length.
func (b *fhirBench) anybody(r *rand.Rand) string {
	return population.PersonID(longRecords + r.IntN(b.people-longRecords-1))
}

func anyResource(b *fhirBench, r *rand.Rand) string {
	id := b.anybody(r)
	switch r.IntN(10) {
	case 0:
		return "/fhir/Patient/" + id
	case 1, 2:
		return fmt.Sprintf("/fhir/Encounter/%s-e%03d", id, r.IntN(12))
	}
	return fmt.Sprintf("/fhir/Observation/%s-bp%03d", id, r.IntN(12))
}

// chained asks for observations by what their patients are: one by a number, few by a birth date, very many by the commonest name.
func chained(b *fhirBench, r *rand.Rand) string {
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf("/fhir/Observation?code=%s&patient.identifier=%s%%7C%s", pressureCode, population.IdentifierSystem,
			population.IdentifierValue(longRecords+r.IntN(b.people-longRecords-1)))
	case 1:
		return fmt.Sprintf("/fhir/Observation?code=%s&patient.birthdate=19%02d-%02d-%02d", pressureCode, 50+r.IntN(49), 1+r.IntN(12), 1+r.IntN(28))
	}
	return fmt.Sprintf("/fhir/Observation?code=%s&patient.family=nguyen&_count=20", pressureCode)
}

// measure asks every question, and after the last step also writes.
func (b *fhirBench) measure(ctx context.Context, last bool) error {
	at := fmt.Sprintf("_at_%d", b.sizes[b.step()])
	for _, q := range questions() {
		t, err := b.ask(ctx, q)
		if err != nil {
			return err
		}
		value := t.perSecond()
		if q.percentile {
			value = t.at(99)
		}
		b.figures.set(q.name+at, value, q.about)
		if last {
			b.figures.set(q.name, value, q.about+", at the largest size")
			b.figures.set(benchBase(q.name)+"_p50_ms", t.at(50), "the median of that")
			b.figures.set(benchBase(q.name)+"_cpu_us", t.processor, "processor time of the service for each, in us")
		}
	}
	b.figures.set("rss_mb"+at, b.service.resident(), "memory of the serving process after the searches")
	if !last {
		return nil
	}
	for _, step := range []func(context.Context) error{b.puts, b.onePut, b.export} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	b.figures.set("rss_mb", b.service.resident(), "memory of the serving process at the end")
	b.figures.set("rss_most_mb", b.service.residentMost(), "the most that it ever held")
	return nil
}

// step is the index of the size that has been reached.
func (b *fhirBench) step() int {
	i := slices.IndexFunc(b.sizes, func(size int) bool { return size > b.observations })
	if i < 0 {
		i = len(b.sizes)
	}
	return max(0, i-1)
}

// benchBase is a figure's name without what it is counted in.
func benchBase(name string) string {
	for _, end := range []string{"_per_s_16", "_per_s", "_p99_ms"} {
		if base := name[:max(0, len(name)-len(end))]; base+end == name {
			return base
		}
	}
	return name
}

// ask measures one question.
func (b *fhirBench) ask(ctx context.Context, q question) (*timings, error) {
	if err := b.service.renew(ctx); err != nil {
		return nil, err
	}
	clients, end, err := newBenchClients(ctx, q.clients, b.service.host, b.service.token)
	if err != nil {
		return nil, err
	}
	defer end()
	random := make([]*rand.Rand, q.clients)
	for i := range random {
		random[i] = rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // data for tests, no secret
	}
	return b.timed(ctx, q.clients, func(client, _ int) error {
		c := clients[client]
		if err := c.do("GET", q.path(b, random[client]), nil, 200); err != nil || q.check == nil {
			return err
		}
		return q.check(c.body)
	})
}

// timed is together for the bench's span, with what it costs the service.
func (b *fhirBench) timed(ctx context.Context, clients int, do func(client, n int) error) (*timings, error) {
	before := b.service.processor()
	t, err := together(ctx, clients, b.span, do)
	t.processor = float64((b.service.processor() - before).Microseconds()) / float64(max(1, t.calls))
	return t, err
}

// puts measures durable single writes of 64 clients.
func (b *fhirBench) puts(ctx context.Context) error {
	t, err := b.put(ctx, 64, 1)
	if err == nil {
		b.figures.set("put_per_s_64", t.perSecond(), "durable PUT of new resources, 64 clients")
		b.figures.set("put_p99_ms_64", t.at(99), "the 99th percentile of that")
		b.figures.set("put_p50_ms_64", t.at(50), "the median")
		b.figures.set("put_cpu_us", t.processor, "processor time of the service for each, in us")
	}
	return err
}

// onePut measures durable single writes of one client, and one fsync beside it.
func (b *fhirBench) onePut(ctx context.Context) error {
	before, err := b.fsyncs()
	if err != nil {
		return err
	}
	t, err := b.put(ctx, 1, 2)
	if err != nil {
		return err
	}
	after, err := b.fsyncs()
	if err != nil {
		return err
	}
	b.figures.set("put_p50_ms_1", t.at(50), "durable PUT of one client, the median")
	b.figures.set("put_p99_ms_1", t.at(99), "the 99th percentile of that")
	b.figures.set("fsync_p50_ms", (before+after)/2, "appending 4 kB to a file and fsync, before and after it")
	return nil
}

// put writes blood pressures of new ids; run makes the ids of one measurement its own.
func (b *fhirBench) put(ctx context.Context, n, run int) (*timings, error) {
	if err := b.service.renew(ctx); err != nil {
		return nil, err
	}
	clients, end, err := newBenchClients(ctx, n, b.service.host, b.service.token)
	if err != nil {
		return nil, err
	}
	defer end()
	bodies := make([]putBody, n)
	return b.timed(ctx, n, func(client, i int) error {
		path, body := bodies[client].next(b.maker, run, client, i)
		return clients[client].do("PUT", path, body, 201)
	})
}

// putBody makes bodies out of one person's observations, with ids of their own.
type putBody struct{ record []population.Resource }

func (p *putBody) next(m population.Maker, run, client, i int) (path string, body []byte) {
	if p.record == nil {
		p.record = slices.DeleteFunc(m.Person(longRecords+client), func(r population.Resource) bool { return r.Type != "Observation" })
	}
	from := p.record[i%len(p.record)]
	id := fmt.Sprintf("put-%d-%02d-%06d", run, client, i)
	head := len(`{"resourceType":"Observation","id":"`)
	body = append(body, from.Body[:head]...)
	body = append(append(body, id...), from.Body[head+len(from.ID):]...)
	return "/fhir/Observation/" + id, body
}

// fsyncs is the median of what one fsync costs in the folder, in ms.
func (b *fhirBench) fsyncs() (float64, error) {
	f, err := os.Create(filepath.Join(b.dir, "fsync"))
	if err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The disk could not be measured.")
	}
	defer func() { _ = f.Close() }() // nothing in it matters
	var t timings
	block := make([]byte, 4096)
	for range 400 {
		start := time.Now()
		_, err := f.Write(block)
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			return 0, fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The disk could not be measured.")
		}
		t.each = append(t.each, time.Since(start))
	}
	slices.Sort(t.each)
	return t.at(50), nil
}
