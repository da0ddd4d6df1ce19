package rest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"khamxa/fhir"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(text), nil))
}

// raw sends a request whose answer is not decompressed for it.
func (s *service) raw(method, path string, headers ...string) *http.Response {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+anybody)
	req.Header.Set("Accept-Encoding", "identity")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// TestCompressedAnswers: gzip and zstd as the caller weighs them, from a size on, with the same tag, the same body and honest lengths.
func TestCompressedAnswers(t *testing.T) {
	s := start(t)
	s.put("Patient", "small", patient("small", "An", stationA))
	s.put("Patient", "large", strings.Replace(patient("large", "An", stationA), `"text":"An"`, `"text":"`+strings.Repeat("Nguyễn ", 2000)+`"`, 1))
	plain := s.raw("GET", "/Patient/large")
	want, _ := io.ReadAll(plain.Body)
	for accept, coding := range map[string]string{
		"gzip": "gzip", "GZIP;q=0.5": "gzip", "x-gzip": "gzip", "zstd": "zstd", "gzip, zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip", "*": "zstd",
		"zstd;q=0, *": "gzip", "identity": "", "br": "", "gzip;q=0": "", "gzip;q=x": "", ";;,,": "", "*;q=0": "",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := s.raw(method, "/Patient/large", "Accept-Encoding: "+accept)
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Header.Get("Content-Encoding") != coding || r.Header.Get("ETag") != plain.Header.Get("ETag") || !strings.Contains(r.Header.Get("Vary"), "Accept-Encoding") {
				t.Fatalf("%s %q: %v %v", method, accept, err, r.Header)
			}
			if method == "HEAD" {
				continue
			}
			if r.ContentLength != int64(len(body)) || coding != "" && len(body) > len(want)/4 {
				t.Errorf("%q: %d bytes of %d", accept, len(body), len(want))
			}
			switch coding {
			case "gzip":
				zr, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				body, _ = io.ReadAll(zr)
			case "zstd":
				zr, _ := zstd.NewReader(nil)
				body, _ = zr.DecodeAll(body, nil)
				zr.Close()
			}
			if !bytes.Equal(body, want) {
				t.Errorf("%q: another body", accept)
			}
		}
	}
	for _, path := range []string{"/Patient/small", "/Patient/none"} {
		if r := s.raw("GET", path, "Accept-Encoding: gzip, zstd"); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed", path)
		}
	}
	if r := s.raw("GET", "/Patient/large", "Accept-Encoding: zstd", "If-None-Match: "+plain.Header.Get("ETag")); r.StatusCode != 304 || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				r := s.raw("GET", "/Patient/large", "Accept-Encoding: "+[]string{"gzip", "zstd"}[i%2])
				if body, err := io.ReadAll(r.Body); err != nil || len(body) == 0 {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
}

// TestCompressedBodies: gzip and zstd are opened, and the limit holds for what comes out of them.
func TestCompressedBodies(t *testing.T) {
	s := start(t)
	body := patient("p", "An", stationA)
	huge := `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("x", 50<<20) + `"}]}`
	bundle := bundleOf("batch", entryOf("", "GET", "Patient/p", ""))
	for coding, pack := range map[string]func(testing.TB, string) string{"gzip": gzipped, "zstd": zstandard} {
		t.Run(coding, func(t *testing.T) {
			s.in(t)
			header := "Content-Encoding: " + coding
			for range 3 { // pooled ones too
				if r := s.do(anybody, "PUT", "/Patient/p", pack(t, body), header); r.status != 200 && r.status != 201 {
					t.Errorf("%d %s", r.status, r.body)
				}
				s.do(anybody, "PUT", "/Patient/p", pack(t, body)[:20], header).refused(400, "invalid", "", "damaged")
				s.do(anybody, "PUT", "/Patient/p", "no such thing", header).refused(400, "invalid", "", "damaged")
			}
			s.do(anybody, "POST", "/", pack(t, bundle), header).is(200)
			s.do(anybody, "POST", "/Patient/_search", pack(t, "_id=p"), header, "Content-Type: application/x-www-form-urlencoded").is(200)
			bomb := pack(t, huge)
			if len(bomb) > 1<<20 {
				t.Fatalf("the bomb has %d bytes", len(bomb))
			}
			s.do(anybody, "POST", "/Patient", bomb, header).refused(413, "too-long", "", "1024 KiB")
		})
	}
	r := s.do(anybody, "PUT", "/Patient/p", body, "Content-Encoding: gzip, gzip").refused(415, "not-supported", "", "once")
	if r.header.Get("Accept-Encoding") != "gzip, zstd" {
		t.Errorf("%v", r.header)
	}
	s.do(anybody, "PUT", "/Patient/p", body, "Content-Encoding: identity").is(200)
}

