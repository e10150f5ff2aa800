// Package base holds fettle's own small model: a LLaMA of 2.1 million weights
// with its tokenizer, pre-trained by fettle on the texts of package world.
// files/README.md is its model card.
package base

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// Name is what the model is called where a directory is expected.
const Name = "fettle-tiny"

//go:embed files
var files embed.FS

// Dir puts the model's files where programs can map them, in the user's cache
// or, where that cannot be written, in the directory for temporary files, and
// returns the directory. Files that are there already are checked.
func Dir() (string, error) { return inCache(unpack) }

// File puts a text where programs can read it, as Dir does the model's files,
// and returns its path, which ends in name and changes with the text.
func File(name string, text []byte) (string, error) {
	return inCache(func(root string) (string, error) {
		sum := sha256.Sum256(text)
		dir := filepath.Join(root, "data-"+hex.EncodeToString(sum[:])[:12])
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		return filepath.Join(dir, name), keep(filepath.Join(dir, name), text)
	})
}

// inCache tries a directory in the user's cache, then one for temporary files.
func inCache(put func(root string) (string, error)) (string, error) {
	roots := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil {
		roots = []string{cache, os.TempDir()}
	}
	var failed error
	for _, root := range roots {
		path, err := put(filepath.Join(root, "fettle"))
		if err == nil {
			return path, nil
		}
		failed = err
	}
	return "", fmt.Errorf("unpack what is built in: %w", failed)
}

// unpack writes the files below root, under a name that changes with them.
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
		if err := keep(filepath.Join(dir, name), text); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// keep writes a file unless it is there already.
func keep(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return place(path, text)
}

// place writes a file whole or not at all.
func place(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
