package rest

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"khamxa/internal/fault"
)

// encodedFrom is the size in bytes from which an answer is compressed. Most single resources are smaller: they go in a packet or two
// whatever is done to them, and are never delayed by this.
const encodedFrom = 2 << 10

// codings compresses answers and opens compressed bodies, by gzip and zstd (RFC 9110, 8.4). The entity tags of FHIR are weak and name
// versions, so they are the same in every coding. It is safe for concurrent use; nothing in it grows with the number of requests.
type codings struct {
	zstd    *zstd.Encoder // used by EncodeAll only, which has no state
	gzips   sync.Pool     // *gzip.Writer
	gunzips sync.Pool     // *gzip.Reader
	unzstds sync.Pool     // *zstd.Decoder
}

func newCodings() *codings {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		enc = nil // cannot happen: the options are constants; then only gzip is spoken
	}
	return &codings{zstd: enc}
}

// encode compresses a body if that is worth it and the caller takes it. name is "" when the body goes as it is.
func (c *codings) encode(accept []string, body []byte) (coded []byte, name string) {
	if len(body) < encodedFrom || len(accept) == 0 {
		return nil, ""
	}
	switch name = accepted(accept); {
	case name == "zstd" && c.zstd != nil:
		coded = c.zstd.EncodeAll(body, make([]byte, 0, len(body)/4))
	case name == "gzip":
		w, ok := c.gzips.Get().(*gzip.Writer)
		if !ok {
			w, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a constant that exists
		}
		defer c.gzips.Put(w)
		buf := bytes.NewBuffer(make([]byte, 0, len(body)/4))
		w.Reset(buf)
		if _, err := w.Write(body); err != nil || w.Close() != nil {
			return nil, "" // cannot happen in memory
		}
		coded = buf.Bytes()
	default:
		return nil, ""
	}
	if len(coded) >= len(body) {
		return nil, ""
	}
	return coded, name
}

// accepted chooses the coding that Accept-Encoding weighs most; zstd, which costs least, between equals. "" for none.
func accepted(accept []string) string {
	weight := map[string]float64{}
	for _, list := range accept {
		for _, one := range strings.Split(list, ",") {
			name, params, _ := strings.Cut(one, ";")
			q := 1.0
			if text, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
				var err error
				if q, err = strconv.ParseFloat(text, 64); err != nil {
					q = 0
				}
			}
			weight[strings.ToLower(strings.TrimSpace(name))] = q
		}
	}
	of := func(name string) float64 {
		if q, ok := weight[name]; ok {
			return q
		}
		return weight["*"]
	}
	zq, gq := of("zstd"), max(of("gzip"), weight["x-gzip"])
	switch {
	case zq > 0 && zq >= gq:
		return "zstd"
	case gq > 0:
		return "gzip"
	}
	return ""
}

// errDamaged is wrapped around what is wrong with a compressed body.
var errDamaged = errors.New("damaged")

// reader opens a body by its Content-Encoding. The caller limits what comes out: a small body may become a large one. done gives
// back what the reading used. Errors are fault.Unsupported.
func (c *codings) reader(encodings []string, body io.Reader) (plain io.Reader, done func(), err error) {
	none := func() {}
	switch strings.ToLower(strings.TrimSpace(strings.Join(encodings, ","))) {
	case "", "identity":
		return body, none, nil
	case "gzip", "x-gzip":
		r, ok := c.gunzips.Get().(*gzip.Reader)
		if !ok {
			r = new(gzip.Reader)
		}
		if err := r.Reset(body); err != nil {
			return damaged{failing{err}}, none, nil
		}
		return damaged{r}, func() { c.gunzips.Put(r) }, nil
	case "zstd":
		r, ok := c.unzstds.Get().(*zstd.Decoder)
		if !ok {
			// One goroutine, the caller's; a frame that asks for a larger window than a body may be is refused.
			if r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20)); err != nil {
				return nil, none, fault.Wrap(err, fault.Internal, "rest.reader", "Something went wrong on the server. It has been written to the log.")
			}
		}
		if err := r.Reset(body); err != nil {
			return damaged{failing{err}}, none, nil
		}
		return damaged{r}, func() {
			if r.Reset(nil) == nil {
				c.unzstds.Put(r)
			}
		}, nil
	}
	return nil, none, fault.New(fault.Unsupported, "rest.reader", "The Content-Encoding of the body must be gzip or zstd, one of them and once.")
}

// damaged marks the errors of a decoder, but for those of the connection below it.
type damaged struct{ r io.Reader }

func (d damaged) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	var net interface{ Timeout() bool }
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &net) {
		err = errors.Join(errDamaged, err)
	}
	return n, err
}

// failing is a reader that only has an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
