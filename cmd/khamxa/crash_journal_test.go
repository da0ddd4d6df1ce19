package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// journal is the file in which the writers note what became of each request, before they make the next one. It lies beside the data
// folder and is written by the test's process, which is not killed.
type journal struct {
	path string

	mu   sync.Mutex
	file *os.File
	read int64 // bytes that since has given out
}

// How a request ended, as far as its writer could see.
const (
	outcomeAcked   = "acknowledged"
	outcomeRefused = "refused" // a precondition did not hold: nothing of it may ever be seen
	outcomeUnknown = "unknown" // no answer: all of it may be there, or nothing
)

// attempt is one request that writes: one resource, a transaction of several, or a client.
type attempt struct {
	Name    string     `json:"name"` // kill, writer and step: "k017-w3-s12"
	Outcome string     `json:"outcome"`
	Why     string     `json:"why,omitempty"` // of an outcome that is not acknowledged
	Writes  []entry    `json:"writes,omitempty"`
	Client  *apiClient `json:"client,omitempty"` // a client that was registered, instead of resources
}

// entry is one resource of an attempt. ID is empty where the server chose one and the answer did not come; Version and Hash (of the
// exact bytes) are what was acknowledged.
type entry struct {
	Type    string `json:"type"`
	ID      string `json:"id,omitempty"`
	Mark    string `json:"mark,omitempty"` // the value of its identifier, which no other resource of the type has; all else follows from it
	Deleted bool   `json:"deleted,omitempty"`
	Version int    `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`
}

func (e entry) ref() string { return e.Type + "/" + e.ID }

func newJournal(t *testing.T, dir string) *journal {
	t.Helper()
	path := filepath.Join(dir, "acknowledgements")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &journal{path: path, file: file}
}

// note appends one line.
func (j *journal) note(a attempt) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// since reads from the file what was noted since the last time.
func (j *journal) since(t *testing.T) (attempts []attempt) {
	t.Helper()
	raw, err := os.ReadFile(j.path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := raw[j.read:]
	j.read = int64(len(raw))
	for line := range bytes.Lines(fresh) {
		var a attempt
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("the journal has the line %q: %v", line, err)
		}
		attempts = append(attempts, a)
	}
	return attempts
}
