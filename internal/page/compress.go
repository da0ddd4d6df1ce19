package page

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

// smallest is the length in bytes below which compressing costs more than it saves.
const smallest = 860

// Compress compresses text answers (HTML, JSON, SVG, NDJSON) with Brotli or gzip. Event streams, WebSocket upgrades and
// what is already encoded pass untouched. Pages hold no secret beside text that an attacker could choose: forms carry no
// token (cross-site posts are refused by their origin), so compression leaks nothing (BREACH).
func Compress(next http.Handler) http.Handler {
	pool := &encoders{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		encoding := acceptedEncoding(r)
		if encoding == "" || r.Header.Get("Upgrade") != "" || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressor{ResponseWriter: w, encoding: encoding, pool: pool}
		defer c.close()
		next.ServeHTTP(c, r)
	})
}

// encoder is what gzip.Writer and brotli.Writer have in common.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// encoders keeps used encoders: a Brotli encoder is a few hundred kilobytes.
type encoders struct{ brotli, gzip sync.Pool }

func (p *encoders) get(encoding string, w io.Writer) encoder {
	if encoding == "br" {
		if e, ok := p.brotli.Get().(*brotli.Writer); ok {
			e.Reset(w)
			return e
		}
		return brotli.NewWriterLevel(w, 5) // about gzip 6 in time, a fifth smaller
	}
	if e, ok := p.gzip.Get().(*gzip.Writer); ok {
		e.Reset(w)
		return e
	}
	return gzip.NewWriter(w)
}

func (p *encoders) put(e encoder) {
	switch e := e.(type) {
	case *brotli.Writer:
		p.brotli.Put(e)
	case *gzip.Writer:
		p.gzip.Put(e)
	}
}

// compressor decides at the header whether to compress, and then does so while the answer streams by.
type compressor struct {
	http.ResponseWriter
	encoding string
	pool     *encoders
	decided  bool
	encoder  encoder
}

func (c *compressor) WriteHeader(status int) {
	if !c.decided && status >= 200 {
		c.decided = true
		c.decide(status)
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *compressor) decide(status int) {
	h := c.Header()
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if !compressible(kind) || h.Get("Content-Encoding") != "" {
		return
	}
	h.Add("Vary", "Accept-Encoding")
	length, err := strconv.Atoi(h.Get("Content-Length"))
	if (err == nil && length < smallest) || status == http.StatusNoContent || status == http.StatusNotModified || status == http.StatusPartialContent {
		return
	}
	h.Del("Content-Length")
	h.Set("Content-Encoding", c.encoding)
	c.encoder = c.pool.get(c.encoding, c.ResponseWriter)
}

func compressible(kind string) bool {
	switch kind {
	case "text/html", "text/plain", "text/csv", "image/svg+xml", "application/json", "application/fhir+json", "application/ndjson", "application/fhir+ndjson":
		return true
	}
	return false
}

func (c *compressor) Write(p []byte) (int, error) {
	if !c.decided {
		if c.Header().Get("Content-Type") == "" {
			c.Header().Set("Content-Type", http.DetectContentType(p))
		}
		c.WriteHeader(http.StatusOK)
	}
	if c.encoder != nil {
		return c.encoder.Write(p)
	}
	return c.ResponseWriter.Write(p)
}

// FlushError sends what there is, for answers that are made slowly.
func (c *compressor) FlushError() error {
	if c.encoder != nil {
		if err := c.encoder.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Flush is FlushError for callers of http.Flusher.
func (c *compressor) Flush() { _ = c.FlushError() }

// Unwrap lets http.ResponseController reach the connection.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *compressor) close() {
	if c.encoder != nil {
		_ = c.encoder.Close() // the client is gone if this fails
		c.pool.put(c.encoder)
		c.encoder = nil
	}
}
