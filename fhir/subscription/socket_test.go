package subscription_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/subscription"
	"khamxa/internal/fault"
)

// socketWorld is a service with real sockets on loopback: the token is the author's name.
func socketWorld(t *testing.T) (w *world, server *httptest.Server) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	d, err := subscription.New(subscription.Options{
		Store: db, Log: db, Charts: db, Records: db, Logger: slog.New(slog.DiscardHandler), Clock: time.Now,
		Access: func(context.Context, string) (subscription.Access, error) {
			return subscription.Access{Allows: func(string) bool { return true }}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	server = httptest.NewServer(d.Handler(func(r *http.Request) (string, error) {
		author, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return "", fault.New(fault.Unauthenticated, "test", "No token.")
		}
		return author, nil
	}))
	t.Cleanup(func() {
		stop()
		<-ended
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, db: db}, server
}

func connect(t *testing.T, server *httptest.Server, author string, header http.Header) (net.Conn, error) {
	t.Helper()
	if header == nil {
		header = http.Header{}
	}
	if author != "" {
		header.Set("Authorization", "Bearer "+author)
	}
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(header), Timeout: 10 * time.Second}
	conn, _, _, err := dialer.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"))
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(conn, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := wsutil.ReadServerText(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wait asks until the subscription is active.
func (w *world) wait(id string) {
	w.t.Helper()
	seq, err := w.db.Head(w.t.Context())
	for err == nil {
		if status, _ := w.status(id); status == "active" {
			return
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		err = w.db.Await(ctx, seq)
		cancel()
		seq++
	}
	w.t.Fatal(err)
}

// TestSocket: bind, ping, word of what was missed while nobody was connected, and nothing of other programs' subscriptions.
func TestSocket(t *testing.T) {
	w, server := socketWorld(t)
	write := func(author, body string) { w.putOnly(author, body) }
	write(program, asked("s", `"type":"websocket"`))
	w.wait("s")
	write("x", glucose("while-away"))

	conn, err := connect(t, server, program, nil)
	if err != nil {
		t.Fatal(err)
	}
	say(t, conn, "bind s")
	if got := hear(t, conn); got != "bound s" {
		t.Fatalf("heard %q", got)
	}
	if got := hear(t, conn); got != "ping s" {
		t.Fatalf("heard %q, want word of what was missed", got)
	}
	write("x", observation("w", "weight"))
	write("x", glucose("now"))
	if got := hear(t, conn); got != "ping s" {
		t.Fatalf("heard %q", got)
	}
	for _, text := range []string{"bind other", "bind ../x", "hello", ""} {
		say(t, conn, text)
		if got := hear(t, conn); !strings.HasPrefix(got, "error ") {
			t.Errorf("%q is answered %q", text, got)
		}
	}
	stranger, err := connect(t, server, "Device/client-other", nil)
	if err != nil {
		t.Fatal(err)
	}
	say(t, stranger, "bind s")
	if got := hear(t, stranger); !strings.HasPrefix(got, "error s ") {
		t.Errorf("another program's bind is answered %q", got)
	}
	say(t, stranger, strings.Repeat("x", 5000))
	if _, err := wsutil.ReadServerText(stranger); err == nil {
		t.Error("a message that is too long was answered")
	}
}

// TestSocketBindsEarly: a client that binds before its subscription runs is bound when it does.
func TestSocketBindsEarly(t *testing.T) {
	w, server := socketWorld(t)
	conn, err := connect(t, server, program, nil)
	if err != nil {
		t.Fatal(err)
	}
	say(t, conn, "bind s")
	w.putOnly(program, asked("s", `"type":"websocket"`))
	if got := hear(t, conn); got != "bound s" {
		t.Errorf("heard %q", got)
	}
}

// TestSocketRefused: who is nobody, comes from another site's page, or speaks no WebSocket.
func TestSocketRefused(t *testing.T) {
	_, server := socketWorld(t)
	if _, err := connect(t, server, "", nil); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a token: %v", err)
	}
	if _, err := connect(t, server, program, http.Header{"Origin": {"https://evil.example"}}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("from another origin: %v", err)
	}
	if _, err := connect(t, server, program, http.Header{"Origin": {server.URL}}); err != nil {
		t.Errorf("from its own origin: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+program)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain GET is answered %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestSocketCrowd: one program cannot take all places.
func TestSocketCrowd(t *testing.T) {
	_, server := socketWorld(t)
	for i := 0; ; i++ {
		_, err := connect(t, server, program, nil)
		if err != nil {
			if i != 20 || !strings.Contains(err.Error(), "503") {
				t.Errorf("connection %d: %v", i+1, err)
			}
			break
		}
	}
	if _, err := connect(t, server, "Device/client-other", nil); err != nil {
		t.Errorf("another program: %v", err)
	}
}
