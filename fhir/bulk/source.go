package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Limits of what is imported.
const (
	MaxResource = store.MaxBody // bytes of one resource
	MaxDocument = 64 << 20      // bytes of one line, or of one Bundle that is written over several lines
)

// Source is one file to import: NDJSON, a resource a line, or one JSON document, which may be a Bundle; either may be compressed with gzip
// or zstd, which is known by its first bytes. Name is what reports call it; its end decides where the content leaves it open: what ends
// in .ndjson (before .gz or .zst) is read line by line, and a Bundle in a file called Bundle.ndjson is kept whole, as a resource.
type Source struct {
	Name string
	Size int64 // bytes that Open's reader gives, 0 if that is not known
	Open func() (io.ReadCloser, error)
	Most int // bytes of one line, or of one document over several lines; 0: MaxDocument
}

func (s *Source) most() int {
	if s.Most == 0 {
		return MaxDocument
	}
	return s.Most
}

// bare is the file's name without folders and the endings of compression, in lower case.
func (s *Source) bare() string {
	name := strings.ToLower(path.Base(strings.ReplaceAll(s.Name, `\`, "/")))
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

func (s *Source) linewise() bool {
	return strings.HasSuffix(s.bare(), ".ndjson") || strings.HasSuffix(s.bare(), ".jsonl")
}

func (s *Source) keepsBundles() bool { return s.bare() == "bundle.ndjson" }

// counter counts what has been read of a source, for progress.
type counter struct {
	r    io.Reader
	read *atomic.Int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// lines reads a source piece by piece: a line, or the whole document.
type lines struct {
	r        *bufio.Reader
	line     int  // of the next line, from 1
	linewise bool // known to be NDJSON
	most     int
	close    func()
}

const readBuffer = 256 << 10

// openLines begins to read; it looks at the first bytes to see how the source is compressed.
func openLines(s *Source, read *atomic.Int64) (*lines, error) {
	file, err := s.Open()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bulk.open", "The file cannot be opened.")
	}
	raw := bufio.NewReaderSize(counter{file, read}, readBuffer)
	l := &lines{r: raw, line: 1, linewise: s.linewise(), most: s.most(), close: func() { _ = file.Close() }}
	magic, _ := raw.Peek(4) // what is shorter is not compressed
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if err != nil {
			l.close()
			return nil, fault.Wrap(err, fault.Invalid, "bulk.open", "The file is no whole gzip file.")
		}
		l.r = bufio.NewReaderSize(z, readBuffer)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(MaxDocument))
		if err != nil {
			l.close()
			return nil, fault.Wrap(err, fault.Invalid, "bulk.open", "The file is no whole zstd file.")
		}
		l.r = bufio.NewReaderSize(z, readBuffer)
		l.close = func() { z.Close(); _ = file.Close() }
	}
	return l, nil
}

// errTooLong marks a line that is longer than Source.Most; the reader is behind it.
var errTooLong = errors.New("too long")

// next appends the next line that is not blank to buf, without its end, and gives its number. At the end it is io.EOF. When the first
// line begins a JSON document that goes on after it, and nothing says that the source is NDJSON, the whole source is one piece.
func (l *lines) next(buf []byte) (out []byte, line int, err error) {
	start := len(buf)
	for {
		line = l.line
		out, err = l.take(buf)
		if err != nil && (!errors.Is(err, io.EOF) || len(out) == start) {
			return buf, line, err
		}
		text := bytes.TrimRight(out[start:], " \t\r\n")
		if len(bytes.TrimLeft(text, " \t")) == 0 {
			if err != nil {
				return buf, line, err
			}
			buf = out[:start]
			continue
		}
		if l.linewise || !opens(text) {
			l.linewise = true
			return out[:start+len(text)], line, nil
		}
		for err == nil { // a document over several lines
			if len(out)-start > l.most {
				return buf, line, l.skip()
			}
			out, err = l.take(out)
		}
		if !errors.Is(err, io.EOF) {
			return buf, line, err
		}
		return out, line, nil
	}
}

// opens reports whether a line begins a document that it does not end.
func opens(text []byte) bool {
	text = bytes.TrimLeft(text, " \t")
	return text[0] == '{' && text[len(text)-1] != '}'
}

// take appends one line with its end. With io.EOF it may have appended the last one.
func (l *lines) take(buf []byte) ([]byte, error) {
	start := len(buf)
	for {
		part, err := l.r.ReadSlice('\n')
		if len(buf)-start+len(part) > l.most {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = l.r.ReadSlice('\n')
			}
			l.line++
			return buf[:start], errors.Join(errTooLong, realError(err))
		}
		buf = append(buf, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		l.line++
		return buf, err
	}
}

// realError is err unless it only says that the source has ended.
func realError(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// skip reads to the end of a document that is too long.
func (l *lines) skip() error {
	_, err := io.Copy(io.Discard, l.r)
	return errors.Join(errTooLong, err)
}
