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

// makesFiles reports whether the result of a command, by its name, is in files, so that what it prints may go unread.
func makesFiles(command string) bool {
	return slices.Contains([]string{"train", "demo", "merge", "export", "convert", "serve"}, command)
}

// goOnUnread lets the program go on when nobody reads any more what it prints.
func goOnUnread() { signal.Ignore(syscall.SIGPIPE) }