// TestFormats: each way of R4 to ask for JSON, and for what is not spoken.
func TestFormats(t *testing.T) {
	s := start(t)
	s.put("Patient", "p", patient("p", "An", stationA))
	for _, f := range []string{"json", "JSON", "application/json", "application/fhir+json", "application/fhir json", "text/json", "application/fhir+json;fhirVersion=4.0"} {
		s.do(anybody, "GET", "/Patient/p?_format="+url.QueryEscape(f), "", "Accept: application/fhir+xml").is(200)
	}
	for _, f := range []string{"xml", "text/xml", "application/xml", "application/fhir+xml", "application/fhir xml", "ttl", "text/turtle", "application/fhir+turtle", "html", "text/html"} {
		s.do(anybody, "GET", "/Patient/p?_format="+url.QueryEscape(f), "").refused(406, "not-supported", "_format", "is not spoken here", "application/fhir+json")
	}
	for _, f := range []string{"", "pdf", "application/fhir+json;fhirVersion=3.0"} {
		s.do(anybody, "GET", "/Patient/p?_format="+url.QueryEscape(f), "").refused(406, "not-supported", "_format")
	}
	s.do(anybody, "POST", "/Patient", "<Patient/>", "Content-Type: application/fhir+xml").refused(415, "not-supported", "", "application/fhir+json")
}

// TestPretty: every answer is indented when asked for, refusals too; the text of numbers stays.
func TestPretty(t *testing.T) {
	s := start(t)
	s.put("Observation", "o", `{"resourceType":"Observation","id":"o","valueQuantity":{"value":6.30}}`)
	for _, path := range []string{"/Observation/o", "/Observation", "/Observation/o/_history", "/_history", "/metadata", "/Observation/none", "/nothing/here/at/all"} {
		r := s.do(anybody, "GET", path+"?_pretty=true", "")
		if !bytes.Contains(r.body, []byte("{\n  \"")) {
			t.Errorf("%s: %.80s", path, r.body)
		}
		if path == "/Observation/o" && !bytes.Contains(r.body, []byte(`"value": 6.30`)) {
			t.Errorf("%s", r.body)
		}
	}
	if r := s.do(anybody, "PUT", "/Observation/o?_pretty=true", `{"resourceType":"Observation","id":"o"}`).is(200); !bytes.Contains(r.body, []byte("\n  ")) {
		t.Errorf("%s", r.body)
	}
}

// TestConditionalRead: 304 by tag and by time; the tag decides when both are given.
func TestConditionalRead(t *testing.T) {
	clock := time.Date(2026, 5, 1, 8, 0, 0, 500_000_000, time.UTC)
	s := startAt(t, &clock)
	s.put("Patient", "p", patient("p", "An", stationA))
	before, same, after := "Fri, 01 May 2026 07:59:59 GMT", "Fri, 01 May 2026 08:00:00 GMT", "Fri, 01 May 2026 09:00:00 GMT"
	for _, tt := range []struct {
		headers []string
		status  int
	}{
		{[]string{"If-Modified-Since: " + before}, 200},
		{[]string{"If-Modified-Since: " + same}, 304},
		{[]string{"If-Modified-Since: " + after}, 304},
		{[]string{"If-Modified-Since: yesterday"}, 200},
		{[]string{`If-None-Match: W/"1"`}, 304},
		{[]string{`If-None-Match: "1"`}, 304},
		{[]string{`If-None-Match: W/"7", W/"1"`}, 304},
		{[]string{"If-None-Match: *"}, 304},
		{[]string{`If-None-Match: W/"2"`}, 200},
		{[]string{`If-None-Match: W/"2"`, "If-Modified-Since: " + after}, 200},
		{[]string{`If-None-Match: W/"1"`, "If-Modified-Since: " + before}, 304},
	} {
		for _, path := range []string{"/Patient/p", "/Patient/p/_history/1"} {
			for _, method := range []string{"GET", "HEAD"} {
				r := s.do(anybody, method, path, "", tt.headers...).is(tt.status)
				if r.header.Get("ETag") != `W/"1"` || r.header.Get("Last-Modified") != same || (tt.status == 304 || method == "HEAD") && len(r.body) > 0 {
					t.Errorf("%v: %v %s", tt.headers, r.header, r.body)
				}
			}
		}
	}
	entries := bundleOf("batch",
		entryOf("", "GET", "Patient/p", "", `"ifNoneMatch":"W/\"1\""`), entryOf("", "GET", "Patient/p", "", `"ifModifiedSince":"2026-05-01T08:00:00Z"`),
		entryOf("", "GET", "Patient/p", "", `"ifModifiedSince":"2026-05-01T07:00:00Z"`))
	if got := statuses(s.do(anybody, "POST", "/", entries).is(200)); strings.Join(got, ",") != "304 Not Modified,304 Not Modified,200 OK" {
		t.Errorf("%v", got)
	}
}

