package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	lite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"khamxa/fhir/store/sqlite"
)

// quickExit shortens the second that the race detector otherwise takes at the end of each process to hear of a last race.
const quickExit = "GORACE=atexit_sleep_ms=50"

// TestScript runs the stories in testdata/script: what somebody at a terminal gives, sees, and finds afterwards.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error { e.Vars = append(e.Vars, quickExit); return nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "freeport": scriptFreePort, "occupy": scriptOccupy, "ready": scriptReady,
			"sigterm": scriptSigterm, "get": scriptGet, "damage": scriptDamage, "contents": scriptContents, "cut": scriptCut, "onlyline": scriptOnlyLine,
		},
	})
}

// scriptExits is `exits CODE PROGRAM ARG...`: the program ends with that exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// scriptOnlyLine is `onlyline FILE`: the file (stdout, stderr) is one line, not more.
func scriptOnlyLine(ts *testscript.TestScript, _ bool, args []string) {
	if text := ts.ReadFile(args[0]); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s is not one line:\n%s", args[0], text)
	}
}

func loopbackListener(ts *testscript.TestScript) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	return l
}

// scriptFreePort is `freeport VAR`: an address of loopback where nobody listens.
func scriptFreePort(ts *testscript.TestScript, _ bool, args []string) {
	l := loopbackListener(ts)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

// scriptOccupy is `occupy VAR`: an address of loopback where somebody else listens until the script's end.
func scriptOccupy(ts *testscript.TestScript, _ bool, args []string) {
	l := loopbackListener(ts)
	ts.Setenv(args[0], l.Addr().String())
	ts.Defer(func() { _ = l.Close() })
}

// scriptReady is `ready ADDRESS`: it waits until the service there is able to serve.
func scriptReady(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := awaitReady(ctx, "http://"+args[0]); err != nil {
		ts.Fatalf("the service is not ready: %v", err)
	}
}

// awaitReady asks /readyz until it says yes.
func awaitReady(ctx context.Context, base string) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		status, _, err := fetch(ctx, base+"/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-again.C:
		}
	}
}

func fetch(ctx context.Context, url string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// scriptGet is `get URL`: the answer's body becomes stdout.
func scriptGet(ts *testscript.TestScript, _ bool, args []string) {
	status, body, err := fetch(context.Background(), args[0])
	ts.Check(err)
	if status != http.StatusOK {
		ts.Fatalf("%s answers %d: %s", args[0], status, body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// scriptSigterm is `sigterm`: every command in the background is told to end, as a service manager does.
func scriptSigterm(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}

// scriptDamage is `damage DIR body|entry|hash SEQ`: one bit of the stored body (of the commit's first change), of the commit itself or of
// its hash is turned over. `damage DIR index SEQ` takes a key of that body's resource out of the search index.
func scriptDamage(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := lite.OpenConn(filepath.Join(ts.MkAbs(args[0]), sqlite.FileName), lite.OpenReadWrite)
	ts.Check(err)
	defer func() { ts.Check(conn.Close()) }()
	seq, err := strconv.Atoi(args[2])
	ts.Check(err)
	statement := map[string]string{
		"body":  "UPDATE body SET data = ?2 WHERE place = (SELECT min(place) FROM body WHERE place >> 14 = ?1) RETURNING 1",
		"entry": "UPDATE log SET entry = ?2 WHERE seq = ?1 RETURNING 1",
		"hash":  "UPDATE log SET hash = ?2 WHERE seq = ?1 RETURNING 1",
		"index": "DELETE FROM idx WHERE rid = (SELECT rid FROM hist WHERE place >> 14 = ?1 LIMIT 1) AND k = (SELECT min(k) FROM idx WHERE rid = (SELECT rid FROM hist WHERE place >> 14 = ?1 LIMIT 1)) RETURNING 1",
	}[args[1]]
	read := map[string]string{
		"body":  "SELECT data FROM body WHERE place >> 14 = ? ORDER BY place LIMIT 1",
		"entry": "SELECT entry FROM log WHERE seq = ?",
		"hash":  "SELECT hash FROM log WHERE seq = ?",
	}[args[1]]
	values := []any{seq}
	if read != "" {
		var old []byte
		ts.Check(sqlitex.Execute(conn, read, &sqlitex.ExecOptions{Args: []any{seq}, ResultFunc: func(s *lite.Stmt) error {
			old = make([]byte, s.ColumnLen(0))
			s.ColumnBytes(0, old)
			return nil
		}}))
		if len(old) == 0 {
			ts.Fatalf("commit %d has nothing to damage", seq)
		}
		old[len(old)/2] ^= 1
		values = append(values, old)
	}
	changed := 0
	ts.Check(sqlitex.Execute(conn, statement, &sqlitex.ExecOptions{Args: values, ResultFunc: func(*lite.Stmt) error { changed++; return nil }}))
	if changed != 1 {
		ts.Fatalf("%d rows changed", changed)
	}
}

// scriptCut is `cut FILE`: what lies behind its first half is lost, as by a copy that was interrupted.
func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	info, err := os.Stat(file)
	ts.Check(err)
	ts.Check(os.Truncate(file, info.Size()/2))
}

var lastUpdated = regexp.MustCompile(`"lastUpdated":"[^"]*",?`)

// scriptContents is `contents DIR`: every version that the log holds, in order, without the moment at which it was written.
func scriptContents(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: ts.MkAbs(args[0])})
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	entries, err := db.Entries(context.Background(), 0, 10_000)
	ts.Check(err)
	for _, e := range entries {
		for _, c := range e.Changes {
			_, err := fmt.Fprintf(ts.Stdout(), "%d %s %s/%s/%s %s\n", e.Seq, e.Author, c.Type, c.ID, c.VersionID, lastUpdated.ReplaceAll(c.Body, nil))
			ts.Check(err)
		}
	}
}
