package rest_test

import (
	"log/slog"
	"testing"

	"khamxa/fhir/rest"
	"khamxa/internal/fault"
)

// TestLoader: a Bundle that is loaded does what it does over HTTP, and is refused in the same words.
func TestLoader(t *testing.T) {
	s := start(t)
	open := func(access rest.Access) *rest.Loader {
		l, err := rest.NewLoader(rest.Options{Store: s.db, Log: slog.New(slog.DiscardHandler)}, access)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	all := open(rest.Access{Author: "system", Allows: func(string, rest.Verb) bool { return true }})
	bundle := func(entries string) []byte {
		return []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + entries + `]}`)
	}
	const create = `{"resource":{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}]},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:x|1"}}`
	for range 2 {
		if err := all.Transaction(t.Context(), bundle(create)); err != nil {
			t.Fatal(err)
		}
	}
	head, err := s.db.Head(t.Context())
	if err != nil || head != 1 {
		t.Errorf("head %d, %v: the second conditional create wrote something", head, err)
	}
	err = all.Transaction(t.Context(), bundle(`{"request":{"method":"DELETE","url":"Nothing/1"}}`))
	if !fault.Is(err, fault.NotFound) || fault.PathOf(err) != "Bundle.entry[0]" {
		t.Errorf("err = %v", err)
	}
	if err := all.Transaction(t.Context(), []byte(`{"resourceType":"Bundle","type":"collection"}`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("err = %v", err)
	}
	confined := open(rest.Access{Author: "system", Within: []string{"Organization/tyt-a"}, Allows: func(string, rest.Verb) bool { return true }})
	if err := confined.Transaction(t.Context(), bundle(`{"resource":{"resourceType":"Observation","subject":{"reference":"Patient/nobody"}},"request":{"method":"POST","url":"Observation"}}`)); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a confined loader writes for a patient out of reach: %v", err)
	}
	if _, err := rest.NewLoader(rest.Options{Store: s.db, Log: slog.New(slog.DiscardHandler)}, rest.Access{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a loader without an author: %v", err)
	}
}
