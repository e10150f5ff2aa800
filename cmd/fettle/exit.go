package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/console"
	"fettle/internal/doctor"
	"fettle/internal/fault"
	"fettle/internal/human"
	"fettle/internal/mapped"
	"fettle/internal/plainerror"
	"fettle/internal/readfile"
	"fettle/internal/validtext"
	"fettle/train"
)

// The exit codes, as in BSD's sysexits.h; fettle --help explains them.
const (
	exitUsage   = 64
	exitData    = 65
	exitMissing = 66
	exitFault   = 70
	exitBusy    = 73
	exitIO      = 74
	exitStopped = 75
	exitRefused = 77
)

// usage marks an error in how the program was called.
func usage(err error) error { return fault.Mark(err, fault.Usage) }

// input marks an error in a file that the program was given.
func input(err error) error { return fault.Mark(err, fault.Input) }

// report prints an error and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if errors.As(err, new(quiet)) {
		return code(err)
	}
	text := harmless(shortened(plainerror.Text(err)))
	if to, ok := stderr.(*console.Stream); ok && to.JSON() {
		log := newLog(stderr)
		log.Error().Int("exit_code", code(err)).Msg(text)
		return code(err)
	}
	fmt.Fprintf(stderr, "fettle: %s\n", strings.ReplaceAll(text, "\n", "\n  "))
	return code(err)
}

// longestError bounds a message, into which a file may have put all it has.
const longestError = 8 << 10

// shortened cuts a message that is too long.
func shortened(text string) string {
	if len(text) <= longestError {
		return text
	}
	return validtext.Of(text[:longestError]) + " …"
}

// harmless replaces what a terminal would take for a command, and leaves lines as they are. Names of files and what
// they hold may be a stranger's.
func harmless(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = human.Plain(strings.ReplaceAll(line, "\t", " "))
	}
	return strings.Join(lines, "\n")
}

func code(err error) int {
	if err == nil {
		return 0
	}
	var of exit
	if errors.As(err, &of) {
		return of.code
	}
	for _, c := range []struct {
		is   error
		code int
	}{
		{train.ErrStopped, exitStopped}, {train.ErrLost, exitStopped},
		{train.ErrBusy, exitBusy}, {train.ErrRefused, exitRefused},
		{readfile.ErrOutside, exitRefused}, {checkpoint.ErrAddresses, exitRefused}, {atomicfile.ErrShared, exitRefused},
		{train.ErrNotFinite, exitData}, {mapped.ErrCut, exitIO},
		{doctor.ErrComputes, exitFault}, {doctor.ErrDisk, exitIO},
		{syscall.ENOSPC, exitIO}, {syscall.EFBIG, exitIO}, {syscall.EIO, exitIO}, {syscall.EROFS, exitIO},
		{syscall.EPIPE, exitIO},
		{fs.ErrPermission, exitIO},
		{fs.ErrNotExist, exitMissing}, {syscall.EADDRINUSE, exitBusy},
	} {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	switch fault.Of(err) {
	case fault.Usage:
		return exitUsage
	case fault.Input:
		return exitData
	case fault.Refused:
		return exitRefused
	}
	if errors.Is(err, readfile.ErrUnfit) || errors.As(err, new(checkpoint.RangeError)) {
		return exitData
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) {
		return exitIO
	}
	return exitFault
}
