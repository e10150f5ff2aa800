// Package plainerror words errors of Go's library and of the operating system for people: of a path that is missing it
// says so, with the name that was probably meant, and of a number that cannot be read that it is none.
package plainerror

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// Text returns the message of err, with plain words in place of those of each error of Go's library that it wraps.
func Text(err error) string {
	text := err.Error()
	for _, inner := range wrapped(err, nil) {
		plain := reworded(inner)
		if plain == "" {
			continue
		}
		at := strings.LastIndex(text, inner.Error())
		if at < 0 {
			continue
		}
		before, after := text[:at], text[at+len(inner.Error()):]
		text = before + withoutPath(plain, before) + after
	}
	return text
}

// wrapped lists err and all errors that it wraps, outermost first.
func wrapped(err error, list []error) []error {
	list = append(list, err)
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		if inner := u.Unwrap(); inner != nil {
			return wrapped(inner, list)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			list = wrapped(inner, list)
		}
	}
	return list
}

// withoutPath drops the path at the beginning of a message that follows the same path.
func withoutPath(plain, before string) string {
	path, rest, ok := strings.Cut(plain, ": ")
	if ok && (strings.HasSuffix(before, path+": ") || strings.HasSuffix(before, path+" ")) {
		return rest
	}
	return plain
}

// reworded returns the words for one error, without those that it wraps; "" for its own.
func reworded(err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		return path(e.Path, e.Op, e.Err)
	case *os.LinkError:
		return path(e.New, e.Op, e.Err)
	case *os.SyscallError:
		return errno(e.Err)
	case *net.OpError:
		return network(e)
	case *strconv.NumError:
		if errors.Is(e.Err, strconv.ErrRange) {
			return strconv.Quote(e.Num) + " is too large a number"
		}
		return strconv.Quote(e.Num) + " is not a number"
	case *json.UnmarshalTypeError:
		return plainjson.Explain(e).Error()
	case *json.SyntaxError:
		return plainjson.Explain(e).Error()
	case syscall.Errno:
		return errno(e)
	}
	if err == io.ErrUnexpectedEOF {
		return "it ends too early"
	}
	return ""
}

// path explains an operation on a file that failed.
func path(name, op string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return name + ": " + missing(name)
	case errors.Is(err, fs.ErrPermission):
		if op == "open" || op == "read" || op == "stat" || op == "lstat" {
			return name + ": it may not be read by this user"
		}
		return name + ": it may not be written by this user"
	case errors.Is(err, syscall.ENOTDIR):
		if file := fileOnTheWay(name); file != "" && file != name {
			return name + ": " + file + " is a file, not a directory"
		}
		return name + ": it is a file, want a directory"
	case errors.Is(err, syscall.EISDIR):
		return name + ": it is a directory, want a file"
	case errors.Is(err, fs.ErrExist):
		return name + ": it exists"
	case errors.Is(err, readfile.ErrUnfit), errors.Is(err, readfile.ErrOutside):
		return name + ": " + err.Error()
	}
	if text := errno(err); text != "" {
		return name + ": " + text
	}
	return ""
}

// errno explains an error of the operating system; "" for those that say enough.
func errno(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full"
	case errors.Is(err, syscall.EROFS):
		return "the disk can only be read"
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "the name is too long"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many files are open: raise the limit (ulimit -n)"
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program uses this port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have the address"
	}
	return ""
}

// network explains an address that cannot be used.
func network(e *net.OpError) string {
	var unknown *net.DNSError
	if errors.As(e.Err, &unknown) {
		return unknown.Name + ": there is no machine of this name"
	}
	text := errno(e.Err)
	if errors.Is(e.Err, fs.ErrPermission) {
		text = "this user may not use the port: take one from 1024 on"
	}
	if text == "" || e.Addr == nil {
		return text
	}
	return e.Addr.String() + ": " + text
}

// missing says of a path that nothing is there, and names what was probably meant.
func missing(name string) string {
	const text = "there is no such file or directory"
	if near := identify.Nearest(name); near != "" {
		return text + ", did you mean " + near
	}
	if file := fileOnTheWay(name); file != "" {
		return file + " is a file, not a directory"
	}
	return text
}

// fileOnTheWay returns the file at which a path wants a directory; "" if there is none.
func fileOnTheWay(name string) string {
	for ; name != filepath.Dir(name); name = filepath.Dir(name) {
		if info, err := os.Stat(name); err == nil {
			if info.IsDir() {
				return ""
			}
			return name
		}
	}
	return ""
}
