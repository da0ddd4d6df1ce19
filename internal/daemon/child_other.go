//go:build !linux

package daemon

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the child; the end of its input tells it of a parent that died.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
