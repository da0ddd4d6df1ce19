package daemon

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the child, which is stopped in order by its parent, and has the kernel end it should the
// parent die without a word.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
