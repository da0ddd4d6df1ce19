package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"khamxa/fhir/bulk"
	"khamxa/internal/fault"
)

// exportStatus tells how far a job is, and of one that is done what there is to fetch.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request
func (s *server) exportStatus(ctx context.Context, c *call) (answer, error) {
	if err := c.only(); err != nil {
		return answer{}, err
	}
	job, err := s.exportJob(ctx, c)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusAccepted, header: http.Header{}}
	switch job.Phase {
	case bulk.Done:
		if job.Progress.Time.IsZero() {
			job.Progress.Time = job.Begun // the store was empty
		}
		address := c.base + "/" + statusCode + "/" + job.ID + "/"
		manifest := bulk.ManifestOf(job.Progress, job.Request, true, func(name string) string { return address + name })
		if job.Import {
			manifest.Extension = &job.Sum
		}
		if a.body, err = json.Marshal(manifest); err != nil {
			return answer{}, fault.Wrap(err, fault.Internal, "rest.exportStatus", "The manifest could not be written.")
		}
		a.status = http.StatusOK
		a.header.Set("Content-Type", "application/json")
		a.header.Set("Expires", modified(job.Expires))
	case bulk.Failed:
		return answer{}, fault.New(fault.Internal, "rest.exportStatus", job.Message)
	case bulk.Running:
		a.header.Set("X-Progress", fmt.Sprintf("%d resources written", job.Progress.Count()))
		if job.Import {
			a.header.Set("X-Progress", fmt.Sprintf("%d MiB are being imported", job.Input>>20))
		}
		a.header.Set("Retry-After", "2")
	}
	return a, nil
}

// exportJob finds the job of a status or file request, which is the caller's own.
func (s *server) exportJob(ctx context.Context, c *call) (bulk.Job, error) {
	job, err := s.Exports.Get(ctx, c.id, c.access.Author)
	if err != nil {
		return bulk.Job{}, err
	}
	return job, stillMay(c.access, job)
}

// exportCancel ends a job, or removes the files of one that is done.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-delete-request
func (s *server) exportCancel(ctx context.Context, c *call) (answer, error) {
	if err := c.only(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusAccepted}, s.Exports.Cancel(ctx, c.id, c.access.Author)
}

// exportFile gives a file. Ranges are served, so that a download that broke off can go on.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
func (s *server) exportFile(ctx context.Context, c *call) (answer, error) {
	if err := c.only(); err != nil {
		return answer{}, err
	}
	job, err := s.exportJob(ctx, c)
	if err != nil {
		return answer{}, err
	}
	file, about, err := s.Exports.Open(ctx, c.id, c.access.Author, c.version)
	if err != nil {
		return answer{}, err
	}
	c.typ = about.Type() // for the audit trail
	return answer{status: http.StatusOK, file: &download{File: file, made: job.Progress.Time}}, nil
}

// download is a file on its way out. close is called in any case.
type download struct {
	*os.File
	made time.Time
}

// close ends a download, or does nothing when the answer has none.
func (d *download) close() {
	if d != nil {
		_ = d.File.Close() // it was only read
	}
}

// patience is how long a client may take for each piece of a download.
const patience = time.Minute

// patient is a ResponseWriter that a slow client may read from for as long as it goes on reading.
type patient struct {
	http.ResponseWriter
	extend func()
}

func (p patient) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

// sendFile answers with a file, compressed when the client takes that and wants all of it.
func (s *server) sendFile(w http.ResponseWriter, r *http.Request, d *download) {
	control := http.NewResponseController(w)
	w = patient{w, func() { _ = control.SetWriteDeadline(s.Clock().Add(patience)) }} // a writer without deadlines needs none
	h := w.Header()
	h.Set("Content-Type", "application/fhir+ndjson")
	h.Set("Vary", "Accept-Encoding")
	name := accepted(r.Header.Values("Accept-Encoding"))
	if r.Header.Get("Range") != "" || name == "" {
		http.ServeContent(w, r, "", d.made, d.File)
		return
	}
	h.Set("Content-Encoding", name)
	h.Set("Last-Modified", modified(d.made))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if err := copyCoded(w, name, d.File); err != nil {
		s.Log.DebugContext(r.Context(), "a download broke off", "err", err)
		panic(http.ErrAbortHandler) // so that the client does not take it for whole
	}
}

// copyCoded compresses on the way.
func copyCoded(w io.Writer, name string, from io.Reader) error {
	var z io.WriteCloser
	var err error
	if name == "zstd" {
		z, err = zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	} else {
		z, err = gzip.NewWriterLevel(w, gzip.BestSpeed)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(z, from)
	return errors.Join(err, z.Close())
}
