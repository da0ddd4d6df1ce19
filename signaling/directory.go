package signaling

import (
	"context"
	"time"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/signaling/wire"
)

// ask puts a question to a room's loop and waits for the answer.
func ask[T any](ctx context.Context, s *Server, roomID string, question func(reply chan<- T) event) (T, error) {
	var zero T
	s.mu.Lock()
	r, draining := s.rooms[roomID], s.draining
	s.mu.Unlock()
	if draining {
		return zero, fault.New(fault.Unavailable, "signaling.ask", wire.ComeAgain.Sentence())
	}
	reply := make(chan T, 1)
	if r == nil || !r.post(question(reply)) {
		return zero, fault.New(fault.NotFound, "signaling.ask", "There is nobody in this room.")
	}
	select {
	case answer := <-reply:
		return answer, nil
	case <-ctx.Done():
		return zero, fault.Wrap(ctx.Err(), fault.Timeout, "signaling.ask", "The room did not answer in time.")
	case <-s.ctx.Done():
		return zero, fault.New(fault.Unavailable, "signaling.ask", wire.ComeAgain.Sentence())
	}
}

// enter brings a link into its room, which is made if it is not there.
func (s *Server) enter(l *Link, t Ticket) wire.Code {
	e := joinEvent{l, t}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return wire.ComeAgain
	}
	if r := s.rooms[t.Room]; r != nil && r.post(e) {
		l.room = r
		return ""
	}
	if len(s.rooms) >= maxRooms {
		return wire.Busy
	}
	r := newRoom(s, t.Room)
	r.post(e)
	s.rooms[t.Room] = r
	l.room = r
	return ""
}

// forget takes a room that has ended out of the directory. Another one may have taken its place.
func (s *Server) forget(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[r.id] == r {
		delete(s.rooms, r.id)
	}
}

func (s *Server) roomOfSession(id string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

func (s *Server) keepSession(id string, r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[id] = r
}

func (s *Server) dropSession(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id)
}

func (s *Server) bar(key string) {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, until := range s.barred {
		if !now.Before(until) {
			delete(s.barred, k)
		}
	}
	s.barred[key] = now.Add(barLifetime)
}

func (s *Server) unbar(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.barred, key)
}

// barredAs says why a peer may not enter: its room is closed, it has been removed, or "" if it may.
func (s *Server) barredAs(room, peer string) wire.Code {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case now.Before(s.barred[room]):
		return wire.CallEnded
	case now.Before(s.barred[room+"/"+peer]):
		return wire.Removed
	}
	return ""
}

// follow hands the media node's events to the rooms, and subscribes again when the subscription ends.
func (s *Server) follow() {
	for delay := firstRetry; ; delay = min(2*delay, longestRetry) {
		err := s.plane.Events(s.ctx, s.route)
		if s.ctx.Err() != nil {
			return
		}
		s.log.Warn("signaling: media events interrupted", "err", err)
		select {
		case <-time.After(delay):
		case <-s.ctx.Done():
			return
		}
	}
}

// route must not block: it is called by the media plane.
func (s *Server) route(e media.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind != media.EventNode {
		if r := s.rooms[e.Room]; r != nil {
			r.post(planeEvent{e})
		}
		return
	}
	restarted := s.boot != "" && s.boot != e.Boot
	s.boot = e.Boot
	for _, r := range s.rooms {
		r.post(nodeEvent{restarted})
	}
}

// persist tries until it works or cannot work: a media node that does not answer may still be carrying somebody's picture.
func persist(ctx context.Context, try func(context.Context) error) error {
	for delay := 500 * time.Millisecond; ; delay *= 2 {
		once, cancel := context.WithTimeout(ctx, opTimeout)
		err := try(once)
		cancel()
		if err == nil || !passing(err) || delay > 8*time.Second {
			return err
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return err
		}
	}
}

// passing reports whether the same request may work a little later.
func passing(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Unavailable, fault.Timeout, fault.TooMany, fault.Internal, fault.Unknown:
		return true
	default: // the same request would be refused again
		return false
	}
}
