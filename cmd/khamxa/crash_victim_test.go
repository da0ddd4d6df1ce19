package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// victim is a running `khamxa serve` that will be killed: its own process, with its media process below it.
type victim struct {
	base  string // http://127.0.0.1:port
	cmd   *exec.Cmd
	ended chan struct{} // closed when the service's process is gone
	gone  chan struct{} // closed when nobody holds its standard error any more: the media process is gone too

	mu    sync.Mutex
	lines []string // the last lines that it wrote
}

// patience is how long a process may take for what takes well under a second, before a test is told that it never will.
const patience = 30 * time.Second

// startVictim starts the service on dir and waits until /readyz answers 200.
func startVictim(t *testing.T, dir string, env ...string) (*victim, error) {
	t.Helper()
	said, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{ended: make(chan struct{}), gone: make(chan struct{})}
	v.cmd = exec.Command(program(t), "serve", "--data", dir, "--listen", "127.0.0.1:0")
	v.cmd.Env = append(append(withoutSettings(os.Environ()), "GORACE=halt_on_error=1"), env...) // a race ends it, and is seen
	v.cmd.Stderr = write
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close() // the processes have their own
	t.Cleanup(func() { _ = v.kill() })
	addresses := make(chan string, 1)
	go v.listen(said, addresses)
	go func() { defer close(v.ended); _ = v.cmd.Wait() }() // how it ended is the test's own doing
	select {
	case v.base = <-addresses:
		return v, v.awaitReady()
	case <-v.ended:
		return v, fmt.Errorf("the service ended while it started; it said:\n%s", v.said())
	case <-time.After(patience):
		return v, fmt.Errorf("the service did not start within %v; it said:\n%s", patience, v.said())
	}
}

// listen keeps the last lines of what the processes say, and finds the address in them.
func (v *victim) listen(said *os.File, addresses chan<- string) {
	defer close(v.gone)
	defer said.Close()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := lines.Text()
		if base, ok := strings.CutPrefix(line, "Khamxa is on "); ok {
			addresses <- base
		}
		v.mu.Lock()
		v.lines = append(v.lines[max(0, len(v.lines)-19):], line)
		v.mu.Unlock()
	}
}

func (v *victim) said() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.lines, "\n")
}

// awaitReady asks /readyz until everything that it names is there.
func (v *victim) awaitReady() error {
	last := "no answer"
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		answer, err := http.Get(v.base + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			last = answer.Status
		}
		select {
		case <-v.ended:
			return fmt.Errorf("the service ended before it was ready; it said:\n%s", v.said())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return fmt.Errorf("the service was not ready within %v (%s); it said:\n%s", patience, last, v.said())
}

// kill ends the service with SIGKILL, and waits for the media process, which goes by itself when its parent has gone.
func (v *victim) kill() error {
	_ = v.cmd.Process.Kill() // it may be gone already
	<-v.ended
	select {
	case <-v.gone:
		return nil
	case <-time.After(patience):
		return errors.New("the media process outlived the service that was killed")
	}
}

// tool runs another khamxa to its end. A failure has what it said.
func tool(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Env = withoutSettings(os.Environ())
	var complaint strings.Builder
	cmd.Stderr = &complaint
	raw, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("khamxa %s: %w\n%s%s", strings.Join(args, " "), err, raw, complaint.String())
	}
	return string(raw), nil
}

// apiClient is what `khamxa client create` prints.
type apiClient struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// newAPIClient registers a client that may do everything and read the audit trail, through the admin socket when a service runs.
func newAPIClient(t *testing.T, dir string) (c apiClient) {
	t.Helper()
	out, err := tool(t, "client", "create", "--data", dir, "--name", "crash", "--scope", "system/*.cruds system/AuditEvent.rs", "--commune", wholeProvince)
	if err == nil {
		err = json.Unmarshal([]byte(out), &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
