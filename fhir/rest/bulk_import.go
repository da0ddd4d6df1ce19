package rest

import (
	"context"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/bulk"
	"khamxa/internal/fault"
)

// $import takes NDJSON in the body of a POST and imports it after the answer; its status is at the address of Content-Location, as for an
// export. The HL7 drafts of $import name addresses that the server then fetches: this one fetches nothing from anywhere, for an address that
// a caller chooses would be asked for from inside the province's network.

const importCode = "$import"

// readUpload takes the body of an import as it comes: it is read by the handler, for as long as the client goes on sending.
func (s *server) readUpload(c *call, w http.ResponseWriter, r *http.Request) (int, error) {
	const op = "rest.readUpload"
	name, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	known := []string{"application/fhir+ndjson", "application/ndjson", "application/x-ndjson", "application/gzip", "application/zstd"}
	if err != nil || !slices.Contains(known, name) {
		return http.StatusUnsupportedMediaType, fault.New(fault.Unsupported, op, "The body of an import must be NDJSON, with the Content-Type application/fhir+ndjson; compressed it may be, too.")
	}
	switch strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ",")) {
	case "", "identity", "gzip", "zstd": // its first bytes say so again
	default:
		return http.StatusUnsupportedMediaType, fault.New(fault.Unsupported, op, "The Content-Encoding of the body must be gzip or zstd, one of them and once.")
	}
	control := http.NewResponseController(w)
	c.upload = &upload{r: r.Body, extend: func() {
		_ = control.SetReadDeadline(s.Clock().Add(patience)) // a connection without deadlines needs none
		_ = control.SetWriteDeadline(s.Clock().Add(2 * patience))
	}}
	return 0, nil
}

// upload is a body that may take as long as its sender goes on.
type upload struct {
	r      io.Reader
	extend func()
}

func (u *upload) Read(p []byte) (int, error) {
	u.extend()
	return u.r.Read(p)
}

// importBulk takes in what is to be imported. It needs a caller who is confined to nothing, for what it writes is not looked at one by one
// as other writes are, and the right to update each type, as every resource keeps its id.
func (s *server) importBulk(ctx context.Context, c *call) (answer, error) {
	const op = "rest.importBulk"
	if !c.prefer.async {
		return answer{}, fault.New(fault.Invalid, op, "An import takes its time: ask with the header \"Prefer: respond-async\".").At("Prefer")
	}
	if err := c.only(); err != nil {
		return answer{}, err
	}
	types := slices.DeleteFunc(fhir.Types(), func(typ string) bool { return !c.access.allows(typ, Update) || !c.access.allows(typ, Create) })
	if c.access.Within != nil || len(types) == 0 {
		return answer{}, fault.New(fault.Forbidden, op, "You may not import: it needs the right to create and update, in the whole province.")
	}
	begun, err := s.Exports.StartImport(ctx, bulk.Job{Author: c.access.Author, Request: c.address, Types: types}, c.upload)
	if err != nil {
		return answer{}, err
	}
	return c.begun(begun, "The import has begun. Its status is at the address in Content-Location."), nil
}

// begun answers that a job has begun.
func (c *call) begun(job bulk.Job, sentence string) answer {
	a := answer{status: http.StatusAccepted, query: c.values.Encode(), header: http.Header{}}
	a.body = fhir.OutcomeOf(fhir.Issue{Severity: "information", Code: "informational", Text: sentence})
	a.header.Set("Content-Location", c.base+"/"+statusCode+"/"+job.ID)
	return a
}
