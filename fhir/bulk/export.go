package bulk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const opExport = "bulk.Export"

// DeletedName is the name of the file that says what was deleted: Bundles of type transaction with DELETE requests, as the manifest's
// deleted wants them. All other files are called after the type of what they hold.
const DeletedName = "deleted"

// RefusedName is the name of the file of an import that says what was refused: OperationOutcomes, see Refusal.
const RefusedName = "refused"

// Extension is the end of the name of every exported file.
const Extension = ".ndjson"

// File is one exported file: lines and bytes that are written for good.
type File struct {
	Name  string `json:"name"` // the resource type, or DeletedName
	Count int64  `json:"count"`
	Bytes int64  `json:"bytes"`
}

// Type is the type of the resources in the file.
func (f File) Type() string {
	switch f.Name {
	case DeletedName:
		return "Bundle"
	case RefusedName:
		return "OperationOutcome"
	}
	return f.Name
}

// Progress is how far an export is: enough to go on with it in another process. The zero Progress is the beginning. What is in the files
// beyond it was not finished, and is cut off when the export goes on, so that no line is there twice.
type Progress struct {
	At     store.Seq `json:"at"`   // 0: the first page decides
	Time   time.Time `json:"time"` // of the commit At; zero when the store was empty
	Cursor string    `json:"cursor"`
	Done   bool      `json:"done"`
	Files  []File    `json:"files"` // in the order of their names
}

// Count is the number of resources that are written.
func (p *Progress) Count() (n int64) {
	for _, f := range p.Files {
		if f.Name != DeletedName {
			n += f.Count
		}
	}
	return n
}

// Bytes is the size of the files.
func (p *Progress) Bytes() (n int64) {
	for _, f := range p.Files {
		n += f.Bytes
	}
	return n
}

// Export writes what a scan finds as NDJSON, a file a type, into a folder of its own: the stored bytes, untouched, in the state of one
// position of the log. It belongs to one goroutine.
type Export struct {
	Filters Filters // what of the types that have filters is exported; set before the first Step

	from  store.Scanner
	dir   string
	query store.ScanRequest
	state Progress
	files map[string]*output
}

// output is one open file.
type output struct {
	file *os.File
	w    *bufio.Writer
	at   File
}

