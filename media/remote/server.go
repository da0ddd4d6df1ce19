// Package remote carries media.Plane over the bus: Serve answers for a node, NewClient is a Plane that asks one. The protocol is
// ../CONTROL.md. It adds nothing of its own to the port but numbered events and heartbeats, by which a restart, a gap or a hang is noticed.
//
// The process khamxa media serves; signaling (through cmd) is the client; whoever supervises the media process uses Watch.
package remote

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"khamxa/internal/bus"
	"khamxa/internal/fault"
	"khamxa/media"
)

// BeatEvery is the time from heartbeat to heartbeat.
const BeatEvery = time.Second

// server is one Serve.
type server struct {
	conn  *bus.Conn
	plane media.Plane
	node  string
	log   *slog.Logger

	mu   sync.Mutex // keeps the numbers in the order of publishing
	n    uint64
	boot string
}

// Serve answers the requests for a node and tells its events and heartbeats, until ctx ends (nil). id is the node's name on the bus. It
// fails with fault.Invalid for an id that cannot be, fault.Unavailable when the bus or the node is not there. A nil log discards.
func Serve(ctx context.Context, conn *bus.Conn, node media.Plane, id string, log *slog.Logger) error {
	if err := media.CheckID("id", id); err != nil {
		return err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &server{conn: conn, plane: node, node: id, log: log}
	ctx, cancel := context.WithCancel(ctx)
	known := make(chan struct{})
	failed := make(chan error, 1)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	wait.Go(func() { s.follow(ctx, known, failed) })
	select {
	case <-known:
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
	for verb, f := range s.handlers() {
		stop, err := conn.Serve(requestSubject(id, verb), f)
		if err != nil {
			return err
		}
		defer stop()
	}
	s.beatUntil(ctx)
	return nil
}

// follow passes the node's events on. Events that were lost leave a gap in the numbers, which the clients notice.
func (s *server) follow(ctx context.Context, known chan<- struct{}, failed chan<- error) {
	first := sync.OnceFunc(func() { close(known) })
	for {
		err := s.plane.Events(ctx, func(e media.Event) {
			s.tell(e)
			first()
		})
		if ctx.Err() != nil || err == nil {
			return
		}
		s.mu.Lock()
		s.n++
		booted := s.boot != ""
		s.mu.Unlock()
		if !booted || fault.Is(err, fault.Unavailable) {
			failed <- err
			return
		}
		s.log.Warn("media events interrupted", "err", err)
	}
}

// tell publishes one event. The node's own (re)start is told by the boot id of the heartbeat.
func (s *server) tell(e media.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boot = e.Boot
	if e.Kind == media.EventNode {
		return
	}
	s.n++
	if err := s.conn.Publish(eventSubject(s.node), encode(eventMessage{version: current(), N: s.n, Event: e})); err != nil {
		s.log.Warn("media event lost", "err", err)
	}
}

func (s *server) beatUntil(ctx context.Context) {
	tick := time.NewTicker(BeatEvery)
	defer tick.Stop()
	for {
		s.beat()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// beat tells that the node is alive. Asking for its numbers takes its locks: a node that hangs stops telling.
func (s *server) beat() {
	var stats media.Stats
	if n, ok := s.plane.(interface{ Stats() media.Stats }); ok {
		stats = n.Stats()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Boot = s.boot
	if err := s.conn.Publish(beatSubject(s.node), encode(Beat{version: current(), Node: s.node, N: s.n, Stats: stats})); err != nil {
		s.log.Debug("media heartbeat lost", "err", err)
	}
}

// handlers is the table of requests.
func (s *server) handlers() map[string]func(context.Context, []byte) ([]byte, error) {
	return map[string]func(context.Context, []byte) ([]byte, error){
		verbHello: handler(func(context.Context, version) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return helloReply{version: current(), Boot: s.boot, N: s.n}, nil
		}),
		verbJoin: handler(func(ctx context.Context, m joinRequest) (any, error) {
			o, err := s.plane.Join(ctx, m.JoinRequest)
			return offerReply{version: current(), Offer: o}, err
		}),
		verbAnswer: handler(func(ctx context.Context, m answerRequest) (any, error) {
			return current(), s.plane.Answer(ctx, m.Answer)
		}),
		verbCandidate: handler(func(ctx context.Context, m candidateRequest) (any, error) {
			return current(), s.plane.Candidate(ctx, m.Candidate)
		}),
		verbLeave: handler(func(ctx context.Context, m leaveRequest) (any, error) {
			return current(), s.plane.Leave(ctx, m.Room, m.Peer)
		}),
		verbClose: handler(func(ctx context.Context, m closeRequest) (any, error) {
			return current(), s.plane.Close(ctx, m.Room)
		}),
	}
}

// handler decodes a request, calls f, encodes the reply.
func handler[T any](f func(context.Context, T) (any, error)) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, data []byte) ([]byte, error) {
		var message T
		if err := decode(data, &message); err != nil {
			return nil, err
		}
		reply, err := f(ctx, message)
		if err != nil {
			return nil, err
		}
		return encode(reply), nil
	}
}
