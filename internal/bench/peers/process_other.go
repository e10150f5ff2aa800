//go:build !unix

package peers

import (
	"os"
	"os/exec"
)

func alone(*exec.Cmd) {}

func killAll(p *os.Process) error { return p.Kill() }

func peakMemory(*os.ProcessState) int64 { return 0 }
