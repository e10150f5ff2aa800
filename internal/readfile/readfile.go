// Package readfile opens files that are not trusted: regular ones alone, as a pipe may never end and a device has no
// size; whole ones only up to a size that their kind never needs; and of a directory only what lies in it.
package readfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Sizes of the files that are read into memory, in bytes. docs/SECURITY.md has the table of all bounds.
const (
	Settings  = 16 << 20  // configs, records, templates, lists of prompts, keys
	Index     = 64 << 20  // lists of the shards of a checkpoint
	Tokenizer = 256 << 20 // vocabularies; Gemma's tokenizer.json has 33 MB
	Text      = 64 << 20  // texts to compare models on, prompts
	Log       = 1 << 30   // metrics of a run
	Set       = 64 << 30  // encoded data sets
)

// ErrUnfit is returned for what is no file, and for a file that is too large.
var ErrUnfit = errors.New("not a file of its kind")

// unfit is the explanation of an ErrUnfit.
type unfit string

func (u unfit) Error() string { return string(u) }

// Is makes unfit count as ErrUnfit.
func (unfit) Is(target error) bool { return target == ErrUnfit }

// Open opens a regular file, or one that a link leads to.
func Open(path string) (*os.File, error) {
	if err := Regular(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Regular returns an error unless path is a regular file or a link to one. It opens nothing: opening a pipe would wait
// for its writer.
func Regular(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if kind := Kind(info); kind != "" {
		return wrong(path, unfit(fmt.Sprintf("it is %s, want a file", kind)))
	}
	return nil
}

// Kind names what is no regular file, as a phrase; "" for one.
func Kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return ""
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// wrong returns the error about a path, in the form of the system's.
func wrong(path string, why error) error { return &fs.PathError{Op: "open", Path: path, Err: why} }

// Whole returns the content of a regular file of at most so many bytes.
func Whole(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tooLarge := wrong(path, unfit("it has more than "+size(most)+", the most that such a file may have"))
	if info.Size() > most {
		return nil, tooLarge
	}
	text := make([]byte, 0, info.Size()+1)
	for { // files of /proc say that they are empty, and others may grow
		n, err := f.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case err == io.EOF:
			return text, nil
		case err != nil:
			return nil, err
		case int64(len(text)) > most:
			return nil, tooLarge
		}
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

// size formats a bound.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
