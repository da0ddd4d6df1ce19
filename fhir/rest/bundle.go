package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// bundleWriter puts a Bundle together by appending stored bytes: a resource is never decoded and encoded again on its way
// out. https://hl7.org/fhir/R4/bundle.html
type bundleWriter struct {
	b       []byte
	entries int
}

type link struct{ relation, url string }

// beginBundle starts a Bundle. A negative total is left out. size is a guess at the bytes of the entries.
func beginBundle(kind string, total int, links []link, size int) *bundleWriter {
	w := &bundleWriter{b: make([]byte, 0, size+1024)}
	w.b = append(w.b, `{"resourceType":"Bundle","type":`...)
	w.b = appendString(w.b, kind)
	if total >= 0 {
		w.b = append(w.b, `,"total":`...)
		w.b = strconv.AppendInt(w.b, int64(total), 10)
	}
	for i, l := range links {
		if i == 0 {
			w.b = append(w.b, `,"link":[{"relation":`...)
		} else {
			w.b = append(w.b, `,{"relation":`...)
		}
		w.b = appendString(w.b, l.relation)
		w.b = append(w.b, `,"url":`...)
		w.b = append(appendString(w.b, l.url), '}')
	}
	if len(links) > 0 {
		w.b = append(w.b, ']')
	}
	return w
}

// entry starts an entry; its first member follows.
func (w *bundleWriter) entry() {
	if w.entries == 0 {
		w.b = append(w.b, `,"entry":[{`...)
	} else {
		w.b = append(w.b, `,{`...)
	}
	w.entries++
}

func (w *bundleWriter) end() []byte {
	if w.entries > 0 {
		w.b = append(w.b, ']')
	}
	return append(w.b, '}')
}

// found adds a result of a search; mode is match or include.
func (w *bundleWriter) found(base string, v store.Version, mode string) {
	w.entry()
	w.b = append(w.b, `"fullUrl":`...)
	w.b = appendString(w.b, base+"/"+v.Type+"/"+v.ID)
	w.b = append(w.b, `,"resource":`...)
	w.b = append(w.b, v.Body...)
	w.b = append(w.b, `,"search":{"mode":"`...)
	w.b = append(w.b, mode...)
	w.b = append(w.b, `"}}`...)
}

// outcome adds what a search has to say about itself.
func (w *bundleWriter) outcome(body []byte) {
	w.entry()
	w.b = append(w.b, `"resource":`...)
	w.b = append(w.b, body...)
	w.b = append(w.b, `,"search":{"mode":"outcome"}}`...)
}

// past adds a version to a history. The log does not say whether a first version came by POST or PUT; both read as PUT.
func (w *bundleWriter) past(base string, v store.Version) {
	path := v.Type + "/" + v.ID
	request, status := "PUT", "200 OK"
	switch {
	case v.Deleted:
		request, status = "DELETE", "204 No Content"
	case v.VersionID == "1":
		status = "201 Created"
	}
	erased := !v.Deleted && v.Body == nil
	w.entry()
	w.b = append(w.b, `"fullUrl":`...)
	w.b = appendString(w.b, base+"/"+path)
	if !v.Deleted && len(v.Body) > 0 {
		w.b = append(w.b, `,"resource":`...)
		w.b = append(w.b, v.Body...)
	}
	w.b = append(w.b, `,"request":`...)
	w.b = append(w.b, fhir.Build().String("method", request).String("url", path).Bytes()...)
	w.b = append(w.b, `,"response":`...)
	response := responseOf(answer{version: &v}, status, "")
	if erased {
		response.Raw("outcome", fhir.OutcomeOf(fhir.Issue{Severity: "information", Code: "deleted", Text: "The content of this version has been erased."}))
	}
	w.b = append(append(w.b, response.Bytes()...), '}')
}

// answered adds the answer to an entry of a batch or transaction. The resource goes with it for what was asked for (GET), and
// for a write when the caller prefers so; an OperationOutcome likewise.
func (w *bundleWriter) answered(base string, c *call, a answer) {
	w.entry()
	reads := c.rt.verb == Read || c.rt.verb == Search
	comma := ""
	if len(a.body) > 0 && (reads || c.prefer.whole) {
		w.b = append(w.b, `"resource":`...)
		w.b = append(w.b, a.body...)
		comma = ","
	}
	location := ""
	if a.located {
		location = base + "/" + versionPath(a.version.Type, a.version.ID, a.version.VersionID)
	}
	response := responseOf(a, statusLine(a.status), location)
	if len(a.body) > 0 && !reads && c.prefer.outcome {
		response.Raw("outcome", a.body)
	}
	w.b = append(w.b, comma+`"response":`...)
	w.b = append(w.b, response.Bytes()...)
	w.b = append(w.b, '}')
}

// refused adds the error of an entry of a batch.
func (w *bundleWriter) refused(err error) {
	w.entry()
	w.b = append(w.b, `"response":`...)
	w.b = append(w.b, fhir.Build().String("status", statusLine(statusOf(fault.CodeOf(err)))).Raw("outcome", fhir.Outcome(outward(err))).Bytes()...)
	w.b = append(w.b, '}')
}

func statusLine(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }

func responseOf(a answer, status, location string) *fhir.Builder {
	b := fhir.Build().String("status", status).String("location", location)
	if a.version != nil {
		b.String("etag", etag(a.version.VersionID)).String("lastModified", a.version.Updated.UTC().Format(fhir.InstantFormat))
	}
	return b
}

// appendString appends s as a JSON string. Addresses need no escapes, so the encoder is rarely asked.
func appendString(b []byte, s string) []byte {
	plain := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) < 0
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var quoted bytes.Buffer
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSpace(quoted.Bytes())...)
}

// done is the OperationOutcome of something that went well.
func done() []byte { return fhir.OutcomeOf() }

// placed puts the place of a Bundle entry before the place that an error names: "Bundle.entry[2].resource.birthDate".
func placed(err error, path string) error {
	return eachOf(err, func(one error) error { return placedOne(one, path) })
}

func placedOne(err error, path string) error {
	var f *fault.Error
	if !errors.As(err, &f) || strings.HasPrefix(f.Path, "Bundle.entry[") {
		return err
	}
	inside := f.Path
	switch typ, rest, dotted := strings.Cut(inside, "."); {
	case inside == "":
	case typ == "request" && dotted, typ == "resource", typ == "fullUrl": // a member of the entry itself
		path += "." + inside
	case (fhir.IsType(typ) || typ == "Resource") && dotted:
		path += ".resource." + rest
	case fhir.IsType(typ) || typ == "Resource":
		path += ".resource"
	default: // a search parameter or a header
		path += ".request"
	}
	return &fault.Error{Code: f.Code, Op: f.Op, Message: f.Message, Path: path, Err: err}
}

// sentenceList writes names as in "a, b and c".
func sentenceList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
