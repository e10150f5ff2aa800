//go:build unix

package main

import (
	"os"
	"syscall"
)

func warnings() []os.Signal { return []os.Signal{syscall.SIGUSR1} }
