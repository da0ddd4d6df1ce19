package rest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"khamxa/fhir"
)

// FuzzBundle: whatever is posted to the base is answered with FHIR JSON, never with a fault of ours, and a transaction that
// is refused leaves nothing behind.
func FuzzBundle(f *testing.F) {
	f.Add(bundleOf("transaction", visit()...))
	f.Add(bundleOf("batch", entryOf("", "GET", "Patient?name=a&_count=1", ""), entryOf("", "DELETE", "Patient/x", ""), `{"resource":{}}`, `null`))
	f.Add(bundleOf("transaction", entryOf("http://h/fhir/Patient/1", "PUT", "Patient/1", `{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/1"}}]}`, `"ifMatch":"W/\"1\""`)))
	f.Add(bundleOf("transaction", entryOf(urnPatient, "POST", "Patient", `{"resourceType":"Patient"}`, `"ifNoneExist":"name=x"`), entryOf("", "GET", "Patient/%31/_history?_count=2", "")))
	f.Add(`{"resourceType":"Bundle","type":"transaction","entry":{"0":1}}`)
	f.Add(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"https://x/fhir/Patient"}}]}`)
	s := start(f)
	f.Fuzz(func(t *testing.T, body string) {
		for _, who := range []string{anybody, doctorA} {
			req, err := http.NewRequest("POST", s.url, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+who)
			req.Header.Set("Content-Type", "application/fhir+json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode >= 500 || strings.Contains(string(answer), `"status":"500`) {
				t.Fatalf("status %d for %q: %s", resp.StatusCode, body, answer)
			}
			r, err := fhir.Parse(answer)
			if err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if sent, err := fhir.Parse([]byte(body)); resp.StatusCode == 200 && (err != nil || sent.Root.Get("entry").Len() != r.Root.Get("entry").Len()) {
				t.Fatalf("%q was answered with %s", body, answer)
			}
		}
	})
}
