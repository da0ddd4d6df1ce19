package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// One process owns the data folder. A command for data opens the store itself when nobody has it. When a service has it, the command is
// sent to that service over a Unix socket in the folder, runs there on the open store, and what it says comes back line by line. Who may
// open the folder (mode 0700) may do this: it is the right that opening the store would need. Nothing else is on the socket.

// socketName is the socket's name in the data folder.
const socketName = "admin.sock"

// operation is one command for data, wherever it runs. args is what decode needs; what it says goes through say.
type operation struct {
	name string
	run  func(ctx context.Context, c *core, args json.RawMessage, say *speaker) error
}

// operations are what the socket offers.
func operations() []operation {
	return []operation{
		operationOf("staff-create", createStaff), operationOf("client-create", createClient), operationOf("seed", seedInto),
		operationOf("import", importInto), operationOf("export", exportInto),
		operationOf("verify", verifyStore), operationOf("reindex", reindexStore), operationOf("backup", backupStore),
	}
}

// operationOf makes an operation of a function with arguments of its own type.
func operationOf[A any](name string, f func(context.Context, *core, A, *speaker) error) operation {
	return operation{name: name, run: func(ctx context.Context, c *core, raw json.RawMessage, say *speaker) error {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return fault.Wrap(err, fault.Invalid, "khamxa.operation", "The arguments of the command are not understood: both programs must have the same version.")
		}
		return f(ctx, c, args, say)
	}}
}

// said is one thing that an operation says, as it travels over the socket: a line of its result, its progress, or its end.
type said struct {
	Line  string        `json:"line,omitempty"`
	Note  string        `json:"note,omitempty"` // for the person at the terminal, no part of the result
	What  string        `json:"what,omitempty"` // what is being worked through
	Done  int64         `json:"done,omitempty"`
	Total int64         `json:"total,omitempty"` // 0 if not known
	Fault *faultMessage `json:"fault,omitempty"`
	End   bool          `json:"end,omitempty"`
}

// faultMessage is a *fault.Error on the socket. Its reader is whoever runs the service, so the cause travels too.
type faultMessage struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Path    string     `json:"path,omitempty"`
	Cause   string     `json:"cause,omitempty"`
}

// speaker is how an operation speaks.
type speaker struct{ send func(said) }

func (s *speaker) linef(format string, args ...any) { s.send(said{Line: fmt.Sprintf(format, args...)}) }

func (s *speaker) notef(format string, args ...any) { s.send(said{Note: fmt.Sprintf(format, args...)}) }

// progress gives a function that tells how far one part of the work is.
func (s *speaker) progress(what string) func(done, total int64) {
	return func(done, total int64) { s.send(said{What: what, Done: done, Total: total}) }
}

// operate carries out an operation on the data folder. mustExist refuses a folder that holds no store, instead of making one.
func (t terminal) operate(ctx context.Context, dir, name string, mustExist bool, args any) error {
	if dir == "" {
		return usagef("--data is needed: the data folder")
	}
	_, missing := os.Stat(filepath.Join(dir, sqlite.FileName))
	if mustExist && missing != nil {
		return fault.Wrap(missing, fault.NotFound, "khamxa.operate", "There is no store in "+dir+".")
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "khamxa.operate", "The arguments could not be written down.")
	}
	show := newScreen(t)
	defer show.end()
	c, err := openCore(ctx, dir, t.logger(slog.LevelWarn), time.Now)
	if err != nil {
		if fault.Is(err, fault.Unavailable) {
			if conn, there := dialAdmin(ctx, dir); there == nil {
				return ask(ctx, conn, name, raw, show.say)
			}
		}
		return err
	}
	if missing != nil {
		t.sayf("A new data folder is made: %s", dir)
	}
	for _, o := range operations() {
		if o.name == name {
			err = o.run(ctx, c, raw, &speaker{show.say})
		}
	}
	return errors.Join(err, c.store.Close())
}

// listenAdmin opens the socket in a folder that this process owns, so a socket that is there is one of a process that is gone.
func listenAdmin(ctx context.Context, dir string) (net.Listener, error) {
	address, done, err := socketAddress(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(err, fault.Unavailable, "khamxa.listenAdmin", "The old admin socket cannot be removed.")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "khamxa.listenAdmin", "The admin socket cannot be opened in the data folder.")
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // by then the address may not name it any more; see socketAddress
	return listener, os.Chmod(address, 0o600)
}

