package train

import (
	"io"
	"os"
	"path/filepath"
)

// content writes what a file holds. Large files are never in memory as a whole.
type content = func(io.Writer) error

// bytesOf is content that is there already.
func bytesOf(data []byte) content {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// disk is what a checkpoint needs of a file system. Tests fail its calls one
// by one.
type disk interface {
	MkdirTemp(dir, pattern string) (string, error)
	WriteFile(path string, data content) error // new, synced
	SyncDir(path string) error
	Symlink(target, path string) error
	Rename(from, to string) error
	RemoveAll(path string) error
}

// realDisk is the operating system's.
type realDisk struct{}

func (realDisk) MkdirTemp(dir, pattern string) (string, error) { return os.MkdirTemp(dir, pattern) }

func (realDisk) WriteFile(path string, data content) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = data(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// SyncDir makes the names in a directory durable, where the system can.
func (realDisk) SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

// Symlink makes path lead to target, or hold its name where there are no links.
func (d realDisk) Symlink(target, path string) error {
	if os.Symlink(target, path) == nil {
		return nil
	}
	return d.WriteFile(path, bytesOf([]byte(target+"\n")))
}

func (realDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (realDisk) RemoveAll(path string) error { return os.RemoveAll(path) }

// replaceFile puts data at path whole or not at all.
func replaceFile(d disk, path string, data content) error {
	temporary, err := d.MkdirTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return err
	}
	defer d.RemoveAll(temporary)
	inner := filepath.Join(temporary, filepath.Base(path))
	if err := d.WriteFile(inner, data); err != nil {
		return err
	}
	if err := d.Rename(inner, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// replaceLink makes path, which is nothing or such a link, lead to target.
func replaceLink(d disk, path, target string) error {
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	temporary, err := d.MkdirTemp(filepath.Dir(path), ".tmp-")
	if err != nil {
		return err
	}
	defer d.RemoveAll(temporary)
	inner := filepath.Join(temporary, filepath.Base(path))
	if err := d.Symlink(target, inner); err != nil {
		return err
	}
	return d.Rename(inner, path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// readAll is io.ReadAll of a file.
func readAll(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
