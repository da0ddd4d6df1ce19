package rest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/population"
)

// referenceTexts are resources whose references are not where one might look.
func referenceTexts() map[string]string {
	return map[string]string{
		"none":              `{"resourceType":"Basic","id":"a"}`,
		"usual":             `{"resourceType":"Basic","subject":{"reference":"Patient/1"},"author":{"reference":"Practitioner/2/_history/3"}}`,
		"absolute":          `{"resourceType":"Basic","subject":{"reference":"https://example.vn/fhir/Patient/1"}}`,
		"attachment":        `{"resourceType":"DocumentReference","content":[{"attachment":{"url":"Binary/b"}}]}`,
		"in a text":         `{"resourceType":"Basic","code":{"text":"see \"reference\":\"Patient/9\" and \"url\":\"Binary/9\""},"subject":{"reference":"Patient/1"}}`,
		"half in a text":    `{"resourceType":"Basic","code":{"text":"\"reference\""},"subject":{"reference":"Patient/1"}}`,
		"end of a name":     `{"resourceType":"Basic","a\"reference":"Patient/9","subject":{"reference":"Patient/1"}}`,
		"as a value":        `{"resourceType":"Basic","code":{"text":"reference"},"subject":{"reference":"Patient/1"}}`,
		"escaped value":     `{"resourceType":"Basic","subject":{"reference":"Patient\/1"}}`,
		"escaped name":      `{"resourceType":"Basic","subject":{"refer\u0065nce":"Patient/1"}}`,
		"spaces":            `{"resourceType":"Basic","subject":{"reference" : "Patient/1"},"author":{"reference": "Practitioner/2"}}`,
		"backslash at end":  `{"resourceType":"Basic","code":{"text":"a\\"},"subject":{"reference":"Patient/1"}}`,
		"colon in a value":  `{"resourceType":"Basic","code":{"coding":[{"system":"urn:x:y","code":"a:\"url\""}]},"subject":{"reference":"Patient/1"}}`,
		"extension's url":   `{"resourceType":"Basic","extension":[{"url":"Basic/x","valueReference":{"reference":"Location/l"}}],"subject":{"reference":"#c"},"contained":[{"resourceType":"Basic","id":"c","subject":{"reference":"Patient/2"}}]}`,
		"reference is null": `{"resourceType":"Basic","subject":{"_reference":{"extension":[{"url":"Basic/y","valueString":"z"}]}}}`,
	}
}

// TestReferencesIn: reading the text finds what parsing finds.
func TestReferencesIn(t *testing.T) {
	for name, text := range referenceTexts() {
		t.Run(name, func(t *testing.T) { sameReferences(t, []byte(text)) })
	}
	t.Run("a population", func(t *testing.T) {
		m, found := population.Maker{Seed: 1}, 0
		for _, r := range append(m.Shared(), m.Record(1, 50)...) {
			found += sameReferences(t, r.Body)
		}
		if found < 100 {
			t.Errorf("only %d references were compared", found)
		}
	})
}

func FuzzReferencesIn(f *testing.F) {
	for _, text := range referenceTexts() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := fhir.Parse(body)
		if err != nil {
			t.Skip()
		}
		sameReferences(t, body)
		sameReferences(t, r.Raw) // as it is stored
	})
}

func sameReferences(t *testing.T, body []byte) int {
	t.Helper()
	want, wantErr := referencesOf(body)
	got, err := referencesIn(body)
	if wantErr != nil || err != nil {
		t.Fatalf("%s: %v, %v", body, wantErr, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-parsed +read):\n%s", body, diff)
	}
	return len(want)
}
