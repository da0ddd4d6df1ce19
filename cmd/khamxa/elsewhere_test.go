package main

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"khamxa/internal/bus"
)

// TestMediaElsewhere is a service with a bus and a media node that it did not start: the service is ready when the node is there, says so
// when it is gone, and is ready again when another one comes.
func TestMediaElsewhere(t *testing.T) {
	nats, err := bus.StartEmbedded(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Close)
	h := nats.Handoff()
	way := strings.Replace(h.URL, "nats://", "nats://"+h.User+":"+h.Password+"@", 1)
	address := freeListen(t)
	serving := process(t, "serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", address, "--bus", way, "--media", "external")
	awaitStatus(t, address, http.StatusServiceUnavailable, `"media"`)
	for range 2 {
		node := process(t, "media", "--bus", way, "--listen-udp", "127.0.0.1:0")
		awaitStatus(t, address, http.StatusOK, `"ready"`)
		end(t, node)
		awaitStatus(t, address, http.StatusServiceUnavailable, `"media"`)
	}
	end(t, serving)
}

// process starts khamxa and shows what it said if the test fails.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := liveCommand(t, args...)
	said := &transcriptBuffer{}
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it has ended, unless the test failed
		if t.Failed() {
			t.Logf("khamxa %s said:\n%s", args[0], said)
		}
	})
	return c
}

// end asks a process to stop and wants that it does so in order.
func end(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("khamxa %s ended with %v", c.Args[1], err)
	}
}

func freeListen(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it only found the port
	return l.Addr().String()
}

// awaitStatus waits until /readyz answers with the status and these words.
func awaitStatus(t *testing.T, address string, status int, words string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	last := ""
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			t.Fatalf("/readyz does not come to say %d %s; its last word: %s", status, words, last)
		case <-tick.C:
		}
		got, body, err := fetch(ctx, "http://"+address+"/readyz")
		if err != nil {
			last = err.Error()
			continue
		}
		if last = string(body); got == status && strings.Contains(last, words) {
			return
		}
	}
}
