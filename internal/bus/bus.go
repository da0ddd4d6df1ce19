// Package bus carries small messages between Khamxa's processes: publish and subscribe, and request and reply with a deadline.
// It is NATS, either embedded in the serving process (StartEmbedded) or a cluster of its own that Connect reaches.
//
// The bus carries only what may be lost. Nothing on it is stored, so a fact that must not be lost is a commit in the log and
// goes out from there. It is not a queue and not a database.
//
// A *fault.Error crosses it: the code, the sentence and the path that a handler returned are what the caller gets; the cause
// stays in the log of the process that failed. cmd/khamxa starts it; media/remote and the edges that tell open pages of changes use it.
package bus

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"

	"khamxa/internal/fault"
)

// MaxMessage is the largest message in bytes: an SDP of 64 KiB fits with its JSON escapes.
const MaxMessage = 512 << 10

// startTimeout bounds the embedded server's start when the caller's context has no deadline.
const startTimeout = 10 * time.Second

// Handoff is what a child process needs to reach the embedded bus. It is handed over on the child's standard input, never on
// a command line and never in the environment. Printing one does not show the password.
type Handoff struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// String shows the address only.
func (h Handoff) String() string { return h.URL }

// GoString shows the address only.
func (h Handoff) GoString() string { return h.URL }

// LogValue shows the address only.
func (h Handoff) LogValue() slog.Value { return slog.StringValue(h.URL) }

// Server is an embedded bus. Close ends it.
type Server struct {
	nats    *server.Server
	handoff Handoff
}

// StartEmbedded starts a bus in this process: on loopback, on a port the kernel chooses, with a user and password made at random
// and kept in memory. ctx bounds the start only; Close ends the server. It fails with fault.Unavailable.
func StartEmbedded(ctx context.Context, log *slog.Logger) (*Server, error) {
	const op = "bus.StartEmbedded"
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	user, password := rand.Text(), rand.Text()
	// The server keeps a hash, as it wants to. The least cost is enough: nobody guesses 128 random bits, hashed or not.
	hashed, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The message bus could not be set up.")
	}
	s, err := server.NewServer(&server.Options{
		ServerName:            "khamxa-embedded",
		Host:                  "127.0.0.1",
		Port:                  server.RANDOM_PORT,
		Username:              user,
		Password:              string(hashed),
		MaxPayload:            MaxMessage,
		NoSigs:                true,
		NoSystemAccount:       true,
		DisableShortFirstPing: true,
	})
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The message bus could not be set up.")
	}
	s.SetLoggerV2(natsLog{log: log}, false, false, false)
	go s.Start()
	if err := awaitReady(ctx, s); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fault.Wrap(err, fault.Unavailable, op, "The message bus did not start.")
	}
	return &Server{nats: s, handoff: Handoff{URL: fmt.Sprintf("nats://%s", s.Addr()), User: user, Password: password}}, nil
}

// awaitReady waits until the server listens. The server offers no channel for it, so the wait is in short steps.
func awaitReady(ctx context.Context, s *server.Server) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !s.ReadyForConnections(20 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if _, ok := s.Addr().(*net.TCPAddr); !ok {
		return fmt.Errorf("no address")
	}
	return nil
}

// Handoff gives what Connect needs, here or in a child process.
func (s *Server) Handoff() Handoff { return s.handoff }

// Close ends the server and waits until it has. Closing twice is harmless.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// natsLog brings the server's own log lines into ours. Its notices are of no interest to an operator of an embedded bus.
type natsLog struct{ log *slog.Logger }

func (l natsLog) line(level slog.Level, format string, args []any) {
	l.log.Log(context.Background(), level, "bus", "text", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Noticef is part of the server's logger interface, as are the other methods.
func (l natsLog) Noticef(format string, args ...any) { l.line(slog.LevelDebug, format, args) }

// Warnf logs a warning.
func (l natsLog) Warnf(format string, args ...any) { l.line(slog.LevelWarn, format, args) }

// Errorf logs an error.
func (l natsLog) Errorf(format string, args ...any) { l.line(slog.LevelError, format, args) }

// Fatalf logs an error. It does not end the process: StartEmbedded reports the failure.
func (l natsLog) Fatalf(format string, args ...any) { l.line(slog.LevelError, format, args) }

// Debugf logs at the debug level.
func (l natsLog) Debugf(format string, args ...any) { l.line(slog.LevelDebug, format, args) }

// Tracef is not used: tracing would show message bodies.
func (l natsLog) Tracef(string, ...any) {}
