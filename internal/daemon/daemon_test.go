package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"khamxa/internal/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.9.9.9:1": true, "[::1]:80": true, "localhost:80": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "192.0.2.1:80": false, "example.test:80": false, "127.0.0.1": false, "": false,
	} {
		if got := daemon.Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", address, got, want)
		}
	}
}

func TestServeHTTPFinishesWhatItBegan(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-finish
		if r.Context().Err() != nil {
			http.Error(w, "cut off", http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "whole")
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- daemon.ServeHTTP(ctx, listener, handler, 10*time.Second, quiet()) }()

	type reply struct {
		body string
		err  error
	}
	replies := make(chan reply, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		res, err := client.Get("http://" + listener.Addr().String())
		if err != nil {
			replies <- reply{err: err}
			return
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		replies <- reply{string(body), err}
	}()
	<-began
	stop()
	close(finish)
	if r := <-replies; r.err != nil || r.body != "whole" {
		t.Errorf("the request in progress got %q, %v", r.body, r.err)
	}
	if err := <-ended; err != nil {
		t.Errorf("stopping gave %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

func TestReady(t *testing.T) {
	down := errors.New("the bus does not answer")
	for _, c := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"all well", nil, http.StatusOK, `"ready"`},
		{"one part down", down, http.StatusServiceUnavailable, "the bus does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := daemon.Health{Checks: []daemon.Check{
				{Name: "store", Ask: func(context.Context) error { return nil }},
				{Name: "bus", Ask: func(context.Context) error { return c.err }},
			}}
			w := httptest.NewRecorder()
			h.Ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

// safeBuffer is written by a child's pipe and read by the test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// eventually polls a condition that another process makes true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func child(t *testing.T, script string, out io.Writer) *daemon.Child {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return &daemon.Child{Path: sh, Args: []string{"-c", script}, Input: []byte("a secret\n"), Output: out, Log: quiet(), Clock: time.Now}
}

func run(t *testing.T, c *daemon.Child) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run gave %v", err)
		}
	}
}

func TestChildIsRestartedAndGetsItsInput(t *testing.T) {
	out := &safeBuffer{}
	c := child(t, `read line; echo "got $line"; cat >/dev/null`, out)
	stop := run(t, c)
	eventually(t, "the child took its input", func() bool { return strings.Contains(out.String(), "got a secret") })
	first := c.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another child runs", func() bool { p := c.PID(); return p != 0 && p != first })
	eventually(t, "it took its input too", func() bool { return strings.Count(out.String(), "got a secret") == 2 })
	stop()
	if c.PID() != 0 {
		t.Error("a child is left")
	}
}

func TestSilentChildIsKilled(t *testing.T) {
	c := child(t, `cat >/dev/null`, io.Discard)
	c.Alive, c.Silence = func() time.Time { return time.Time{} }, 100*time.Millisecond
	stop := run(t, c)
	defer stop()
	var first int
	eventually(t, "a child runs", func() bool { first = c.PID(); return first != 0 })
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hung child was replaced", func() bool { p := c.PID(); return p != 0 && p != first })
}
