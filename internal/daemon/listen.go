// Package daemon holds what every long-running command needs and no component should know: an HTTP server with all its time-outs,
// orderly stopping, health, and a supervised child process. Only cmd calls it.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// HTTP limits of every server. WriteTimeout bounds a whole response; a handler that streams (server-sent events) lifts it for
// itself with http.ResponseController. A hijacked connection (WebSocket) leaves them all behind.
const (
	ReadHeaderTimeout = 5 * time.Second
	ReadTimeout       = 60 * time.Second
	WriteTimeout      = 60 * time.Second
	IdleTimeout       = 120 * time.Second
	MaxHeaderBytes    = 32 << 10
)

// ServeHTTP serves until ctx ends, then stops taking connections, gives requests in progress up to drain to finish, and returns nil. What a
// client is still sending then has to arrive within bodyGrace: an answer is worth waiting for, half a request is not. It returns the
// listener's error if serving ends by itself. The listener is closed in any case.
func ServeHTTP(ctx context.Context, listener net.Listener, handler http.Handler, drain time.Duration, log *slog.Logger) error {
	arriving := newArrivals()
	server := &http.Server{
		Handler:           arriving.handler(handler),
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// Requests outlive ctx by the drain, so they must not inherit its end.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ConnContext: arriving.context,
		ConnState:   arriving.state,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	arriving.hurry()
	if err := server.Shutdown(limit); err != nil {
		log.Warn("requests were cut off at the end of the drain", "err", err)
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Loopback reports whether a listen address ("127.0.0.1:8080", "[::1]:0", "localhost:80") can be reached from this machine only. An
// empty host is every interface, so it is not.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
