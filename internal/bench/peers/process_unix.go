//go:build unix

package peers

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// alone makes a program the first of a process group, with which those that it starts are killed.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killAll kills the process group of a program.
func killAll(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// peakMemory returns the largest resident size of a process that has ended, in bytes.
func peakMemory(s *os.ProcessState) int64 {
	u, ok := s.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin" || runtime.GOOS == "ios":
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}
