package bus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"khamxa/internal/bus"
	"khamxa/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start gives an embedded bus that ends with the test.
func start(t *testing.T) *bus.Server {
	t.Helper()
	s, err := bus.StartEmbedded(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, s *bus.Server, log *slog.Logger) *bus.Conn {
	t.Helper()
	h := s.Handoff()
	c, err := bus.Connect(t.Context(), bus.Options{URL: h.URL, User: h.User, Password: h.Password, Name: t.Name(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// pair is a server's and a caller's connection to one bus.
func pair(t *testing.T) (server, caller *bus.Conn) {
	s := start(t)
	return connect(t, s, nil), connect(t, s, nil)
}

func serve(t *testing.T, c *bus.Conn, subject string, f func(context.Context, []byte) ([]byte, error)) {
	t.Helper()
	stop, err := c.Serve(subject, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

func TestRequestCarriesAnswersAndFaults(t *testing.T) {
	server, caller := pair(t)
	where := fault.New(fault.Invalid, "media.Join", "This is not a room id.").At("room")
	tests := []struct {
		name    string
		answer  []byte
		err     error
		code    fault.Code
		message string
		path    string
	}{
		{name: "answer", answer: []byte("hello \x00 bytes")},
		{name: "empty answer", answer: []byte{}},
		{name: "fault with a path", err: where, code: fault.Invalid, message: "This is not a room id.", path: "room"},
		{name: "wrapped fault", err: fmt.Errorf("outer: %w", where), code: fault.Invalid, message: "This is not a room id.", path: "room"},
		{name: "the cause stays home", err: fault.Wrap(errors.New("secret"), fault.Unavailable, "x", "The node is down."), code: fault.Unavailable, message: "The node is down."},
		{name: "another error", err: errors.New("secret"), code: fault.Internal, message: fault.MessageOf(errors.New("x"))},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			subject := fmt.Sprintf("test.%d", i)
			serve(t, server, subject, func(_ context.Context, data []byte) ([]byte, error) {
				if string(data) != "ask" {
					return nil, fmt.Errorf("got %q", data)
				}
				return tt.answer, tt.err
			})
			got, err := caller.Request(t.Context(), subject, []byte("ask"))
			if diff := cmp.Diff(string(tt.answer), string(got)); diff != "" {
				t.Error(diff)
			}
			if fault.CodeOf(err) != tt.code || fault.PathOf(err) != tt.path {
				t.Errorf("err = %v, want code %q path %q", err, tt.code, tt.path)
			}
			if err != nil && (fault.MessageOf(err) != tt.message || strings.Contains(err.Error(), "secret")) {
				t.Errorf("err = %v, want message %q and no cause", err, tt.message)
			}
		})
	}
}

func TestRequestWithoutServerFailsAtOnce(t *testing.T) {
	_, caller := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	begun := time.Now()
	_, err := caller.Request(ctx, "nobody.here", nil)
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("err = %v, want unavailable", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v: waited for the deadline", took)
	}
}

func TestRequestDeadline(t *testing.T) {
	server, caller := pair(t)
	left, hold := make(chan time.Duration, 1), make(chan struct{})
	serve(t, server, "slow", func(ctx context.Context, _ []byte) ([]byte, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			t.Error("a handler's context has no deadline")
		}
		left <- time.Until(deadline)
		<-hold
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := caller.Request(ctx, "slow", nil); !fault.Is(err, fault.Unknown) {
		t.Errorf("err = %v, want unknown-outcome", err)
	}
	close(hold)
	if got := <-left; got > 100*time.Millisecond {
		t.Errorf("the handler was given %v, more than the caller waits", got)
	}
	if _, err := caller.Request(ctx, "slow", nil); !fault.Is(err, fault.Timeout) {
		t.Errorf("after the deadline: err = %v, want timeout", err)
	}
}

func TestServeSurvivesPanics(t *testing.T) {
	s := start(t)
	var log bytes.Buffer
	server, caller := connect(t, s, slog.New(slog.NewTextHandler(&log, nil))), connect(t, s, nil)
	serve(t, server, "frail", func(_ context.Context, data []byte) ([]byte, error) {
		return data[10:], nil
	})
	if _, err := caller.Request(t.Context(), "frail", []byte("short")); !fault.Is(err, fault.Internal) {
		t.Errorf("err = %v, want internal", err)
	}
	if got, err := caller.Request(t.Context(), "frail", []byte("0123456789rest")); err != nil || string(got) != "rest" {
		t.Errorf("after a panic: %q, %v", got, err)
	}
	server.Close()
	if !strings.Contains(log.String(), "slice bounds out of range") {
		t.Errorf("the log says nothing of the panic: %s", log.String())
	}
}

func TestServeRefusesTooMany(t *testing.T) {
	server, caller := pair(t)
	hold, entered := make(chan struct{}), make(chan struct{}, bus.MaxConcurrent)
	serve(t, server, "held", func(context.Context, []byte) ([]byte, error) {
		entered <- struct{}{}
		<-hold
		return nil, nil
	})
	done := make(chan error, bus.MaxConcurrent)
	for range bus.MaxConcurrent {
		go func() {
			_, err := caller.Request(t.Context(), "held", nil)
			done <- err
		}()
	}
	for range bus.MaxConcurrent {
		<-entered
	}
	if _, err := caller.Request(t.Context(), "held", nil); !fault.Is(err, fault.TooMany) {
		t.Errorf("err = %v, want too-many", err)
	}
	close(hold)
	for range bus.MaxConcurrent {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestPublishKeepsOrder(t *testing.T) {
	sender, receiver := pair(t)
	const n = 500
	got := make(chan string, n)
	stop, err := receiver.Subscribe("room.*.event", func(subject string, data []byte) { got <- subject + " " + string(data) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := sender.Publish("room.a.event", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if want, have := fmt.Sprintf("room.a.event %d", i), <-got; want != have {
			t.Fatalf("message %d is %q, want %q", i, have, want)
		}
	}
	stop()
	stop()
	if err := sender.Publish("room.a.event", nil); err != nil {
		t.Fatal(err)
	}
	// A message on another subscription of the same connection shows that the first would have come by now.
	last := make(chan struct{})
	stopLast, err := receiver.Subscribe("last", func(string, []byte) { close(last) })
	if err != nil {
		t.Fatal(err)
	}
	defer stopLast()
	if err := sender.Publish("last", nil); err != nil {
		t.Fatal(err)
	}
	<-last
	if len(got) != 0 {
		t.Error("a stopped subscription still receives")
	}
}

func TestWrongUse(t *testing.T) {
	server, caller := pair(t)
	if _, err := server.Serve("bad subject", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("subject with a space: %v, want invalid", err)
	}
	if err := caller.Publish("big", make([]byte, bus.MaxMessage+1)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large: %v, want too-large", err)
	}
}

func TestLostBus(t *testing.T) {
	s := start(t)
	c := connect(t, s, nil)
	s.Close()
	if err := c.Publish("x", nil); !fault.Is(err, fault.Unavailable) {
		// The client may not have noticed yet; it has when a request fails.
		_, err = c.Request(t.Context(), "x", nil)
		if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Unknown) {
			t.Errorf("err = %v", err)
		}
	}
	h := s.Handoff()
	if _, err := bus.Connect(t.Context(), bus.Options{URL: h.URL, User: h.User, Password: h.Password}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Connect to a stopped bus: %v, want unavailable", err)
	}
}

func TestHandoff(t *testing.T) {
	s := start(t)
	h := s.Handoff()
	u, err := url.Parse(h.URL)
	if err != nil || u.Hostname() != "127.0.0.1" || u.Port() == "4222" || u.User != nil {
		t.Errorf("URL %q is not a bare loopback address on a port of its own (%v)", h.URL, err)
	}
	if other := start(t).Handoff(); other.Password == h.Password || len(h.Password) < 20 {
		t.Error("the password is not random")
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "handoff", h)
	for _, printed := range []string{fmt.Sprint(h), fmt.Sprintf("%+v", h), fmt.Sprintf("%#v", h), log.String()} {
		if strings.Contains(printed, h.Password) {
			t.Errorf("printing shows the password: %s", printed)
		}
	}
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back bus.Handoff
	if err := json.Unmarshal(data, &back); err != nil || back != h {
		t.Errorf("the handoff does not survive JSON: %s, %v", data, err)
	}
	for name, o := range map[string]bus.Options{
		"wrong password": {URL: h.URL, User: h.User, Password: "guess"},
		"no password":    {URL: h.URL},
	} {
		if _, err := bus.Connect(t.Context(), o); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v, want unauthenticated", name, err)
		}
	}
}