// removeAdmin takes the socket out of the folder, so that nobody looks for a service there. The next start would do so too.
func removeAdmin(dir string) {
	if address, done, err := socketAddress(dir); err == nil {
		_ = os.Remove(address)
		done()
	}
}

func dialAdmin(ctx context.Context, dir string) (net.Conn, error) {
	address, done, err := socketAddress(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{}).DialContext(ctx, "unix", address)
}

// maxSocketPath is how long a Unix socket's address may be everywhere (sun_path of macOS; Linux has 4 more).
const maxSocketPath = 103

// socketAddress is the socket's path. A path that is too long for one is replaced, on Linux, by a shorter way to the same folder, which is
// good until done is called.
func socketAddress(dir string) (address string, done func(), err error) {
	address = filepath.Join(dir, socketName)
	if len(address) <= maxSocketPath || runtime.GOOS != "linux" {
		return address, func() {}, nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, fault.Wrap(err, fault.Unavailable, "khamxa.socketAddress", "The data folder cannot be opened.")
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), func() { _ = folder.Close() }, nil
}

// adminHandler serves the operations on the service's core: POST /{name} with the arguments, answered with a said per line.
func adminHandler(c *core) http.Handler {
	mux := http.NewServeMux()
	for _, o := range operations() {
		mux.HandleFunc("POST /"+o.name, func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			_ = control.SetWriteDeadline(time.Time{}) // a population takes longer than a page
			args, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			answer := &answerLines{encoder: json.NewEncoder(w), flush: control.Flush}
			if err == nil {
				c.log.Info("an operation from the admin socket", "operation", o.name)
				err = o.run(r.Context(), c, args, &speaker{answer.send})
			}
			answer.send(said{End: true, Fault: faultMessageOf(err)})
		})
	}
	return mux
}

// answerLines writes what an operation says. Progress may be told by the store's own goroutine, still after whoever asked has gone away and
// the request is over: what comes after the end is dropped.
type answerLines struct {
	mu      sync.Mutex
	ended   bool
	encoder *json.Encoder
	flush   func() error
}

func (a *answerLines) send(s said) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	a.ended = s.End
	_ = errors.Join(a.encoder.Encode(s), a.flush()) // who went away ends the request's context
}

func faultMessageOf(err error) *faultMessage {
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return &faultMessage{Code: fault.Internal, Message: err.Error()}
	}
	m := &faultMessage{Code: f.Code, Message: f.Message, Path: f.Path}
	if f.Err != nil {
		m.Cause = f.Err.Error()
	}
	return m
}

// ask sends an operation over an open connection to the service and shows what it says.
func ask(ctx context.Context, conn net.Conn, name string, args []byte, show func(said)) error {
	defer func() { _ = conn.Close() }() // the answer has been read
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	lost := func(err error) error {
		if ctx.Err() != nil {
			return fault.Wrap(ctx.Err(), fault.Timeout, "khamxa.ask", "Stopped. What was done so far stays.")
		}
		return fault.Wrap(err, fault.Unknown, "khamxa.ask", "The service ended before the command had. Look what was done before you give it again.")
	}
	_, err := fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", name, len(args), args)
	if err != nil {
		return lost(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return lost(err)
	}
	defer func() { _ = answer.Body.Close() }() // as above
	if answer.StatusCode != http.StatusOK {
		return fault.Newf(fault.Unsupported, "khamxa.ask", "The service that runs does not know the command %s: it has another version than this program.", name)
	}
	for lines := json.NewDecoder(answer.Body); ; {
		var s said
		if err := lines.Decode(&s); err != nil {
			return lost(err)
		}
		if !s.End {
			show(s)
			continue
		}
		if s.Fault == nil {
			return nil
		}
		f := fault.New(s.Fault.Code, "khamxa.ask", s.Fault.Message).At(s.Fault.Path)
		if s.Fault.Cause != "" {
			f.Err = errors.New(s.Fault.Cause)
		}
		return f
	}
}
