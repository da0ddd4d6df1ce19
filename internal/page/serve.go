package page

import (
	"bytes"
	"compress/gzip"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
)

// assetFile is one built file, with its compressed forms where they are smaller.
type assetFile struct {
	contentType         string
	plain, gzipped, bro []byte
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
		body, encoding := f.plain, ""
		switch accepts := acceptedEncoding(r); {
		case accepts == "br" && f.bro != nil:
			body, encoding = f.bro, "br"
		case accepts != "" && f.gzipped != nil:
			body, encoding = f.gzipped, "gzip"
		}
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

// pack prepares a file for serving. Source maps are served as they are: only a developer asks for them.
func pack(name string, plain []byte, compress bool) assetFile {
	ext := path.Ext(name)
	f := assetFile{plain: plain, contentType: contentTypeOf(ext)}
	if !compress || ext == ".map" || ext == ".png" || ext == ".mp3" || ext == ".woff2" {
		return f
	}
	var buf bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression) // the level is valid
	_, _ = zw.Write(plain)                                   // writing to a buffer does not fail
	_ = zw.Close()
	if buf.Len() < len(plain) {
		f.gzipped = bytes.Clone(buf.Bytes())
	}
	buf.Reset()
	bw := brotli.NewWriterLevel(&buf, brotli.BestCompression)
	_, _ = bw.Write(plain)
	_ = bw.Close()
	if buf.Len() < len(plain) {
		f.bro = bytes.Clone(buf.Bytes())
	}
	return f
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
