package stack

import (
	"os/exec"
	"runtime"
	"syscall"
)

// endWithUs has the kernel kill a program that is about to be started when this process is killed. release is called when it has ended: the signal comes with the end of the thread that started it.
func endWithUs(cmd *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runtime.UnlockOSThread
}
