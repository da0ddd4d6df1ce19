package sqlite

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	lite "zombiezen.com/go/sqlite"
)

// Checkpoints. What was committed is in the WAL; a checkpoint copies its pages into the file and syncs that. Done by the committer it would
// hold up every write for tens of milliseconds, so a goroutine with a connection of its own does the most of it while the committer goes
// on, until only little is left. That the committer copies between two batches, when nothing new comes in: then the WAL is begun from its
// start again. If the goroutine fails, the committer does it all, at checkpointAtMost.

const (
	checkpointEvery  = 500 * time.Millisecond // while there are writes
	checkpointRounds = 4
	checkpointLittle = 1_000  // pages that the committer may copy between two batches
	checkpointAfter  = 4_000  // pages in the WAL below which it is left to grow
	checkpointAtMost = 32_000 // pages in the WAL at which the committer does it all
)

const passiveCheckpoint = "PRAGMA wal_checkpoint(PASSIVE)"

// checkpointer is the goroutine's end of it. A nil one does nothing.
type checkpointer struct {
	conn  *lite.Conn
	log   *slog.Logger
	wrote chan struct{} // the committer has written
	short atomic.Bool   // little is left: the committer should copy it
	stop  chan struct{}
	ended chan struct{}
}

func startCheckpointer(file string, log *slog.Logger) (*checkpointer, error) {
	conn, err := lite.OpenConn(file, lite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	c := &checkpointer{conn: conn, log: log, wrote: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	for _, pragma := range []string{"PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 0"} {
		if err := run(conn, pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	go c.loop()
	return c, nil
}

func (c *checkpointer) loop() {
	defer close(c.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.wrote:
		case <-c.stop:
			return
		}
		timer.Reset(checkpointEvery)
		select {
		case <-timer.C:
		case <-c.stop:
			return
		}
		if err := c.copyPages(); err != nil {
			c.log.Warn("a checkpoint failed; the committer does it instead", "op", "sqlite.checkpoint", "err", err)
		}
	}
}

// copyPages copies until little is left, and tells the committer if the WAL has become long.
func (c *checkpointer) copyPages() error {
	before := int64(0)
	for round := range checkpointRounds {
		_, inLog, copied, err := checkpoint(c.conn)
		if err != nil || inLog < checkpointAfter {
			return err
		}
		if round > 0 && copied-before < checkpointLittle {
			break
		}
		before = copied
	}
	c.short.Store(true)
	return nil
}

// checkpoint copies what no reader holds back. It gives the pages in the WAL and how many of them are in the file.
func checkpoint(conn *lite.Conn) (busy bool, inLog, copied int64, err error) {
	err = run(conn, passiveCheckpoint, func(s *lite.Stmt) error {
		busy, inLog, copied = s.ColumnBool(0), s.ColumnInt64(1), s.ColumnInt64(2)
		return nil
	})
	return busy, inLog, copied, err
}

// written is called by the committer between two batches.
func (c *checkpointer) written(w *writer) {
	if c == nil {
		return
	}
	if c.short.Swap(false) {
		if _, _, _, err := checkpoint(w.conn); err != nil {
			c.log.Warn("a checkpoint failed; it is tried again", "op", "sqlite.checkpoint", "err", err)
		}
	}
	select {
	case c.wrote <- struct{}{}:
	default: // it knows
	}
}

func (c *checkpointer) end() error {
	if c == nil {
		return nil
	}
	close(c.stop)
	<-c.ended
	return c.conn.Close()
}
