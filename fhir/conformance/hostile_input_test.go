//go:build conformance

package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

// hostile is one request as a careless or ill-willed program would send it.
type hostile struct {
	what         string // "a mutated body"
	method, path string // below /fhir, as it goes over the wire: "/Patient?name=%FF"
	header       map[string]string
	body         []byte
}

func (h hostile) String() string {
	return fmt.Sprintf("%s: %s %.300s %v, %d bytes: %.300q", h.what, h.method, h.path, h.header, len(h.body), h.body)
}

// inputs makes hostile requests: the same for the same seed and number.
type inputs struct {
	seed     uint64
	examples []example // of at most 256 KiB, whose creation has no effect outside
	page     string    // a page token that is good for who asks
}

const fhirJSON = "application/fhir+json"

// number gives the i-th input.
func (in inputs) number(i int) hostile {
	r := rand.New(rand.NewPCG(in.seed, uint64(i)))
	makers := []func(*rand.Rand) hostile{
		in.body, in.body, in.body, in.body, in.search, in.search, in.search, in.bundle, in.bundle, in.patch, in.pageToken, in.headers, in.address, in.operation,
	}
	h := makers[i%len(makers)](r)
	if h.header == nil {
		h.header = map[string]string{}
	}
	if len(h.body) > 0 && h.header["Content-Type"] == "" {
		h.header["Content-Type"] = fhirJSON
	}
	return h
}

