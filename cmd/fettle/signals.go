package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// endings lists the signals that end a command with its state kept: an interrupt, a request to end, a terminal that was
// closed, and the warning that Slurm sends before a job's time is over. Those that the caller lets it ignore, as nohup
// does, are not among them.
func endings() []os.Signal {
	return slices.DeleteFunc(append([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, warnings()...),
		signal.Ignored)
}

// goOnUnread lets the program go on when nobody reads any more what it prints.
func goOnUnread() { signal.Ignore(syscall.SIGPIPE) }
