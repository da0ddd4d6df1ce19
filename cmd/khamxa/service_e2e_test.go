//go:build e2e

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// readyWithin is the promise of an empty folder's first start, and slack what a test forgives a machine that has other work.
const (
	readyWithin = 3 * time.Second
	slack       = 3
)

// binary is the program as people install it.
type binary string

func build(t *testing.T) binary {
	t.Helper()
	path := filepath.Join(t.TempDir(), "khamxa")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary(path)
}

func (b binary) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, string(b), args...)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KHAMXA_") }) // they would be its settings
	c.WaitDelay = 5 * time.Second
	return c
}

// run carries out a subcommand that must succeed, and gives what it printed.
func (b binary) run(t *testing.T, args ...string) string {
	t.Helper()
	c := b.command(t.Context(), args...)
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		t.Fatalf("khamxa %s: %v\n%s%s", strings.Join(args, " "), err, out, &problems)
	}
	return string(out)
}

// demoLines are what --demo prints.
type demoLines struct {
	passwords             map[string]string // by login
	logins                map[string]string // by role
	doctorURL, patientURL string
}

// server is a running `khamxa serve --demo`.
type server struct {
	cmd   *exec.Cmd
	base  string // http://127.0.0.1:PORT
	ready time.Duration
	demo  demoLines
	said  *transcript
	ended chan error
}

// serve starts the service and returns when /readyz answers 200 and the demo's lines are there. It is killed at the end of life if it
// still runs.
func (b binary) serve(t, life *testing.T, dir, listen string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{cmd: b.command(ctx, "serve", "--demo", "--data", dir, "--listen", listen), base: "http://" + listen, said: &transcript{}, ended: make(chan error, 1)}
	s.cmd.Stderr = s.said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 16)
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
		close(lines)
		s.ended <- s.cmd.Wait()
	}()
	life.Cleanup(func() {
		cancel()
		if life.Failed() {
			life.Logf("the service said:\n%s", s.said)
		}
	})
	waitFor(t, "the service is ready", func() error { return s.answers(t.Context(), "/readyz") })
	s.ready = time.Since(began)
	s.demo = readDemo(t, lines)
	go func() {
		for range lines { // whatever it still prints must not hold it up
		}
	}()
	return s
}

func (s *server) answers(ctx context.Context, path string) error {
	status, _, err := request(ctx, http.MethodGet, s.base+path, nil, nil)
	if err == nil && status != http.StatusOK {
		err = errors.New(path + " answers " + strconv.Itoa(status))
	}
	return err
}

func readDemo(t *testing.T, lines <-chan string) demoLines {
	t.Helper()
	d := demoLines{passwords: map[string]string{}, logins: map[string]string{}}
	late := time.After(patience)
	for d.patientURL == "" {
		select {
		case line, more := <-lines:
			if !more {
				t.Fatal("the service ended without telling how to open the demo")
			}
			var l struct {
				Demo, Role, Login, Password string
				DoctorURL                   string `json:"doctor_url"`
				PatientURL                  string `json:"patient_url"`
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%q is no line of JSON: %v", line, err)
			}
			switch l.Demo {
			case "staff":
				d.passwords[l.Login], d.logins[l.Role] = l.Password, l.Login
			case "consult":
				d.doctorURL, d.patientURL = l.DoctorURL, l.PatientURL
			default:
				t.Fatalf("an unknown line: %s", line)
			}
		case <-late:
			t.Fatal("the demo's lines do not come")
		}
	}
	return d
}

// stop asks the service to end, as a service manager does, and wants exit code 0.
func (s *server) stop(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			t.Fatalf("after SIGTERM: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("SIGTERM does not end the service")
	}
	return time.Since(began)
}

// mediaProcess is the id of the service's media process: the child whose first argument is "media".
func (s *server) mediaProcess() (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state parent ...; the name may hold spaces and brackets.
		after := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(after) < 2 || after[0] == "Z" || after[1] != strconv.Itoa(s.cmd.Process.Pid) {
			continue
		}
		arguments, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if words := strings.Split(string(arguments), "\x00"); err == nil && len(words) > 1 && words[1] == "media" {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, errors.New("the service has no media process")
}

// freeAddress is a port of loopback that nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func request(ctx context.Context, method, address string, body url.Values, header http.Header) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body.Encode()))
	if err != nil {
		return 0, nil, err
	}
	if header != nil {
		r.Header = header
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	return answer.StatusCode, raw, err
}

// waitFor asks again until there is no error, for as long as anything may take here.
func waitFor(t *testing.T, what string, ask func() error) {
	t.Helper()
	tick, late := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not after %v: %v", what, patience, err)
		}
	}
}

// transcript is what a process says, while it runs.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