func pickOne[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func (in inputs) spoiled(r *rand.Rand) (typ string, raw []byte) {
	e := in.examples[r.IntN(len(in.examples))]
	typ, _, _ = strings.Cut(e.name, "-")
	raw = e.raw
	for range 1 + r.IntN(3)/2 {
		if len(raw) > 2 {
			raw = mutations[r.IntN(len(mutations))](r, raw)
		}
	}
	return typ, raw
}

// body sends a spoiled example where resources are taken.
func (in inputs) body(r *rand.Rand) hostile {
	typ, raw := in.spoiled(r)
	if r.IntN(10) == 0 {
		typ = pickOne(r, fhir.Types()...)
	}
	h := hostile{what: "a mutated body", method: http.MethodPost, path: "/" + typ, body: raw}
	switch r.IntN(8) {
	case 0, 1:
		h.method, h.path = http.MethodPut, "/"+typ+"/h"+fmt.Sprint(r.IntN(50))
	case 2:
		h.path = "/" + typ + "/$validate"
	case 3:
		h.path = "/"
	}
	return h
}

// search asks hostile questions.
func (in inputs) search(r *rand.Rand) hostile {
	typ := pickOne(r, "Patient", "Observation", "Encounter", pickOne(r, fhir.Types()...))
	var pairs []string
	for range 1 + r.IntN(3) {
		pairs = append(pairs, encoded(r, searchName(r, typ))+"="+encoded(r, word(r)))
	}
	if r.IntN(40) == 0 {
		for len(pairs) < 80 {
			pairs = append(pairs, pairs[0])
		}
	}
	query := strings.Join(pairs, pickOne(r, "&", "&", "&", ";", "&&"))
	switch r.IntN(5) {
	case 0:
		return hostile{
			what: "a hostile search form", method: http.MethodPost, path: "/" + typ + "/_search",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: []byte(query),
		}
	case 1:
		return hostile{what: "a hostile system search", method: http.MethodGet, path: "/?" + query}
	}
	return hostile{what: "a hostile search", method: http.MethodGet, path: "/" + typ + "?" + query}
}

var controls = []string{
	"_sort", "_count", "_include", "_revinclude", "_include:iterate", "_revinclude:iterate", "_total", "_summary", "_elements", "_has", "_id", "_lastUpdated", "_text", "_content",
	"_filter", "_list", "_query", "_type", "_format", "_pretty", "_contained", "_page", "_since", "_at",
}

func searchName(r *rand.Rand, typ string) string {
	params := search.Params(typ)
	code := params[r.IntN(len(params))].Code
	switch r.IntN(12) {
	case 0, 1:
		return pickOne(r, controls...)
	case 2:
		return code + ":" + pickOne(r, "missing", "exact", "contains", "not", "text", "in", "not-in", "below", "above", "of-type", "identifier", "Patient", "nope", "", ":", "missing:exact")
	case 3:
		return pickOne(r, "subject", "patient", "performer", "general-practitioner", code) + pickOne(r, "", ":Patient", ":Group", ":x") + "." + pickOne(r, "name", "birthdate", code, "_id", "organization.name", "a.b.c.d.e.f.g")
	case 4:
		return "_has:" + pickOne(r, "Observation", "Encounter", "Nope", "") + ":" + pickOne(r, "patient", "subject", "code", "") + ":" + pickOne(r, "code", "date", "_id", "_has:Encounter:patient:status", "")
	case 5:
		return word(r)
	}
	return code
}

// encoded writes a word in a query, mostly as it should be.
func encoded(r *rand.Rand, w string) string {
	if r.IntN(5) > 0 {
		return url.QueryEscape(w)
	}
	return onWire(w)
}

// onWire escapes only what HTTP itself cannot carry in an address.
func onWire(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '#' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// bundle sends a Bundle whose requests, references or resources are hostile.
func (in inputs) bundle(r *rand.Rand) hostile {
	entries := pickOne(r, 0, 1, 1, 2, 3, 5, 20, 100)
	if r.IntN(60) == 0 {
		entries = 5_001
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"resourceType":"Bundle","type":%q,"entry":[`, pickOne(r, "transaction", "transaction", "batch", "batch", "history", "searchset", "document", "nope", ""))
	for i := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		in.entry(r, &b, i, entries)
	}
	b.WriteString("]}")
	raw := b.Bytes()
	if r.IntN(5) == 0 {
		raw = mutations[r.IntN(len(mutations))](r, raw)
	}
	return hostile{what: "a hostile Bundle", method: http.MethodPost, path: "/", body: raw}
}

func (in inputs) entry(r *rand.Rand, b *bytes.Buffer, i, of int) {
	if r.IntN(30) == 0 {
		b.WriteString(pickOne(r, `{}`, `null`, `[]`, `1`, `{"request":null}`, `{"resource":{}}`, `{"request":{"method":"GET"}}`, `{"request":[{"method":"GET","url":"Patient"}]}`))
		return
	}
	method := pickOne(r, "POST", "POST", "PUT", "GET", "DELETE", "PATCH", "HEAD", "get", "", "TRACE")
	address := pickOne(r, "Patient", "Patient/h1", fmt.Sprintf("Patient/h%d", i), "Observation", "Observation?subject=Patient/h1", "Patient?identifier=urn:x|1", "Patient/h1/_history", "Patient/h1/_history/1",
		"Patient/h1/$everything", "metadata", "", "/", "$export", "Patient/_search", "http://127.0.0.1/fhir/Patient", "//x/y", "Patient?"+encoded(r, searchName(r, "Patient"))+"="+encoded(r, word(r)), word(r))
	if method == http.MethodDelete && strings.HasPrefix(address, "Patient/h") {
		address = fmt.Sprintf("Patient/h%d", 3+i) // other inputs aim at the first ones
	}
	full := pickOne(r, fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", i), "urn:uuid:00000000-0000-4000-8000-000000000001", fmt.Sprintf("Patient/h%d", i), "", word(r))
	other := fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", r.IntN(of+1))
	resource := fmt.Sprintf(`{"resourceType":%q,"status":"final","code":{"text":"x"},"subject":{"reference":%s}}`, pickOne(r, "Observation", "Patient", "Bundle", "Nope"), quoted(pickOne(r, other, "Patient/h1", "Patient?identifier=urn:x|1", word(r))))
	if r.IntN(6) == 0 {
		if _, spoiled := in.spoiled(r); len(spoiled) < 20_000 {
			resource = string(spoiled)
		}
	}
	fmt.Fprintf(b, `{"fullUrl":%s,"resource":%s,"request":{"method":%s,"url":%s`, quoted(full), resource, quoted(method), quoted(address))
	if r.IntN(4) == 0 {
		fmt.Fprintf(b, `,%q:%s`, pickOne(r, "ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince"), quoted(word(r)))
	}
	b.WriteString("}}")
}

// quoted is a JSON string; what is no UTF-8 stays as it is.
func quoted(s string) string {
	if r := bytes.IndexByte([]byte(s), 0xff); r >= 0 {
		return `"` + s + `"`
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(raw)
}

// patch sends hostile patches to a resource that exists.
func (in inputs) patch(r *rand.Rand) hostile {
	var b strings.Builder
	if r.IntN(3) == 0 {
		kind := pickOne(r, "add", "insert", "delete", "replace", "move", "nope")
		fmt.Fprintf(&b, `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":%q},{"name":"path","valueString":%s},{"name":"name","valueString":%s},{"name":"value","valueString":%s},{"name":"index","valueInteger":%s}]}]}`,
			kind, quoted(pickOne(r, "Patient.name", "Patient", "Patient.name[0].given", "Patient.where(", "Patient.repeat(children()).where(true)", "(((((((((((", "Patient.id", "Patient.descendants()", word(r))),
			quoted(pickOne(r, "name", "birthDate", "contained", word(r))), quoted(word(r)), pickOne(r, "0", "-1", "99999999999", `"x"`, "1.5"))
		return hostile{what: "a hostile FHIRPath patch", method: http.MethodPatch, path: "/Patient/h1", body: []byte(b.String())}
	}
	n := pickOne(r, 0, 1, 1, 2, 5, 2_000)
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		path := pickOne(r, "/name", "/name/-", "/name/0/given/0", "/name/99999999999999999999", "/name/-1", "/name/01", "", "/", "//", "/~", "/~2", "/~0~1", "/id", "/meta/versionId", "/resourceType", "name", word(r))
		fmt.Fprintf(&b, `{"op":%q,"path":%s,"from":%s,"value":%s}`, pickOne(r, "add", "remove", "replace", "move", "copy", "test", "ADD", "nope", ""), quoted(path), quoted(pickOne(r, "/name", "", "/name/0", path+"/a")), hostileValue(r))
	}
	b.WriteByte(']')
	return hostile{what: "a hostile JSON patch", method: http.MethodPatch, path: "/Patient/h1", body: []byte(b.String()), header: map[string]string{"Content-Type": "application/json-patch+json"}}
}

func hostileValue(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return hostileTokens[r.IntN(len(hostileTokens))]
	}
	return pickOne(r, `"x"`, `{"family":"x"}`, `[{"family":"x"}]`, `null`, strings.Repeat("[", 200)+strings.Repeat("]", 200), `"`+strings.Repeat("x", 100_000)+`"`)
}

// pageToken spoils a page link.
func (in inputs) pageToken(r *rand.Rand) hostile {
	token := in.page
	switch r.IntN(5) {
	case 0:
		token = token[:r.IntN(len(token))]
	case 1:
		raw := []byte(token)
		raw[r.IntN(len(raw))] ^= byte(1 + r.IntN(3))
		token = string(raw)
	case 2:
		token += word(r)
	case 3:
		token = word(r)
	}
	path := pickOne(r, "/Patient", "/Patient", "/Observation", "/Patient/h1/_history", "/_history", "/", "/Nope") + "?_page=" + onWire(url.QueryEscape(token))
	if r.IntN(4) == 0 {
		path += pickOne(r, "&_page=x", "&name=x", "&_count=1", "&_page="+url.QueryEscape(in.page))
	}
	return hostile{what: "a spoiled page link", method: http.MethodGet, path: path}
}

// headers sends hostile headers with an ordinary request.
func (in inputs) headers(r *rand.Rand) hostile {
	name := pickOne(r, "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Accept", "Content-Type", "Accept-Encoding", "Content-Encoding", "X-HTTP-Method-Override", "X-Forwarded-Host", "Range", "Accept-Charset", "X-Provenance")
	value := pickOne(r, `W/"1"`, `W/"`, `"1"`, `*`, `W/"1", W/"2"`, `return=minimal`, `return=nope`, `handling=lenient`, `handling=strict; return=OperationOutcome`, `application/xml`, `application/fhir+xml`, `*/*;q=0`, `text/html`, `application/json;q=1.5`, `gzip`, `zstd`, `br;q=0`, `gzip;q=nope`, `identity;q=0, *;q=0`, `Tue, 24 Nov 2026 02:00:00 GMT`, `Patient?identifier=x`, `identifier=urn:x|1`, strings.Repeat("a,", 2_000), word(r))
	value = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, value)
	h := hostile{what: "hostile headers", method: http.MethodGet, path: pickOne(r, "/Patient/h1", "/Patient", "/metadata", "/Patient/h1/_history/1"), header: map[string]string{name: value}}
	if r.IntN(2) == 0 {
		h.method, h.path = pickOne(r, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch), "/Patient/h"+fmt.Sprint(2+r.IntN(40))
		if h.method == http.MethodPost {
			h.path = "/Patient"
		}
		h.body = []byte(`{"resourceType":"Patient","id":"` + strings.TrimPrefix(h.path, "/Patient/") + `","active":true}`)
	}
	return h
}

// address asks for odd places by odd methods.
func (in inputs) address(r *rand.Rand) hostile {
	part := func() string {
		return pickOne(r, "Patient", "Observation", "h1", "_history", "1", "_search", "metadata", "$everything", "patient", "Nope", "%00", "%2e%2e", "%2F", "..", ".", "a%20b", strings.Repeat("x", 65), strings.Repeat("y", 4_000), "*", "Patient;x=1", "Binary", "_history", onWire(url.PathEscape(word(r))))
	}
	path := ""
	for range 1 + r.IntN(5) {
		path += "/" + part()
	}
	h := hostile{what: "an odd address", method: pickOne(r, "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "G"), path: path}
	if h.method == "POST" || h.method == "PUT" || h.method == "PATCH" {
		h.body = []byte(pickOne(r, `{"resourceType":"Patient"}`, `{}`, `[]`, ``, `null`, "\xff"))
	}
	return h
}

// operation calls operations with hostile parameters.
func (in inputs) operation(r *rand.Rand) hostile {
	name := pickOne(r, "$everything", "$validate", "$expand", "$lookup", "$validate-code", "$lastn", "$meta", "$purge", "$import", "$nope", "$", "$$")
	path := pickOne(r, "/Patient/h1/", "/Patient/", "/ValueSet/", "/CodeSystem/", "/Observation/", "/Encounter/h1/", "/", "/ValueSet/nope/") + name
	if r.IntN(4) > 0 { // where it is served
		path = pickOne(r, "/Patient/h1/$everything", "/Patient/h0/$everything", "/Encounter/h1/$everything", "/Patient/$validate", "/Observation/$validate", "/Patient/h1/$validate", "/Observation/$lastn",
			"/ValueSet/$expand", "/ValueSet/nope/$expand", "/ValueSet/$validate-code", "/CodeSystem/$lookup", "/CodeSystem/$validate-code", "/CodeSystem/$subsumes", "/Patient/h40/$purge")
	}
	query := ""
	for range r.IntN(4) {
		query += "&" + pickOne(r, "_since", "_type", "_count", "url", "code", "system", "filter", "offset", "count", "max", "start", "end", "profile", "mode", "patient", "category", "date", "valueSet", "display", "_page") + "=" + encoded(r, word(r))
	}
	if r.IntN(10) == 0 {
		return in.bulk(r)
	}
	h := hostile{what: "a hostile operation", method: pickOne(r, "GET", "GET", "POST", "DELETE", "PUT"), path: path + "?" + query}
	if h.method != http.MethodGet && r.IntN(4) > 0 {
		h.body = []byte(fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":%s,%q:%s}]}`, quoted(pickOne(r, "resource", "url", "code", "coding", "valueSet", "mode", word(r))),
			pickOne(r, "valueString", "valueUri", "valueCode", "resource", "part", "valueInteger", "valueCoding"), hostileValue(r)))
	}
	return h
}

// bulk asks for exports that nobody can make, and for the state of some that nobody asked for.
func (in inputs) bulk(r *rand.Rand) hostile {
	path := pickOne(r, "/$export", "/Patient/$export", "/Group/nope/$export", "/$export-status/nope", "/bulk/nope", "/$import", "/$export/"+onWire(url.PathEscape(word(r))))
	query := pickOne(r, "_type", "_since", "_outputFormat", "_typeFilter", "_elements", "patient", "x") + "=" + encoded(r, word(r))
	h := hostile{what: "a hostile bulk request", method: pickOne(r, "GET", "GET", "POST", "DELETE"), path: path + "?" + query, header: map[string]string{}}
	if r.IntN(2) == 0 {
		h.header["Prefer"] = "respond-async"
	}
	if h.method == http.MethodPost {
		h.body = []byte(pickOne(r, `{"resourceType":"Parameters"}`, "{}\n{}\n", "\xff", `{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Nope"}]}`))
		h.header["Content-Type"] = pickOne(r, fhirJSON, "application/fhir+ndjson", "application/ndjson")
	}
	return h
}
