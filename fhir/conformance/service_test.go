//go:build conformance

package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/store/sqlite"
)

// writers is how many clients send at the same time, so that commits are grouped as they are in service.
const writers = 16

// TestCreateAndRead: each example, created over HTTP and read back, is the same JSON to the last digit but for what the server
// sets; read by its version it is the same bytes; and afterwards the log's chain and the index hold.
func TestCreateAndRead(t *testing.T) {
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	handler, err := rest.New(rest.Options{
		Store: db, Log: slog.New(slog.DiscardHandler), Version: "test",
		Authorize: func(*http.Request) (rest.Access, error) {
			return rest.Access{Author: "Device/conformance", Allows: func(string, rest.Verb) bool { return true }}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	began, created := time.Now(), 0
	var group errgroup.Group
	group.SetLimit(writers)
	accepted(t, func(t *testing.T, e example, r *fhir.Resource) {
		if rule, ok := notCreated[e.name]; ok {
			answer, _, err := exchange(http.MethodPost, server.URL+rest.Prefix+"/"+r.Type, e.raw, http.StatusRequestEntityTooLarge)
			if err != nil || !bytes.Contains(answer, []byte(rule.sentence)) {
				t.Errorf("%s: got %s, %v, want it refused: %s", e.name, answer, err, rule.why)
			}
			return
		}
		created++
		group.Go(func() error {
			if err := roundTrip(server.URL+rest.Prefix, e, r.Type); err != nil {
				t.Errorf("%s: %v", e.name, err)
			}
			return nil
		})
	})
	_ = group.Wait() // each has reported for itself
	t.Logf("%d examples created and read twice in %s", created, time.Since(began).Round(time.Millisecond))

	findings, err := db.Verify(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("commit %d, %s: %s", f.Seq, f.Resource, f.Problem)
	}
}

func roundTrip(base string, e example, typ string) error {
	_, head, err := exchange(http.MethodPost, base+"/"+typ, e.raw, http.StatusCreated)
	if err != nil {
		return err
	}
	location := head.Get("Location") // BASE/Type/id/_history/1
	version := path.Base(location)
	current := location[:len(location)-len("/_history/"+version)]
	body, _, err := exchange(http.MethodGet, current, nil, http.StatusOK)
	if err != nil {
		return err
	}
	got, err := fhir.Parse(body)
	if err != nil {
		return fmt.Errorf("what was read back is refused: %w", err)
	}
	want, err := fhir.Parse(e.raw)
	if err != nil {
		return err
	}
	updated, err := time.Parse(time.RFC3339, got.Root.Get("meta").Get("lastUpdated").String())
	if err != nil {
		return err
	}
	id := path.Base(current)
	if stamped := want.Stamp(id, version, updated); !bytes.Equal(body, stamped) {
		return fmt.Errorf("it came back different %s", firstDifference(body, stamped))
	}
	dated, _, err := exchange(http.MethodGet, location, nil, http.StatusOK)
	if err == nil && !bytes.Equal(dated, body) {
		err = fmt.Errorf("its version reads different %s", firstDifference(dated, body))
	}
	return err
}

func exchange(method, url string, body []byte, status int) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode != status {
		return nil, nil, fmt.Errorf("%s answered %d: %.300s", method, response.StatusCode, answer)
	}
	return answer, response.Header, nil
}
