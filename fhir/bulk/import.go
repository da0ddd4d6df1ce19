package bulk

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Committer is what an import needs of the store.
type Committer interface {
	Commit(ctx context.Context, tx store.Transaction) (store.Receipt, error)
}

// ImportOptions say how to import. Store and Author are required.
type ImportOptions struct {
	Store  Committer
	Author string           // who is responsible; see store.Transaction
	Clock  func() time.Time // nil: time.Now
	NewID  func() string    // ids for resources of a transaction that come without any; nil: fhir.NewID

	// Allows says whether resources of the type may be imported, Validate whether this one may be kept: nil or *fault.Errors, one or
	// joined. They are called from several goroutines. nil: everything that parses.
	Allows   func(typ string) error
	Validate func(r *fhir.Resource) error

	// Transaction does a transaction Bundle that asks for more than putting resources under known ids (a deletion, a condition, a
	// PATCH), as POST to the base of the FHIR interface does. nil: such Bundles are refused.
	Transaction func(ctx context.Context, bundle []byte) error

	// Base is the address of this server ("https://kham.example.vn/fhir"): references that begin with it are kept relative. "": none.
	Base string

	// Gentle imports in small commits, few at a time, so that others who write wait for a moment only; it is slower.
	Gentle bool

	// Refused is told of each refusal; an error of it ends the import. Progress is told now and then how many bytes of the sources have
	// been read. Both are called from one goroutine at a time. nil: nobody is told.
	Refused  func(Refusal) error
	Progress func(done, total int64)
}

// Sum is what an import did, in resources. Kept ones have a new version, Unchanged ones were there already with the same content; entries of a
// Bundle that was left to ImportOptions.Transaction count as kept.
type Sum struct {
	Read      int `json:"read"`
	Kept      int `json:"kept"`
	Unchanged int `json:"unchanged"`
	Refused   int `json:"refused"`
	Commits   int `json:"commits"`
}

// The sizes of the pipeline. A chunk is what a worker gets at once.
const (
	chunkBytes = 256 << 10
	chunkLines = 256
	chunksWait = 8 // chunks that are read and not yet committed, for each worker
)

// Import imports the sources, in order. Of several versions of one resource the last one is current afterwards. What is refused is told
// and left out; the rest is kept, so an import can be corrected and repeated: what is the same already makes no version. Errors are those
// of the store when it can go on no more (Unavailable, Timeout, Internal) and the callbacks' own; Sum then says what was done.
func Import(ctx context.Context, o ImportOptions, sources []Source) (Sum, error) {
	if o.Store == nil || o.Author == "" {
		return Sum{}, fault.New(fault.Invalid, "bulk.Import", "An import needs a store and an author.")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.NewID == nil {
		o.NewID = func() string { return fhir.NewID(o.Clock()) }
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	p := &pipeline{ImportOptions: &o, work: make(chan *chunk, workers), inOrder: make(chan *chunk, workers*chunksWait)}
	for i := range sources {
		p.total += sources[i].Size
	}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(p.worker)
	}
	wait.Go(func() { p.readAll(ctx, sources) })
	d := newDispatcher(ctx, &o)
	err := p.dispatch(ctx, d)
	cancel()
	for range p.inOrder { // lets the reader end
		continue
	}
	wait.Wait()
	return d.sum, err
}

// pipeline is one import on its way.
type pipeline struct {
	*ImportOptions
	work    chan *chunk
	inOrder chan *chunk
	read    atomic.Int64
	total   int64
}

// chunk is some lines of one source, or what ended it. units is set when done is closed.
type chunk struct {
	source *Source
	buf    []byte
	pieces []piece
	units  []unit
	done   chan struct{}
}

// piece is one line: where it is in buf, or why it could not be read.
type piece struct {
	line       int
	start, end int
	err        error
}

// readAll reads the sources into chunks. It ends the workers.
func (p *pipeline) readAll(ctx context.Context, sources []Source) {
	defer close(p.inOrder)
	defer close(p.work)
	for i := range sources {
		if !p.readSource(ctx, &sources[i]) {
			return
		}
	}
}

func (p *pipeline) readSource(ctx context.Context, s *Source) bool {
	l, err := openLines(s, &p.read)
	if err != nil {
		return p.hand(ctx, &chunk{source: s, pieces: []piece{{err: err}}})
	}
	defer func() { l.close() }()
	for more := true; more; {
		c := &chunk{source: s, buf: make([]byte, 0, chunkBytes+chunkBytes/4)}
		more = c.fill(l)
		if len(c.pieces) > 0 && !p.hand(ctx, c) {
			return false
		}
	}
	return true
}

// fill reads lines up to the size of a chunk; false at the source's end.
func (c *chunk) fill(l *lines) bool {
	for len(c.buf) < chunkBytes && len(c.pieces) < chunkLines {
		start := len(c.buf)
		buf, line, err := l.next(c.buf)
		switch {
		case err == nil:
			c.pieces = append(c.pieces, piece{line: line, start: start, end: len(buf)})
			c.buf = buf
		case errors.Is(err, io.EOF):
			return false
		case errors.Is(err, errTooLong):
			err = fault.Newf(fault.TooLarge, "bulk.fill", "The line is longer than %d MiB, the most that is read at once.", c.source.most()>>20)
			c.pieces = append(c.pieces, piece{line: line, err: err})
		default:
			err = fault.Wrap(err, fault.Invalid, "bulk.fill", "The file cannot be read to its end; what comes after this line was not imported.")
			c.pieces = append(c.pieces, piece{line: line, err: err})
			return false
		}
	}
	return true
}

// hand gives a chunk to the dispatcher's queue and to a worker; false when the import is over.
func (p *pipeline) hand(ctx context.Context, c *chunk) bool {
	c.done = make(chan struct{})
	select {
	case p.inOrder <- c:
	case <-ctx.Done():
		return false
	}
	select {
	case p.work <- c:
		return true
	case <-ctx.Done():
		close(c.done)
		return false
	}
}

// worker parses chunks.
func (p *pipeline) worker() {
	for c := range p.work {
		r := &reader{ImportOptions: p.ImportOptions, whole: c.source.keepsBundles()}
		for _, piece := range c.pieces {
			if piece.err != nil {
				c.units = append(c.units, unit{line: piece.line, count: 1, err: piece.err})
				continue
			}
			c.units = append(c.units, r.read(c.buf[piece.start:piece.end], piece.line)...)
		}
		c.buf = nil
		close(c.done)
	}
}

// dispatch commits what the workers made, in the order of the sources.
func (p *pipeline) dispatch(ctx context.Context, d *dispatcher) error {
	for c := range p.inOrder {
		select {
		case <-c.done:
		case <-ctx.Done():
			return errors.Join(d.end(), fault.Wrap(ctx.Err(), fault.Timeout, "bulk.Import", "The import was stopped. What was done so far stays."))
		}
		for i := range c.units {
			if err := d.take(ctx, c.source, &c.units[i]); err != nil {
				return errors.Join(err, d.end())
			}
		}
		if p.Progress != nil {
			p.Progress(p.read.Load(), p.total)
		}
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(d.end(), fault.Wrap(err, fault.Timeout, "bulk.Import", "The import was stopped. What was done so far stays."))
	}
	d.flush()
	return d.end()
}
