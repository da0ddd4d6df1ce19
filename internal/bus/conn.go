package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"khamxa/internal/fault"
)

const (
	// DefaultDeadline bounds a request whose context has no deadline.
	DefaultDeadline = 5 * time.Second
	// MaxConcurrent is how many requests one Serve handles at a time; the next ones are refused with fault.TooMany.
	MaxConcurrent = 256

	connectTimeout = 5 * time.Second
	reconnectWait  = 100 * time.Millisecond
	// A dead peer on a real network is found after two missed pings.
	pingInterval = 5 * time.Second
	deadlineName = "Khamxa-Deadline-Ms" // header of a request: milliseconds that the caller still waits
)

// Options say where the bus is.
type Options struct {
	URL, User, Password string
	Name                string       // this process's name in the server's monitoring, no secrets
	Log                 *slog.Logger // nil discards
}

// Conn is one process's connection to the bus. It reconnects by itself for ever, and keeps its subscriptions. While it is
// disconnected Publish and Request fail at once with fault.Unavailable: nothing is held back and sent late. All methods are
// safe for concurrent use.
type Conn struct {
	nats *nats.Conn
	log  *slog.Logger
	ctx  context.Context // of the handlers; ends with Close
	stop context.CancelFunc

	mu     sync.Mutex
	closed bool
	busy   sync.WaitGroup // the handlers that run
}

// Connect connects to a bus. ctx bounds the connecting only; Close ends the connection. It fails with fault.Unavailable when the
// bus is not there, fault.Unauthenticated when it refuses the password.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	const op = "bus.Connect"
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	timeout := connectTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	if err := ctx.Err(); err != nil || timeout <= 0 {
		return nil, &fault.Error{Code: fault.Unavailable, Op: op, Message: "There was no time to connect to the message bus.", Err: err}
	}
	nc, err := nats.Connect(o.URL,
		nats.Name(o.Name),
		nats.UserInfo(o.User, o.Password),
		nats.Timeout(timeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("bus disconnected", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { o.Log.Info("bus reconnected") }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			o.Log.Warn("bus", "subject", subject, "err", err)
		}),
	)
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, fault.Wrap(err, fault.Unauthenticated, op, "The message bus refused the credential.")
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, op, "The message bus cannot be reached.")
	}
	c := &Conn{nats: nc, log: o.Log}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// Connected tells whether the connection is up now.
func (c *Conn) Connected() bool { return c.nats.IsConnected() }

// Close ends the connection: subscriptions stop, handlers' contexts end, and Close waits for the handlers that run. A handler must not
// call it. Closing twice is harmless.
func (c *Conn) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.nats.Close()
	c.busy.Wait()
}

// enter counts a handler in, unless Close has begun.
func (c *Conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.busy.Add(1)
	return true
}

// Publish sends data to whoever subscribes now. That it returns nil does not say that anybody got it. It fails with fault.Unavailable
// while disconnected and fault.TooLarge above MaxMessage.
func (c *Conn) Publish(subject string, data []byte) error {
	return fromNats(c.nats.Publish(subject, data), "bus.Conn.Publish", subject)
}

// Subscribe calls f for each message of a subject, one after the other in the order of each publisher, until stop is called. The subject may
// hold NATS wildcards. f must not block for long: messages that wait too long for it are dropped and logged.
func (c *Conn) Subscribe(subject string, f func(subject string, data []byte)) (stop func(), err error) {
	const op = "bus.Conn.Subscribe"
	sub, err := c.nats.Subscribe(subject, func(m *nats.Msg) {
		if !c.enter() {
			return
		}
		defer c.busy.Done()
		defer c.recovered(op, subject, nil)
		f(m.Subject, m.Data)
	})
	if err != nil {
		return nil, fromNats(err, op, subject)
	}
	// The server knows of the subscription when this returns, so that nothing published afterwards is missed.
	if err := c.flush(); err != nil {
		_ = sub.Unsubscribe()
		return nil, fromNats(err, op, subject)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Request sends data to one server of the subject and waits for its answer until ctx ends, or DefaultDeadline when ctx has no
// deadline. The answer is the server's bytes, or its *fault.Error. Without a server it fails at once with fault.Unavailable; without
// an answer in time with fault.Unknown, since the request may have been carried out; fault.Timeout when ctx had ended before it was sent.
func (c *Conn) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	const op = "bus.Conn.Request"
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(err, fault.Timeout, op, "There was no time left to ask.")
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultDeadline)
		defer cancel()
	}
	deadline, _ := ctx.Deadline()
	m := nats.NewMsg(subject)
	m.Data = data
	m.Header.Set(deadlineName, strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10))
	answer, err := c.nats.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, fromNats(err, op, subject)
	}
	if answer.Header.Get(faultName) != "" {
		return nil, decodeFault(answer.Data, op)
	}
	return answer.Data, nil
}

