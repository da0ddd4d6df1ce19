package sqlite

import (
	"context"
	"errors"
	"sync"

	lite "zombiezen.com/go/sqlite"
)

// pool holds the read connections. The one that was used last is taken first: each has a cache of its own that every commit empties, so
// few that are used much find more in theirs, and take less memory, than all of them in turn.
type pool struct {
	places chan struct{} // holds one for each connection that is in use
	closed chan struct{}

	mu   sync.Mutex
	free []*lite.Conn
	busy map[*lite.Conn]context.CancelFunc // ends what the connection does
}

var errPoolClosed = errors.New("sqlite: the read connections are closed")

// openPool opens so many connections to the file.
func openPool(file string, size int) (*pool, error) {
	p := &pool{places: make(chan struct{}, size), closed: make(chan struct{}), busy: map[*lite.Conn]context.CancelFunc{}}
	for range size {
		conn, err := openReader(file)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.free = append(p.free, conn)
	}
	return p, nil
}

func openReader(file string) (*lite.Conn, error) {
	conn, err := lite.OpenConn(file, lite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	for _, pragma := range []string{"PRAGMA cache_size = -16384", "PRAGMA temp_store = MEMORY"} {
		if err := run(conn, pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// take waits for a connection, whose statements end with an error when ctx does or the pool is closed. It is given back with put.
func (p *pool) take(ctx context.Context) (*lite.Conn, error) {
	conn, err := p.takeBriefly(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	p.busy[conn] = cancel
	p.mu.Unlock()
	select {
	case <-p.closed: // close may have looked before
		cancel()
	default:
	}
	conn.SetInterrupt(ctx.Done())
	return conn, nil
}

// takeBriefly is take for what takes a moment: it is not interrupted, which costs more than the reading of one row.
func (p *pool) takeBriefly(ctx context.Context) (*lite.Conn, error) {
	select {
	case <-p.closed:
		return nil, errPoolClosed
	default:
	}
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, errPoolClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1 // there is one: close keeps the places that it takes
	conn := p.free[last]
	p.free = p.free[:last]
	return conn, nil
}

// put gives a connection back, none of whose statements has rows left.
func (p *pool) put(conn *lite.Conn) {
	p.mu.Lock()
	cancel := p.busy[conn]
	delete(p.busy, conn)
	p.mu.Unlock()
	if cancel != nil {
		conn.SetInterrupt(nil)
		cancel()
	}
	p.mu.Lock()
	p.free = append(p.free, conn)
	p.mu.Unlock()
	<-p.places
}

// close ends what the connections do, waits for all of them and closes them. It is called once.
func (p *pool) close() error {
	close(p.closed)
	p.mu.Lock()
	for _, cancel := range p.busy {
		cancel()
	}
	p.mu.Unlock()
	for range cap(p.places) {
		p.places <- struct{}{} // none is in use any more
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, conn := range p.free {
		errs = append(errs, conn.Close())
	}
	p.free = nil
	return errors.Join(errs...)
}
