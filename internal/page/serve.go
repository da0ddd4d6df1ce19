package page

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

// assetFile is one built file. Its compressed forms are made when they are first asked for, once: Brotli at its best takes
// longer than everything else at start.
type assetFile struct {
	contentType string
	plain       []byte
	gzip, br    func() []byte // nil where compressing makes no sense; they give nil where it does not help
}

// Assets serves the built scripts, styles and static files. Mount it at /assets/. Every URL carries a content hash, so
// answers may be kept for ever.
func (s *Shell) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.built.Load().assets.files[r.URL.Path]
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		body, encoding := f.encoded(acceptedEncoding(r))
		h.Add("Vary", "Accept-Encoding")
		if encoding != "" {
			h.Set("Content-Encoding", encoding)
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(body) // the client is gone if this fails
		}
	})
}

// encoded is the body in the accepted encoding, or plain when that is not smaller.
func (f assetFile) encoded(accepted string) (body []byte, encoding string) {
	var compressed []byte
	switch {
	case accepted == "br" && f.br != nil:
		compressed = f.br()
	case accepted == "gzip" && f.gzip != nil:
		compressed = f.gzip()
	}
	if compressed == nil {
		return f.plain, ""
	}
	return compressed, accepted
}

// pack prepares a file for serving. Source maps are served as they are: only a developer asks for them.
func pack(name string, plain []byte) assetFile {
	ext := path.Ext(name)
	f := assetFile{plain: plain, contentType: contentTypeOf(ext)}
	if ext == ".map" || ext == ".png" || ext == ".mp3" || ext == ".woff2" {
		return f
	}
	f.gzip = sync.OnceValue(func() []byte {
		return compressed(plain, func(w io.Writer) io.WriteCloser {
			zw, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // the level is valid
			return zw
		})
	})
	f.br = sync.OnceValue(func() []byte {
		return compressed(plain, func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, brotli.BestCompression) })
	})
	return f
}

// compressed is the compressed form, or nil when it is not smaller. Writing to a buffer does not fail.
func compressed(plain []byte, encoder func(io.Writer) io.WriteCloser) []byte {
	var buf bytes.Buffer
	w := encoder(&buf)
	_, _ = w.Write(plain)
	_ = w.Close()
	if buf.Len() >= len(plain) {
		return nil
	}
	return buf.Bytes()
}

// contentTypeOf is the media type by extension, without asking the machine's own table for the ones that matter.
func contentTypeOf(ext string) string {
	switch ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".map":
		return "application/json"
	case ".mp3":
		return "audio/mpeg"
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

// acceptedEncoding is "br", "gzip" or "": the best that the client takes. An encoding with q=0 is refused by the client.
func acceptedEncoding(r *http.Request) string {
	best := ""
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q, refused := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if refused && strings.Trim(q, "0.") == "" {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "br":
			return "br"
		case "gzip":
			best = "gzip"
		}
	}
	return best
}
