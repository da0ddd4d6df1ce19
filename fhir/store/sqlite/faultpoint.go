package sqlite

import (
	"syscall"
	"time"
)

// The deliberate defects of a build with the tag faultpoint. In every other build brokenBy is the constant "" and all of
// this is compiled away.
const (
	ackBeforeCommit   = "ack-before-commit"   // acknowledge, and only then commit
	applyAfterAck     = "apply-after-ack"     // commit the log alone; apply before the next batch; no repair at start
	stopBeforeApply   = "stop-before-apply"   // commit the log alone and die on the spot; the repair at start must heal it
	stopBeforeApplyAt = 20                    // the commit at which stopBeforeApply dies
	ackToCommit       = 20 * time.Millisecond // how long ackBeforeCommit leaves the window open
)

// die ends the process as a power cut would: nothing is finished, nothing is flushed.
func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
