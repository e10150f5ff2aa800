// Package atomicfile replaces files whole or not at all: a reader, or a program that starts after a crash, finds the
// old content or the new, never a part.
//
// New content is written to a temporary directory beside the file, synced, renamed over the file, and the directory is
// synced. Pillai et al. 2014, "All File Systems Are Not Created Equal", say why each of these steps is there.
package atomicfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TemporaryPrefix begins the names of temporary directories. A crash may leave one.
const TemporaryPrefix = ".tmp-"

// IsTemporary reports whether a name is one that temporary directories get: the prefix and digits. Users may have names
// of their own with this prefix.
func IsTemporary(name string) bool {
	number, ok := strings.CutPrefix(name, TemporaryPrefix)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// Content writes a file's bytes. Large files are never held in memory as a whole.
type Content = func(io.Writer) error

// Bytes returns data as Content.
func Bytes(data []byte) Content {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// Private is content that only the owner of its file may read: what users wrote, and what a model answered.
func Private(content Content) Content {
	return func(w io.Writer) error {
		if f, ok := w.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				if err := f.Chmod(0o600); err != nil {
					return err
				}
			}
		}
		return content(w)
	}
}

// Write replaces the file at path. At a symbolic link it replaces the file that the link leads to. It writes in place
// where there is something else than a regular file, as a pipe or a terminal.
func Write(path string, content Content) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeInPlace(path, content)
	}
	return Replace(OS{}, path, content)
}

// Append opens a file that is added to, and read by its owner alone, or makes it. It follows no link to another file,
// which in a directory that others can write to may be theirs.
func Append(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is a link to another file, to which nothing is appended: remove it", path)
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

func writeInPlace(path string, content Content) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = content(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// Replace writes content to a new file on d and renames it to path.
func Replace(d Disk, path string, content Content) error {
	return replace(d, path, func(temporary string) error { return d.WriteFile(temporary, content) })
}

// ReplaceLink makes path, which must be a link of this kind or not exist, a link to target.
func ReplaceLink(d Disk, path, target string) error {
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	return replace(d, path, func(temporary string) error { return d.Symlink(target, temporary) })
}

// replace lets create make something at a temporary path and renames it to path.
func replace(d Disk, path string, create func(temporary string) error) error {
	dir, err := d.MkdirTemp(filepath.Dir(path), TemporaryPrefix)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer d.RemoveAll(dir)
	temporary := filepath.Join(dir, filepath.Base(path))
	if err := create(temporary); err != nil {
		return err
	}
	if err := d.Rename(temporary, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// MkdirAll makes a directory and those above it that are missing, and makes their names durable.
func MkdirAll(d Disk, dir string) error {
	var made []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || filepath.Dir(at) == at {
			break
		}
		made = append(made, at)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range made {
		if err := d.SyncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return nil
}
