package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"khamxa/internal/fault"
)

// benchService is `khamxa serve` as everybody runs it, on a folder and a free port of loopback.
type benchService struct {
	cmd         *exec.Cmd
	said        *keptOutput
	ended       chan error
	host, base  string
	id, secret  string // of a program that may do everything
	token       string
	tokenNeeded time.Time // when the token must be a new one
}

// keptOutput keeps the end of what a process says, for the error when it fails.
type keptOutput struct {
	mu sync.Mutex
	b  []byte
}

func (k *keptOutput) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.b = append(k.b, p...)
	k.b = k.b[max(0, len(k.b)-4096):]
	return len(p), nil
}

func (k *keptOutput) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return string(k.b)
}

// khamxaCommand is this program with other arguments and without the variables of the surroundings.
func khamxaCommand(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "khamxa.bench", "This program cannot find itself.")
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KHAMXA_") })
	return c, nil
}

// khamxaRun runs a subcommand to its end and gives what it printed.
func khamxaRun(ctx context.Context, args ...string) ([]byte, error) {
	c, err := khamxaCommand(ctx, args...)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		end := said.Bytes()
		return nil, fault.Wrap(err, fault.Internal, "khamxa.bench", fmt.Sprintf("khamxa %s failed: %s", args[0], end[max(0, len(end)-600):]))
	}
	return out, nil
}

// startBenchService starts the service on dir and returns when it is ready, with a token.
func startBenchService(ctx context.Context, dir string) (*benchService, error) {
	s := &benchService{said: &keptOutput{}, ended: make(chan error, 1)}
	out, err := khamxaRun(ctx, "client", "create", "--data", dir, "--name", "bench", "--scope", "system/*.cruds")
	if err != nil {
		return nil, err
	}
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(out, &client); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "khamxa.bench", "The client's secret could not be read.")
	}
	s.id, s.secret = client.ID, client.Secret
	if s.host, err = benchAddress(ctx); err != nil {
		return nil, err
	}
	s.base = "http://" + s.host
	if s.cmd, err = khamxaCommand(ctx, "serve", "--data", dir, "--listen", s.host, "--log-level", "warn"); err != nil {
		return nil, err
	}
	s.cmd.Stderr = s.said
	if err := s.cmd.Start(); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The service could not be started.")
	}
	go func() { s.ended <- s.cmd.Wait() }()
	if err := s.ready(ctx); err != nil {
		return nil, s.failed(err)
	}
	return s, nil
}

func benchAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "khamxa.bench", "There is no free port on loopback.")
	}
	defer func() { _ = l.Close() }() // the service takes it
	return l.Addr().String(), nil
}

// ready waits until the service has caught up with its log and gives tokens.
func (s *benchService) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for {
		if r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/readyz", nil); err == nil {
			if a, err := http.DefaultClient.Do(r); err == nil {
				_ = a.Body.Close() // the status says all
				if a.StatusCode == http.StatusOK {
					return s.renew(ctx)
				}
			}
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The service ended before it was ready.")
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Timeout, "khamxa.bench", "The service was not ready in time.")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// renew asks for a new token when the old one will not last for another measurement.
func (s *benchService) renew(ctx context.Context) (err error) {
	if time.Now().Before(s.tokenNeeded) {
		return nil
	}
	if s.token, err = benchToken(ctx, s.base, s.id, s.secret); err == nil {
		s.tokenNeeded = time.Now().Add(5 * time.Minute)
	}
	return err
}

// failed ends the service and adds what it said last.
func (s *benchService) failed(err error) error {
	_ = s.stop() // err says what matters
	return fault.Wrap(err, fault.CodeOf(err), "khamxa.bench", fault.MessageOf(err)+" The service said: "+s.said.String())
}

// stop ends the service in order and waits for it.
func (s *benchService) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	err := <-s.ended
	s.ended <- err
	return fault.Wrap(err, fault.Internal, "khamxa.bench", "The service did not end in order.")
}

// processor is the time of the processors that the serving process has used. 0 where it cannot be learned.
func (s *benchService) processor() time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, fields, _ := strings.Cut(string(raw), ") ") // after the program's name; utime and stime are its 12th and 13th, in 1/100 s
	words := strings.Fields(fields)
	if len(words) < 13 {
		return 0
	}
	var user, system int64
	_, _ = fmt.Sscan(words[11]+" "+words[12], &user, &system) // 0 says that it is not known
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the memory that the serving process holds now, in MB: pages of its own, and those of files that it has mapped and used.
func (s *benchService) resident() float64 {
	return procNumber(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid), "VmRSS") / 1024
}

// residentMost is the most that it ever held, in MB.
func (s *benchService) residentMost() float64 {
	return procNumber(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid), "VmHWM") / 1024
}
