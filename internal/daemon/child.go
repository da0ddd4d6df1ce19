package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Child is a process that is kept running. It is told what it needs on standard input, which stays open as long as the parent
// lives: its end is the child's sign to go. Nothing secret stands on the command line or in the environment.
type Child struct {
	Path   string   // the program
	Args   []string // without the program's name
	Env    []string // its environment as "NAME=value"; nil: this process's own
	Input  []byte   // written to standard input at each start
	Output io.Writer
	Log    *slog.Logger

	// Alive, when set, says when the child last gave a sign of life (the zero time: not yet since its start). A child that is silent for
	// longer than Silence is killed and started again: a hung process answers no signal and ends no connection by itself.
	Alive   func() time.Time
	Silence time.Duration
	Clock   func() time.Time

	mu  sync.Mutex
	pid int
}

const (
	firstPause = 50 * time.Millisecond // before the first restart: a call is waiting
	mostPause  = 5 * time.Second
	settled    = 10 * time.Second // a child that ran this long starts again without a pause
	stopGrace  = 3 * time.Second  // from closing its input to SIGKILL
	// A process that the child left behind may hold its output open; waiting for that would hold up the restart.
	outputGrace = 20 * time.Millisecond
)

// PID is the running child's process id, 0 between two.
func (c *Child) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

// Run starts the child and starts it again whenever it ends, with a growing pause if it ends soon, until ctx ends; then it asks
// the child to stop, waits for it, and returns nil. A child that cannot be started at all is tried again likewise.
func (c *Child) Run(ctx context.Context) error {
	// The kernel's word of a dead parent (see ownGroup) goes by the thread that started the child, so this one must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pause := firstPause
	for {
		started := c.Clock()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if c.Clock().Sub(started) > settled {
			pause = firstPause
		}
		c.Log.Warn("the child process ended and is started again", "program", c.Args, "err", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// once runs the child to its end.
func (c *Child) once(ctx context.Context) error {
	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // it is stopped by its input first, see stop
	cmd.Stdout, cmd.Stderr = c.Output, c.Output
	cmd.Env = c.Env
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = outputGrace
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.setPID(cmd.Process.Pid)
	defer c.setPID(0)
	started := c.Clock()
	if _, err := input.Write(c.Input); err != nil {
		c.Log.Warn("the child process did not take its input", "err", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	watch := time.NewTicker(500 * time.Millisecond)
	defer watch.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return stop(cmd, input, ended)
		case <-watch.C:
			if c.silent(started) {
				c.Log.Warn("the child process gives no sign of life and is killed", "program", c.Args)
				_ = cmd.Process.Signal(syscall.SIGKILL)
				return errors.Join(errors.New("silent"), <-ended)
			}
		}
	}
}

func (c *Child) silent(started time.Time) bool {
	if c.Alive == nil || c.Silence == 0 {
		return false
	}
	last := c.Alive()
	if last.Before(started) {
		last = started
	}
	return c.Clock().Sub(last) > c.Silence
}

func stop(cmd *exec.Cmd, input io.Closer, ended <-chan error) error {
	_ = input.Close()
	select {
	case err := <-ended:
		return err
	case <-time.After(stopGrace):
		_ = cmd.Process.Kill()
		return <-ended
	}
}

func (c *Child) setPID(pid int) {
	c.mu.Lock()
	c.pid = pid
	c.mu.Unlock()
}
