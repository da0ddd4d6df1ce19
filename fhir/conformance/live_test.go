//go:build conformance

package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// live is `khamxa serve --demo` as a process of its own, with a program that may do everything.
type live struct {
	program, dir string
	base         string // http://127.0.0.1:PORT
	process      *exec.Cmd
	said         *output
	ended        chan error
	id, secret   string // the program's
	token        string
}

// output takes what a process says while it is read.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// startLive builds the program, starts the service on an empty folder, and registers a program with all rights in it.
func startLive(t *testing.T) *live {
	t.Helper()
	folder := t.TempDir()
	s := &live{program: filepath.Join(folder, "khamxa"), dir: filepath.Join(folder, "data"), said: &output{}, ended: make(chan error, 1)}
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "khamxa/cmd/khamxa").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	s.process = s.command(context.Background(), "serve", "--demo", "--data", s.dir, "--listen", "127.0.0.1:0")
	s.process.Stderr = s.said
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() }) // it has ended, unless the test failed before
	addresses := make(chan string, 1)
	go func() {
		s.findAddress(out, addresses)
		s.ended <- s.process.Wait()
	}()
	select {
	case s.base = <-addresses:
	case <-time.After(30 * time.Second):
		t.Fatalf("the service has not started in 30 s:\n%s", s.said)
	}
	s.register(t)
	return s
}

func (s *live) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, s.program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "KHAMXA_") {
			c.Env = append(c.Env, v)
		}
	}
	return c
}

// findAddress sends the service's address, which the demo's last line names, and reads on.
func (s *live) findAddress(out io.Reader, found chan<- string) {
	address := regexp.MustCompile(`"doctor_url":"(http://[^/"]+)/`)
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if m := address.FindStringSubmatch(scanner.Text()); m != nil {
			found <- m[1]
		}
	}
}

// register makes a program that may do everything, and gets it a token.
func (s *live) register(t *testing.T) {
	t.Helper()
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	const scope = "system/*.cruds"
	line, err := s.command(t.Context(), "client", "create", "--data", s.dir, "--name", "Conformance", "--scope", scope).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &made); err != nil {
		t.Fatal(err)
	}
	s.id, s.secret = made.ID, made.Secret
	form := strings.NewReader("grant_type=client_credentials&scope=" + url.QueryEscape(scope))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.id, s.secret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil || token.Token == "" {
		t.Fatalf("the token endpoint answered %d, %v", answer.StatusCode, err)
	}
	s.token = token.Token
}

// peakMemory is the most memory that the serving process ever held, in MiB (VmHWM).
func (s *live) peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		t.Skipf("no /proc here to tell the peak of memory: %v", err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatal("no VmHWM in /proc/PID/status")
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// stop ends the service as a service manager does, and then checks its log from end to end.
func (s *live) stop(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("the service ended with %v:\n%.4000s", err, s.said)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the service does not end")
	}
	if said, err := s.command(t.Context(), "verify", "--data", s.dir).CombinedOutput(); err != nil {
		t.Errorf("khamxa verify: %v: %.4000s", err, said)
	}
}