// Serve answers the requests of a subject with f until stop is called. Several servers of one subject share its requests. f runs in
// a goroutine of its own, MaxConcurrent at a time; its context ends with the caller's deadline, and with Close. An error that is
// not a *fault.Error, and a panic, are logged and reach the caller as fault.Internal.
func (c *Conn) Serve(subject string, f func(ctx context.Context, data []byte) ([]byte, error)) (stop func(), err error) {
	const op = "bus.Conn.Serve"
	slots := make(chan struct{}, MaxConcurrent)
	sub, err := c.nats.QueueSubscribe(subject, "khamxa", func(m *nats.Msg) {
		select {
		case slots <- struct{}{}:
		default:
			c.answer(m, nil, fault.New(fault.TooMany, op, "Too many requests wait for this part. Try again later."))
			return
		}
		if !c.enter() {
			return
		}
		go func() {
			defer func() { <-slots; c.busy.Done() }()
			c.handle(m, subject, f)
		}()
	})
	if err != nil {
		return nil, fromNats(err, op, subject)
	}
	if err := c.flush(); err != nil {
		_ = sub.Unsubscribe()
		return nil, fromNats(err, op, subject)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// handle runs one request and answers it.
func (c *Conn) handle(m *nats.Msg, subject string, f func(context.Context, []byte) ([]byte, error)) {
	const op = "bus.Conn.Serve"
	defer c.recovered(op, subject, m)
	ms, err := strconv.ParseInt(m.Header.Get(deadlineName), 10, 64)
	wait := time.Duration(ms) * time.Millisecond
	if err != nil || wait <= 0 || wait > time.Hour {
		wait = DefaultDeadline
	}
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	defer cancel()
	data, err := f(ctx, m.Data)
	if err != nil && fault.CodeOf(err) == fault.Internal {
		c.log.Error("bus request failed", "subject", subject, "err", err)
	}
	c.answer(m, data, err)
}

// answer sends a reply, or the fault in its envelope.
func (c *Conn) answer(m *nats.Msg, data []byte, err error) {
	reply := nats.NewMsg(m.Reply)
	reply.Data = data
	if err != nil {
		reply.Header.Set(faultName, string(fault.CodeOf(err)))
		reply.Data = encodeFault(err)
	}
	if m.Reply == "" {
		return
	}
	if err := c.nats.PublishMsg(reply); err != nil && c.ctx.Err() == nil {
		c.log.Warn("bus answer not sent", "subject", m.Subject, "err", err)
	}
}

// recovered, deferred, keeps a panic in a handler from ending the process. m is the request that is still to be answered, or nil.
func (c *Conn) recovered(op, subject string, m *nats.Msg) {
	p := recover()
	if p == nil {
		return
	}
	c.log.Error("bus handler panicked", "subject", subject, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if m != nil {
		c.answer(m, nil, fault.New(fault.Internal, op, ""))
	}
}

func (c *Conn) flush() error {
	ctx, cancel := context.WithTimeout(c.ctx, connectTimeout)
	defer cancel()
	return c.nats.FlushWithContext(ctx)
}

// fromNats gives the client library's errors our codes.
func fromNats(err error, op, subject string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrNoResponders):
		return fault.Wrap(err, fault.Unavailable, op, "The part that should answer is not running.")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout), errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Unknown, op, "No answer came in time.")
	case errors.Is(err, nats.ErrMaxPayload):
		return fault.Wrap(err, fault.TooLarge, op, "The message is too large for the bus.")
	case errors.Is(err, nats.ErrBadSubject):
		return &fault.Error{Code: fault.Invalid, Op: op, Message: "This is not a subject of the bus.", Path: subject, Err: err}
	default:
		return fault.Wrap(err, fault.Unavailable, op, "The message bus is not connected.")
	}
}
