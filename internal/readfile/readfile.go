// Package readfile opens files that are not trusted: regular ones alone, as a pipe may never end and a device has no
// size, and whole ones only up to a size that their kind never needs.
package readfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Sizes of the files that are read into memory, in bytes. docs/SECURITY.md has the table of all bounds.
const (
	Settings  = 16 << 20  // configs, records, templates, lists of prompts
	Index     = 64 << 20  // lists of the shards of a checkpoint
	Tokenizer = 256 << 20 // vocabularies; Gemma's tokenizer.json has 33 MB
	Text      = 64 << 20  // texts to compare models on
)

// Open opens a regular file, or one that a link leads to.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path) // opening a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func regular(path string, info fs.FileInfo) error {
	kind := "a device"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return fmt.Errorf("%s is %s, want a file", path, kind)
}

// Whole returns the content of a regular file of at most so many bytes.
func Whole(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d MiB, the most that such a file may have", path, most>>20)
	}
	return text, err
}
