// Package builtin holds fettle's own small model: a LLaMA of 2.1 million weights with its tokenizer, pre-trained by
// fettle on the texts of package world. files/README.md is its model card.
package builtin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"fettle/internal/atomicfile"
)

// Name stands for the model where a directory is expected.
const Name = "fettle-tiny"

//go:embed files
var files embed.FS

// Dir returns a directory that holds the model's files, for programs that map them into memory. It writes them, unless
// they are there with the same bytes, to a directory in which no other user can write: in the user's cache or, if that
// fails, among the temporary files.
func Dir() (string, error) { return inCache(unpack) }

// File writes text to a file where Dir has its files and returns the path, which ends in name and changes with text.
func File(name string, text []byte) (string, error) {
	return inCache(func(root string) (string, error) {
		sum := sha256.Sum256(text)
		dir := filepath.Join(root, "data-"+hex.EncodeToString(sum[:])[:12])
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		return path, ensure(path, text)
	})
}

// Cache returns the program's directory in the user's cache, whether it exists or not.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "fettle"), err
}

// inCache calls put with a directory in the user's cache or, if that fails, with one among the temporary files: the
// user's own one or, where its name is taken, a new one.
func inCache(put func(root string) (string, error)) (path string, err error) {
	temporary := filepath.Join(os.TempDir(), fmt.Sprintf("fettle-%d", os.Getuid()))
	roots := []string{temporary}
	if cache, err := Cache(); err == nil {
		roots = []string{cache, temporary}
	}
	for _, root := range roots {
		if err = atomicfile.PrivateDir(root); err == nil {
			if path, err = put(root); err == nil {
				return path, nil
			}
		}
	}
	root, err := os.MkdirTemp("", "fettle-")
	if err != nil {
		return "", fmt.Errorf("unpack built-in files: no place for them; set TMPDIR to one you can write to: %w", err)
	}
	if path, err = put(root); err != nil {
		return "", fmt.Errorf("unpack built-in files: %w", err)
	}
	return path, nil
}

// unpack writes the files to a directory below root, named after a hash of their names and contents.
func unpack(root string) (string, error) {
	entries, err := files.ReadDir("files")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	texts := map[string][]byte{}
	for _, e := range entries {
		text, err := files.ReadFile("files/" + e.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(text))
		h.Write(text)
		texts[e.Name()] = text
	}
	dir := filepath.Join(root, Name+"-"+hex.EncodeToString(h.Sum(nil))[:12])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for name, text := range texts {
		if err := ensure(filepath.Join(dir, name), text); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// ensure writes a file unless it holds text already.
func ensure(path string, text []byte) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	} else if err == nil && info.Size() == int64(len(text)) {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
			return nil
		}
	}
	return atomicfile.Write(path, atomicfile.Bytes(text))
}
