package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
)

// TestAdminSocketOfALongFolder: the socket is found in a folder whose name is longer than a socket's address may be, by its mode only
// its owner may use it, and after the service nothing is left of it.
func TestAdminSocketOfALongFolder(t *testing.T) {
	for name, folder := range map[string]string{"short": "d", "long": strings.Repeat("a-very-long-name", 10)} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), folder)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			listener, err := listenAdmin(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					_, _ = io.WriteString(conn, "here")
					_ = conn.Close()
				}
			}()
			conn, err := dialAdmin(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(conn); err != nil || string(got) != "here" {
				t.Errorf("%q, %v", got, err)
			}
			info, err := os.Lstat(filepath.Join(dir, socketName))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			// A service that was killed leaves its socket; the next one takes its place.
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := listenAdmin(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.Close() }()
			removeAdmin(dir)
			if _, err := os.Lstat(filepath.Join(dir, socketName)); err == nil {
				t.Error("the socket is still there")
			}
			if _, err := dialAdmin(t.Context(), dir); err == nil {
				t.Error("there is still somebody")
			}
		})
	}
}

// askPeer asks an operation of a service that answers as answer does, and gives what was shown.
func askPeer(t *testing.T, name string, answer func(net.Conn)) (shown []said, err error) {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		defer func() { _ = theirs.Close() }()
		r, err := http.ReadRequest(bufio.NewReader(theirs))
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			answer(theirs)
		}
	}()
	err = ask(t.Context(), ours, name, []byte(`{}`), func(s said) { shown = append(shown, s) })
	return shown, err
}

const adminHead = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

// TestAsk: what came before an end counts, an end is done or a fault with its code, and a service that dies in the middle leaves the
// outcome unknown, which is what it is.
func TestAsk(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		code         fault.Code
		shown        int
	}{
		{"done", adminHead + `{"line":"a"}` + "\n" + `{"what":"people","done":1,"total":2}` + "\n" + `{"end":true}` + "\n", "", 2},
		{"a fault", adminHead + `{"line":"a"}` + `{"end":true,"fault":{"code":"conflict","message":"Taken.","path":"login","cause":"why"}}`, fault.Conflict, 1},
		{"dies before an answer", "", fault.Unknown, 0},
		{"dies in the head", "HTTP/1.1 200", fault.Unknown, 0},
		{"dies in the middle", adminHead + `{"line":"a"}` + "\n" + `{"line":"b`, fault.Unknown, 1},
		{"ends without an end", adminHead + `{"line":"a"}` + "\n", fault.Unknown, 1},
		{"says nonsense", adminHead + `<html>`, fault.Unknown, 0},
		{"another version", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", fault.Unsupported, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			shown, err := askPeer(t, "staff-create", func(conn net.Conn) { _, _ = io.WriteString(conn, c.answer) })
			if fault.CodeOf(err) != c.code || len(shown) != c.shown {
				t.Fatalf("%v after %v", err, shown)
			}
			if c.code == fault.Conflict && (sentence(err) != "Taken. (why)" || fault.PathOf(err) != "login") {
				t.Errorf("%q at %q", sentence(err), fault.PathOf(err))
			}
		})
	}
	t.Run("is stopped", func(t *testing.T) {
		ours, theirs := net.Pipe()
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			_, _ = http.ReadRequest(bufio.NewReader(theirs))
			stop() // and no answer ever comes
		}()
		if err := ask(ctx, ours, "verify", nil, func(said) {}); !fault.Is(err, fault.Timeout) {
			t.Errorf("got %v", err)
		}
		_ = theirs.Close()
	})
}

// TestAdminHandler: operations by name, arguments that must be understood, and nothing else.
func TestAdminHandler(t *testing.T) {
	c := openTestCore(t)
	handler := adminHandler(c)
	post := func(path, body string) (status int, all []said) {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		for lines := json.NewDecoder(w.Body); w.Code == http.StatusOK; {
			var s said
			if err := lines.Decode(&s); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		return w.Code, all
	}
	if status, _ := post("/drop-everything", `{}`); status != http.StatusNotFound {
		t.Errorf("an unknown operation answers %d", status)
	}
	for _, body := range []string{`{`, ``, `[]`} {
		status, all := post("/staff-create", body)
		if status != http.StatusOK || len(all) != 1 || !all[0].End || all[0].Fault == nil || all[0].Fault.Code != fault.Invalid {
			t.Errorf("%q: %d, %+v", body, status, all)
		}
	}
	if head, err := c.store.Head(t.Context()); err != nil || head != 0 {
		t.Errorf("what was refused wrote %d commits, %v", head, err)
	}
	_, all := post("/verify", `{}`)
	if end := all[len(all)-1]; !end.End || end.Fault != nil {
		t.Errorf("verify ends with %+v", end)
	}
}

// TestOperateSaysTheSameHereAndThere: a command's lines do not depend on which process carries it out.
func TestOperateSaysTheSameHereAndThere(t *testing.T) {
	c := openTestCore(t)
	server := httptest.NewServer(adminHandler(c))
	defer server.Close()
	var there, here []string
	note := func(into *[]string) func(said) {
		return func(s said) {
			if s.Line != "" {
				*into = append(*into, s.Line)
			}
		}
	}
	if err := verifyStore(t.Context(), c, struct{}{}, &speaker{note(&here)}); err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(t.Context(), conn, "verify", []byte(`{}`), note(&there)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(here, there); diff != "" || len(here) != 2 {
		t.Errorf("(-here +there)\n%s", diff)
	}
}

// TestFaultMessage: a fault crosses the socket with its code, place and cause; any other error is ours.
func TestFaultMessage(t *testing.T) {
	cause := errors.New("why")
	for _, c := range []struct {
		err  error
		want *faultMessage
	}{
		{nil, nil},
		{cause, &faultMessage{Code: fault.Internal, Message: "why"}},
		{fault.New(fault.Conflict, "x.Y", "Taken.").At("login"), &faultMessage{Code: fault.Conflict, Message: "Taken.", Path: "login"}},
		{fmt.Errorf("outer: %w", fault.Wrap(cause, fault.Unavailable, "x.Y", "Down.")), &faultMessage{Code: fault.Unavailable, Message: "Down.", Cause: "why"}},
	} {
		if diff := cmp.Diff(c.want, faultMessageOf(c.err)); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.err, diff)
		}
	}
}

// TestScreenWithoutATerminal: progress is for somebody who looks; a file gets results only.
func TestScreenWithoutATerminal(t *testing.T) {
	var out, rest bytes.Buffer
	s := newScreen(terminal{out: &out, err: &rest})
	speak := &speaker{s.say}
	speak.progress("people")(1, 2)
	speak.linef("%d people", 2)
	speak.notef("a note")
	s.end()
	if out.String() != "2 people\n" || rest.String() != "a note\n" {
		t.Errorf("results %q, the rest %q", out.String(), rest.String())
	}
}
