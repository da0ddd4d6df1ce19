package daemon_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"khamxa/internal/daemon"
)

// pipes is a listener without a network, so that connections live on synctest's clock.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestDrainDoesNotWaitForHalfARequest: a client that has stopped in the middle of its request holds the stop up by about a second; one
// whose request has arrived gets its whole answer, however long that takes.
func TestDrainDoesNotWaitForHalfARequest(t *testing.T) {
	const work = 5 * time.Second
	read := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "half", http.StatusBadRequest)
			return
		}
		select {
		case <-time.After(work):
			_, _ = io.WriteString(w, "whole")
		case <-r.Context().Done():
			http.Error(w, "cut off", http.StatusInternalServerError)
		}
	}
	ignore := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not read") }
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
	const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
	for _, c := range []struct {
		name          string
		handler       http.HandlerFunc
		before, after string // what is sent before and half a second after the stop
		want          string // in the answer; "" for none
		atMost        time.Duration
	}{
		{"half a body", read, head + "ab", "", "half", 2 * time.Second},
		{"half a body in chunks", read, chunked, "", "half", 2 * time.Second},
		{"half a body that nobody reads", ignore, head + "ab", "", "not read", 2 * time.Second},
		{"half a head", read, "POST / HTTP/1.1\r\nHo", "", "", 2 * time.Second},
		{"a body that comes in drops", read, head + "a", "b", "half", 2 * time.Second},
		{"a request that is being answered", read, head + "abcd", "", "whole", work + time.Second},
		{"a request without a body that is being answered", read, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", "whole", work + time.Second},
		{"a body whose rest comes at once", read, head + "ab", "cd", "whole", work + 2*time.Second},
		{"chunks whose rest comes at once", read, chunked, "2\r\ncd\r\n0\r\n\r\n", "whole", work + 2*time.Second},
		{"a head whose rest comes too late", read, "GET / HTTP/1.1\r\nHo", "st: x\r\n\r\n", "", 2 * time.Second}, // net/http begins no request after the stop
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				ended := make(chan error, 1)
				go func() { ended <- daemon.ServeHTTP(ctx, listener, c.handler, 20*time.Second, quiet()) }()
				socket, theirs := net.Pipe()
				defer socket.Close()
				listener.accept <- theirs
				answer := make(chan string, 1)
				go func() { raw, _ := io.ReadAll(bufio.NewReader(socket)); answer <- string(raw) }()
				if _, err := io.WriteString(socket, c.before); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				began := time.Now()
				stop()
				if c.after != "" {
					time.Sleep(500 * time.Millisecond)
					if _, err := io.WriteString(socket, c.after); err != nil {
						t.Fatal(err)
					}
				}
				if err := <-ended; err != nil {
					t.Errorf("stopping gave %v", err)
				}
				if took := time.Since(began); took > c.atMost {
					t.Errorf("stopping took %v, at most %v", took, c.atMost)
				}
				if got := <-answer; c.want == "" && got != "" || !strings.Contains(got, c.want) {
					t.Errorf("the answer is %q, want %q in it", got, c.want)
				}
			})
		})
	}
}