// TestPrefer: what a write gives back, alone and in Bundles.
func TestPrefer(t *testing.T) {
	s := start(t)
	for _, tt := range []struct{ prefer, want string }{
		{"", "Patient"}, {"return=representation", "Patient"}, {"return=minimal", ""}, {"return=OperationOutcome", "OperationOutcome"}, {"respond-async; return=minimal", ""}, {"return=other", "Patient"},
	} {
		for method, path := range map[string]string{"POST": "/Patient", "PUT": "/Patient/p"} {
			body := patient("p", "N"+tt.prefer+method, stationA)
			r := s.do(anybody, method, path, body, "Prefer: "+tt.prefer)
			got := ""
			if r.root != nil {
				got = r.root.Get("resourceType").String()
			}
			if got != tt.want || r.header.Get("Location") == "" || r.header.Get("ETag") == "" {
				t.Errorf("%s with %q: %s %v", method, tt.prefer, r.body, r.header)
			}
		}
		r := s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "PUT", "Patient/b", patient("b", "N"+tt.prefer, stationA))), "Prefer: "+tt.prefer).is(200)
		e := r.root.Get("entry").At(0)
		if whole := tt.prefer == "return=representation"; (e.Get("resource") != nil) != whole {
			t.Errorf("transaction with %q: %s", tt.prefer, r.body)
		}
		if outcome := tt.prefer == "return=OperationOutcome"; (e.Get("response").Get("outcome").Kind() == fhir.Object) != outcome {
			t.Errorf("transaction with %q: %s", tt.prefer, r.body)
		}
	}
}

// TestPrettyIsBounded: what is deep inside a large body would grow to many times its size.
func TestPrettyIsBounded(t *testing.T) {
	s := start(t)
	deep := `{"url":"u","valueString":"` + strings.Repeat("x", 50) + `"}`
	deep += strings.Repeat(","+deep, 8_000)
	for range 15 {
		deep = `{"url":"u","extension":[` + deep + `]}`
	}
	for _, id := range []string{"a", "b"} {
		s.put("Basic", id, `{"resourceType":"Basic","id":"`+id+`","extension":[`+deep+`],"code":{"text":"x"}}`)
	}
	plain := s.do(anybody, "GET", "/Basic", "").is(200)
	pretty := s.do(anybody, "GET", "/Basic?_pretty=true", "").is(200)
	if len(pretty.body) > len(plain.body)+100 {
		t.Errorf("%d bytes became %d", len(plain.body), len(pretty.body))
	}
}

// TestUnknownOperation: a wrong name of an operation is not taken for an id.
func TestUnknownOperation(t *testing.T) {
	s := start(t)
	for _, path := range []string{"/Patient/$nope", "/Patient/$everything"} {
		s.do(anybody, "GET", path, "").refused(404, "not-found", "", "operation", path[len("/Patient/"):], "Patient")
	}
}

// TestBinaryIsJSON: a Binary is a resource like the others; its content is not given or taken as itself.
func TestBinaryIsJSON(t *testing.T) {
	s := start(t)
	body := `{"resourceType":"Binary","id":"b","contentType":"text/html","data":"PGI+"}`
	s.do(anybody, "PUT", "/Binary/b", body).is(201)
	for _, accept := range []string{"application/fhir+json", "*/*", "text/html;q=0.5, */*"} {
		r := s.do(anybody, "GET", "/Binary/b", "", "Accept: "+accept).is(200)
		if r.header.Get("Content-Type") != "application/fhir+json; charset=utf-8" || !r.root.Get("data").IsString("PGI+") {
			t.Errorf("%s: %v %s", accept, r.header, r.body)
		}
	}
	s.do(anybody, "GET", "/Binary/b", "", "Accept: text/html").refused(406, "not-supported", "")
	s.do(anybody, "POST", "/Binary", "<b>", "Content-Type: text/html").refused(415, "not-supported", "")
}
