package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

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

// coded is an error that knows its exit code.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// usage marks an error in how the program was called.
func usage(err error) error { return mark(err, exitUsage) }

// input marks an error in what the program was given to read.
func input(err error) error { return mark(err, exitData) }

func mark(err error, code int) error {
	if err == nil {
		return nil
	}
	return coded{err, code}
}

// report prints an error and says what to exit with.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "fettle: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	return code(err)
}

func code(err error) int {
	for _, c := range []struct {
		is   error
		code int
	}{
		{train.ErrStopped, exitStopped}, {train.ErrBusy, exitBusy}, {train.ErrRefused, exitRefused}, {train.ErrNotFinite, exitData},
		{syscall.ENOSPC, exitIO}, {syscall.EFBIG, exitIO}, {syscall.EIO, exitIO}, {syscall.EROFS, exitIO}, {fs.ErrPermission, exitIO},
		{fs.ErrNotExist, exitMissing},
	} {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return exitFault
}
