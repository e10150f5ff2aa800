// Package identify names what a file or directory holds that a command was given for something else: a pointer of git
// LFS for a weights file, an adapter for a model, another program's checkpoint for a run's.
package identify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"fettle/internal/readfile"
)

// Content is the kind of a file, by its first bytes.
type Content string

// The contents that Head knows, as phrases for messages. Unknown is any other.
const (
	Unknown     Content = ""
	Empty       Content = "an empty file"
	Pointer     Content = "a git-lfs pointer"
	WebPage     Content = "a web page"
	GGUF        Content = "a GGUF file"
	GGML        Content = "a GGML file"
	Safetensors Content = "a safetensors file"
	Arrow       Content = "an Arrow file"
	SQLite      Content = "an SQLite database"
	Zip         Content = "a zip archive"
	Torch       Content = "a PyTorch checkpoint"
	Pickle      Content = "a pickle of Python"
	Gzip        Content = "a gzip archive"
	Zstandard   Content = "a file compressed by zstd"
	XZ          Content = "a file compressed by xz"
	HDF5        Content = "an HDF5 file"
	Llama2C     Content = "a checkpoint of llama2.c"
)

// magics lists how files begin.
var magics = []struct {
	begin   string
	content Content
}{
	{"version https://git-lfs.github.com/spec/", Pointer}, {"version https://hawser.github.com/spec/", Pointer},
	{"GGUF", GGUF}, {"lmgg", GGML}, {"fmgg", GGML}, {"tjgg", GGML}, {"24ka", Llama2C}, {"\x89HDF", HDF5},
	{"\x1f\x8b", Gzip}, {"\x80\x02", Pickle}, {"\x80\x03", Pickle}, {"\x80\x04", Pickle}, {"\x80\x05", Pickle},
	{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip}, {"ARROW1", Arrow}, {"SQLite format 3\x00", SQLite},
	{"\x28\xb5\x2f\xfd", Zstandard}, {"\xfd7zXZ\x00", XZ},
}

// headBytes suffice to recognize a file.
const headBytes = 512

// Head identifies a file by its beginning, of which a few hundred bytes suffice.
func Head(head []byte) Content {
	if len(head) == 0 {
		return Empty
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.begin)) {
			if m.content == Zip && bytes.Contains(head[:min(len(head), headBytes)], []byte("data.pkl")) {
				return Torch
			}
			return m.content
		}
	}
	text := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head[:min(len(head), headBytes)], []byte("\xef\xbb\xbf"))))
	if bytes.HasPrefix(text, []byte("<!doctype html")) || bytes.HasPrefix(text, []byte("<html")) {
		return WebPage
	}
	const most = 100_000_000 // the header's length, as the format bounds it
	if len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= most {
		return Safetensors
	}
	return Unknown
}

// File identifies a file. What cannot be read is Unknown.
func File(path string) Content {
	f, err := readfile.Open(path)
	if err != nil {
		return Unknown
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return Unknown
	}
	if c := Head(head[:n]); c != Unknown || !isLegacyFile(f, head[:n]) {
		return c
	}
	return Llama2C
}

// Damage explains a file that holds a stand-in for the wanted one, and what to do; nil for any other. It suits files of
// every format, before they are parsed.
func Damage(head []byte) error {
	switch c := Head(head); c {
	case Pointer:
		return fmt.Errorf("it is %s, not the file itself: run git lfs pull in its directory, or download the file", c)
	case WebPage:
		return fmt.Errorf("it is %s, not the file: download it again, with access to it", c)
	case Empty:
		return fmt.Errorf("it is %s: download it again", c)
	}
	return nil
}