// OpenExport begins an export into the folder dir, which must be there, or goes on with one. query says what is exported; its At and Cursor are
// those of the progress.
func OpenExport(from store.Scanner, dir string, query store.ScanRequest, progress Progress) (*Export, error) {
	e := &Export{from: from, dir: dir, query: query, state: progress, files: map[string]*output{}}
	if progress.At != 0 {
		e.query.At, e.query.Cursor = progress.At, progress.Cursor
	}
	e.state.Files = slices.Clone(progress.Files)
	for _, f := range progress.Files {
		if err := e.reopen(f); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// reopen cuts a file to what was finished.
func (e *Export) reopen(f File) error {
	o, err := e.open(f.Name, 0)
	if err != nil {
		return err
	}
	info, err := o.file.Stat()
	if err == nil && info.Size() < f.Bytes {
		return fault.Newf(fault.Internal, opExport, "The exported file %s is shorter than it was; begin again.", f.Name+Extension)
	}
	if err == nil {
		err = o.file.Truncate(f.Bytes)
	}
	if err == nil {
		_, err = o.file.Seek(f.Bytes, 0)
	}
	o.at = f
	return writeError(err)
}

// open opens the file of a type. A file that is there without being known of is one that was not finished.
func (e *Export) open(name string, flag int) (*output, error) {
	file, err := os.OpenFile(filepath.Join(e.dir, name+Extension), os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return nil, writeError(err)
	}
	o := &output{file: file, w: bufio.NewWriterSize(file, 128<<10), at: File{Name: name}}
	e.files[name] = o
	return o, nil
}

func writeError(err error) error {
	return fault.Wrap(err, fault.Unavailable, opExport, "The export cannot be written; there may be no room left.")
}

// Step writes the next page and says whether it was the last one. What it wrote counts when Checkpoint has been called.
func (e *Export) Step(ctx context.Context) (done bool, err error) {
	if e.state.Done {
		return true, nil
	}
	page, err := e.from.Scan(ctx, e.query)
	if err != nil {
		return false, err
	}
	var gone []store.Version
	for i := range page.Versions {
		v := &page.Versions[i]
		if v.Deleted {
			gone = append(gone, *v)
			continue
		}
		if ok, err := e.Filters.pass(v); err != nil {
			return false, err
		} else if !ok {
			continue
		}
		if err := e.write(v.Type, v.Body); err != nil {
			return false, err
		}
	}
	if len(gone) > 0 {
		if err := e.write(DeletedName, deletions(gone)); err != nil {
			return false, err
		}
	}
	e.query.At, e.query.Cursor = page.At, page.Next
	e.state.At, e.state.Time, e.state.Cursor, e.state.Done = page.At, page.Time, page.Next, page.Next == ""
	return e.state.Done, nil
}

// write adds a line to the file of a name.
func (e *Export) write(name string, body []byte) error {
	o := e.files[name]
	if o == nil {
		var err error
		if o, err = e.open(name, os.O_TRUNC); err != nil {
			return err
		}
	}
	_, err := o.w.Write(body)
	if err == nil {
		err = o.w.WriteByte('\n')
	}
	o.at.Count++
	o.at.Bytes += int64(len(body)) + 1
	return writeError(err)
}

// deletions is the Bundle that says what was deleted.
func deletions(gone []store.Version) []byte {
	b := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for i, v := range gone {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"request":{"method":"DELETE","url":"%s/%s"}}`, v.Type, v.ID) // neither has anything to escape
	}
	return append(b, "]}"...)
}

// Checkpoint makes everything that was written durable and gives the progress to go on from.
func (e *Export) Checkpoint() (Progress, error) {
	e.state.Files = e.state.Files[:0]
	for _, o := range e.files {
		if err := errors.Join(o.w.Flush(), o.file.Sync()); err != nil {
			return Progress{}, writeError(err)
		}
		e.state.Files = append(e.state.Files, o.at)
	}
	slices.SortFunc(e.state.Files, func(a, b File) int { return compareNames(a.Name, b.Name) })
	out := e.state
	out.Files = slices.Clone(e.state.Files)
	return out, nil
}

// compareNames orders files by name, deletions last: they come after what they delete.
func compareNames(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == DeletedName || b != DeletedName && a > b:
		return 1
	}
	return -1
}

// Written is the number of lines that were written so far, for progress.
func (e *Export) Written() (n int64) {
	for _, o := range e.files {
		n += o.at.Count
	}
	return n
}

// Bytes is the size of what was written so far.
func (e *Export) Bytes() (n int64) {
	for _, o := range e.files {
		n += o.at.Bytes
	}
	return n
}

// Close closes the files. What was not made durable by a Checkpoint may be lost.
func (e *Export) Close() error {
	var all error
	for _, o := range e.files {
		if err := o.file.Close(); !errors.Is(err, fs.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return writeError(all)
}

// ManifestEntry is one file in a Manifest.
type ManifestEntry struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count int64  `json:"count"`
}

// Manifest is the completion answer of Bulk Data Access 2.0 ("Response - Complete Status"). An export to a folder has one too, with the files'
// names for addresses.
type Manifest struct {
	TransactionTime     string          `json:"transactionTime"` // an instant
	Request             string          `json:"request"`
	RequiresAccessToken bool            `json:"requiresAccessToken"`
	Output              []ManifestEntry `json:"output"`
	Deleted             []ManifestEntry `json:"deleted"`
	Error               []ManifestEntry `json:"error"`
	Extension           *Sum            `json:"extension,omitempty"` // of an import: what it did
}

// ManifestOf describes finished files; address gives the URL of each.
func ManifestOf(p Progress, request string, token bool, address func(name string) string) Manifest {
	m := Manifest{
		TransactionTime: p.Time.UTC().Format(fhir.InstantFormat), Request: request, RequiresAccessToken: token,
		Output: []ManifestEntry{}, Deleted: []ManifestEntry{}, Error: []ManifestEntry{},
	}
	for _, f := range p.Files {
		e := ManifestEntry{Type: f.Type(), URL: address(f.Name + Extension), Count: f.Count}
		switch f.Name {
		case DeletedName:
			m.Deleted = append(m.Deleted, e)
		case RefusedName:
			m.Error = append(m.Error, e)
		default:
			m.Output = append(m.Output, e)
		}
	}
	return m
}
